"""Sheets of the data: fields and the split."""

from typing import Any

from core.catalogue import Parameter
from core.project.edits import put
from core.project.facts import Facts
from core.project.schema import CategoryField, Field, ImageField, NumberField, Project, TextField
from gui.panels.inspecting.rows import SEED_HELP, choice_row, name_row, number_row, shaped
from gui.panels.sheets import Edit, Heading, Row, Said, Sheet
from gui.widgets.searchmenu import Choice

KINDS: dict[str, type[NumberField] | type[CategoryField] | type[TextField] | type[ImageField]] = {
    "number": NumberField,
    "category": CategoryField,
    "text": TextField,
    "image": ImageField,
}
KIND_HELP = "How the columns are read: as numbers, as one of several classes, as text, or as paths of images."
SCALINGS = (
    Choice("none", "as they are"),
    Choice("standardize", "mean 0, deviation 1"),
    Choice("minmax", "0 to 1"),
)
MISSING = (
    Choice("drop", "drop the row"),
    Choice("fill", "fill it in"),
    Choice("keep", "keep it; terms skip it"),
)
SPLITS = (
    Choice("random", "at random"),
    Choice("stratified", "same shares of each class"),
    Choice("time", "the last rows in time"),
    Choice("column", "as a column says"),
)
SPLIT_HELP = "Which rows train, which validate after every epoch, and which are kept for a test at the end."


def field_sheet(project: Project, facts: Facts, name: str) -> Sheet:
    """A field: how its columns become an array."""
    field = project.data.fields[name]
    rows: list[Row] = [
        name_row(f"field:{name}"),
        choice_row("kind", "kind", field.kind, KINDS, lambda p, v: _with_kind(p, name, v), KIND_HELP),
        Said("columns", "columns", _columns(field)),
        *_setting_rows(field, name),
        *_fact_rows(facts, name),
    ]
    uses = ["input" if any(part.field == name for part in project.model.inputs.values()) else "target"]
    return Sheet(name, f"field · {uses[0]}", tuple(rows), "A named array made from columns of the data.")


def _setting_rows(field: Field, name: str) -> list[Row]:
    def change(key: str) -> Any:
        return lambda project, value: _with(project, name, key, value)

    missing = choice_row("missing", "missing values", field.missing, _missing(field), change("missing"))
    match field:
        case NumberField():
            shape = Parameter(name="shape", type="shape", optional=True)
            tip = "The shape of one row, where the columns are an image or a sequence: 28, 28, 1."
            return [
                choice_row(
                    "scaling",
                    "scaling",
                    field.scaling,
                    SCALINGS,
                    change("scaling"),
                    "Fitted on training rows.",
                ),
                missing,
                *_fill_rows(field, name),
                Edit(
                    "shape",
                    "shape",
                    shape,
                    field.shape,
                    lambda p, v: _with(p, name, "shape", _tuple(v)),
                    help=tip,
                ),
            ]
        case CategoryField():
            codes = (Choice("codes", "codes 0, 1, 2…"), Choice("onehot", "one column a class"))
            return [
                choice_row("encoding", "written as", field.encoding, codes, change("encoding")),
                missing,
                *_fill_rows(field, name),
            ]
        case TextField():
            return [missing, *_fill_rows(field, name)]
        case ImageField():
            return [
                number_row(
                    "height", "height", field.height, change("height"), whole=True, minimum=1, maximum=4096
                ),
                number_row(
                    "width", "width", field.width, change("width"), whole=True, minimum=1, maximum=4096
                ),
                choice_row(
                    "channels",
                    "channels",
                    str(field.channels),
                    ("1", "3"),
                    lambda p, v: _with(p, name, "channels", int(v)),
                ),
            ]


