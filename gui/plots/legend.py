"""The legend as a live table: an eye, the colour and name of each curve, its values, its share of the total,
its trend.
"""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from gui import theme
from gui.plots.columns import Columns
from gui.plots.ticks import fixed, percent
from gui.widgets.naming import named

HEADINGS = ("", "curve", "train", "val", "share", "trend")
EYE, NAME, TRAIN, VALIDATION, SHARE, TREND = range(6)
STILL = 0.005
"""A relative change below this from one tenth of the run to the next is no trend."""


class Legend(QTableWidget):
    """`chosen` when an eye was opened or closed, `picked` when a curve's row was clicked."""

    chosen = Signal()
    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(0, len(HEADINGS), parent)
        named(self, "legend", "Legend of the curves")
        self._series: list[tuple[str, str, str]] = []
        self._hidden: set[str] = set()
        self._of: Columns | None = None
        self._turn = 0
        self.setHorizontalHeaderLabels(HEADINGS)
        side = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        self.horizontalHeaderItem(NAME).setTextAlignment(side)  # type: ignore[union-attr]
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.cellClicked.connect(self._click)
        self.cellActivated.connect(self._click)
        theme.notifier().changed.connect(self._size)
        self._size()

    def show_series(self, series: Sequence[tuple[str, str, str]]) -> None:
        """One row each: reference, name, colour."""
        if list(series) == self._series:
            return
        self._series, self._of = list(series), None
        self.setRowCount(len(series))
        for row, (_, name, colour) in enumerate(series):
            for column in range(len(HEADINGS)):
                self.setItem(row, column, self._cell(column))
            self._at(row, NAME).setText(name)
            self._at(row, NAME).setIcon(swatch(colour))
            self._draw_eye(row)

    def hidden(self, series: str) -> bool:
        return series in self._hidden

    def refresh(self, columns: Columns) -> None:
        """Say the newest values of `columns`."""
        sheet = columns.now()
        self._tell_a_trend(columns)
        for row, (series, _, _) in enumerate(self._series):
            self._say(row, TRAIN, fixed(columns.latest(series)))
            self._say(row, VALIDATION, fixed(columns.latest(series, validation=True)))
            name = series.removeprefix("term:")
            if sheet is not None and (series == "regularization" or name in sheet.weighted):
                self._say(row, SHARE, percent(sheet.share(series)))

    def _tell_a_trend(self, columns: Columns) -> None:
        """Of one curve at a time: trends move slowly, and each takes as long as the rest of its row."""
        if self._series and columns is self._of:
            self._turn = (self._turn + 1) % len(self._series)
            self._say(self._turn, TREND, trend(columns, self._series[self._turn][0]))
        else:
            self._of = columns
            for row, (series, _, _) in enumerate(self._series):
                self._say(row, TREND, trend(columns, series))

    def _at(self, row: int, column: int) -> QTableWidgetItem:
        cell = self.item(row, column)
        assert cell is not None
        return cell

    def _say(self, row: int, column: int, words: str) -> None:
        if self._at(row, column).text() != words:
            self._at(row, column).setText(words)

    def _cell(self, column: int) -> QTableWidgetItem:
        cell = QTableWidgetItem()
        if column >= TRAIN:
            cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            cell.setFont(theme.font(12, tabular=True))
        return cell

    def _click(self, row: int, column: int) -> None:
        series = self._series[row][0]
        if column != EYE:
            self.picked.emit(series)
            return
        self._hidden ^= {series}
        self._draw_eye(row)
        self.chosen.emit()

    def _draw_eye(self, row: int) -> None:
        series, name, _ = self._series[row]
        hidden = series in self._hidden
        self._at(row, EYE).setIcon(theme.icon("hidden" if hidden else "visible"))
        self._at(row, EYE).setToolTip(f"{'Show' if hidden else 'Hide'} the chart of {name}")
        self._at(row, NAME).setForeground(QColor(theme.tokens().muted if hidden else theme.tokens().text))

    def _size(self) -> None:
        widths = (24, 120, 60, 60, 56, 44)
        for column, width in enumerate(widths):
            self.setColumnWidth(column, theme.px(width))
        self.setFixedWidth(theme.px(sum(widths) + 12))
        self.setIconSize(QSize(theme.px(14), theme.px(14)))
        self.setStyleSheet(dense())
        header = self.verticalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setDefaultSectionSize(theme.px(24))
        self.horizontalHeader().setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)


def dense() -> str:
    """The style of a small table of numbers."""
    pad = theme.px(4)
    return (
        f"QTableWidget {{ background: transparent; }} QTableWidget::item {{ padding: 0 {pad}px; }}"
        f"QHeaderView::section {{ padding: {pad}px; background: transparent; }}"
    )


def swatch(colour: str, size: int = 10) -> QIcon:
    """A small rounded square of `colour`."""
    side, inset = theme.px(size), theme.px(2)
    picture = QPixmap((side + 2 * inset) * 2, (side + 2 * inset) * 2)
    picture.setDevicePixelRatio(2)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawRoundedRect(inset, inset, side, side, 2.5, 2.5)
    painter.end()
    return QIcon(picture)


def trend(columns: Columns, series: str) -> str:
    """Where the curve goes: the last tenth of the run against the tenth before."""
    pyramid = columns.pyramids.get(series)
    if pyramid is None or pyramid.count < 40:
        return ""
    tenth = pyramid.count // 10
    before, after = (
        float(part.mean[part.mean == part.mean].mean()) if (part.mean == part.mean).any() else float("nan")
        for part in (
            pyramid.buckets(pyramid.count - 2 * tenth, pyramid.count - tenth, 50),
            pyramid.buckets(pyramid.count - tenth, pyramid.count, 50),
        )
    )
    change = (after - before) / max(abs(before), 1e-12)
    if change != change:
        return ""
    return "→" if abs(change) < STILL else "↓" if change < 0 else "↑"
