"""Lets an optimizer read the learning rate and the number of the step once a step, not once for each variable.

What it works out of them alone, as the powers of Adam, is the same for all variables then, and TensorFlow leaves out
what it has computed already: a tenth of the operations of a small step, with the same numbers.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from keras import ops


@contextlib.contextmanager
def read_once(optimizer: Any) -> Iterator[None]:
    """Hand what is read once to the `update_step` of an optimizer while a step is traced."""
    plain, counter = optimizer.update_step, optimizer._iterations
    read: dict[Any, tuple[Any, Any]] = {}

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> Any:
        graph = tf.compat.v1.get_default_graph()
        if graph not in read:  # branches are graphs of their own
            read[graph] = tf.identity(counter.value), ops.convert_to_tensor(learning_rate)
        with _counting(optimizer, read[graph][0]):
            return plain(gradient, variable, read[graph][1])

    object.__setattr__(optimizer, "update_step", update_step)
    try:
        yield
    finally:
        optimizer.__dict__.pop("update_step")


@contextlib.contextmanager
def _counting(optimizer: Any, number: Any) -> Iterator[None]:
    """Let `number` be that of the step."""
    counter = optimizer._iterations
    object.__setattr__(optimizer, "_iterations", number)
    try:
        yield
    finally:
        object.__setattr__(optimizer, "_iterations", counter)
