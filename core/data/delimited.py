"""Reading CSV and TSV in blocks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pandas as pd

from core.data.blocks import Block, of_frame
from core.data.dialect import read_options
from core.data.failures import UnreadableData, reading
from core.data.places import Stamp

PREFIX = "column_"
"""Columns of a table without a line of names are called column_0, column_1 and so on."""


def read(at: Stamp, rows: int | None, size: int | None) -> Iterator[Block]:
    """Yield the first `rows` rows (all if None) in blocks of `size` (one block if None)."""
    options = read_options(at) | {"low_memory": False, "nrows": rows}
    with reading(at.path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if size is None:
            yield of_frame(named(pd.read_csv(at.path, **options), at, start=0))
            return
        yield from _in_blocks(at, options, size)


def _in_blocks(at: Stamp, options: dict[str, Any], size: int) -> Iterator[Block]:
    start = 0
    with pd.read_csv(at.path, chunksize=size, **options) as frames:
        for frame in frames:
            yield of_frame(named(frame, at, start))
            start += len(frame)


def named(frame: pd.DataFrame, at: Stamp, start: int) -> pd.DataFrame:
    """Return a table with a name for every column. Raises UnreadableData for rows that are too wide.

    pandas makes an index of surplus first values; that means rows wider than the line of names.
    """
    if not (isinstance(frame.index, pd.RangeIndex) and frame.index.step == 1 and frame.index.start == start):
        raise UnreadableData(
            f"{at.path.name} has rows with more values than the first line has names: "
            "mend the first line or choose another delimiter."
        )
    return frame if isinstance(frame.columns[0], str) else frame.add_prefix(PREFIX)
