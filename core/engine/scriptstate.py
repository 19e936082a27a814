"""Finds the variables that a script keeps beside its model: those of functions of the project that count, average or
balance something from step to step. They are part of the state of a training, as the weights are.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

OWNERS = (keras.Layer, keras.metrics.Metric)


class Native:
    """A variable of TensorFlow, used as one of Keras is."""

    def __init__(self, variable: Any):
        self.value, self.name, self.shape = variable, variable.name, variable.shape
        self.dtype = variable.dtype.name

    def assign(self, value: Any) -> None:
        self.value.assign(value)


def variables_beside(model: Any) -> Iterator[tuple[str, Any]]:
    """Every variable that is global in the script which defines the class of `model`, by name; not those of `model`."""
    script = sys.modules.get(type(model).__module__)
    known = {id(variable) for variable in model.variables}
    for name, value in list(vars(script).items()) if script else ():
        for place, variable in _within(value, f"script.{name}"):
            if id(variable) not in known:
                known.add(id(variable))
                yield place, Native(variable) if isinstance(variable, tf.Variable) else variable


def _within(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, keras.Variable | tf.Variable):
        yield place, value
    elif isinstance(value, keras.random.SeedGenerator):
        yield place, value.state
    elif isinstance(value, OWNERS):
        yield from ((f"{place}.{number}", each) for number, each in enumerate(value.variables))
    elif isinstance(value, Mapping | list | tuple):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, each in items:
            yield from _within(each, f"{place}.{key}")
