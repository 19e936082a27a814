"""Sheets over the window: the shortcuts, the help, and what this is."""

from collections.abc import Mapping

import PySide6
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QMessageBox,
    QScrollArea,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from gui import theme
from gui.stylesheet import RESOURCES
from gui.widgets.naming import named, role

HELP = RESOURCES / "help" / "help.md"
MORE_KEYS = (
    ("Move between nodes of the graph", "Arrow keys"),
    ("Add what fits after the selected node", "Tab or A in the model"),
    ("Step a number; ten steps with Shift", "Up, Down"),
)


class ShortcutSheet(QDialog):
    """Every action that has a shortcut, with it."""

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None):
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.resize(theme.px(520), theme.px(560))
        column = QVBoxLayout(self)
        area = QScrollArea(widgetResizable=True)
        page = named(QWidget(), "formBody")
        grid = QGridLayout(page)
        grid.setHorizontalSpacing(theme.px(theme.GAP_XL))
        grid.setColumnStretch(0, 1)
        lines = [(action.text(), _keys(action)) for action in actions.values() if action.shortcuts()]
        for row, (words, keys) in enumerate([*lines, *MORE_KEYS]):
            grid.addWidget(QLabel(words.replace("&", "")), row, 0)
            grid.addWidget(role(QLabel(keys), "mono"), row, 1)
        area.setWidget(page)
        column.addWidget(area)
        column.addWidget(_closing(self))


class HelpPage(QDialog):
    """The help, as text that can be searched and read aloud."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.setWindowTitle("Help")
        self.resize(theme.px(760), theme.px(640))
        column = QVBoxLayout(self)
        text = named(QTextBrowser(), "helpText", "Help")
        text.setOpenExternalLinks(True)
        text.document().setDocumentMargin(theme.px(theme.GAP_L))
        text.setMarkdown(HELP.read_text(encoding="utf-8"))
        column.addWidget(text)
        column.addWidget(_closing(self))


def about(parent: QWidget, versions: Mapping[str, str]) -> None:
    """Say what this is, and which versions of what it runs on."""
    found = {"PySide6": PySide6.__version__, **versions}
    lines = "\n".join(f"{name} {version}" for name, version in found.items())
    box = QMessageBox(parent)
    box.setWindowTitle("About Lossmith")
    box.setText("Lossmith")
    box.setInformativeText(
        "A workbench for multi-output Keras models and the losses that train them: what you wired is what is "
        f"trained, what you see adds up, what you export is what ran.\n\n{lines}"
    )
    box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    box.exec()


def _keys(action: QAction) -> str:
    native = QKeySequence.SequenceFormat.NativeText
    return "  or  ".join(keys.toString(native) for keys in action.shortcuts())


def _closing(dialog: QDialog) -> QDialogButtonBox:
    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    box.rejected.connect(dialog.reject)
    return box
