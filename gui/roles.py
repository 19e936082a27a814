"""What a column of the data is for: input, target, or nothing, and the edits that make it so.

Numbers that are inputs share one field, `features`, and one input of that name; texts, categories and images
have a field and an input each, and every target has its own field.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from core.project.edits import fresh_name, put, remove
from core.project.facts import ColumnFacts
from core.project.schema import Field, Input, NumberField, Project

Role = Literal["none", "input", "target"]
FEATURES = "features"


def roles(project: Project) -> Mapping[str, Role]:
    """The role of every column that a field uses; a field that feeds an input makes its columns inputs."""
    fed = {part.field for part in project.model.inputs.values()}
    found: dict[str, Role] = {}
    for name, field in project.data.fields.items():
        for column in field.columns:
            if found.get(column) != "input":
                found[column] = "input" if name in fed else "target"
    return found


def with_role(
    project: Project, columns: Mapping[str, ColumnFacts], chosen: Iterable[str], role: Role
) -> Project:
    """Give the `chosen` columns another role; `columns` says what they hold."""
    known = roles(project)
    for column in chosen:
        if known.get(column, "none") != role:
            project = _without(project, column)
            project = _with(project, column, columns[column], role)
    return project


def _with(project: Project, column: str, facts: ColumnFacts, role: Role) -> Project:
    from core.data import suggest_field  # brings pandas along

    if role == "none":
        return project
    field = suggest_field(column, facts)
    if role == "target":
        return put(project, f"field:{_field_name(project, column)}", field)
    if isinstance(field, NumberField) and field.shape is None:
        return _with_feature(project, column)
    name = _field_name(project, column)
    project = put(project, f"field:{name}", field)
    return put(project, f"input:{fresh_name(project, 'input', name)}", Input(field=name))


def _with_feature(project: Project, column: str) -> Project:
    name = _features(project)
    if name is None:
        name = fresh_name(project, "field", FEATURES)
        project = put(project, f"field:{name}", NumberField(columns=(column,), scaling="standardize"))
        return put(project, f"input:{fresh_name(project, 'input', name)}", Input(field=name))
    field = project.data.fields[name]
    return put(project, f"field:{name}", field.model_copy(update={"columns": (*field.columns, column)}))


def _features(project: Project) -> str | None:
    """The field that numbers are gathered in: the first plain one that feeds an input."""
    fields = project.data.fields
    for part in project.model.inputs.values():
        field: Field | None = fields.get(part.field)
        if isinstance(field, NumberField) and field.shape is None:
            return part.field
    return None


def _without(project: Project, column: str) -> Project:
    """Take a column out of every field; a field that is left empty goes, with the inputs it feeds."""
    for name, field in project.data.fields.items():
        if column not in field.columns:
            continue
        kept = tuple(other for other in field.columns if other != column)
        if kept:
            project = put(project, f"field:{name}", field.model_copy(update={"columns": kept}))
        else:
            fed = [f"input:{key}" for key, part in project.model.inputs.items() if part.field == name]
            project = remove(project, [*fed, f"field:{name}"])
    return project


def _field_name(project: Project, column: str) -> str:
    """A free name made from a column's: `Flipper length (mm)` gives `flipper_length_mm`."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", column).strip("_")
    if not plain or not plain[0].isalpha():
        plain = f"column_{plain}".rstrip("_")
    return fresh_name(project, "field", plain[:60])
