"""References, the one way parts of a project name each other: `head:prediction`, `layer:trunk`, `target:rating`.

The same strings name nodes on the canvas, places of problems and lines of the script, so that selecting one
selects all.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

from core.project.schema import Metric, Project, Term

Kind = Literal[
    "field",
    "input",
    "layer",
    "head",
    "target",
    "term",
    "metric",
    "data",
    "split",
    "training",
    "functions",
    "total",
    "regularization",
]
KINDS: tuple[str, ...] = get_args(Kind)


class Reference(NamedTuple):
    """A kind and a name; the name is empty for what exists once (`total`, `training`)."""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


def parse(text: str) -> Reference | None:
    """Return the reference that `text` spells, or None when it spells none."""
    kind, _, name = text.partition(":")
    return Reference(kind, name) if kind in KINDS else None


def exists(project: Project, text: str) -> bool:
    """Whether the part that `text` names is in the project."""
    reference = parse(text)
    if reference is None:
        return False
    parts = {
        "field": project.data.fields,
        "target": project.data.fields,
        "input": project.model.inputs,
        "layer": project.model.layers,
        "head": project.model.heads,
        "term": project.terms,
        "metric": project.metrics,
    }.get(reference.kind)
    return not reference.name if parts is None else reference.name in parts


def targets(project: Project) -> Iterator[str]:
    """The fields that terms or metrics use as targets, each once, in the order of the data."""
    parts: tuple[Term | Metric, ...] = (*project.terms.values(), *project.metrics.values())
    bound = {
        value.removeprefix("target:")
        for part in parts
        for value in part.bind.values()
        if value.startswith("target:")
    }
    return (name for name in project.data.fields if name in bound)
