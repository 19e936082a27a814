"""Shapes that need no Keras: what the plainest layers do to a shape, so that problems appear while one is
typing.

Everything else is None here, and Keras's own word for it comes with the facts from the engine.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from pydantic import JsonValue

from core.project.facts import Shape

Config = Mapping[str, JsonValue]

UNCHANGED = frozenset(
    {
        *("Activation", "ActivityRegularization", "AlphaDropout", "BatchNormalization", "Dropout", "ELU"),
        *("GaussianDropout", "GaussianNoise", "GroupNormalization", "Identity", "LayerNormalization"),
        *(
            "LeakyReLU",
            "Masking",
            "Normalization",
            "PReLU",
            "RMSNormalization",
            "ReLU",
            "Rescaling",
            "Softmax",
        ),
        *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "UnitNormalization"),
    }
)
ELEMENTWISE = frozenset({"Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"})
RECURRENT = frozenset({"GRU", "LSTM", "SimpleRNN"})


def output_shape(class_name: str, config: Config, inputs: Sequence[Shape | None]) -> Shape | None:
    """Return the shape that a layer gives for these input shapes, without the batch; None where that is
    not known.
    """
    known = [shape for shape in inputs if shape is not None]
    if not known or len(known) < len(inputs):
        return None
    if class_name in ELEMENTWISE:
        return known[0] if all(shape == known[0] for shape in known) else None
    if class_name == "Concatenate":
        return _concatenated(config, known)
    if len(known) > 1:
        return None
    if class_name in UNCHANGED:
        return known[0]
    rule = RULES.get("recurrent" if class_name in RECURRENT else class_name)
    return rule(config, known[0]) if rule else None


def whole(value: JsonValue) -> int | None:
    """Return `value` if it is a positive whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _concatenated(config: Config, shapes: Sequence[Shape]) -> Shape | None:
    if config.get("axis", -1) != -1 or any(shape[:-1] != shapes[0][:-1] or not shape for shape in shapes):
        return None
    lengths = [shape[-1] for shape in shapes]
    total = None if None in lengths else sum(length for length in lengths if length)
    return (*shapes[0][:-1], total)


def _dense(config: Config, shape: Shape) -> Shape | None:
    units = whole(config.get("units"))
    return (*shape[:-1], units) if units and shape else None


def _embedding(config: Config, shape: Shape) -> Shape | None:
    length = whole(config.get("output_dim"))
    return (*shape, length) if length else None


def _flat(_config: Config, shape: Shape) -> Shape | None:
    lengths = [length for length in shape if length is not None]
    return (math.prod(lengths),) if len(lengths) == len(shape) else None


def _pooled(config: Config, shape: Shape) -> Shape | None:
    plain = not config.get("keepdims") and config.get("data_format") in (None, "channels_last")
    return shape[-1:] if plain and len(shape) > 1 else None


def _recurrent(config: Config, shape: Shape) -> Shape | None:
    units = whole(config.get("units"))
    if units is None or len(shape) != 2:
        return None
    return (shape[0], units) if config.get("return_sequences") is True else (units,)


def _reshaped(config: Config, _shape: Shape) -> Shape | None:
    given = config.get("target_shape")
    lengths = [whole(item) for item in given] if isinstance(given, list) else [None]
    return tuple(lengths) if None not in lengths else None


RULES: Mapping[str, Callable[[Config, Shape], Shape | None]] = {
    "Dense": _dense,
    "Embedding": _embedding,
    "Flatten": _flat,
    "GlobalAveragePooling1D": _pooled,
    "GlobalAveragePooling2D": _pooled,
    "GlobalMaxPooling1D": _pooled,
    "GlobalMaxPooling2D": _pooled,
    "Reshape": _reshaped,
    "recurrent": _recurrent,
}
