"""Batches that stream from disk, read once more in the order of one epoch: for steps that are made again.

Only those from the first that is asked for are kept, which are the few since the last state in memory. Those before
must be read as well, which may take long.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from core.engine import streams
from core.engine.batch import Batch
from core.engine.blocks import Captured


class Reread:
    """The batches of an epoch by their numbers. Reading begins anew for one before the first that was asked for."""

    def __init__(self, batches: Any):
        self.go_on: Callable[[], None] = lambda: None
        """Asked before each batch that is read or given; it raises what is to end the reading."""
        self._dataset = batches.dataset
        self._first = 0
        self._kept: list[Any] = []
        self._left: Any = None

    def __getitem__(self, index: int) -> Any:
        self.go_on()
        if self._left is None or index < self._first:
            self._first, self._kept, self._left = index, [], self._after(index)
        while len(self._kept) <= index - self._first:
            self.go_on()
            self._kept.append(next(self._left))
        return self._kept[index - self._first]

    def _after(self, count: int) -> Iterator[Any]:
        """The batches after the first `count`, which are read one by one: at once they could be one long wait."""
        batches = iter(self._dataset)
        for _ in range(count):
            self.go_on()
            next(batches)
        return batches


def streamed_batches(batches: Any) -> Iterator[Batch]:
    """The batches of a dataset; which rows they are made of is not known."""
    for x, y in batches.dataset:
        yield Batch(x, y, np.arange(len(next(iter(x.values())))), 0)


def reread(captured: Captured, epoch: int) -> Reread | None:
    """Return the batches that `captured` trains on in the order of `epoch` (0 is the first), None where they do not
    stream or the script makes them in a way of its own.

    They are other ones than those that `fit` reads, which it goes on reading.
    """
    given = captured.made[0]
    if streams.dataset_of(captured, 0) is None or not all(hasattr(given, name) for name in ("table", "part")):
        return None
    batches = type(given)(given.table, given.part)
    if hasattr(batches, "start"):  # unless they come in the order of the data, in every epoch
        batches.start(epoch)
    return Reread(batches)
