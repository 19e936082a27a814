"""What a column most probably is, so that a new field starts out right."""

from __future__ import annotations

from pathlib import PurePath

from core.project.facts import ColumnFacts
from core.project.schema import CategoryField, Field, ImageField, NumberField, TextField

IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
CATEGORY_WORDS = ("class", "label", "target", "category", "species", "kind", "type", "digit")


def suggest_field(name: str, column: ColumnFacts) -> Field:
    """Return a field for column `name`: by the kind of its values, for small whole numbers by its name."""
    columns = (name,)
    if column.kind == "text":
        return ImageField(columns=columns) if _are_images(column) else TextField(columns=columns)
    if column.kind == "time":
        return TextField(columns=columns)
    if column.kind == "category":
        return ImageField(columns=columns) if _are_images(column) else CategoryField(columns=columns)
    if column.kind == "number" and _are_codes(name, column):
        return CategoryField(columns=columns)
    if column.kind == "array" and len(column.shape) == 2 and None not in column.shape:
        return NumberField(
            columns=columns, shape=(*(size or 1 for size in column.shape), 1), scaling="minmax"
        )
    return NumberField(columns=columns)


def _are_images(column: ColumnFacts) -> bool:
    values = column.values[:50]
    return bool(values) and all(PurePath(str(value)).suffix.lower() in IMAGES for value in values)


def _are_codes(name: str, column: ColumnFacts) -> bool:
    """Whole numbers from 0 that all occur, in a column whose name says so; other counts are numbers."""
    codes = tuple(range(len(column.values)))
    return (
        2 <= len(codes) <= 100
        and column.values == codes
        and any(word in name.lower() for word in CATEGORY_WORDS)
    )
