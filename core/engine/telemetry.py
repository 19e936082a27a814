"""Records every step inside the compiled step itself: total, regularization, each term and its weight in
effect.

Keras's own logs are running means of the epoch. Here the batch's values are written, by the graph that
computes them, into a ring of rows that is read out a few times a second, so that a step pays for one small
stack and scatter. The total is the tensor that is differentiated, taken where `compute_loss` returns it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

ROWS = 4096
"""Steps the ring holds until it must have been read."""
SCOPE = "lossmith_telemetry"
"""Where the operations of telemetry are, so that those of the step are called as without them: TensorFlow adds numbers
up in the order of their names."""


class Telemetry:
    """Watches one model. `series` are the columns: total, regularization, `term:NAME`..., `weight:NAME`..."""

    def __init__(self, model: Any):
        self._model = model
        self.names: tuple[str, ...] = tuple(model.term_weights)
        self.series = (
            "total",
            "regularization",
            *(f"term:{name}" for name in self.names),
            *(f"weight:{name}" for name in self.names),
        )
        self._ring = tf.Variable(tf.zeros((ROWS, len(self.series))), trainable=False, name="telemetry")
        self._made = tf.Variable(0, dtype=tf.int64, trainable=False, name="steps_made")
        self._terms: Mapping[str, Any] = {}
        self._row: Any = None
        self._regularization: Any = None
        self._training = False
        self.read = 0
        """Steps read out so far."""
        self.counted = 0
        """Steps that are known to have been made, without asking the device."""

    def install(self) -> None:
        """Wrap the model instance's own methods; to be done before Keras traces its step."""
        for name in ("terms", "compute_loss", "train_step"):
            object.__setattr__(self._model, name, getattr(self, f"_{name}_of")(getattr(self._model, name)))
        if self._mean is not None:
            self._mean.__dict__["update_state"] = self._update_of(self._mean.update_state)

    def remove(self) -> None:
        """Leave the model as it was."""
        for name in ("terms", "compute_loss", "train_step"):
            self._model.__dict__.pop(name, None)
        if self._mean is not None:
            self._mean.__dict__.pop("update_state", None)

    @property
    def _mean(self) -> Any:
        """Where the script keeps the mean of regularization; None in one that keeps it elsewhere."""
        return getattr(self._model, "term_means", {}).get("regularization")

    def start(self, made: int) -> None:
        """Count on from `made` steps."""
        self.made = self.read = made

    @property
    def made(self) -> int:
        """Steps made, read out or not."""
        return int(self._made.numpy())

    @made.setter
    def made(self, steps: int) -> None:
        self._made.assign(steps)
        self.counted = steps

    def take(self) -> tuple[int, NDArray[np.float32]]:
        """Return the first step that is new (0 is the first of the run) and one row for each new step."""
        first, self.read = self.read, self.made
        if self.read == first:
            return first, np.empty((0, len(self.series)), np.float32)
        # What the ring no longer holds is lost and reads as a gap.
        first = max(first, self.read - ROWS)
        return first, self._ring.numpy()[np.arange(first, self.read) % ROWS]

    def _train_step_of(self, train_step: Any) -> Any:
        def watched(data: Any) -> Any:
            self._training = True
            try:
                logs = train_step(data)
            finally:
                self._training = False
            with tf.name_scope(SCOPE):
                self._write(self._row)
            return logs

        return watched

    def _terms_of(self, terms: Any) -> Any:
        def watched(*args: Any, **kwargs: Any) -> Any:
            self._terms = terms(*args, **kwargs)
            return self._terms

        return watched

    def _compute_loss_of(self, compute_loss: Any) -> Any:
        def watched(*args: Any, **kwargs: Any) -> Any:
            total = compute_loss(*args, **kwargs)
            if self._training:
                with tf.name_scope(SCOPE):
                    self._row = self._row_of(total)
            return total

        return watched

    def _update_of(self, update_state: Any) -> Any:
        def watched(value: Any, *args: Any, **kwargs: Any) -> Any:
            self._regularization = value
            return update_state(value, *args, **kwargs)

        return watched

    def _row_of(self, total: Any) -> Any:
        """The row of a step. To add the penalties up once more would change how TensorFlow adds up the total."""
        if self._mean is not None:
            return self._row_with(total, self._regularization, self._terms)
        losses = (tf.reduce_sum(tf.cast(loss, tf.float32)) for loss in self._model.losses)
        return self._row_with(total, sum(losses, tf.zeros(())), self._terms)

    def _row_with(self, total: Any, regularization: Any, terms: Mapping[str, Any]) -> Any:
        weights = [self._model.term_weights[name] for name in self.names]
        values = [total, regularization, *(terms[name] for name in self.names), *weights]
        return tf.stack([tf.reshape(tf.cast(value, tf.float32), ()) for value in values])

    def _write(self, row: Any) -> None:
        place = self._made % ROWS
        written = self._ring.scatter_nd_update([[place]], [row])
        with tf.control_dependencies(
            [written]
        ):  # nothing else orders the two, and a step that fails must not count
            self._made.assign_add(1)
