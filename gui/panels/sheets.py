"""A sheet: what the inspector shows of one part, as plain values; forms are made from it.

A sheet is made anew after every edit. Where its rows are the same ones as before, only their values are shown
anew, so that the keyboard stays where it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.catalogue import Parameter
from core.project.schema import Project
from gui.widgets.searchmenu import Choice

Put = Callable[[Project, Any], Project]


@dataclass(frozen=True)
class Edit:
    """A row with a value to be edited. `put` gives the project with another value, or raises
    ValueError(sentence).

    `changed` says that the value is not the default, and then `reset` brings that back. `nested` are the rows
    of an object's own parameters.
    """

    key: str
    label: str
    parameter: Parameter
    value: Any
    put: Put
    choices: tuple[Choice, ...] = ()
    code: bool = False
    changed: bool = False
    reset: Callable[[Project], Project] | None = None
    help: str = ""
    nested: tuple["Row", ...] = ()
    error: str = ""
    error_line: int | None = None


@dataclass(frozen=True)
class Said:
    """A row that only says something: a shape, a count."""

    key: str
    label: str
    text: str


@dataclass(frozen=True)
class Heading:
    """A line between groups of rows."""

    key: str
    text: str


@dataclass(frozen=True)
class Press:
    """A row with a button: `do` gives the project that pressing makes, or `leads` names what it selects."""

    key: str
    label: str
    text: str
    glyph: str = ""
    do: Callable[[Project], Project] | None = None
    leads: str = ""


Row = Edit | Said | Heading | Press


@dataclass(frozen=True)
class Sheet:
    """Everything the inspector shows of one part."""

    title: str
    remark: str = ""
    rows: tuple[Row, ...] = ()
    help: str = ""
    colour_of: str = ""


def flat(rows: tuple[Row, ...], depth: int = 0) -> list[tuple[Row, int]]:
    """Rows with those nested in them, each with its depth, in the order of the form."""
    found: list[tuple[Row, int]] = []
    for row in rows:
        found.append((row, depth))
        if isinstance(row, Edit):
            found += flat(row.nested, depth + 1)
    return found


def signature(row: Row, depth: int) -> object:
    """What must be equal for the widgets of a row to be kept."""
    if isinstance(row, Edit):
        kept = row.reset is not None
        return (Edit, depth, row.key, row.parameter, row.label, row.choices, row.code, row.help, kept)
    text = row.text if isinstance(row, Heading) else ""
    return (type(row), depth, row.key, getattr(row, "label", ""), text, getattr(row, "glyph", ""))
