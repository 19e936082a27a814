"""Minimum, maximum and mean of ever wider blocks of a growing column, so that a million steps draw as fast
as a thousand.

A chart is a few hundred pixels wide. What it shows of a million steps is, for each pixel, the lowest and the
highest value there; the pyramid keeps them for blocks of 8, 32, 128, ... steps as the steps arrive, so a view
of any width is made from a few thousand numbers. Buckets start at multiples of their own width: panning never
makes a curve flicker.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FIRST_BLOCK = 8
FACTOR = 4
LEVELS = 11  # the widest block holds 8 * 4**10 = 8,388,608 steps


class Buckets(NamedTuple):
    """What to draw: one entry a bucket. `at` is the middle of the bucket in steps; values are NaN where none
    is finite.
    """

    at: NDArray[np.float64]
    low: Floats
    high: Floats
    mean: Floats
    width: int


class Growing:
    """An array of float32 that grows at its end; `values` is a view of what is there."""

    def __init__(self) -> None:
        self._room = np.empty(1024, np.float32)
        self.count = 0

    @property
    def values(self) -> Floats:
        return self._room[: self.count]

    def append(self, values: Floats) -> None:
        needed = self.count + len(values)
        if needed > len(self._room):
            room = np.empty(max(needed, len(self._room) * 3 // 2), np.float32)
            room[: self.count] = self.values
            self._room = room
        self._room[self.count : needed] = values
        self.count = needed


class _Level:
    """The complete blocks of one width."""

    def __init__(self, block: int):
        self.block = block
        self.low, self.high, self.mean = Growing(), Growing(), Growing()

    @property
    def count(self) -> int:
        return self.low.count

    def append(self, low: Floats, high: Floats, mean: Floats) -> None:
        self.low.append(low)
        self.high.append(high)
        self.mean.append(mean)


class Pyramid:
    """One column of a run. What is not finite counts as absent; `first_bad` is the first step where that was
    so.
    """

    def __init__(self) -> None:
        self._raw = Growing()
        self._levels = [_Level(FIRST_BLOCK * FACTOR**power) for power in range(LEVELS)]
        self.first_bad: int | None = None

    @property
    def count(self) -> int:
        return self._raw.count

    @property
    def values(self) -> Floats:
        """Every step's value; NaN where it was not finite."""
        return self._raw.values

    def append(self, values: NDArray[np.floating]) -> None:
        """Add the values of the next steps."""
        with np.errstate(over="ignore"):
            new = values.astype(np.float32)
        bad = ~np.isfinite(new)
        if bad.any():
            if self.first_bad is None:
                self.first_bad = self.count + int(bad.argmax())
            new[bad] = np.nan
        self._raw.append(new)
        self._raise_levels()

    def _raise_levels(self) -> None:
        below: tuple[Floats, Floats, Floats] = (self._raw.values,) * 3
        step = FIRST_BLOCK
        for level in self._levels:
            start, stop = level.count * step, len(below[0]) // step * step
            if stop <= start:
                return
            level.append(*_fold((below[0][start:stop], below[1][start:stop], below[2][start:stop]), step))
            below, step = (level.low.values, level.high.values, level.mean.values), FACTOR

    def buckets(self, first: float, last: float, most: int) -> Buckets:
        """What to draw of the steps `first` to `last`, in at most about `most` buckets, one more at either
        side.
        """
        first_step, stop = max(0, int(first)), min(self.count, int(np.ceil(last)) + 1)
        width = max(1, -(-max(0, stop - first_step) // max(1, most)))
        if width == 1:
            return self._plain(max(0, first_step - 1), min(self.count, stop + 1))
        fine = [level for level in self._levels if level.block * FACTOR <= width]
        level = fine[-1] if fine else None
        block = level.block if level else 1
        width = -(-width // block) * block
        start = max(0, first_step // width - 1) * width
        return self._folded(level, width, start, min(self.count, (-(-stop // width) + 1) * width))

    def _plain(self, start: int, stop: int) -> Buckets:
        values = self.values[start:stop]
        return Buckets(np.arange(start, stop, dtype=np.float64), values, values, values, 1)

    def _folded(self, level: _Level | None, width: int, start: int, stop: int) -> Buckets:
        """Buckets of `width` steps from `start`: from whole blocks as far as there are any, then from the
        steps.
        """
        block = level.block if level else 1
        columns = (level.low.values, level.high.values, level.mean.values) if level else (self.values,) * 3
        whole = max(0, (min(stop, len(columns[0]) * block) - start) // width)
        middle = slice(start // block, start // block + whole * (width // block))
        parts = [_fold((columns[0][middle], columns[1][middle], columns[2][middle]), width // block)]
        for rest in range(start + whole * width, stop, width):
            steps = self.values[rest : min(rest + width, stop)]
            parts.append(_fold((steps, steps, steps), len(steps)))
        low, high, mean = (np.concatenate(column) for column in zip(*parts, strict=True))
        starts = start + width * np.arange(len(low), dtype=np.float64)
        return Buckets((starts + np.minimum(starts + width, self.count) - 1) / 2, low, high, mean, width)


def _fold(columns: tuple[Floats, Floats, Floats], by: int) -> tuple[Floats, Floats, Floats]:
    """Lowest, highest and mean of every `by` neighbours, counting only what is finite."""
    low, high, mean = (column.reshape(-1, by) for column in columns)
    known = ~np.isnan(mean)
    counted = known.sum(axis=1)
    total = np.where(known, mean, 0).sum(axis=1, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        average = (total / counted).astype(np.float32)
    return np.fmin.reduce(low, axis=1), np.fmax.reduce(high, axis=1), average
