"""Rules about the source and its columns: what is missing, what cannot be read."""

from collections.abc import Iterator
from difflib import get_close_matches

from core.project.edits import put
from core.project.problems.problem import Fix, Problem
from core.project.problems.view import View
from core.project.references import exists
from core.project.schema import Field, Project


def no_source(view: View) -> Iterator[Problem]:
    """Nothing can be trained without rows."""
    if view.project.data.source is None:
        yield Problem(
            "no-data", "blocking", "data", "There is no data yet: open a file or a bundled data set."
        )


def unreadable_source(view: View) -> Iterator[Problem]:
    """The source could not be read at all."""
    if view.data is not None and view.data.error and view.project.data.source is not None:
        yield Problem("unreadable-data", "blocking", "data", view.data.error)


def fields_without_columns(view: View) -> Iterator[Problem]:
    """A field that no column feeds."""
    for name, field in view.project.data.fields.items():
        if field.columns:
            continue
        message = f"No column feeds the field {name}: choose one in the data panel."
        fix = _with_columns(name, (name,), f"Use the column {name}") if name in view.columns else None
        yield Problem("no-column", "blocking", f"field:{name}", message, fix)


def missing_columns(view: View) -> Iterator[Problem]:
    """A column that the source does not have."""
    if not view.columns:
        return
    for name, field in view.project.data.fields.items():
        for column in field.columns:
            if column not in view.columns:
                yield _missing_column(view, name, field, column)


def other_data_errors(view: View) -> Iterator[Problem]:
    """What reading the data said about single parts, where no rule of ours knows more."""
    if view.data is None or view.data.error:
        return
    for where, sentence in view.data.errors.items():
        if exists(view.project, where) and not _explained(view, where):
            yield Problem("data-error", "blocking", where, sentence)


def repeated_columns(view: View) -> Iterator[Problem]:
    """One column twice in one field."""
    for name, field in view.project.data.fields.items():
        once = tuple(dict.fromkeys(field.columns))
        if once != field.columns:
            message = f"The field {name} takes a column more than once."
            yield Problem(
                "column-twice", "warning", f"field:{name}", message, _with_columns(name, once, "Take it once")
            )


def single_columns(view: View) -> Iterator[Problem]:
    """Texts, images and one-hot categories come from one column each."""
    for name, field in view.project.data.fields.items():
        single = field.kind in ("text", "image") or (field.kind == "category" and field.encoding == "onehot")
        if single and len(field.columns) > 1:
            what = "one-hot" if field.kind == "category" else field.kind
            message = (
                f"The {what} field {name} takes one column, not {len(field.columns)}: make a field for each."
            )
            fix = _with_columns(name, field.columns[:1], f"Keep only {field.columns[0]}")
            yield Problem("too-many-columns", "blocking", f"field:{name}", message, fix)


def _missing_column(view: View, name: str, field: Field, column: str) -> Problem:
    near = get_close_matches(column, [other for other in view.columns if other not in field.columns], 1)
    if near:
        columns = tuple(near[0] if other == column else other for other in field.columns)
        fix = _with_columns(name, columns, f"Use the column {near[0]}")
    else:
        columns = tuple(other for other in field.columns if other != column)
        fix = _with_columns(name, columns, "Take it out of the field")
    message = f"The field {name} needs the column {column}, which the data does not have."
    return Problem("missing-column", "blocking", f"field:{name}", message, fix)


def _explained(view: View, where: str) -> bool:
    field = view.project.data.fields.get(where.partition(":")[2])
    return field is not None and (
        not field.columns or any(column not in view.columns for column in field.columns)
    )


def _with_columns(name: str, columns: tuple[str, ...], label: str) -> Fix:
    def apply(project: Project) -> Project:
        field = project.data.fields[name].model_copy(update={"columns": columns})
        return put(project, f"field:{name}", field)

    return Fix(label, apply)
