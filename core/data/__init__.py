"""Data: sources -> fields -> splits, and what can be said about them before training.

Reading a source here and in the generated script must give the same rows, columns and classes;
`core.codegen.loading` therefore asks this package how to read, and prints the answer. The names below load
pandas when they are first used (0.6 s), so that a window can be on screen before it does.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from core.data.failures import UnreadableData
from core.data.places import resolve

if TYPE_CHECKING:
    from core.data.dialect import recognise
    from core.data.inspection import inspect
    from core.data.sources import first_rows, source_for
    from core.data.suggestions import suggest_field

__all__ = ["UnreadableData", "first_rows", "inspect", "recognise", "resolve", "source_for", "suggest_field"]

_HOMES = {
    "recognise": "core.data.dialect",
    "inspect": "core.data.inspection",
    "first_rows": "core.data.sources",
    "source_for": "core.data.sources",
    "suggest_field": "core.data.suggestions",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
