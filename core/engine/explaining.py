"""Names the place of an error that compiled steps end with.

One thread, and XLA, say what an operation complained of but not where in the script it stands. Keras's own step says
that, so the step that failed is made once more by it; the run has failed in any case.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from core.engine.blocks import Way
from core.engine.loops import Logs
from core.engine.telemetry import Telemetry


class Explained:
    """A way whose errors name their place, where Keras's own step fails like the compiled one.

    `keras_step(batch)` makes a step on one of `batches`; `counts` is whether telemetry counts its steps.
    """

    def __init__(
        self,
        way: Way,
        batches: Any,
        keras_step: Callable[[Any], object],
        telemetry: Telemetry,
        *,
        counts: bool,
    ):
        self._way, self._batches, self._keras_step = way, batches, keras_step
        self._telemetry, self._counts = telemetry, counts

    def most(self, first: int) -> int:
        """How many steps one call can make from batch `first` on."""
        return self._way.most(first)

    def __call__(self, first: int, count: int) -> Logs:
        """Make `count` steps from batch `first` on; return the metrics by then."""
        try:
            logs = self._way(first, count)
        except tf.errors.OpError:
            self._fail_again(self._suspects(first, first + count))
            raise
        if self._counts:
            self._telemetry.counted += count
        return logs

    def _suspects(self, first: int, last: int) -> range:
        """The batches that the step which failed may have been made on.

        A step that failed after its losses were known has been counted, so it may be the one before, too.
        """
        if not self._counts:
            return range(first, last)
        next_one = first + self._telemetry.made - self._telemetry.counted
        return range(max(first, next_one - 1), min(next_one + 1, last))

    def _fail_again(self, suspects: range) -> None:
        """Raise what Keras's own step raises on the batch that failed; nothing if it does not fail."""
        made = self._telemetry.made
        try:
            for index in suspects:
                self._keras_step(self._batches[index])
        finally:
            self._telemetry.made = made
