"""The means of every epoch as columns, so that thousands of epochs are drawn as quickly as ten."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.runs.history import Epoch

Floats = NDArray[np.float64]
Side = tuple[str, bool]
"""The key of a mean, and whether it is of the validation rows."""


class _Pairs:
    """Steps and what belongs to them, growing at their ends."""

    def __init__(self) -> None:
        self._room = np.empty((2, 64))
        self.count = 0

    def append(self, step: float, value: float) -> None:
        if self.count == self._room.shape[1]:
            self._room = np.concatenate([self._room, np.empty((2, self.count // 2))], axis=1)
        self._room[:, self.count] = step, value
        self.count += 1

    @property
    def columns(self) -> tuple[Floats, Floats]:
        return self._room[0, : self.count], self._room[1, : self.count]


class Epochs:
    """What is known of the epochs of one run."""

    def __init__(self) -> None:
        self.last = 0
        """The number of the last epoch, 0 while none is over."""
        self._ends = _Pairs()
        self._means: dict[Side, _Pairs] = {}

    def add(self, epochs: Sequence[Epoch]) -> bool:
        """Add the epochs that are not known yet; return whether there were any."""
        new = [epoch for epoch in epochs if epoch.epoch > self.last]
        for epoch in new:
            self._ends.append(epoch.step, epoch.seconds)
            for validation, means in ((False, epoch.train), (True, epoch.validation)):
                for key, value in means.items():
                    pairs = self._means.setdefault((key, validation), _Pairs())
                    pairs.append(epoch.step, value if np.isfinite(value) else np.nan)
            self.last = epoch.epoch
        return bool(new)

    @property
    def count(self) -> int:
        return self._ends.count

    @property
    def keys(self) -> list[str]:
        """What has means of the training rows."""
        return [key for key, validation in self._means if not validation]

    @property
    def last_step(self) -> int:
        return int(self._ends.columns[0][-1]) if self.count else 0

    @property
    def ends(self) -> Floats:
        """The step and the second at which each epoch ended, shape (epochs, 2)."""
        return np.column_stack(self._ends.columns)

    def means(self, key: str, validation: bool) -> tuple[Floats, Floats]:
        """The steps at which epochs ended, and the means of `key` over each; NaN where one was not finite."""
        pairs = self._means.get((key, validation))
        return pairs.columns if pairs else (np.empty(0), np.empty(0))

    def latest(self, key: str, validation: bool) -> float | None:
        """The newest mean of `key`."""
        values = self.means(key, validation)[1]
        return float(values[-1]) if len(values) else None