def _fill_rows(field: NumberField | CategoryField | TextField, name: str) -> list[Row]:
    """What missing values are filled with, where they are."""
    if field.missing != "fill":
        return []
    parameter = Parameter(name="fill", type="str")
    tip = (
        "mean, median, or a number."
        if isinstance(field, NumberField)
        else "The value that takes their place."
    )

    def change(project: Project, text: str) -> Project:
        return _with(project, name, "fill", _filling(field, text))

    return [
        Edit(
            "fill", "filled with", parameter, "" if field.fill is None else str(field.fill), change, help=tip
        )
    ]


def _filling(field: Field, text: str) -> str | float | None:
    if not isinstance(field, NumberField):
        return text or (None if isinstance(field, CategoryField) else "")
    if text in ("mean", "median"):
        return text
    try:
        return float(text)
    except ValueError:
        raise ValueError("Write mean, median or a number.") from None


def _fact_rows(facts: Facts, name: str) -> list[Row]:
    found = facts.data.fields.get(name) if facts.data else None
    error = facts.data.errors.get(f"field:{name}") if facts.data else None
    if error:
        return [Said("error", "", error)]
    if found is None:
        return []
    rows: list[Row] = [
        Heading("array", "What comes out"),
        Said("shape", "array", f"{shaped(found.shape)} {found.dtype}"),
    ]
    if found.minimum is not None:
        rows.append(Said("range", "range", f"{found.minimum:.6g} to {found.maximum:.6g}"))
    if found.classes is not None:
        shown = ", ".join(str(each) for each in found.classes[:12])
        more = f" and {len(found.classes) - 12} more" if len(found.classes) > 12 else ""
        rows.append(Said("classes", f"{len(found.classes)} classes", shown + more))
    rows.append(Said("missing_count", "missing", f"{found.missing:,}"))
    return rows


def split_sheet(project: Project, facts: Facts) -> Sheet:
    """How the rows are divided."""
    split = project.data.split
    columns = list(facts.data.columns) if facts.data else [split.by] if split.by else []

    def change(key: str) -> Any:
        return lambda current, value: put(
            current, "split", type(split).model_validate({**dict(current.data.split), key: value})
        )

    rows: list[Row] = [choice_row("kind", "divide", split.kind, SPLITS, change("kind"), SPLIT_HELP)]
    if split.kind != "random":
        rows.append(choice_row("by", "by column", split.by, columns, change("by")))
    if split.kind != "column":
        rows.append(
            number_row(
                "validation",
                "validation",
                split.validation,
                change("validation"),
                minimum=0,
                maximum=0.95,
                help="Share of the rows that validate.",
            )
        )
        rows.append(
            number_row(
                "test",
                "test",
                split.test,
                change("test"),
                minimum=0,
                maximum=0.95,
                help="Share of the rows that are kept for a test.",
            )
        )
    rows.append(
        number_row(
            "seed",
            "seed",
            project.seed,
            lambda current, value: current.model_copy(update={"seed": value}),
            whole=True,
            minimum=0,
            maximum=2**31 - 1,
            help=SEED_HELP,
        )
    )
    counts = facts.data.split if facts.data else {}
    rows += [
        Said(f"rows_{key}", key, f"{count:,} rows")
        for key, count in counts.items()
        if count or key != "dropped"
    ]
    return Sheet("Split", split.kind, tuple(rows), SPLIT_HELP)


def _with(project: Project, name: str, key: str, value: Any) -> Project:
    field = project.data.fields[name]
    changed = type(field).model_validate({**dict(field), key: value})
    return put(project, f"field:{name}", changed)


def _with_kind(project: Project, name: str, kind: str) -> Project:
    """The same columns read as another kind."""
    field = project.data.fields[name]
    return put(project, f"field:{name}", KINDS[kind](columns=field.columns))


def _missing(field: Field) -> tuple[Choice, ...]:
    return MISSING[:1] if isinstance(field, ImageField) else MISSING


def _columns(field: Field) -> str:
    shown = ", ".join(field.columns[:20])
    return f"{shown}, and {len(field.columns) - 20} more" if len(field.columns) > 20 else shown or "none yet"


def _tuple(value: object) -> object:
    return (value,) if isinstance(value, int) else tuple(value) if isinstance(value, list) else None
