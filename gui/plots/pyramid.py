"""Minimum, maximum and mean of ever wider blocks of growing columns, so that a million steps draw as fast as a
thousand.

A chart is a few hundred pixels wide. What it shows of a million steps is, for each pixel, the lowest and the highest
value there; the pyramids keep them for blocks of 8, 32, 128, ... steps as the steps arrive, so a view of any width is
made from a few thousand numbers. Buckets start at multiples of their own width: panning never makes a curve flicker.

All columns of a run grow together, which costs little more than one of them; the single steps and the smallest blocks
lie on disk once there are many, so that the memory of a long run stays bounded.
"""

from functools import reduce
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from gui.plots.strips import PIECE, Floats, Strips

FIRST_BLOCK = 8
FACTOR = 4
LEVELS = 11  # the widest block holds 8 * 4**10 = 8,388,608 steps
LEVELS_ON_DISK = 2
AT_ONCE = PIECE // 2
"""Steps sorted in together, while all they need is still in memory."""
FEW = 16
"""Neighbours of at most this many are folded slice by slice, which NumPy does faster than row by row."""

Number = TypeVar("Number", np.float32, np.float64)
Columns = tuple[Floats, Floats, Floats]
"""Lowest, highest and mean values, of equal shapes."""


class Buckets(NamedTuple):
    """What to draw: one entry a bucket. `at` is the middle of the bucket in steps; values are NaN where none
    is finite.
    """

    at: NDArray[np.float64]
    low: Floats
    high: Floats
    mean: Floats
    width: int


class Pyramids:
    """The columns of a run, `width` of them. One thread appends; others may read meanwhile."""

    def __init__(self, width: int):
        self._width = width
        self._raw = Strips(width, on_disk=True)
        self._levels = [_Level(power, width) for power in range(LEVELS)]
        self.first_bad: list[int | None] = [None] * width

    @property
    def count(self) -> int:
        return self._raw.count

    def column(self, column: int) -> "Pyramid":
        """Return one column, to be looked at."""
        return Pyramid(self, column)

    def append(self, steps: NDArray[np.floating]) -> None:
        """Add the next steps: shape (steps, width)."""
        for start in range(0, len(steps), AT_ONCE):
            with np.errstate(over="ignore"):
                self._append(np.ascontiguousarray(steps[start : start + AT_ONCE].T, np.float32))

    def _append(self, new: Floats) -> None:
        bad = ~np.isfinite(new)
        if bad.any():
            self._note_bad(bad)
            new[bad] = np.nan
        self._raw.append(new)
        self._raise_levels()

    def _note_bad(self, bad: NDArray[np.bool_]) -> None:
        for column in np.flatnonzero(bad.any(axis=1)):
            if self.first_bad[column] is None:
                self.first_bad[column] = self.count + int(bad[column].argmax())

    def _raise_levels(self) -> None:
        by, below = FIRST_BLOCK, self.count
        for number, level in enumerate(self._levels):
            start, stop = level.count * by, below // by * by
            if stop <= start:
                return
            level.append(_fold(self._below(number, start, stop), by))
            by, below = FACTOR, level.count

    def _below(self, number: int, start: int, stop: int) -> Columns:
        """What the blocks of a level are made of, for all columns."""
        if number:
            return self._levels[number - 1].all(start, stop)
        return (self._raw.all(start, stop),) * 3

    def read(self, column: int, start: int, stop: int) -> Columns:
        """Single steps of one column, as their own lowest, highest and mean."""
        return (self._raw.read(column, start, stop),) * 3

    def level_for(self, width: int) -> "_Level | None":
        """The level with the widest blocks that still cut buckets of `width` steps finely enough."""
        fine = [level for level in self._levels if level.block * FACTOR <= width]
        return fine[-1] if fine else None


