"""Turbo in a script: steps compiled by XLA.

A script says in any case whether it uses XLA. Keras would decide by itself: on a machine with a GPU it turns XLA on, so
the same script would give other numbers there than the run it comes from.
"""

from core.codegen import devices
from core.project.schema import Training

COMMENT = """    # Turbo: steps are compiled by XLA. That is faster; numbers differ in the last digits from those
    # without it, and random layers draw others."""


def is_on(training: Training) -> bool:
    """Whether steps are compiled by XLA, which Keras does not do among several devices."""
    return training.turbo and not devices.are_shared(training)


def argument(training: Training) -> str:
    """Return the argument of `compile` that says it."""
    return f"jit_compile={is_on(training)}"


def comment(training: Training) -> list[str]:
    """Return the comment that says what it means, as lines of a function's body."""
    return COMMENT.split("\n") if is_on(training) else []
