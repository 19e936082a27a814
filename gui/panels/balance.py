"""The Balance tab: how the weighted terms and the regularization make up the total, and how exactly."""

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QStackedLayout,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from core.project.schema import Project
from gui import theme
from gui.checking import Checking
from gui.document import Document
from gui.plots.columns import Columns, Sheet
from gui.plots.feed import live_feed
from gui.plots.legend import dense, swatch
from gui.plots.stack import Layer, StackPlot
from gui.plots.ticks import fixed, percent, plain
from gui.plots.view import View
from gui.selection import Selection
from gui.training import Training
from gui.turns import Turn
from gui.widgets.emptystate import EmptyState
from gui.widgets.naming import named, role

FOR = "The weighted terms and the regularization stack up to the total here, step by step, during a run."
HEADINGS = ("", "weight", "value", "weighted", "share")
WIDTHS, SHEET_WIDTH = (56, 70, 72, 52), 400


class BalancePanel(QWidget):
    """Left the stack, right the sheet of the last steps with its residual."""

    wanted = Signal(str)  # the key of an action of the window

    def __init__(self, document: Document, selection: Selection, checking: Checking, training: Training):
        super().__init__()
        self._document = document
        self._feed = live_feed(training)
        self._feed.watch(self)
        self.view = View(self)
        self.view.smoothing = 0.3
        self.plot = named(StackPlot(self.view), "balancePlot", "The total, stacked from its terms")
        self.sheet = named(QTableWidget(0, len(HEADINGS)), "balanceSheet", "Balance sheet")
        self.residual = role(named(QLabel(wordWrap=True), "residual"), "muted")
        self._worn: list[object] | None = None
        self._dress()
        self._lay_out()
        growing = Turn(self, self._grow)
        self._feed.grew.connect(growing.ask)
        self._feed.switched.connect(self._rebuild)
        document.changed.connect(self._recolour)
        theme.notifier().changed.connect(self._rebuild)
        self._rebuild()

    def _dress(self) -> None:
        sheet = self.sheet
        sheet.setHorizontalHeaderLabels(HEADINGS)
        sheet.verticalHeader().hide()
        sheet.verticalHeader().setDefaultSectionSize(theme.px(24))
        sheet.setShowGrid(False)
        sheet.setStyleSheet(dense())
        sheet.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        sheet.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        sheet.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        sheet.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        sheet.horizontalHeader().setDefaultAlignment(
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        )
        for column, width in enumerate(WIDTHS, start=1):
            sheet.setColumnWidth(column, theme.px(width))

    def _lay_out(self) -> None:
        right = QWidget()
        right.setFixedWidth(theme.px(SHEET_WIDTH))
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, theme.px(theme.GAP_S))
        column.addWidget(self.sheet, 1)
        column.addWidget(self.residual)
        full = QWidget()
        row = QHBoxLayout(full)
        edge = theme.px(theme.GAP_S)
        row.setContentsMargins(edge, edge, edge, 0)
        row.addWidget(self.plot, 1)
        row.addWidget(right)
        empty = EmptyState("scales", FOR, "Train")
        empty.pressed.connect(lambda _label: self.wanted.emit("train"))
        self._stack = QStackedLayout(self)
        self._stack.addWidget(empty)
        self._stack.addWidget(full)

    # ---- following

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        self._grow()

    def _recolour(self, before: Project, after: Project) -> None:
        if before.terms is not after.terms or before.model.heads is not after.model.heads:
            self._rebuild()

    def _rebuild(self) -> None:
        columns = self._feed.columns
        self._stack.setCurrentIndex(1 if columns is not None and columns.count else 0)
        if columns is None or not columns.count:
            return
        self.plot.show_columns(columns, [Layer(series, self._colour(series)) for series in summands(columns)])
        self._grow()

    def _grow(self) -> None:
        columns = self._feed.columns
        if columns is None or not columns.count:
            return
        if self._stack.currentIndex() == 0:
            self._rebuild()
            return
        self.view.set_end(float(columns.clock(self.view.unit).at(columns.last_step)))
        if self.isVisible():
            self.plot.update()
            self._show_sheet(columns)

    def _show_sheet(self, columns: Columns) -> None:
        sheet = columns.now()
        if sheet is None:
            return
        shown = summands(columns)
        if self.sheet.rowCount() != len(shown) + 1:
            self.sheet.setRowCount(len(shown) + 1)
            self._worn = None
        for row, series in enumerate(shown):
            self._say(row, series, series.removeprefix("term:"), *_numbers(columns, sheet, series))
        self._say(len(shown), "total", "total", "", "", fixed(sheet.total), "")
        self._wear(shown)
        self.residual.setText(residual_words(sheet.residual, max(sheet.residual, columns.worst_residual)))

    def _say(self, row: int, series: str, name: str, *words: str) -> None:
        for column, text in enumerate((name, *words)):
            cell = self.sheet.item(row, column)
            if cell is None:
                cell = QTableWidgetItem()
                side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
                cell.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                self.sheet.setItem(row, column, cell)
            if cell.text() != text:
                cell.setText(text)

    def _wear(self, shown: list[str]) -> None:
        """Give the rows their fonts and colours, where they are other ones than before."""
        worn = [theme.tokens(), theme.scale(), *((series, self._colour(series)) for series in shown)]
        if worn == self._worn:
            return
        self._worn = worn
        for row in range(self.sheet.rowCount()):
            for column in range(self.sheet.columnCount()):
                self._at(row, column).setFont(theme.font(bold=row == len(shown), tabular=True))
        for row, series in enumerate(shown):
            self._at(row, 0).setIcon(swatch(self._colour(series)))
            self._at(row, 0).setForeground(QColor(theme.tokens().text))

    def _at(self, row: int, column: int) -> QTableWidgetItem:
        cell = self.sheet.item(row, column)
        assert cell is not None
        return cell

    def _colour(self, series: str) -> str:
        return theme.colour_of(self._document.project, series)


def summands(columns: Columns) -> list[str]:
    """What the total is made of: the regularization at the bottom, then the terms."""
    terms = [f"term:{name}" for name in columns.terms]
    return [*terms, *(["regularization"] if columns.regularized else [])]


def residual_words(now: float, worst: float) -> str:
    """How exactly the sheet closes."""
    if not math.isfinite(now):
        return "What is added up is not finite, so there is no sum to compare with the total."
    if worst <= 1e-6:
        return f"The sum closes to {plain(now, 2)} of the total; at its worst step to {plain(worst, 2)}."
    return f"The sum misses the total by {plain(now, 2)} of it; at its worst step by {plain(worst, 2)}."


def _numbers(columns: Columns, sheet: Sheet, series: str) -> tuple[str, str, str, str]:
    share = percent(sheet.share(series))
    if series == "regularization":
        return "", fixed(sheet.regularization), fixed(sheet.regularization), share
    name = series.removeprefix("term:")
    weight = columns.latest(f"weight:{name}")
    return (
        "" if weight is None else plain(weight),
        fixed(sheet.terms[name]),
        fixed(sheet.weighted[name]),
        share,
    )
