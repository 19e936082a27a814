"""Finds the line of a script whose computation gives NaN or infinity first."""

import traceback
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf


def guilty_line(compute: Callable[[], object], script: Path) -> int | None:
    """Run `compute` with every operation checked; return the innermost line of `script` that ran when the first gave
    NaN or infinity, None where none did or that cannot be told.
    """
    tf.debugging.enable_check_numerics()
    try:
        compute()
    except tf.errors.InvalidArgumentError as error:
        frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename == str(script)]
        return frames[-1].lineno if frames else None
    finally:
        tf.debugging.disable_check_numerics()
    return None
