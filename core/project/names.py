"""Which names a part may have: what Keras takes, what is not taken, and what the history keeps for itself."""

import re
from collections.abc import Iterable

from core.project.parts import kind_of, parts
from core.project.schema import Project

MAX_LENGTH = 80
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
RESERVED = frozenset(
    {"loss", "total", "regularization", "epoch", "step", "batch", "size", "learning_rate", "lr"}
)
"""Columns of the history that Keras or Lossmith write themselves: a term of such a name would overwrite
them."""
SHARED = {
    "input": ("input", "layer"),
    "layer": ("input", "layer"),
    "term": ("term", "metric"),
    "metric": ("term", "metric"),
}
"""Inputs and layers are named in one list (`from`), terms and metrics in one history."""


def spaces(kind: str) -> tuple[str, ...]:
    """Return the kinds that may not share a name with a part of `kind`."""
    return SHARED.get(kind, (kind_of(kind),))


def taken(project: Project, kind: str) -> set[str]:
    """Return the names that a new part of `kind` cannot have."""
    return {name for space in spaces(kind) for name in parts(project, space)}


def refusal(kind: str, name: str) -> str | None:
    """Return why no part of `kind` can have this name, as a sentence, or None when it can."""
    if not name:
        return f"A {kind} needs a name."
    if len(name) > MAX_LENGTH:
        return f"The name is longer than {MAX_LENGTH} characters."
    if not NAME.fullmatch(name):
        return f'"{name}" is no name that Keras takes: begin with a letter, go on with letters, digits and _.'
    return reserved(kind, name)


def reserved(kind: str, name: str) -> str | None:
    """Return why the history keeps this name for itself, as a sentence, or None when it is free."""
    if kind not in ("term", "metric"):
        return None
    if name in RESERVED:
        return f'"{name}" is a column that every training history has, so no {kind} can be called that.'
    if name.startswith("val_"):
        return (
            f'"{name}" begins with val_, which marks validation values in the history; leave the prefix out.'
        )
    return None


def fresh_name(project: Project, kind: str, base: str) -> str:
    """Return a free name for a new part of `kind`, made from `base`: `Dense` gives dense, dense_2, ..."""
    return free_name(kind, base, taken(project, kind))


def free_name(kind: str, base: str, used: Iterable[str]) -> str:
    """Return a name made from `base` that is a name, not reserved and not among `used`."""
    used = set(used)
    word = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", base).strip("_").lower()[: MAX_LENGTH - 8]
    word = re.sub(r"^(val_)+", "", word) if kind in ("term", "metric") else word
    if not NAME.fullmatch(word) or reserved(kind, word):
        word = f"{kind}_{word}".rstrip("_")
    if word not in used:
        return word
    number = 2
    while f"{word}_{number}" in used:
        number += 1
    return f"{word}_{number}"
