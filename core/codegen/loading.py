"""The text of load_data(), as a person would write it for this project: only what its fields need.

It must read exactly what `core.data.inspect` describes: the same columns, rows, classes and parts. Scales and
fill values are fitted on training rows, after the split, so nothing of the other rows leaks into training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from core.codegen import field_code
from core.codegen.code import CannotGenerate, Code, join
from core.codegen.field_code import Making
from core.codegen.quoting import literal
from core.codegen.reading_code import NUMPY, place, reading
from core.codegen.split_code import splitting
from core.data import resolve
from core.project import references
from core.project.facts import DataFacts
from core.project.schema import CategoryField, Data, Field, ImageField, NumberField, Project, SklearnSource

DOCSTRING = (
    '"""Return training, validation and test rows as dicts of arrays by field, and the scaling of fields."""'
)
PARTS = """train, validation, test = (
    {name: values[rows] for name, values in fields.items()}
    for rows in (train_rows, validation_rows, test_rows)
)"""


def loading(project: Project, folder: Path, out: Path, facts: DataFacts | None = None) -> Code:
    """Return `load_data()` for a script at `out`; it uses the constants SEED and HERE.

    `folder` is what the source's path is relative to. Without `facts` the data is inspected, which takes
    seconds for a large file. Raises CannotGenerate where there is no source, or a used field has no column.
    """
    data = project.data
    if data.source is None:
        raise CannotGenerate("data", "There is no data yet: open a file or one of the bundled sets.")
    if facts is None:
        from core.data import inspect  # loads pandas, which the window starts without

        facts = inspect(data, folder, project.seed)
    used = complete_fields(project)
    out = resolve(out, Path.cwd())
    opened = reading(data.source, columns_of(data, used, facts), folder, out)
    body = _body(data, used, Making(opened, facts), folder, out)
    inner = Code(f"{DOCSTRING}\n{body.text}").indented().text
    return Code(f"def load_data():\n{inner}", body.imports)


def complete_fields(project: Project) -> dict[str, Field]:
    """Return the fields that are used. Raises CannotGenerate where there is none, or one has no column."""
    used = used_fields(project)
    for name, field in used.items():
        if not field.columns:
            raise CannotGenerate(f"field:{name}", f"Field {name} has no column: choose one for it.")
    if not used:
        raise CannotGenerate("data", "No field is used yet: give an input or a target a field.")
    return used


def used_fields(project: Project) -> dict[str, Field]:
    """Return the fields that the model, the terms and the metrics need, in the order of the data."""
    names = {shown.field for shown in project.model.inputs.values()} | set(references.targets(project))
    names |= {head.unscale for head in project.model.heads.values() if head.unscale}
    return {name: field for name, field in project.data.fields.items() if name in names}


def columns_of(data: Data, used: Mapping[str, Field], facts: DataFacts) -> list[str]:
    """Return the columns that are read, each once: of the fields, of what drops rows, and of the split."""
    fields = (*used.values(), *_dropping(data, facts).values())
    names = [name for field in fields for name in field.columns] + _by(data)
    return list(dict.fromkeys(names))


def _by(data: Data) -> list[str]:
    """Return the column that the split goes by, if there is one."""
    return [data.split.by] if data.split.kind != "random" and data.split.by is not None else []


def _dropping(data: Data, facts: DataFacts) -> dict[str, Field]:
    """Return the fields whose gaps drop rows: used or not, so that a new metric leaves the split as it is."""
    return {
        name: field
        for name, field in data.fields.items()
        if field.missing == "drop" and field.columns and f"field:{name}" not in facts.errors
    }


def _body(data: Data, used: Mapping[str, Field], making: Making, folder: Path, out: Path) -> Code:
    scaled = {name: f for name, f in used.items() if isinstance(f, NumberField) and f.scaling != "none"}
    filled = [field_code.filling(name, field, making) for name, field in used.items()]
    result = "scaling" if scaled else "{}"
    pieces = (
        join((making.reading.code, _found(used, making), dropped(data, making))).marked("data"),
        _image_folder(data, used, folder, out),
        fields_of(used, making),
        Code(),
        splitting(data, making.reading, making.facts, folder).marked("split"),
        *(code.marked(f"field:{name}") for name, code in zip(used, filled, strict=True) if code.text),
        field_code.scaling(scaled, making),
        Code(f"{PARTS}\nreturn train, validation, test, {result}"),
    )
    return join(pieces)


def _found(used: Mapping[str, Field], making: Making) -> Code:
    unknown = {
        name: field
        for name, field in used.items()
        if isinstance(field, CategoryField) and not field_code.are_written_out(field, making.facts)
    }
    return field_code.found_classes(unknown, making)


def fields_of(used: Mapping[str, Field], making: Making) -> Code:
    """Return the lines that make a dict of fields, before filling and scaling."""
    lines, imports = [], []
    for name, field in used.items():
        made = field_code.value(name, field, making)
        lines.append(Code(f"{literal(name)}: {made.text},").marked(f"field:{name}").text)
        imports.append(made.imports)
    text = "fields = {\n" + "\n".join(lines) + "\n}"
    return Code(text, tuple(dict.fromkeys(line for lines in imports for line in lines)))


def _image_folder(data: Data, used: Mapping[str, Field], folder: Path, out: Path) -> Code:
    """Return the lines that read images, whose paths are relative to their table."""
    if not any(isinstance(field, ImageField) for field in used.values()):
        return Code()
    assert data.source is not None
    bundled = isinstance(data.source, SklearnSource)
    beside = folder if bundled else resolve(data.source.path, folder).parent  # type: ignore[union-attr]
    return Code(f"folder = {place(beside, out)}\n\n{field_code.READ_IMAGE}", (NUMPY, "from PIL import Image"))


def dropped(data: Data, making: Making, emptied: str = "") -> Code:
    """Return the lines that leave out rows in which a field has no value and is not to be filled.

    `emptied` are lines for a table that may have lost all its rows, of which no array can be made.
    """
    dropping = _dropping(data, making.facts)
    chosen = {
        column: list(dict.fromkeys(field.classes))
        for field in dropping.values()
        if isinstance(field, CategoryField) and field.classes is not None
        for column in field.columns
    }
    names = [column for field in dropping.values() for column in field.columns] + _by(data)
    columns = list(dict.fromkeys(name for name in names if _may_miss(name, making, data)))
    if making.reading.is_table:
        return _dropped_of_table(columns, chosen, making, emptied)
    return _dropped_of_arrays(columns, chosen, making)


def _may_miss(column: str, making: Making, data: Data) -> bool:
    """Whether a value can be missing: sets of scikit-learn and columns of whole numbers are always full."""
    if isinstance(data.source, SklearnSource):
        return False
    dtype = making.dtype(column)
    return making.reading.is_table or not dtype or dtype.startswith(("float", "datetime"))


def _dropped_of_table(
    columns: list[str], chosen: Mapping[str, Sequence[object]], making: Making, emptied: str
) -> Code:
    arrays = [_gap(column, making, negated=True) for column in columns if making.is_array(column)]
    lines = [f"table = table.dropna(subset={literal(columns)})"] if columns else []
    lines += [
        f"table = table[table[{literal(column)}].isin({literal(list(known))})]"
        for column, known in chosen.items()
    ]
    lines += [emptied, f"table = table[{' & '.join(arrays)}]"] if arrays else []
    lines += [emptied] if lines else []
    return Code("\n".join(filter(None, lines)))


def _dropped_of_arrays(columns: list[str], chosen: Mapping[str, Sequence[object]], making: Making) -> Code:
    gaps = [_gap(column, making) for column in columns]
    gaps += [
        f"~np.isin(arrays[{literal(column)}], {literal(list(known))})" for column, known in chosen.items()
    ]
    if not gaps:
        return Code()
    lines = (
        f"missing = {' | '.join(gaps)}",
        "arrays = {name: values[~missing] for name, values in arrays.items()}",
    )
    return Code("\n".join(lines), (NUMPY,))


def _gap(column: str, making: Making, negated: bool = False) -> str:
    axes = len(making.facts.columns[column].shape) if column in making.facts.columns else 0
    over = ", ".join(str(axis) for axis in range(1, axes + 1))
    text = f"np.isnan({making.array(column)})" + (f".any(axis=({over},))" if axes else "")
    return f"~{text}" if negated else text
