"""Objects of Keras as Python text: `keras.regularizers.L2(l2=0.0001)`.

A class name becomes code only after it was found in the catalogue, and so do names of parameters; values go
through `literal`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from core import catalogue
from core.catalogue import Entry, Parameter
from core.codegen.code import CannotGenerate
from core.codegen.quoting import literal

MAX_DEPTH = 20


class Kind(NamedTuple):
    """A table of classes: what a user calls one, where Keras keeps them, and the table."""

    word: str
    prefix: str
    table: Callable[[], Mapping[str, Entry]]


LAYER = Kind("layer", "layers", catalogue.layers)
LOSS = Kind("loss", "keras.losses", catalogue.losses)
METRIC = Kind("metric", "keras.metrics", catalogue.metrics)
OPTIMIZER = Kind("optimizer", "keras.optimizers", catalogue.optimizers)
NESTED: Mapping[str, Kind] = {
    "initializer": Kind("initializer", "keras.initializers", catalogue.initializers),
    "regularizer": Kind("regularizer", "keras.regularizers", catalogue.regularizers),
    "constraint": Kind("constraint", "keras.constraints", catalogue.constraints),
    "schedule": Kind("learning rate schedule", "keras.optimizers.schedules", catalogue.schedules),
    "layer": Kind("layer", "layers", lambda: {**catalogue.layers(), **catalogue.cells()}),
}
TUPLES = ("ints", "shape", "floats")
Habits = Callable[[str, Mapping[str, JsonValue]], Sequence[str]]
"""What layers of a class with a config are given in this project besides, as texts of arguments."""


def find(kind: Kind, name: str, where: str) -> Entry:
    """Return the catalogue's entry. Raises CannotGenerate where there is none of that name."""
    entry = kind.table().get(name)
    if entry is None:
        given = f"called {name!r}" if name else "without a name"
        raise CannotGenerate(where, f"The catalogue has no {kind.word} {given}; choose one from the list.")
    return entry


def construct(
    kind: Kind,
    name: str,
    config: Mapping[str, JsonValue],
    where: str,
    extra: Sequence[str] = (),
    depth: int = 0,
    habits: Habits | None = None,
) -> str:
    """Return the call that makes an object of the class `name`; `extra` are further arguments as text, and
    `habits` adds some to every layer, also to one inside another.

    Required parameters come first and without names, as one would write `Dense(64)`; what equals the default
    is left out, except in an optimizer. Raises CannotGenerate for what the catalogue does not know and for a
    required value that is missing.
    """
    entry = find(kind, name, where)
    for key in config:
        if entry.parameter(key) is None:
            raise CannotGenerate(where, f"{name} has no setting called {key!r}; remove it.")
    if depth > MAX_DEPTH:
        raise CannotGenerate(where, f"The settings of {name} are nested too deeply.")
    more = habits(name, config) if habits and kind.prefix == LAYER.prefix else ()
    arguments = _arguments(kind, entry, config, where, depth, habits)
    return f"{kind.prefix}.{name}({', '.join([*arguments, *extra, *more])})"


def _arguments(
    kind: Kind,
    entry: Entry,
    config: Mapping[str, JsonValue],
    where: str,
    depth: int,
    habits: Habits | None,
) -> list[str]:
    texts: list[str] = []
    leading = True
    for parameter in entry.parameters:
        leading = leading and parameter.required
        if parameter.name not in config and parameter.required:
            raise CannotGenerate(where, f"{entry.name} needs a value for {parameter.name}.")
        if parameter.name not in config:
            continue
        if kind is not OPTIMIZER and _is_default(parameter, config[parameter.name]):
            continue
        text = _value(parameter, config[parameter.name], where, depth, habits)
        texts.append(text if leading else f"{parameter.name}={text}")
    return texts


def _is_default(parameter: Parameter, value: JsonValue) -> bool:
    same = type(value) is type(parameter.default) and value == parameter.default
    return same and not parameter.required


def _value(parameter: Parameter, value: JsonValue, where: str, depth: int, habits: Habits | None) -> str:
    if isinstance(value, Mapping) and parameter.type in NESTED:
        return _nested(NESTED[parameter.type], value, where, depth, habits)
    if isinstance(value, list) and parameter.type in TUPLES:
        return literal(_tuples(value))
    if isinstance(value, int) and not isinstance(value, bool) and parameter.type in ("float", "schedule"):
        value = float(value)  # Keras refuses some that are whole numbers
    try:
        return literal(value)
    except (RecursionError, TypeError):
        raise CannotGenerate(where, f"The value of {parameter.name} cannot be written down.") from None


def _nested(kind: Kind, value: Mapping[str, JsonValue], where: str, depth: int, habits: Habits | None) -> str:
    name, config = value.get("class"), value.get("config", {})
    if (
        not isinstance(name, str)
        or not isinstance(config, Mapping)
        or not value.keys() <= {"class", "config"}
    ):
        raise CannotGenerate(where, f'A {kind.word} is written as {{"class": ..., "config": ...}}.')
    return construct(kind, name, config, where, depth=depth + 1, habits=habits)


def _tuples(value: JsonValue) -> object:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
