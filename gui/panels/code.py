"""The Code tab: the script as it would be exported now, and the project's own functions beside it."""

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from core.project.facts import DataFacts
from core.project.schema import Project
from gui import theme
from gui.background import Background
from gui.checking import Checking
from gui.document import Document
from gui.panels.functions import FunctionsEditor
from gui.selection import Selection
from gui.training import Training
from gui.widgets.banner import Strip
from gui.widgets.codeview import CodeView
from gui.widgets.iconbutton import Button
from gui.widgets.naming import named, role

SOON = 200
"""Milliseconds after an edit until the script is written anew."""
NAME = "train.py"
Written = tuple[str, Mapping[str, tuple[tuple[int, int], ...]]]


class CodePanel(QWidget):
    """Left the script with the lines of what is selected marked, right the functions."""

    wanted = Signal(str)  # the key of an action of the window

    def __init__(self, document: Document, selection: Selection, checking: Checking, training: Training):
        super().__init__()
        self._document, self._selection, self._checking = document, selection, checking
        self._worker = Background("script", self)
        self._stale, self._stale_marks = True, False
        self._lines: Mapping[str, tuple[tuple[int, int], ...]] = {}
        self.view = named(CodeView(), "scriptView", "The script of this project")
        self.functions = FunctionsEditor(document, checking)
        self.refusal = Strip()
        self.refusal.cross.hide()
        self.refusal.hide()
        self._soon = QTimer(self, singleShot=True, interval=SOON)
        self._soon.timeout.connect(self._write)
        self._lay_out()
        document.changed.connect(self._follow)
        document.moved.connect(self._write_soon)
        selection.changed.connect(self._go_to)
        checking.changed.connect(self._follow_facts)
        training.closing.connect(self._close)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, theme.px(theme.GAP_XS))
        self._about = role(QLabel("runs without Lossmith"), "muted")
        copy = named(Button("Copy", "copy", "quiet"), "copyScript", "Copy the script")
        copy.clicked.connect(self._copy)
        export = named(Button("Export…", "export", "quiet"), "exportScript", "Export the script")
        export.clicked.connect(lambda: self.wanted.emit("export"))
        head.addWidget(role(QLabel(NAME), "title"))
        for widget, stretch in ((self._about, 1), (copy, 0), (export, 0)):
            head.addWidget(widget, stretch)
        script = QWidget()
        column = QVBoxLayout(script)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(theme.GAP_XS))
        column.addLayout(head)
        column.addWidget(self.refusal)
        column.addWidget(self.view, 1)
        sides = named(QSplitter(Qt.Orientation.Horizontal), "codeSides")
        sides.addWidget(script)
        sides.addWidget(self.functions)
        sides.setStretchFactor(0, 3)
        sides.setStretchFactor(1, 2)
        sides.setHandleWidth(theme.px(theme.GAP_M))
        sides.setStyleSheet("QSplitter::handle { background: transparent; }")
        around = QVBoxLayout(self)
        edge = theme.px(theme.GAP_S)
        around.setContentsMargins(edge, edge, edge, edge)
        around.addWidget(sides)

    # ---- writing the script, while somebody looks

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        if self._stale:
            self._write()
        elif self._stale_marks:
            self._mark(go_there=True)

    def _follow(self, before: Project, after: Project) -> None:
        if before.meaning() != after.meaning():
            self._write_soon()

    def _follow_facts(self) -> None:
        if self._checking.facts.data is not self._facts:
            self._write_soon()

    def _write_soon(self) -> None:
        self._stale = True
        if self.isVisible():
            self._soon.start()

    _facts: DataFacts | None = None

    def _write(self) -> None:
        if not self.isVisible():
            return
        self._stale = False
        project, folder, facts = self._document.project, self._document.folder, self._checking.facts.data
        self._facts = facts
        self._worker.ask("script", lambda: _written(project, folder, facts), self._show, self._refuse)

    def _show(self, written: Written) -> None:
        first, (text, self._lines) = not self._lines, written
        self.refusal.hide()
        self.view.setEnabled(True)
        self.view.show_code(text)
        self._about.setText(f"{text.count(chr(10))} lines, runs without Lossmith")
        self._mark(go_there=first)

    def _refuse(self, error: Exception) -> None:
        """Keep the last script in sight, greyed, under the sentence why there is no newer one."""
        where = str(getattr(error, "where", "") or "")
        leads = (
            (f"Show {where.partition(':')[2] or where}", lambda: self._selection.select(where))
            if where
            else None
        )
        self.refusal.say(str(error), "warning", leads)
        self.view.setEnabled(False)

    def _go_to(self, _reference: str) -> None:
        self._mark(go_there=True)

    def _mark(self, go_there: bool = False) -> None:
        if not self.isVisible():
            self._stale_marks = True
            return
        ranges = [lines for reference in self._selection.all for lines in self._lines.get(reference, ())]
        self.view.mark_lines(sorted(set(ranges)), go_there)
        self._stale_marks = False

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.view.toPlainText())

    def _close(self) -> None:
        self.functions.close_worker()
        self._worker.close()


def _written(project: Project, folder: Path, facts: DataFacts | None) -> Written:
    """The script as it would be exported beside the project."""
    from core.codegen.script import script  # slow to import, so only in the worker thread

    exact = facts if facts is not None and facts.exact and not facts.error else None
    made = script(project, folder=folder, out=folder / NAME, facts=exact)
    return made.text, made.lines
