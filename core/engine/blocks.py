"""Many steps in one compiled call: the reason why the engine is faster than `fit`.

A small step spends most of its time in Python. Here the rows stay on the device as tensors, and one compiled loop
gathers the rows of each batch and makes the model's own `train_step` on them, for a block of steps that lasts about
BLOCK_SECONDS. Keras's `fit` stays the driver: it calls its train function once a step as ever; the first call of a
block makes the whole block, the others find their step made. So callbacks, metrics and schedules stay Keras's own, and
every number is the one that `fit` alone would have given.
"""

import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from core.engine.loops import Logs
from core.engine.telemetry import ROWS

BLOCK_SECONDS = 0.04
"""Commands are obeyed between blocks, so a block is as long as the window may wait without notice."""
LONGEST_BLOCK = ROWS // 4
GROWTH = 4
NO_LOGS: Logs = {}
MOST_BYTES = 2 * 2**30
"""Larger data is not held twice; it goes through plain steps."""


class NotInBlocks(Exception):
    """Blocks cannot be made; `str()` says why, as a sentence."""


class Captured:
    """The `Batches` a script makes: the first are those to train on, the second those to validate on."""

    def __init__(self, module: ModuleType):
        self.module = module
        self.batch_size = int(getattr(module, "BATCH_SIZE", 0))
        self.made: list[Any] = []
        original = getattr(module, "Batches", None)
        if original is not None:
            module.Batches = self._maker(original)  # type: ignore[attr-defined]

    def _maker(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def make(*args: Any, **kwargs: Any) -> Any:
            self.made.append(original(*args, **kwargs))
            return self.made[-1]

        return make

    def rows(self, place: int) -> "Rows":
        """Return the rows of the batches made at `place`. Raises NotInBlocks."""
        batches = self.made[place] if place < len(self.made) else None
        if not self.batch_size or not _plain(batches):
            raise NotInBlocks("The script makes its batches in a way of its own.")
        return Rows(batches, self.batch_size)


class Rows:
    """The inputs and targets of one `Batches` as tensors, and the order in which they are gathered."""

    def __init__(self, batches: Any, batch_size: int):
        self._batches, self._size = batches, batch_size
        arrays = [*batches.x.values(), *batches.y.values()]
        if sum(array.nbytes for array in arrays) > MOST_BYTES:
            raise NotInBlocks(f"The rows take more than {MOST_BYTES // 2**30} GiB.")
        self._x, self._y = _tensors(batches.x), _tensors(batches.y)
        self._order = tf.Variable(self._order_of(None), trainable=False, name="order")
        self.steps = len(batches)
        count = int(self._order.shape[0])
        self._whole_size = min(batch_size, count)
        self.whole = count // max(1, self._whole_size)
        self.texts = any(values.dtype == tf.string for values in (*self._x.values(), *self._y.values()))

    def put_in_order(self, order: Any = None) -> None:
        """Take over the order that the script has given its batches, or another one."""
        self._order.assign(self._order_of(order))

    def _order_of(self, order: Any) -> Any:
        """The order given, else that of the script, which has none where it does not shuffle."""
        if order is None:
            order = getattr(self._batches, "order", None)
        return (
            np.arange(self._batches.count, dtype=np.int64) if order is None else np.asarray(order, np.int64)
        )

    def batch(self, step: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return inputs and targets of batch number `step`; the last one may be short, as in the script."""
        return self._gathered(self._order[step * self._size : (step + 1) * self._size])

    def whole_batch(self, step: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return inputs and targets of batch number `step`, one of the first `whole`, in shapes known beforehand."""
        size = self._whole_size
        return self._gathered(tf.slice(self._order, [step * size], [size]))

    def _gathered(self, rows: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        x = {name: tf.gather(values, rows) for name, values in self._x.items()}
        y = {name: tf.gather(values, rows) for name, values in self._y.items()}
        return x, y


def _plain(batches: Any) -> bool:
    """Whether all rows are at hand, and the order in which they come."""
    ordered = hasattr(batches, "order") or hasattr(batches, "count")
    return ordered and hasattr(batches, "x") and hasattr(batches, "y")


class Way(Protocol):
    """A way to make steps: calling it makes `count` of them from batch `first` on, and returns the metrics."""

    def most(self, first: int) -> int:
        """How many steps one call can make from batch `first` on."""

    def __call__(self, first: int, count: int) -> Logs: ...


class Ordered(Protocol):
    """Rows that come in the order of an epoch."""

    def put_in_order(self, order: Any = None) -> None: ...


class Blocks:
    """Stands in for Keras's train or test function. Calls `after(steps)` when a block has been made.

    `room()` says how many steps may be made before something must be changed between two of them.
    """

    def __init__(self, way: Way, rows: Ordered, after: Callable[[int], None], room: Callable[[], int]):
        self._way, self._rows, self._after, self._room = way, rows, after, room
        self._ahead = self._next = 0
        self._length = 1
        self._logs: Logs = {}

    def begin(self) -> None:
        """Start with the first batch of the order that the script's batches have now."""
        self._rows.put_in_order()
        self._next = self._ahead = 0

    def make_again(self, order: Any, first: int, count: int) -> None:
        """Make `count` steps from batch `first` of `order` on, which is no step of the run."""
        self._rows.put_in_order(order)
        last = first + count
        while first < last:
            fitting = min(last - first, self._way.most(first))
            self._way(first, fitting)
            first += fitting
        self._rows.put_in_order()

    def __call__(self, _iterator: Any) -> Mapping[str, float]:
        """Make the next step, and with it all of its block; the batches of `_iterator` are not looked at.

        Keras may end an epoch after the first step of a block or after its last one. For those between it gets no
        means: to look at them would take it longer than a small step takes.
        """
        first = self._next == self._ahead
        if first:
            self._make_block()
        self._next += 1
        return self._logs if first or self._next == self._ahead else NO_LOGS

    def _make_block(self) -> None:
        count = max(1, min(self._length, self._way.most(self._ahead), self._room()))
        began = time.perf_counter()
        self._logs = self._way(self._ahead, count)
        self._ahead += count
        self._adapt(count, time.perf_counter() - began)
        self._after(count)

    def _adapt(self, count: int, seconds: float) -> None:
        fitting = int(count * BLOCK_SECONDS / max(seconds, 1e-6))
        self._length = max(1, min(fitting, GROWTH * count, LONGEST_BLOCK))


def _tensors(arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tf.convert_to_tensor(values, tf.string if values.dtype == object else None)
        for name, values in arrays.items()
    }
