"""What can be chosen, as tables made from the installed Keras's own signatures by scripts/make_catalogue.py.

The tables are JSON beside this file and are read when they are first asked for; nothing here imports Keras.
"""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from pydantic import TypeAdapter

from core.catalogue.entries import Entry, LossEntry, Parameter, ParameterType

__all__ = [
    "Entry",
    "LossEntry",
    "Parameter",
    "ParameterType",
    "activations",
    "cells",
    "constraints",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "ops",
    "optimizers",
    "regularizers",
    "schedules",
]

FOLDER = Path(__file__).parent

E = TypeVar("E", bound=Entry)


@functools.cache
def layers() -> Mapping[str, Entry]:
    """Every layer of `keras.layers` that a functional model can use without subclassing."""
    return _entries("layers", Entry)


@functools.cache
def cells() -> Mapping[str, Entry]:
    """The cells that an `RNN` layer can run; they stand inside it only, never as a node."""
    return _entries("cells", Entry)


@functools.cache
def activations() -> Mapping[str, Entry]:
    """Every activation, by the name that goes into a layer's config."""
    return _entries("activations", Entry)


@functools.cache
def initializers() -> Mapping[str, Entry]:
    """Every class of `keras.initializers`."""
    return _entries("initializers", Entry)


@functools.cache
def regularizers() -> Mapping[str, Entry]:
    """Every class of `keras.regularizers`."""
    return _entries("regularizers", Entry)


@functools.cache
def constraints() -> Mapping[str, Entry]:
    """Every class of `keras.constraints`."""
    return _entries("constraints", Entry)


@functools.cache
def losses() -> Mapping[str, LossEntry]:
    """Every class of `keras.losses`; its arguments are always y_true and y_pred."""
    return _entries("losses", LossEntry)


@functools.cache
def metrics() -> Mapping[str, LossEntry]:
    """Every class of `keras.metrics` that compares y_true with y_pred."""
    return _entries("metrics", LossEntry)


@functools.cache
def optimizers() -> Mapping[str, Entry]:
    """Every class of `keras.optimizers`."""
    return _entries("optimizers", Entry)


@functools.cache
def schedules() -> Mapping[str, Entry]:
    """Every class of `keras.optimizers.schedules`."""
    return _entries("schedules", Entry)


@functools.cache
def ops() -> frozenset[str]:
    """The names of `keras.ops` that are safe in an expression: tensors in, tensors out."""
    return frozenset(json.loads(_read("ops")))


def _read(table: str) -> bytes:
    return (FOLDER / f"{table}.json").read_bytes()


def _entries(table: str, kind: type[E]) -> Mapping[str, E]:
    adapter: TypeAdapter[tuple[E, ...]] = TypeAdapter(tuple[kind, ...])  # type: ignore[valid-type]
    return MappingProxyType({entry.name: entry for entry in adapter.validate_json(_read(table))})
