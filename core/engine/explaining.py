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
        made = self._telemetry.made
        try:
            return self._way(first, count)
        except tf.errors.OpError:
            self._fail_again(first + (self._telemetry.made - made if self._counts else 0), first + count)
            raise

    def _fail_again(self, first: int, last: int) -> None:
        """Raise what Keras's own step raises on the batch that failed; nothing if it does not fail.

        A step that failed after its losses were known has been counted, so the one before is made too.
        """
        made = self._telemetry.made
        try:
            for index in range(max(0, first - 1), min(first + 1, last)) if self._counts else range(first, last):
                self._keras_step(self._batches[index])
        finally:
            self._telemetry.made = made