class _Level:
    """The complete blocks of one width, of all columns."""

    def __init__(self, power: int, width: int):
        self.block = FIRST_BLOCK * FACTOR**power
        self._width = width
        self._strips = Strips(3 * width, on_disk=power < LEVELS_ON_DISK)

    @property
    def count(self) -> int:
        return self._strips.count

    def append(self, blocks: Columns) -> None:
        self._strips.append(np.concatenate(blocks))

    def read(self, column: int, start: int, stop: int) -> Columns:
        """Blocks of one column."""
        low, high, mean = (self._strips.read(column + part * self._width, start, stop) for part in range(3))
        return low, high, mean

    def all(self, start: int, stop: int) -> Columns:
        """Blocks of every column."""
        low, high, mean = self._strips.all(start, stop).reshape(3, self._width, -1)
        return low, high, mean


class Pyramid:
    """One column of a run. What is not finite counts as absent; `first_bad` is the first step where that was
    so.
    """

    def __init__(self, of: Pyramids, column: int):
        self._of, self._column = of, column

    @property
    def count(self) -> int:
        return self._of.count

    @property
    def first_bad(self) -> int | None:
        return self._of.first_bad[self._column]

    @property
    def values(self) -> Floats:
        """Every step's value; NaN where it was not finite."""
        return self.steps(0, self.count)

    def steps(self, start: int, stop: int) -> Floats:
        """The values of some steps."""
        return self._of.read(self._column, start, stop)[0]

    def buckets(self, first: float, last: float, most: int) -> Buckets:
        """What to draw of the steps `first` to `last`, in at most about `most` buckets, one more at either
        side.
        """
        count = self.count
        first_step, stop = max(0, int(first)), min(count, int(np.ceil(last)) + 1)
        width = max(1, -(-max(0, stop - first_step) // max(1, most)))
        if width == 1:
            return self._plain(max(0, first_step - 1), min(count, stop + 1))
        level = self._of.level_for(width)
        block = level.block if level else 1
        width = -(-width // block) * block
        start = max(0, first_step // width - 1) * width
        return self._folded(level, width, start, min(count, (-(-stop // width) + 1) * width))

    def _plain(self, start: int, stop: int) -> Buckets:
        values = self.steps(start, stop)
        return Buckets(np.arange(start, start + len(values), dtype=np.float64), values, values, values, 1)

    def _folded(self, level: _Level | None, width: int, start: int, stop: int) -> Buckets:
        """Buckets of `width` steps from `start`: from whole blocks as far as there are any, then from the
        steps.
        """
        block, known = (level.block, level.count) if level else (1, self.count)
        whole = max(0, (min(stop, known * block) - start) // width)
        source = level or self._of
        middle = source.read(self._column, start // block, start // block + whole * (width // block))
        parts = [_fold(middle, width // block)]
        for rest in range(start + whole * width, stop, width):
            steps = self._of.read(self._column, rest, min(rest + width, stop))
            parts.append(_fold(steps, len(steps[0])))
        low, high, mean = (np.concatenate(column) for column in zip(*parts, strict=True))
        starts = start + width * np.arange(len(low), dtype=np.float64)
        return Buckets((starts + np.minimum(starts + width, stop) - 1) / 2, low, high, mean, width)


def _fold(columns: Columns, by: int) -> Columns:
    """Lowest, highest and mean of every `by` neighbours along the last axis, counting only what is finite."""
    low, high, mean = columns
    known = ~np.isnan(mean)
    with np.errstate(invalid="ignore", divide="ignore"):
        average = _sums(np.where(known, mean, 0).astype(np.float64), by) / _sums(known.astype(np.float64), by)
    if by <= FEW:
        return (
            reduce(np.fmin, _slices(low, by)),
            reduce(np.fmax, _slices(high, by)),
            average.astype(np.float32),
        )
    return (
        np.fmin.reduce(_parted(low, by), axis=-1),
        np.fmax.reduce(_parted(high, by), axis=-1),
        average.astype(np.float32),
    )


def _sums(values: NDArray[np.float64], by: int) -> NDArray[np.float64]:
    return reduce(np.add, _slices(values, by)) if by <= FEW else _parted(values, by).sum(axis=-1)


def _slices(values: NDArray[Number], by: int) -> list[NDArray[Number]]:
    return [values[..., place::by] for place in range(by)]


def _parted(values: NDArray[Number], by: int) -> NDArray[Number]:
    return values.reshape(*values.shape[:-1], -1, by)
