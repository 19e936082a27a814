"""Finds the part of a model that a step's bad values began with: one step is computed slowly, every layer's output and
every gradient is looked at, and the first in the order of computation that is not finite is to blame.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from core.project.badvalues import Cause

MOST_TRIES = 400
"""How often a term may be computed to find the rows that spoil it."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Blame:
    """What began to be bad: `name` of the input, target, layer or term that `cause` says.

    `value` is the tensor in which it shows. `terms` went bad with it; `rows` tells which rows of the batch are to
    blame, None where that cannot be told.
    """

    cause: Cause
    name: str = ""
    value: Any = None
    layer: str | None = None
    terms: tuple[str, ...] = ()
    rows: Mask | None = None

    @property
    def nan(self) -> bool:
        """Whether there is a NaN among the values, and not only infinities."""
        return self.value is None or bool(tf.reduce_any(tf.math.is_nan(self.value)))


@dataclass(frozen=True)
class Operation:
    """A layer's call: what went in and came out."""

    name: str
    layer: Any
    inputs: Sequence[Any]
    outputs: Sequence[Any]


class Step:
    """One step of `model` on the batch `x`, `y`, computed with everything kept. The model is left as it is but for
    its random seeds.
    """

    def __init__(self, model: Any, x: Any, y: Any, training: bool = True):
        self.model, self.x, self.y = model, _tensors(x), _tensors(y)
        self._training = training
        with tf.GradientTape(persistent=True) as self.tape:
            self.outputs, self.operations = _flow(model, self.x, training)
            self.terms: Mapping[str, Any] = model.terms(self.x, self.y, self.outputs)
            self.penalties = [tf.reduce_sum(tf.cast(loss, tf.float32)) for loss in model.losses]
            self.total = self._total()

    @property
    def bad_terms(self) -> tuple[str, ...]:
        """The terms whose values are not finite."""
        return tuple(name for name, value in self.terms.items() if is_bad(value))

    def blame(self, may_miss: Callable[[str], bool], targets: Mapping[str, Sequence[str]]) -> Blame | None:
        """Return what began it, None where everything is finite, in training the gradients too.

        `may_miss` says whether a target may be NaN; `targets` are those of each term.
        """
        found = self._forward() or self._target(may_miss, targets) or self._term() or self._penalty()
        if found or not self._training:  # nobody computes gradients in a validation
            return found
        return self._gradient_of_term() or self._gradient_of_layer()

    def compute_terms(self) -> object:
        """Compute the terms once more."""
        return self.model.terms(self.x, self.y, self.outputs)

    def label(self, target: str, may_miss: bool) -> Any:
        """The values of a target as floats, 1 where one is missing that may be."""
        value = self.as_float(self.y[target])
        return tf.where(tf.math.is_nan(value), tf.ones_like(value), value) if may_miss else value

    @staticmethod
    def as_float(value: Any) -> Any:
        """Class codes are whole numbers, which formulas get as floats."""
        return tf.cast(value, tf.float32) if value.dtype.is_integer else value

    # ---- forward

    def _forward(self) -> Blame | None:
        """The first operation whose output is bad, or the input that it got so."""
        for operation in self.operations:
            bad = next((value for value in operation.outputs if is_bad(value)), None)
            if bad is None:
                continue
            given = self._input(operation)
            if given is not None:
                return given
            return Blame("layer", operation.name, bad, operation.name, self.bad_terms, self._rows_of(bad))
        return None

    def _input(self, operation: Operation) -> Blame | None:
        """The input that was bad before the first operation, if it was."""
        for name, value in self.x.items():
            if is_bad(value) and any(is_bad(each) for each in operation.inputs):
                return Blame("input", name, value, operation.name, self.bad_terms, self._rows_of(value))
        return None

    def _target(self, may_miss: Callable[[str], bool], targets: Mapping[str, Sequence[str]]) -> Blame | None:
        for term in self.bad_terms:
            for name in targets.get(term, ()):
                value = self.y.get(name)
                if value is not None and value.dtype.is_floating and may_miss(name):
                    value = tf.where(tf.math.is_nan(value), tf.zeros_like(value), value)
                if value is not None and is_bad(value):
                    return Blame("target", name, value, None, self.bad_terms, self._rows_of(value))
        return None

    def _term(self) -> Blame | None:
        for name in self.bad_terms:
            return Blame("term", name, self.terms[name], None, self.bad_terms, self._spoiling_rows(name))
        return None

    def _penalty(self) -> Blame | None:
        bad = next((value for value in self.penalties if is_bad(value)), None)
        if bad is None:
            return None
        layers = (layer for layer in self.model.layers if any(is_bad(loss) for loss in layer.losses))
        return Blame("regularization", "", bad, next((layer.name for layer in layers), None))

    # ---- backward

    def _gradient_of_term(self) -> Blame | None:
        """The first term whose gradient is bad where it leaves the loss."""
        heads = [value for value in self.outputs.values() if value.dtype.is_floating]
        for name, value in self.terms.items():
            bad = _first_bad(self.tape.gradient(value, heads))
            if bad is not None:
                return Blame("gradient", name, bad, None, (), self._rows_of(bad))
        return None

    def _gradient_of_layer(self) -> Blame | None:
        """The first operation, coming from the loss, that makes a finite gradient bad."""
        gradient = self._gradients()
        for operation in reversed(self.operations):
            if any(is_bad(gradient(value)) for value in operation.outputs):
                continue
            inputs = [gradient(value) for value in operation.inputs]
            weights = [gradient(each) for each in _weights(operation)]
            bad = _first_bad([*inputs, *weights])
            if bad is not None:
                rows = self._rows_of(bad) if _first_bad(inputs) is not None else None
                return self._input(operation) or Blame(
                    "gradient", operation.name, bad, operation.name, (), rows
                )
        return None

    def _gradients(self) -> Callable[[Any], Any]:
        """What gives the gradient of the total with respect to a tensor or weight that took part."""
        parts = [[*each.inputs, *each.outputs, *_weights(each)] for each in self.operations]
        known = {id(value): value for part in parts for value in part if value.dtype.is_floating}
        found = dict(zip(known, self.tape.gradient(self.total, list(known.values())), strict=True))
        return lambda value: found.get(id(value))

    def _total(self) -> Any:
        weights = self.model.term_weights
        weighted = [tf.cast(weights[name], value.dtype) * value for name, value in self.terms.items()]
        return tf.add_n([tf.cast(each, tf.float32) for each in (*weighted, *self.penalties)])

    # ---- rows

    @property
    def count(self) -> int:
        """Rows of the batch."""
        return int(next(iter(self.outputs.values())).shape[0])

    def _rows_of(self, value: Any) -> Mask | None:
        if not len(value.shape) or value.shape[0] != self.count:
            return None
        return ~np.isfinite(np.asarray(tf.cast(value, tf.float32))).reshape(self.count, -1).all(axis=1)

    def _terms_of(self, rows: NDArray[np.int64]) -> Mapping[str, Any]:
        x, y, outputs = (
            {name: tf.gather(value, rows) for name, value in each.items()}
            for each in (self.x, self.y, self.outputs)
        )
        return self.model.terms(x, y, outputs)

    def _spoiling_rows(self, term: str) -> Mask | None:
        """The rows that make a term bad, by halving the batch again and again."""
        mask, waiting, tries = np.zeros(self.count, bool), [np.arange(self.count)], 0
        try:
            while waiting:
                rows = waiting.pop()
                halves = [half for half in np.array_split(rows, 2) if 0 < len(half) < len(rows)]
                tries += len(halves)
                guilty = (
                    [half for half in halves if is_bad(self._terms_of(half)[term])]
                    if tries < MOST_TRIES
                    else []
                )
                if guilty:
                    waiting += guilty
                else:
                    mask[rows] = True
        except Exception:  # a loss that cannot be computed for fewer rows than a batch
            return None
        return mask


