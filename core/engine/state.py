"""The state of a training, exactly: every variable that a step changes, and what early stopping remembers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.random import seed_generator
from numpy.typing import NDArray

from core.engine.scriptstate import variables_beside
from core.runs.checkpoint import Checkpoint

Arrays = Mapping[str, NDArray[Any]]
COUNTERS = ("best", "wait", "stopped_epoch", "best_epoch")


class DoesNotFit(RuntimeError):
    """A checkpoint is of another model than the script builds; `str()` is a sentence."""


def size(model: Any) -> int:
    """Bytes of the state of `model`."""
    return sum(int(variable.value.dtype.size * np.prod(variable.shape)) for _, variable in _variables(model))


def arrays(model: Any, callbacks: Sequence[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield copies of all that a training of `model` with `callbacks` has changed, one by one."""
    for name, variable in _variables(model):
        yield name, np.array(tf.convert_to_tensor(variable.value))
    for number, stopping in _stoppings(callbacks):
        for place, best in enumerate(stopping.best_weights or ()):
            yield f"stopping.{number}.{place}", best


def facts(model: Any, callbacks: Sequence[Any]) -> dict[str, Any]:
    """Return what else belongs to the state, as JSON values."""
    counters = [[_plain(getattr(each, key)) for key in COUNTERS] for _, each in _stoppings(callbacks)]
    return {"variables": _signature(model), "stopping": counters}


def restore(model: Any, callbacks: Sequence[Any], checkpoint: Checkpoint) -> None:
    """Put `model` and `callbacks`, just begun, into the state of `checkpoint`. Raises DoesNotFit."""
    noted = checkpoint.place.facts
    if "seed" in checkpoint.arrays:
        seed_generator.global_seed_generator()  # Keras makes it when it is first used
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    stoppings = _stoppings(callbacks)
    if _signature(model) != noted["variables"] or len(stoppings) != len(noted["stopping"]):
        raise DoesNotFit(
            "The checkpoint is of another model than train.py builds: train.py or the version of Keras has "
            "changed since, so the run cannot go on; train its project again"
        )
    put(model, checkpoint.arrays)
    for (number, stopping), counters in zip(stoppings, noted["stopping"], strict=True):
        for key, value in zip(COUNTERS, counters, strict=True):
            setattr(stopping, key, value)
        names = (f"stopping.{number}.{place}" for place in range(len(model.weights)))
        best = [checkpoint.arrays[name] for name in names if name in checkpoint.arrays]
        stopping.best_weights = best or None


def put(model: Any, found: Arrays) -> None:
    """Give every variable of `model` the value it has in `found`, by the names of `arrays`."""
    for name, variable in _variables(model):
        if name in found:  # a global seed may have been made since
            variable.assign(_typed(found[name], variable))


def finite(model: Any) -> bool:
    """Whether every weight that `model` learns is a finite number."""
    learnt = (variable.value for variable in model.trainable_variables)
    return all(bool(tf.reduce_all(tf.math.is_finite(each))) for each in learnt if each.dtype.is_floating)


def _variables(model: Any) -> Iterator[tuple[str, Any]]:
    """Every variable that a step may change, by a name that is the same in every process."""
    for number, variable in enumerate(model.variables):
        yield f"model.{number}.{variable.name}", variable
    for number, variable in enumerate(model.optimizer.variables):
        yield f"optimizer.{number}", variable  # Keras counts some of their names on and on
    yield from variables_beside(model)
    generator = global_state.get_global_attribute(seed_generator.GLOBAL_SEED_GENERATOR)
    if generator is not None:
        yield "seed", generator.state


def _signature(model: Any) -> list[list[Any]]:
    """The variables by name, shape and type. A global seed is made late, so it is no sign of anything."""
    found = ((name, variable) for name, variable in _variables(model) if name != "seed")
    return [[name, list(variable.shape), variable.dtype] for name, variable in found]


def _stoppings(callbacks: Sequence[Any]) -> list[tuple[int, Any]]:
    early = [each for each in callbacks if isinstance(each, keras.callbacks.EarlyStopping)]
    return list(enumerate(early))


def _plain(value: Any) -> float | int | None:
    return value if value is None or isinstance(value, int) else float(value)


def _typed(array: NDArray[Any], variable: Any) -> NDArray[Any]:
    """Types that NumPy does not know by itself, as bfloat16, come back from a file as bare bytes."""
    if array.dtype.kind != "V":
        return array
    return array.view(tf.as_dtype(variable.dtype).as_numpy_dtype)
