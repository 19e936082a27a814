"""The Problems tab: what is wrong or doubtful, where, and the fix that one click applies."""

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QStackedLayout,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from core.project.problems import Problem
from gui import theme
from gui.checking import Checking
from gui.document import Document
from gui.selection import Selection
from gui.training import Training
from gui.widgets.emptystate import EmptyState
from gui.widgets.iconbutton import Button
from gui.widgets.naming import named

HEADINGS = ("", "where", "what", "")
WORDS = {"blocking": "problem", "warning": "warning", "hint": "hint"}
GLYPHS = {"blocking": "problem", "warning": "warning", "hint": "hint"}
FINE = "Nothing is wrong: this project can be trained."
MOST = 300
SEVERITY, WHERE, WHAT, FIX = range(4)


class ProblemsPanel(QWidget):
    """A line a problem; choosing one selects its place."""

    def __init__(self, document: Document, selection: Selection, checking: Checking, training: Training):
        super().__init__()
        self._document, self._selection, self._checking = document, selection, checking
        self._shown: tuple[Problem, ...] | None = None
        self.table = named(QTableWidget(0, len(HEADINGS)), "problems", "Problems of this project")
        self._fine = EmptyState("good", FINE)
        self._dress()
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._fine)
        self._stack.addWidget(self.table)
        self.table.cellClicked.connect(self._go)
        self.table.cellActivated.connect(self._go)
        checking.changed.connect(self._show)
        theme.notifier().changed.connect(self._retheme)
        self._show()

    def _dress(self) -> None:
        table = self.table
        table.setHorizontalHeaderLabels(HEADINGS)
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setWordWrap(True)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.horizontalHeader().setDefaultAlignment(
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        )
        table.horizontalHeader().setSectionResizeMode(WHAT, QHeaderView.ResizeMode.Stretch)
        table.horizontalHeader().setHighlightSections(False)
        for column, width in ((SEVERITY, 110), (WHERE, 170), (FIX, 240)):
            table.setColumnWidth(column, theme.px(width))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Sentences wrap, so a line's height depends on its width."""
        super().resizeEvent(event)
        QTimer.singleShot(0, self.table, self.table.resizeRowsToContents)

    def _retheme(self) -> None:
        self._shown = None
        self._show()

    def _show(self) -> None:
        found = self._checking.problems
        self._stack.setCurrentIndex(1 if found else 0)
        if found == self._shown:
            return
        self._shown = found
        row = self.table.currentRow()
        self.table.setRowCount(0)
        self.table.setRowCount(min(len(found), MOST))
        for place, problem in enumerate(found[:MOST]):
            self._fill(place, problem)
        QTimer.singleShot(0, self.table, self.table.resizeRowsToContents)
        if 0 <= row < self.table.rowCount():
            self.table.setCurrentCell(row, WHAT)

    def _fill(self, row: int, problem: Problem) -> None:
        t = theme.tokens()
        colour = {"blocking": t.bad, "warning": t.warning, "hint": t.muted}[problem.severity]
        severity = QTableWidgetItem(theme.icon(GLYPHS[problem.severity], colour), WORDS[problem.severity])
        severity.setForeground(QColor(colour))
        where = QTableWidgetItem(place_words(problem.where))
        where.setForeground(QColor(t.muted))
        what = QTableWidgetItem(problem.message)
        for column, cell in ((SEVERITY, severity), (WHERE, where), (WHAT, what)):
            self.table.setItem(row, column, cell)
        if problem.fix is not None:
            self.table.setCellWidget(row, FIX, self._fix_button(row, problem))

    def _fix_button(self, row: int, problem: Problem) -> QWidget:
        assert problem.fix is not None
        button = named(
            Button(problem.fix.label, "wrench"), f"fix_{row}", f"{problem.fix.label}: {problem.message}"
        )
        button.setToolTip(problem.fix.label)
        button.clicked.connect(lambda: self.fix(problem))
        cell = QWidget()
        line = QHBoxLayout(cell)
        line.setContentsMargins(0, theme.px(2), theme.px(theme.GAP_S), theme.px(2))
        line.addStretch(1)
        line.addWidget(button)
        return cell

    def fix(self, problem: Problem) -> None:
        """Apply the fix of `problem`, as one step of undo."""
        if problem.fix is not None:
            self._document.edit(problem.fix.label, problem.fix.apply(self._document.project))

    def _go(self, row: int, _column: int) -> None:
        if self._shown and row < len(self._shown) and self._shown[row].where:
            self._selection.select(self._shown[row].where)


def place_words(reference: str) -> str:
    """`term:nll` as `term nll`."""
    kind, _, name = reference.partition(":")
    return f"{kind} {name}".strip()
