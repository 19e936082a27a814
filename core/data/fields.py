"""Fields: named arrays made of columns, as the model receives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from math import prod

import numpy as np
import pandas as pd

from core.data.blocks import Block, Column
from core.data.classes import Value, classes, filled_class
from core.data.columns import MOST_VALUES, gaps
from core.data.failures import shown
from core.project.facts import ColumnFacts, FieldFacts, Shape
from core.project.schema import CategoryField, Field, ImageField, NumberField, TextField

LARGEST = float(np.finfo("float32").max)
Columns = Mapping[str, ColumnFacts]


def why_not(field: Field, columns: Columns) -> str | None:
    """Return a sentence when `field`, which names at least one column, cannot be made of these, else None."""
    for name in field.columns:
        if name not in columns:
            near = _nearest(name, columns)
            return f'There is no column "{shown(name, 60)}" in the data{near}: choose another.'
        if not columns[name].count:
            return f'Column "{shown(name, 60)}" has no values at all: choose another.'
    facts = [columns[name] for name in field.columns]
    match field:
        case NumberField():
            return _why_no_numbers(field, facts)
        case CategoryField():
            return _why_no_categories(field, facts)
        case TextField():
            return _why_not_one(field.columns, facts, "text")
        case ImageField():
            return _why_not_one(field.columns, facts, "image") or _why_no_paths(field.columns[0], facts[0])


def _nearest(name: str, columns: Columns) -> str:
    near = get_close_matches(name, list(columns), n=1)
    return f' (the nearest is "{shown(near[0], 60)}")' if near else ""


def _why_no_numbers(field: NumberField, facts: Sequence[ColumnFacts]) -> str | None:
    for name, column in zip(field.columns, facts, strict=True):
        if column.kind in ("text", "time") or (column.kind == "category" and not _is_number(column)):
            example = f', such as "{shown(str(column.values[0]), 40)}"' if column.values else ""
            held = f'Column "{shown(name, 60)}" holds {_held(column)}{example}'
            return f"{held}, not numbers: choose category or text."
        if not _is_finite(column):
            largest = f"{_largest(column):g}"
            return f'Column "{shown(name, 60)}" holds {largest}, which is too large to train on: mend it.'
    if len(facts) > 1 and any(len(column.shape) > 1 for column in facts):
        return "An array column must be the only column of its field: make a field for each."
    width = prod(size or 0 for size in _width(facts))
    if field.shape is not None and prod(field.shape) != width:
        wanted = prod(field.shape)
        return f"The columns give {width} numbers a row, but shape {field.shape} takes {wanted}: change it."
    return None


def _held(column: ColumnFacts) -> str:
    return {"time": "points in time"}.get(column.kind, "text")


def _is_number(column: ColumnFacts) -> bool:
    return all(isinstance(value, bool | int | float) for value in column.values)


def _is_finite(column: ColumnFacts) -> bool:
    return _largest(column) <= LARGEST


def _largest(column: ColumnFacts) -> float:
    ends = [abs(end) for end in (column.minimum, column.maximum) if isinstance(end, int | float)]
    return max(ends, default=0.0)


def _width(facts: Sequence[ColumnFacts]) -> Shape:
    """Return the shape of one row of a number field before it is reshaped."""
    if len(facts) == 1 and facts[0].shape:
        return facts[0].shape
    return (sum(column.shape[0] or 0 if column.shape else 1 for column in facts),)


def _why_no_categories(field: CategoryField, facts: Sequence[ColumnFacts]) -> str | None:
    if any(column.shape for column in facts):
        return "An array column cannot be categories: make it a number field."
    if field.encoding == "onehot" and len(facts) > 1:
        return "One-hot takes one column: make a field for each, or use codes."
    for name, column in zip(field.columns, facts, strict=True):
        if field.classes is None and not column.values and column.count:
            many = f"more than {MOST_VALUES:,} distinct values"
            return f'Column "{shown(name, 60)}" has {many}: choose number or text.'
        if field.classes and not filled_class(field) <= set(field.classes):
            fill = shown(str(field.fill), 40)
            return f'Missing values are filled with "{fill}", which is no class: add it to the classes.'
        if field.classes and column.values and not set(field.classes) & set(column.values):
            given, found = _listed(field.classes), _listed(column.values)
            column_name = shown(name, 60)
            return (
                f'None of the classes {given} is in column "{column_name}", which holds {found}: change them.'
            )
    return None


def _listed(values: Sequence[object]) -> str:
    few = ", ".join(shown(str(value), 24) for value in values[:4])
    return f"{few} and {len(values) - 4:,} others" if len(values) > 4 else few


def _why_not_one(columns: Sequence[str], facts: Sequence[ColumnFacts], kind: str) -> str | None:
    if len(columns) > 1:
        return f"A field of kind {kind} takes one column: make a field for each."
    if facts and facts[0].shape:
        return (
            f'Column "{columns[0]}" holds arrays, not {kind}: make it a number field.'
            if facts[0].shape
            else None
        )
    return "No column is chosen: choose one." if kind == "image" and not columns else None


def _why_no_paths(name: str, column: ColumnFacts) -> str | None:
    if column.kind in ("text", "category") and not _is_number_column(column):
        return None
    return f'Column "{shown(name, 60)}" holds no paths of images: choose the column that names the files.'


def _is_number_column(column: ColumnFacts) -> bool:
    return bool(column.values) and _is_number(column)


def facts(field: Field, columns: Columns, missing: int) -> FieldFacts:
    """Return the facts of a field that can be made; numbers are given as they are before scaling."""
    used = [columns[name] for name in field.columns]
    match field:
        case NumberField():
            low, high = _range(used)
            shape = field.shape or _width(used)
            return FieldFacts(shape=shape, dtype="float32", missing=missing, minimum=low, maximum=high)
        case CategoryField():
            return _category_facts(field, columns, missing)
        case TextField():
            return FieldFacts(shape=(1,), dtype="string", missing=missing)
        case ImageField():
            shape = (field.height, field.width, field.channels)
            return FieldFacts(shape=shape, dtype="float32", missing=missing, minimum=0.0, maximum=1.0)


def _range(used: Sequence[ColumnFacts]) -> tuple[float | None, float | None]:
    """Return the lowest and highest number; true and false are 1 and 0."""
    ends = [value for column in used for value in (column.minimum, column.maximum, *_truths(column))]
    numbers = [float(end) for end in ends if isinstance(end, bool | int | float)]
    return min(numbers, default=None), max(numbers, default=None)


def _truths(column: ColumnFacts) -> Sequence[Value]:
    return column.values if column.kind == "category" else ()


def _category_facts(field: CategoryField, columns: Columns, missing: int) -> FieldFacts:
    known = classes(field, columns)
    if field.encoding == "onehot":
        return FieldFacts(
            shape=(len(known),), dtype="float32", classes=known, missing=missing, minimum=0.0, maximum=1.0
        )
    low = -1.0 if missing and field.missing == "keep" else 0.0
    shape = (len(field.columns),)
    return FieldFacts(
        shape=shape, dtype="int32", classes=known, missing=missing, minimum=low, maximum=len(known) - 1.0
    )


def missing_rows(field: Field, block: Block) -> np.ndarray:
    """Return for each row of `block` whether the field has no value; values outside its classes are none."""
    missing = np.zeros(_rows(field, block), bool)
    for name in field.columns:
        missing |= gaps(block[name])
        if isinstance(field, CategoryField) and field.classes is not None:
            missing |= ~pd.Series(block[name]).isin(list(field.classes)).to_numpy()
    return missing


def _rows(field: Field, block: Block) -> int:
    return len(block[field.columns[0]]) if field.columns else 0


def numbers(field: NumberField, block: Block) -> np.ndarray:
    """Return a field as the script makes it: float32 of shape (rows, columns) or (rows, *shape)."""
    columns: list[Column] = [block[name] for name in field.columns]
    arrays = [_floats(column) for column in columns]
    made = arrays[0] if len(arrays) == 1 and arrays[0].ndim > 1 else np.column_stack(arrays)
    return made.reshape(-1, *field.shape) if field.shape else made


def _floats(column: Column) -> np.ndarray:
    if isinstance(column, pd.Series):
        return column.to_numpy("float32", na_value=np.nan)
    return column.astype("float32")


def scaling_axis(field: NumberField, columns: Columns) -> int | None:
    """Return 0 where every number of a row has a scale of its own, None where an array is scaled as a whole.

    A table's columns measure different things; the pixels of an array all measure one.
    """
    return None if any(len(columns[name].shape) > 1 for name in field.columns) else 0
