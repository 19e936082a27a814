"""The place where steps are driven: everything a run does between two steps happens here.

Keras's `fit` stays the driver and calls the model's train function once a step. Where it can be, that function is
replaced by blocks of compiled steps (`core.engine.blocks`); otherwise it is wrapped as it is. Either way callbacks
without batch hooks stay cheap, and the numbers are the same.
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

import keras

from core.engine import sharing, streams
from core.engine.batch import Batch, batch_at
from core.engine.blocks import Blocks, Captured, NotInBlocks
from core.engine.loops import Exact
from core.engine.reuse import AGAIN, Compiled

NO_LIMIT = 2**31
HOOKS = tuple(f"on_{kind}_batch_{end}" for kind in ("train", "test") for end in ("begin", "end"))


class Stepping:
    """Calls `after(steps)` when steps have been made, `after(0)` between validation steps."""

    def __init__(
        self,
        model: Any,
        after: Callable[[int], None],
        room: Callable[[], int],
        captured: Captured | None,
        compiled: Compiled,
    ):
        self._model, self._after, self._room, self._captured = model, after, room, captured
        self._compiled = compiled
        self._script = captured
        self._originals: dict[str, Any] = {}
        self._blocks: dict[str, Blocks] = {}

    def knows(self, telemetry: object) -> bool:
        """Whether an earlier run has compiled steps like those to be made now, which `telemetry` records."""
        if not self._model.optimizer.built:
            self._model.optimizer.build(self._model.trainable_variables)
        self._compiled.begin(self._model, telemetry)
        return self._compiled.again

    def drive_training(self, companions: Iterable[Any]) -> str:
        """Take over the train function, which Keras has made when `on_train_begin` is called.

        `companions` are the callbacks of the script; one that looks at single steps keeps them single. Returns a
        sentence that says which way the steps are made and, where it is the slow one, why.
        """
        if any(_looks_at_steps(callback) for callback in companions):
            self._captured = None
        way = self._drive("train_function", self._model.train_step, 0, self._after, self._room)
        return f"{way} {streams.why(self._script)}".strip()

    def drive_validation(self) -> None:
        """Take over the test function, which Keras makes before the first `on_test_begin`."""
        if "test_function" not in self._originals:
            self._drive("test_function", self._model.test_step, 1, lambda _: self._after(0), lambda: NO_LIMIT)

    def begin_epoch(self) -> None:
        """Take the order of the new epoch."""
        self._begin("train_function")

    def begin_validation(self) -> None:
        """Start again with the first validation row."""
        self._begin("test_function")

    def batches(self, epoch: int) -> Any:
        """The batches of the script in the order of an epoch (0 is the first), None where they are not known.

        They are a copy: those of the script may be read by another thread just now.
        """
        if self._script is None or not self._script.made or streams.dataset_of(self._script, 0) is not None:
            return None
        batches = copy.copy(self._script.made[0])
        if hasattr(batches, "start"):
            batches.start(epoch)
        return batches

    @property
    def module(self) -> ModuleType | None:
        """The script that was imported, where it is known."""
        return self._script.module if self._script else None

    @property
    def batch_size(self) -> int:
        """Rows of a whole batch, 0 where that is not known."""
        return self._script.batch_size if self._script else 0

    def validation_batches(self) -> Iterator[Batch]:
        """The batches of the validation rows, where the script makes them."""
        batches = self._script.made[1] if self._script and len(self._script.made) > 1 else ()
        return (batch_at(batches, index, self.batch_size) for index in range(len(batches)))

    def make_again(self, batches: Any, first: int, count: int) -> None:
        """Make `count` steps from batch `first` of `batches` on, which are no steps of the run."""
        if "train_function" in self._blocks:
            self._blocks["train_function"].make_again(batches.order, first, count)
            return
        for index in range(first, first + count, int(self._model.steps_per_execution)):
            self._originals["train_function"](iter([batches[index]]))

    def remove(self) -> None:
        """Leave the model as it was."""
        for name, original in self._originals.items():
            object.__setattr__(self._model, name, original)
        self._originals.clear()
        self._blocks.clear()

    def _begin(self, name: str) -> None:
        if name in self._blocks:
            self._blocks[name].begin()

    def _drive(
        self,
        name: str,
        step: Callable[[Any], Any],
        place: int,
        after: Callable[[int], None],
        room: Callable[[], int],
    ) -> str:
        original = self._originals[name] = getattr(self._model, name)
        try:
            if self._captured is None:
                raise NotInBlocks("A callback of the script looks at single steps.")
            blocks, again = self._blocks_of(self._captured, place, name, step, after, room)
        except NotInBlocks as reason:
            object.__setattr__(self._model, name, self._wrapped(original, after))
            return f"Step by step, because blocks are not possible here. {reason}"
        self._blocks[name] = blocks
        object.__setattr__(self._model, name, blocks)
        return f"In compiled blocks of steps.{f' {AGAIN}' if again else ''}"

    def _blocks_of(
        self,
        captured: Captured,
        place: int,
        name: str,
        step: Callable[[Any], Any],
        after: Callable[[int], None],
        room: Callable[[], int],
    ) -> tuple[Blocks, bool]:
        """Return compiled blocks, and whether an earlier run has compiled them. Raises NotInBlocks."""
        dataset = streams.dataset_of(captured, place)
        if dataset is not None:
            if sharing.share(self._model) > 1:
                raise NotInBlocks("Rows that stream from disk reach several devices one batch at a time.")
            streamed = streams.StreamedRows(dataset)
            way = streams.Streamed(self._model, step, streamed)
            _prepare(way)
            return streams.StreamedBlocks(way, streamed, after, room), way.again
        step = sharing.step_of(self._model, step)
        rows = captured.rows(place)
        exact = Exact(self._model, step, rows, name, self._compiled)
        _prepare(exact)
        return Blocks(exact, rows, after, room), exact.again

    def _wrapped(self, original: Callable[[Any], Any], after: Callable[[int], None]) -> Callable[[Any], Any]:
        steps = int(self._model.steps_per_execution)

        def driven(iterator: Any) -> Any:
            logs = original(iterator)
            after(steps)
            return logs

        return driven


def _prepare(way: Exact | streams.Streamed) -> None:
    """Compile `way`, before anything has been trained. Raises NotInBlocks where that cannot be done."""
    try:
        way.prepare()
    except Exception as error:  # whatever it is, plain steps may still do, or fail in the script's own words
        raise NotInBlocks(f"The step does not compile into a loop: {error}") from error


def _looks_at_steps(callback: Any) -> bool:
    methods = ((getattr(callback, hook), getattr(keras.callbacks.Callback, hook)) for hook in HOOKS)
    return any(getattr(method, "__func__", method) is not plain for method, plain in methods)
