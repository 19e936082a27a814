"""Sheets of the data: fields and the split."""

from typing import Any

from core.catalogue import Parameter
from core.project.edits import put
from core.project.facts import Facts
from core.project.schema import CategoryField, Field, ImageField, NumberField, Project, TextField
from gui.panels.inspecting.rows import choice_row, count_row, name_row, seed_row, shaped, share_row
from gui.panels.sheets import Edit, Heading, Put, Row, Said, Sheet
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
CODES = (Choice("codes", "codes 0, 1, 2…"), Choice("onehot", "one column a class"))
SHAPE = Parameter(name="shape", type="shape", optional=True)
SHAPE_HELP = "The shape of one row, where the columns are an image or a sequence: 28, 28, 1."
SCALING_HELP = "Fitted on the training rows and undone in saved predictions."
SHARE_HELP = {"validation": "Share of the rows that validate.", "test": "Share of the rows kept for a test."}
LARGEST_SIDE = 4096
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
    match field:
        case NumberField():
            return _number_rows(field, name)
        case CategoryField():
            written = choice_row("encoding", "written as", field.encoding, CODES, _setter(name, "encoding"))
            return [written, _missing_row(field, name), *_fill_rows(field, name)]
        case TextField():
            return [_missing_row(field, name), *_fill_rows(field, name)]
        case ImageField():
            return _image_rows(field, name)


def _number_rows(field: NumberField, name: str) -> list[Row]:
    def reshape(project: Project, shape: object) -> Project:
        return _with(project, name, "shape", _tuple(shape))

    return [
        choice_row("scaling", "scaling", field.scaling, SCALINGS, _setter(name, "scaling"), SCALING_HELP),
        _missing_row(field, name),
        *_fill_rows(field, name),
        Edit("shape", "shape", SHAPE, field.shape, reshape, help=SHAPE_HELP),
    ]


def _image_rows(field: ImageField, name: str) -> list[Row]:
    def recolour(project: Project, channels: str) -> Project:
        return _with(project, name, "channels", int(channels))

    return [
        count_row("height", "height", field.height, _setter(name, "height"), most=LARGEST_SIDE),
        count_row("width", "width", field.width, _setter(name, "width"), most=LARGEST_SIDE),
        choice_row("channels", "channels", str(field.channels), ("1", "3"), recolour),
    ]


def _missing_row(field: Field, name: str) -> Row:
    return choice_row("missing", "missing values", field.missing, MISSING, _setter(name, "missing"))


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
    rows: list[Row] = [choice_row("kind", "divide", split.kind, SPLITS, _splitter("kind"), SPLIT_HELP)]
    if split.kind != "random":
        rows.append(choice_row("by", "by column", split.by, columns, _splitter("by")))
    if split.kind != "column":
        shares = {"validation": split.validation, "test": split.test}
        rows += [share_row(key, key, value, _splitter(key), SHARE_HELP[key]) for key, value in shares.items()]
    rows.append(seed_row(project))
    counts = facts.data.split if facts.data else {}
    shown = {key: count for key, count in counts.items() if count or key != "dropped"}
    rows += [Said(f"rows_{key}", key, f"{count:,} rows") for key, count in shown.items()]
    return Sheet("Split", split.kind, tuple(rows), SPLIT_HELP)


def _splitter(key: str) -> Put:
    """What sets one value of the split, checked by the schema."""

    def change(project: Project, value: Any) -> Project:
        split = project.data.split
        return put(project, "split", type(split).model_validate({**dict(split), key: value}))

    return change


def _setter(name: str, key: str) -> Put:
    return lambda project, value: _with(project, name, key, value)


def _with(project: Project, name: str, key: str, value: Any) -> Project:
    field = project.data.fields[name]
    changed = type(field).model_validate({**dict(field), key: value})
    return put(project, f"field:{name}", changed)


def _with_kind(project: Project, name: str, kind: str) -> Project:
    """The same columns read as another kind."""
    field = project.data.fields[name]
    return put(project, f"field:{name}", KINDS[kind](columns=field.columns))


def _columns(field: Field) -> str:
    shown = ", ".join(field.columns[:20])
    return f"{shown}, and {len(field.columns) - 20} more" if len(field.columns) > 20 else shown or "none yet"


def _tuple(value: object) -> object:
    return (value,) if isinstance(value, int) else tuple(value) if isinstance(value, list) else None
