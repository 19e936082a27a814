"""Columns that lie partly in a file are read as if they lay in memory."""

import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gui.plots.strips import PIECE, Strips

ROWS = 3


def grown(sizes: list[int], on_disk: bool = True) -> tuple[Strips, np.ndarray]:
    strips, blocks = Strips(ROWS, on_disk), []
    for seed, size in enumerate(sizes):
        blocks.append(np.random.default_rng(seed).normal(size=(ROWS, size)).astype(np.float32))
        strips.append(blocks[-1])
    return strips, np.concatenate(blocks, axis=1)


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 3 * PIECE), min_size=1, max_size=8),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    row=st.integers(0, ROWS - 1),
)
def test_every_stretch_is_what_was_put_there(sizes: list[int], ends: tuple[float, float], row: int) -> None:
    strips, values = grown(sizes)
    start, stop = sorted(int(share * sum(sizes)) for share in ends)
    assert strips.count == sum(sizes)
    assert np.array_equal(strips.read(row, start, stop), values[row, start:stop])
    assert np.array_equal(strips.all(start, stop), values[:, start:stop])


def test_only_the_newest_lies_in_memory() -> None:
    strips, _ = grown([PIECE] * 12)
    assert strips._held[1].shape[1] <= 2 * PIECE


def test_without_room_for_a_file_everything_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", _no_room)
    strips, values = grown([PIECE] * 5)
    assert np.array_equal(strips.read(1, 0, 5 * PIECE), values[1])


def _no_room(**_: object) -> None:
    raise OSError(28, "No space left on device")
