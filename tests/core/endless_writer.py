"""A process that writes a record at full speed until it is killed, and says after each commit how far it is."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.runs import record
from core.runs.record import Record

SERIES = ("total", "regularization", "term:mse", "weight:mse")
EVERY = 25
"""Commits after which the mode `cut` goes back."""


def rows(first: int, count: int) -> np.ndarray:
    """What the steps from `first` on have to be."""
    return np.arange(first * 4.0, (first + count) * 4.0).reshape(count, 4)


def ends(mode: str) -> Iterator[tuple[int, int, bool]]:
    """For each commit: where it begins, where it ends, and whether it cuts first."""
    end = number = 0
    while True:
        number += 1
        cuts = mode == "cut" and number % EVERY == 0
        begin = max(0, end - 40) if cuts else end
        end = begin + 3 + number % 5
        yield begin, end, cuts


def write(mode: str, run: Path) -> None:
    if mode != "plain":
        record.JOIN_AFTER = 5
    made = Record(run)
    made.set(series=SERIES, status="running")
    for begin, end, cuts in ends(mode):
        if cuts:
            made.cut(begin)
        made.steps(begin, rows(begin, end - begin))
        made.epoch(end, end, 0.1, {"total": float(end)}, {"total": -float(end)})
        made.event("warning", sentence="x" * 200, where="total", step=begin)
        made.commit()
        os.write(1, b"%d\n" % end)


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