def glance(model: Any) -> Callable[[Mapping[str, Any], Mapping[str, Any]], bool]:
    """Return a function that tells of `x`, `y` whether an output, a term or a penalty of `model` is bad there when it
    does not train. It keeps nothing and is compiled, so that many batches can be looked through.
    """

    def finite(x: Mapping[str, Any], y: Mapping[str, Any]) -> Any:
        outputs = model(x, training=False)
        values = (*outputs.values(), *model.terms(x, y, outputs).values(), *model.losses)
        return tf.reduce_all([_all_finite(value) for value in values if _is_floating(value)])

    look = finite if model.run_eagerly else tf.function(finite, autograph=False)
    return lambda x, y: not bool(look(_tensors(x), _tensors(y)))


def is_bad(value: Any) -> bool:
    """Whether a tensor holds NaN or infinity."""
    return _is_floating(value) and not bool(_all_finite(value))


def _is_floating(value: Any) -> bool:
    dtype = getattr(value, "dtype", None)
    return isinstance(dtype, tf.DType) and dtype.is_floating


def _all_finite(value: Any) -> Any:
    return tf.reduce_all(tf.math.is_finite(value))


def _weights(operation: Operation) -> list[Any]:
    return [weight.value for weight in getattr(operation.layer, "trainable_variables", ())]


def _first_bad(values: Sequence[Any]) -> Any:
    dense = (tf.convert_to_tensor(value) for value in values if value is not None)
    return next((value for value in dense if is_bad(value)), None)


def _tensors(arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tf.convert_to_tensor(values) for name, values in arrays.items()}


def _flow(model: Any, x: Mapping[str, Any], training: bool) -> tuple[Mapping[str, Any], list[Operation]]:
    """Compute `model`, and tell what went into and came out of every operation, in the order of computation."""
    depths = getattr(model, "_nodes_by_depth", None)
    if not depths:  # no functional model: its layers cannot be looked into
        return model(x, training=training), []
    nodes = [node for depth in sorted(depths, reverse=True) for node in depths[depth] if not node.is_input]
    known = {id(tensor): tensor for node in nodes for tensor in _tensors_of(node)}
    looking = keras.Model(model.input, [model.output, list(known.values())])
    outputs, values = looking(x, training=training)
    found = dict(zip(known, values, strict=True))
    return outputs, [
        Operation(
            node.operation.name,
            node.operation,
            [found[id(tensor)] for tensor in node.arguments.keras_tensors],
            [found[id(tensor)] for tensor in node.outputs],
        )
        for node in nodes
    ]


def _tensors_of(node: Any) -> list[Any]:
    return [*node.arguments.keras_tensors, *node.outputs]
