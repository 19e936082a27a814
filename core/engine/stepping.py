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
from core.engine.blocks import Blocks, Captured, NotInBlocks, Way
from core.engine.controls import Interrupted
from core.engine.explaining import Explained
from core.engine.feeding import opened
from core.engine.rereading import Reread, reread, streamed_batches
from core.engine.reuse import Compiled
from core.engine.telemetry import Telemetry
from core.engine.ways import EXACT, TRAINING, VALIDATION, Steps, choose, prepare, wants_turbo

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
        self._telemetry: Telemetry | None = None
        self._turbo: bool | None = None
        self._left: tuple[str, ...] = ()

    @property
    def turbo(self) -> bool:
        """Whether training is made in Turbo."""
        return bool(self._turbo)

    def knows(self, telemetry: Telemetry) -> bool:
        """Whether an earlier run has compiled steps like those to be made now, which `telemetry` records."""
        if not self._model.optimizer.built:
            self._model.optimizer.build(self._model.trainable_variables)
        self._telemetry = telemetry
        self._compiled.begin(self._model, telemetry)
        return self._compiled.again

    def drive_training(self, companions: Iterable[Any], turbo: bool | None = None) -> str:
        """Take over the train function, which Keras has made when `on_train_begin` is called.

        `companions` are the callbacks of the script; one that looks at single steps keeps them single. `turbo` is
        whether the run took Turbo before it was interrupted. Returns a sentence that says which way the steps are
        made and, where it is the slow one, why.
        """
        self._turbo = turbo
        if any(_looks_at_steps(callback) for callback in companions):
            self._captured = None
        way = self._drive(TRAINING, self._model.train_step, 0, self._after, self._room)
        return f"{way} {streams.why(self._script)}".strip()

    def drive_validation(self) -> None:
        """Take over the test function, which Keras makes before the first `on_test_begin`."""
        if VALIDATION not in self._originals:
            self._drive(VALIDATION, self._model.test_step, 1, lambda _: self._after(0), lambda: NO_LIMIT)
            self._end_it_alone_when_interrupted(getattr(self._model, VALIDATION))

    def _end_it_alone_when_interrupted(self, step: Callable[[Any], Any]) -> None:
        """A stop may interrupt a validation that Keras compiles or runs; what was trained is saved all the same."""

        def validated(iterator: Any) -> Any:
            try:
                return step(iterator)
            except Interrupted:
                self.skip_validation()
                return {}

        object.__setattr__(self._model, VALIDATION, validated)

    def leave(self, *, whole: bool) -> None:
        """Let the epoch end, of which all steps are made if it is `whole`, and a validation at once."""
        self._left = (VALIDATION,) if whole else (TRAINING, VALIDATION)
        self._model.stop_evaluating = True

    @property
    def validated(self) -> bool:
        """Whether no validation was left."""
        return VALIDATION not in self._left

    def _put(self, name: str, step: Callable[[Any], Any]) -> None:
        """Let Keras call `step`, and give it no means of an epoch or a validation that is left in the middle.

        Early stopping would compare them with those of all rows, and take the weights of now for the best.
        """

        def stepped(iterator: Any) -> Any:
            logs = step(iterator)
            return {} if name in self._left else logs

        object.__setattr__(self._model, name, stepped)

    def skip_validation(self) -> None:
        """Make no step of a validation that nobody waits for any more, nor compile one."""
        self._originals.setdefault(VALIDATION, self._model.test_function)
        object.__setattr__(self._model, VALIDATION, lambda _: {})
        self.leave(whole=True)

    def begin_epoch(self) -> None:
        """Take the order of the new epoch."""
        self._begin(TRAINING)

    def begin_validation(self) -> None:
        """Start again with the first validation row."""
        self._begin(VALIDATION)

    def batches(self, epoch: int) -> Any:
        """The batches of the script in the order of an epoch (0 is the first), None where they are not known.

        They are a copy: those of the script may be read by another thread just now.
        """
        if self._script is None or not self._script.made:
            return None
        if streams.dataset_of(self._script, 0) is not None:
            return reread(self._script, epoch)
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
        known = self._script is not None and len(self._script.made) > 1
        batches = self._script.made[1] if self._script and known else ()
        if self._script and streams.dataset_of(self._script, 1) is not None:
            return streamed_batches(self._script.made[1])
        return (batch_at(batches, index, self.batch_size) for index in range(len(batches)))

    def make_again(self, batches: Any, first: int, count: int) -> None:
        """Make `count` steps from batch `first` of `batches` on, which are no steps of the run."""
        if TRAINING in self._blocks and not isinstance(batches, Reread):
            self._blocks[TRAINING].make_again(getattr(batches, "order", None), first, count)
            return
        for index in range(first, first + count, int(self._model.steps_per_execution)):
            self._originals[TRAINING](iter([batches[index]]))

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
        self._originals[name] = getattr(self._model, name)
        try:
            if self._captured is None:
                raise NotInBlocks("A callback of the script looks at single steps.")
            _refuse(self._model)
            blocks, sentence = self._blocks_of(self._captured, place, name, step, after, room)
        except NotInBlocks as reason:
            self._leave_xla(name)
            self._put(name, self._wrapped(self._originals[name], after))
            return f"Step by step, because blocks are not possible here. {reason}"
        if not self._turbo:
            self._leave_xla(name)
        self._blocks[name] = blocks
        self._put(name, blocks)
        return sentence

    def _blocks_of(
        self,
        captured: Captured,
        place: int,
        name: str,
        step: Callable[[Any], Any],
        after: Callable[[int], None],
        room: Callable[[], int],
    ) -> tuple[Blocks, str]:
        """Return compiled blocks, and the sentence about their way. Raises NotInBlocks."""
        dataset = streams.dataset_of(captured, place)
        if dataset is not None:
            if sharing.share(self._model) > 1:
                raise NotInBlocks("Rows that stream from disk reach several devices one batch at a time.")
            streamed = streams.StreamedRows(dataset)
            way = streams.Streamed(self._model, step, streamed)
            prepare(way)
            return streams.StreamedBlocks(way, streamed, after, room), _streaming(self._model)
        rows = captured.rows(place)
        steps = Steps(self._model, sharing.step_of(self._model, step), rows, name)
        assert self._telemetry is not None
        chosen = choose(steps, self._compiled, self._telemetry, self._turbo)
        if name == TRAINING:
            self._turbo = chosen.turbo
        explained = self._explained(chosen.way, captured.made[place], name)
        return Blocks(explained, rows, after, room), chosen.sentence

    def _explained(self, way: Way, batches: Any, name: str) -> Way:
        """A way whose errors name their place; on several devices they do so by themselves."""
        assert self._telemetry is not None
        if sharing.share(self._model) > 1:
            return way

        def keras_step(batch: Any) -> object:
            return self._originals[name](iter([batch]))

        return Explained(way, batches, keras_step, self._telemetry, counts=name == TRAINING)

    def _leave_xla(self, name: str) -> None:
        """Without Turbo, Keras is not to compile its own step by XLA either, which may be what it cannot do."""
        if self._model.jit_compile:
            self._model.jit_compile = False
            make = self._model.make_train_function if name == TRAINING else self._model.make_test_function
            make(force=True)
            self._originals[name] = getattr(self._model, name)

    def _wrapped(self, original: Callable[[Any], Any], after: Callable[[int], None]) -> Callable[[Any], Any]:
        steps = int(self._model.steps_per_execution)

        def driven(iterator: Any) -> Any:
            logs = original(opened(iterator))
            after(steps)
            return logs

        return driven


def _streaming(model: Any) -> str:
    return f"{EXACT}, without Turbo: it needs the rows in memory." if wants_turbo(model) else f"{EXACT}."


def _refuse(model: Any) -> None:
    """Raise NotInBlocks for what a script asks of Keras that blocks cannot do."""
    if model.run_eagerly:
        raise NotInBlocks("The script asks Keras to run eagerly.")
    if int(model.steps_per_execution) != 1:
        raise NotInBlocks("The script asks Keras for several steps at once.")


def _looks_at_steps(callback: Any) -> bool:
    methods = ((getattr(callback, hook), getattr(keras.callbacks.Callback, hook)) for hook in HOOKS)
    return any(getattr(method, "__func__", method) is not plain for method, plain in methods)
