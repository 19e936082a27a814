"""Compiled blocks of steps where the rows stream from disk: the loop takes each batch from the iterator that `fit` has
opened, so tf.data reads and shuffles in its own threads while the steps are made.

Nothing is known of the rows but their shapes, and the script's own code gives them their order. So the numbers are
those of `fit` alone, and memory is that of a few batches.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from core.data.failures import UnreadableData
from core.data.loading import loading
from core.engine.blocks import Blocks, Captured, NotInBlocks
from core.engine.loops import Exact
from core.engine.readonce import read_once
from core.engine.shapes import tell_shapes
from core.project import storage
from core.project.facts import Loading
from core.runs.folder import PROJECT, facts_of

PLAIN = "The rows stream from disk."


class StreamedRows:
    """The batches of one dataset, which come in their own order; `steps` is their number, known beforehand."""

    def __init__(self, dataset: Any):
        self.steps = int(dataset.cardinality())
        if self.steps < 0:
            raise NotInBlocks("How many batches the data has is not known before they are read.")
        self.whole = self.steps
        self.element_spec = dataset.element_spec
        self.iterator: Any = None
        """Where the batches come from, opened anew for every epoch."""

    def put_in_order(self, order: Any = None) -> None:
        """The script's own code orders them when they are read."""

    def batch(self, step: Any) -> Any:
        """Return the next batch; its number is not looked at."""
        return next(self.iterator)


class Anew:
    """Compiles every loop anew: what a loop over an iterator remembers is nobody else's."""

    def loop(self, name: str, make: Callable[[], Any], *owners: object) -> tuple[Any, bool]:
        return make(), False


class FromIterator:
    """A compiled loop over an iterator, called as one over rows in memory is."""

    def __init__(self, function: Any, rows: StreamedRows):
        self._function, self._rows = function, rows
        self.graph = function.graph

    def __call__(self, first: Any, count: Any) -> Any:
        return self._function(self._rows.iterator, count)


class Streamed(Exact):
    """Makes steps on the batches of an iterator, in the way that is faster here."""

    def __init__(self, model: Any, step: Callable[[Any], Any], rows: StreamedRows):
        super().__init__(model, step, rows, "streamed", Anew())
        self._streamed = rows

    def _traced(self, executor: str) -> Any:
        loop = _loop(self._model, self._traced_once(), self._streamed.element_spec)
        with tf.experimental.function_executor_type(executor):
            return FromIterator(loop.get_concrete_function(), self._streamed)

    def _one_step(self) -> Any:
        with read_once(self._model.optimizer):
            return _once(self._step, self._streamed.element_spec).get_concrete_function()


class StreamedBlocks(Blocks):
    """Blocks of steps whose batches come from the iterator that Keras has opened for the epoch."""

    def __init__(
        self, way: Streamed, rows: StreamedRows, after: Callable[[int], None], room: Callable[[], int]
    ):
        super().__init__(way, rows, after, room)
        self._streamed = rows

    def __call__(self, iterator: Any) -> Mapping[str, float]:
        self._streamed.iterator = iterator
        return super().__call__(iterator)


def dataset_of(captured: Captured, place: int) -> Any:
    """Return the dataset of the batches that the script made at `place`, None where its rows are in memory."""
    return getattr(captured.made[place], "dataset", None) if place < len(captured.made) else None


def why(captured: Captured | None) -> str:
    """Return the sentence that says that the rows of a run stream from disk and why, "" where they do not."""
    if captured is None or dataset_of(captured, 0) is None:
        return ""
    found = loading_of(Path(str(captured.module.__file__)).parent)
    return found.sentence if found.streams else PLAIN


def loading_of(run: Path) -> Loading:
    """Return how the rows of the project in a run folder are loaded; in memory where nobody can tell any more."""
    try:
        return loading(storage.load(run / PROJECT).data, Path(str(facts_of(run)["folder"])))
    except (storage.UnreadableProject, UnreadableData, OSError):
        return Loading(streams=False, sentence="")


def _loop(model: Any, once: Callable[[Any], Any], spec: Any) -> Any:
    """Return a function of an iterator and a number of steps, which calls `once` with each of the next batches."""

    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[tf.data.IteratorSpec(spec), tf.TensorSpec([], tf.int64)], autograph=False
    )
    def run(iterator: Any, count: Any) -> Any:
        def one(number: Any) -> Any:
            with tf.control_dependencies([once(*tf.nest.flatten(next(iterator)))]):
                return [number + 1]

        start = tf.zeros([], tf.int64)
        tf.while_loop(lambda number: number < count, one, [start], parallel_iterations=1)
        return model.get_metrics_result()

    return run


def _once(step: Callable[[Any], Any], spec: Any) -> Any:
    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[spec], autograph=False, experimental_attributes={"_noinline": True}
    )
    def once(batch: Any) -> Any:
        step(batch)
        tell_shapes(tf.compat.v1.get_default_graph())
        return tf.zeros([], tf.int64)

    return once
