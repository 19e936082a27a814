"""The named parts of a project by their kind: one place that knows where layers, heads, terms and the others
live."""

from collections.abc import Mapping
from typing import Any

from core.project.schema import (
    MAX_PARTS,
    CategoryField,
    FrozenMap,
    Head,
    ImageField,
    Input,
    Layer,
    Metric,
    NumberField,
    Part,
    Project,
    Term,
    TextField,
)

TYPES: Mapping[str, tuple[type[Part], ...]] = {
    "field": (NumberField, CategoryField, TextField, ImageField),
    "input": (Input,),
    "layer": (Layer,),
    "head": (Head,),
    "term": (Term,),
    "metric": (Metric,),
}
SAME = {"target": "field"}
"""A target is a field, seen from a term."""


def kind_of(kind: str) -> str:
    """Return the kind that holds the parts of `kind`: a target lives among the fields."""
    return SAME.get(kind, kind)


def parts(project: Project, kind: str) -> Mapping[str, Any]:
    """Return the parts of a kind by name. Raises KeyError for a kind that holds no named parts."""
    holders: Mapping[str, Mapping[str, Any]] = {
        "field": project.data.fields,
        "input": project.model.inputs,
        "layer": project.model.layers,
        "head": project.model.heads,
        "term": project.terms,
        "metric": project.metrics,
    }
    return holders[kind_of(kind)]


def with_parts(project: Project, kind: str, changed: Mapping[str, Any]) -> Project:
    """Return the project with other parts of a kind. Raises ValueError where there would be too many."""
    if len(changed) > MAX_PARTS:
        raise ValueError(f"A project holds at most {MAX_PARTS:,} parts of one kind.")
    frozen = FrozenMap(changed)
    kind = kind_of(kind)
    if kind == "field":
        return project.model_copy(update={"data": project.data.model_copy(update={"fields": frozen})})
    if kind in ("term", "metric"):
        return project.model_copy(update={f"{kind}s": frozen})
    return project.model_copy(update={"model": project.model.model_copy(update={f"{kind}s": frozen})})


def changed_parts(project: Project, kind: str, change: Any) -> Project:
    """Apply `change(part)` to every part of a kind; parts it returns unchanged stay the same objects."""
    before = parts(project, kind)
    after = {name: change(part) for name, part in before.items()}
    if all(after[name] is part for name, part in before.items()):
        return project
    return with_parts(project, kind, after)
