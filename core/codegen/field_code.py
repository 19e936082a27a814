"""The expressions of load_data() that make fields of columns, and the lines that fill and scale them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.codegen.code import Code
from core.codegen.quoting import literal
from core.codegen.reading_code import NUMPY, PANDAS, Reading
from core.data.classes import classes as classes_of
from core.project.facts import DataFacts
from core.project.schema import CategoryField, Field, ImageField, NumberField, TextField

WRITTEN_OUT = 30
"""Up to how many classes are written into the script; more are found in the data when it runs."""

READ_IMAGE = '''def read_image(path, height, width, mode):
    """Return an image as float32 in 0..1, shape (height, width, channels)."""
    with Image.open(folder / path) as image:
        pixels = np.asarray(image.convert(mode).resize((width, height)), "float32") / 255
    return pixels.reshape(height, width, -1)
'''


@dataclass(frozen=True)
class Making:
    """What the expressions of fields are written for: how columns are had, and what is known of them."""

    reading: Reading
    facts: DataFacts

    def is_array(self, column: str) -> bool:
        return bool(self._shape(column))

    def is_whole(self, column: str) -> bool:
        """Whether the arrays of a column are scaled as a whole: they have more than one axis."""
        return len(self._shape(column)) > 1

    def _shape(self, column: str) -> Sequence[int | None]:
        return self.facts.columns[column].shape if column in self.facts.columns else ()

    def dtype(self, column: str) -> str:
        return self.facts.columns[column].dtype if column in self.facts.columns else ""

    def array(self, column: str) -> str:
        """Return a column as something numpy can work on: cells of a table may hold arrays."""
        plain = self.reading.column(column)
        return f"np.stack({plain})" if self.reading.is_table and self.is_array(column) else plain


def value(name: str, field: Field, making: Making) -> Code:
    """Return the expression for a field before filling and scaling: an array with rows first."""
    match field:
        case NumberField():
            return Code(_numbers(field, making), (NUMPY,))
        case CategoryField():
            return _categories(name, field, making)
        case TextField():
            return Code(_texts(field, making))
        case ImageField():
            return _images(field, making.reading)


def _numbers(field: NumberField, making: Making) -> str:
    plain = making.reading.is_table and not any(map(making.is_array, field.columns))
    constant = isinstance(field.fill, int | float) and field.missing == "fill"
    if plain:
        filled = f".fillna({literal(field.fill)})" if constant else ""
        text = f'table[{literal(list(field.columns))}]{filled}.to_numpy("float32")'
        return text + _reshaped(field)
    made = f'{_side_by_side(field, making)}.astype("float32")'
    if constant:
        made = f"np.nan_to_num({made}, nan={literal(field.fill)})"
    return made + (
        _reshaped(field)
        or ("" if len(field.columns) > 1 or making.is_array(field.columns[0]) else "[:, None]")
    )


def _side_by_side(field: NumberField, making: Making) -> str:
    if len(field.columns) == 1:
        return making.array(field.columns[0])
    return f"np.column_stack([{', '.join(map(making.array, field.columns))}])"


def _reshaped(field: NumberField) -> str:
    return f".reshape({', '.join(map(str, (-1, *field.shape)))})" if field.shape else ""


def _categories(name: str, field: CategoryField, making: Making) -> Code:
    """Codes count the classes from 0, and -1 is a value that is missing or none of them."""
    known = classes_text(name, field, making.facts)
    columns = map(making.reading.column, field.columns)
    codes = [f"pd.Index({known}).get_indexer({column})" for column in columns]
    if field.encoding == "onehot" and field.missing == "drop":
        return Code(f"{_eye(name, field, making.facts)}[{codes[0]}]", (NUMPY, PANDAS))
    if len(codes) == 1:
        return Code(f'{codes[0]}.astype("int32")[:, None]', (PANDAS,))
    return Code(f'np.column_stack([{", ".join(codes)}]).astype("int32")', (NUMPY, PANDAS))


def are_written_out(field: CategoryField, facts: DataFacts) -> bool:
    """Whether the classes are literals in the script."""
    known = classes_of(field, facts.columns)
    return field.classes is not None or (facts.exact and 0 < len(known) <= WRITTEN_OUT)


def classes_text(name: str, field: CategoryField, facts: DataFacts) -> str:
    """Return the classes of a field as Python: a list, or what `found_classes` put them into."""
    if are_written_out(field, facts):
        return literal(list(classes_of(field, facts.columns)))
    return f"classes[{literal(name)}]"


def found_classes(chosen: Mapping[str, CategoryField], making: Making) -> Code:
    """Return the line that finds the classes of fields in the data, before any row is dropped."""
    entries = []
    for name, field in chosen.items():
        values = [f"*{making.reading.series(column)}.dropna()" for column in field.columns]
        values += [literal(field.fill)] if field.missing == "fill" and field.fill is not None else []
        entries.append(f"{literal(name)}: sorted({{{', '.join(values)}}})")
    return Code(f"classes = {{{', '.join(entries)}}}", (PANDAS,)) if entries else Code()


def _count(name: str, field: CategoryField, facts: DataFacts) -> str:
    if are_written_out(field, facts):
        return str(len(classes_of(field, facts.columns)))
    return f"len({classes_text(name, field, facts)})"


def _eye(name: str, field: CategoryField, facts: DataFacts) -> str:
    return f'np.eye({_count(name, field, facts)}, dtype="float32")'


def _texts(field: TextField, making: Making) -> str:
    column, dtype = field.columns[0], making.dtype(field.columns[0])
    fill = literal(field.fill if field.missing == "fill" else "")
    if not making.reading.is_table:
        written = "" if dtype.startswith(("<U", "str")) else ".astype(str)"
        return f"{making.reading.column(column)}{written}.astype(object)[:, None]"
    filled = "" if field.missing == "drop" else f".fillna({fill})"
    written = "" if dtype == "str" else ".astype(str)"
    return f"table[{literal([column])}]{_as_objects(filled, dtype)}{written}.to_numpy(object)"


def _as_objects(filled: str, dtype: str) -> str:
    """Return the filling; a column of numbers takes no text before it is one of objects."""
    return f".astype(object){filled}" if filled and dtype not in ("str", "object", "") else filled


def _images(field: ImageField, reading: Reading) -> Code:
    mode = "L" if field.channels == 1 else "RGB"
    call = f"read_image(path, {field.height}, {field.width}, {literal(mode)})"
    text = f"np.stack([{call} for path in {reading.column(field.columns[0])}])"
    return Code(text, (NUMPY, "from PIL import Image"))


def filling(name: str, field: Field, making: Making, learnt: str = "") -> Code:
    """Return the lines that fill gaps with what the training rows say, or nothing.

    `learnt` is the expression for it where it was found before; without it, the lines find it.
    """
    if isinstance(field, NumberField) and field.missing == "fill" and field.fill in ("mean", "median"):
        place = f"fields[{literal(name)}]"
        known = learnt or f"np.nan{field.fill}(values[train_rows], axis=0)"
        return Code(f"values = {place}\n{place} = np.where(np.isnan(values), {known}, values)", (NUMPY,))
    if isinstance(field, CategoryField) and field.missing != "drop":
        return _category_filling(name, field, making.facts, learnt)
    return Code()


def _category_filling(name: str, field: CategoryField, facts: DataFacts, learnt: str) -> Code:
    place = f"fields[{literal(name)}]"
    lines: list[str] = []
    if field.missing == "fill":
        lines += _filled_codes(name, field, facts, place, learnt)
    if field.encoding == "onehot":
        kept = f"np.where(codes < 0, np.nan, {_eye(name, field, facts)}[codes[:, 0]])"
        filled = f"{_eye(name, field, facts)}[{place}[:, 0]]"
        lines += (
            [f"{place} = {filled}"] if field.missing == "fill" else [f"codes = {place}", f"{place} = {kept}"]
        )
    return Code("\n".join(lines), (NUMPY,) if lines else ())


def _filled_codes(name: str, field: CategoryField, facts: DataFacts, place: str, learnt: str) -> list[str]:
    if field.fill is None and learnt:
        return [f"codes = {place}", f'{place} = np.where(codes < 0, {learnt}, codes).astype("int32")']
    if field.fill is None:
        known = "codes[train_rows]"
        return [
            f"codes = {place}",
            f"known = {known}",
            f'{place} = np.where(codes < 0, np.bincount(known[known >= 0]).argmax(), codes).astype("int32")',
        ]
    return [f"codes = {place}", f"{place} = np.where(codes < 0, {_code_of_fill(name, field, facts)}, codes)"]


def _code_of_fill(name: str, field: CategoryField, facts: DataFacts) -> str:
    known = classes_of(field, facts.columns)
    if are_written_out(field, facts) and field.fill in known:
        return str(known.index(field.fill))
    return f"{classes_text(name, field, facts)}.index({literal(field.fill)})"


def scaling(chosen: Mapping[str, NumberField], making: Making) -> Code:
    """Return the lines that scale fields by what the training rows say, and keep how in `scaling`."""
    groups: dict[tuple[str, bool, bool], list[str]] = {}
    for name, field in chosen.items():
        whole = any(map(making.is_whole, field.columns))
        groups.setdefault((field.scaling, whole, field.missing == "keep"), []).append(name)
    loops = [_loop(names, *how) for how, names in groups.items()]
    return Code("\n".join(("scaling = {}", *loops)), (NUMPY,)) if loops else Code()


def _loop(names: list[str], kind: str, whole: bool, gaps: bool) -> str:
    axis = "" if whole else "axis=0"
    head = f"for name in {literal(names)}:\n    known = fields[name][train_rows]\n"
    tail = (
        "    scale = np.where(scale > 0, scale, np.float32(1))\n"
        "    fields[name] = (fields[name] - offset) / scale\n"
        "    scaling[name] = offset, scale"
    )
    return head + (_minmax(axis, gaps) if kind == "minmax" else _standardize(axis, gaps)) + tail


def _minmax(axis: str, gaps: bool) -> str:
    low, high = (f"np.nan{end}(known{', ' if axis else ''}{axis})" for end in ("min", "max"))
    if not gaps:
        low, high = f"known.min({axis})", f"known.max({axis})"
    return f"    offset = {low}\n    scale = {high} - offset\n"


def _standardize(axis: str, gaps: bool) -> str:
    arguments = f"{axis}, " if axis else ""
    mean, std = f'known.mean({arguments}dtype="float64")', f'known.std({arguments}dtype="float64")'
    if gaps:
        mean, std = (
            f'np.nanmean(known, {arguments}dtype="float64")',
            f'np.nanstd(known, {arguments}dtype="float64")',
        )
    return f'    offset = {mean}.astype("float32")\n    scale = {std}.astype("float32")\n'
