"""Names for widgets: tests find them by the one, screen readers say the other."""

from typing import TypeVar

from PySide6.QtWidgets import QWidget

W = TypeVar("W", bound=QWidget)


def named(widget: W, name: str, says: str = "") -> W:
    """`widget`, called `name`; `says` is what a screen reader calls it."""
    widget.setObjectName(name)
    if says:
        widget.setAccessibleName(says)
    return widget


def role(widget: W, name: str) -> W:
    """`widget`, looking like what the style sheet says of role `name` ("muted", "title", "code")."""
    widget.setProperty("role", name)
    return widget
