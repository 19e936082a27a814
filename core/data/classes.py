"""The classes of a category field, in the order of their codes.

Free of pandas: the script is generated while the window may not have read any data yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.project.facts import ColumnFacts
from core.project.schema import CategoryField, SklearnSet

Value = str | int | float | bool

BUNDLED: dict[SklearnSet, str] = {"iris": "species", "wine": "cultivar", "breast_cancer": "diagnosis"}
"""The column that names the class in scikit-learn's sets, which themselves only have `target`."""


def classes(field: CategoryField, columns: Mapping[str, ColumnFacts]) -> tuple[Value, ...]:
    """Return the classes in the order of their codes: those of the field, else all values, sorted."""
    if field.classes is not None:
        return tuple(dict.fromkeys(field.classes))
    found = {value for name in field.columns if name in columns for value in columns[name].values}
    return tuple(in_order(list(found | filled_class(field))))


def filled_class(field: CategoryField) -> set[Value]:
    """Return the value that gaps are filled with: it is a class also where no row has it ("unknown")."""
    return {field.fill} if field.missing == "fill" and field.fill is not None else set()


def in_order(values: list[Any]) -> list[Any]:
    """Return values sorted; mixed kinds are sorted as text."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=str)
