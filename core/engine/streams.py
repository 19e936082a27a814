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
from core.engine.loops import Logs
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
        self.element_spec = dataset.element_spec

    def put_in_order(self, order: Any = None) -> None:
        """The script's own code orders them when they are read."""


class Streamed:
    """Makes steps on the batches of `iterator`, which is opened anew for every epoch."""

    again = False

    def __init__(self, model: Any, step: Callable[[Any], Any], rows: StreamedRows):
        self._rows = rows
        self._loop = _loop(model, step, rows.element_spec)
        self.iterator: Any = None

    def prepare(self) -> None:
        """Compile. Raises whatever the step raises while it is traced."""
        self._loop.get_concrete_function()

    def most(self, first: int) -> int:
        """How many steps one call can make from batch `first` on."""
        return self._rows.steps - first

    def __call__(self, first: int, count: int) -> Logs:
        """Make the next `count` steps; return the metrics by then."""
        logs = self._loop(self.iterator, tf.constant(count, tf.int64))
        return {name: float(value) for name, value in logs.items()}


class StreamedBlocks(Blocks):
    """Blocks of steps whose batches come from the iterator that Keras has opened for the epoch."""

    def __init__(
        self, way: Streamed, rows: StreamedRows, after: Callable[[int], None], room: Callable[[], int]
    ):
        super().__init__(way, rows, after, room)
        self._streamed = way

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


def _loop(model: Any, step: Callable[[Any], Any], spec: Any) -> Any:
    """Return a function of an iterator and a number of steps, which makes them.

    The step stays a function of its own, as Keras has it: TensorFlow rounds otherwise what it simplifies otherwise.
    """
    once = _once(step, spec)

    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[tf.data.IteratorSpec(spec), tf.TensorSpec([], tf.int64)], autograph=False
    )
    def run(iterator: Any, count: Any) -> Any:
        def one(number: Any) -> Any:
            with tf.control_dependencies([once(next(iterator))]):
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
        return tf.zeros([], tf.int64)

    return once
