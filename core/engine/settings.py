"""Puts the settings of Keras and TensorFlow back that the code of a project has changed: the next run is another's."""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

PAIRS = (
    (keras.config.floatx, keras.config.set_floatx),
    (keras.config.epsilon, keras.config.set_epsilon),
    (keras.config.image_data_format, keras.config.set_image_data_format),
    (keras.config.dtype_policy, keras.config.set_dtype_policy),
    (keras.config.max_epochs, keras.config.set_max_epochs),
    (keras.config.max_steps_per_epoch, keras.config.set_max_steps_per_epoch),
    (tf.config.functions_run_eagerly, tf.config.run_functions_eagerly),
)
"""What asks for a setting, and what makes it."""


@contextlib.contextmanager
def settings_kept() -> Iterator[None]:
    """Leave every setting as it was before."""
    before = [ask() for ask, _ in PAIRS]
    try:
        yield
    finally:
        for (_, make), value in zip(PAIRS, before, strict=True):
            make(value)
