"""Before something is done with the project, what is being typed becomes part of it: a shortcut does not take the
keyboard from the field that has it, and what one sees is what is saved and trained."""

from PySide6.QtWidgets import QApplication, QLineEdit

from gui.widgets.codeeditor import CodeEditor


def settle() -> None:
    """Let the field that has the keyboard hand over what was typed, as if one had left it."""
    holder = QApplication.focusWidget()
    if isinstance(holder, QLineEdit):
        holder.editingFinished.emit()
    elif isinstance(holder, CodeEditor):
        holder.left.emit()
