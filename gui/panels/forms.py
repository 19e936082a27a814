"""Forms: the rows of a sheet as widgets, one column of labels and one edge of fields."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from gui import theme
from gui.panels.formlines import FIELD, LABEL, LABELS, PLACES, Line, line_for
from gui.panels.sheets import Edit, Row, flat, signature


class Form(QWidget):
    """Shows rows; `wanted` carries a row and the value a user chose, `reset` a row that wants its default back.

    `pressed` carries a row with a button, `explained` the help of the row that has the keyboard.
    """

    wanted = Signal(object, object)
    reset = Signal(object)
    pressed = Signal(object)
    explained = Signal(str)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._lines: list[Line] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(FIELD, 1)
        self._size()
        theme.notifier().changed.connect(self._size)

    def show_rows(self, rows: tuple[Row, ...], anew: bool = False) -> None:
        """Show these rows. Lines are kept as far as they are the same ones, and with them the keyboard;
        `anew` makes all of them anew.
        """
        wanted = flat(rows)
        kept = 0 if anew else self._common([signature(row, depth) for row, depth in wanted])
        for line in self._lines[kept:]:
            line.remove(self._grid)
        del self._lines[kept:]
        for number, (row, depth) in enumerate(wanted[kept:], start=kept):
            line = line_for(row)(row, depth, self)
            line.place(self._grid, number * PLACES)
            self._lines.append(line)
        for line, (row, _depth) in zip(self._lines, wanted, strict=True):
            line.show_row(row)

    def complain(self, row: Edit, sentence: str) -> None:
        """Say at the row why its value was refused."""
        for line in self._lines:
            if line.row.key == row.key:
                line.complain(sentence)

    def editor(self, key: str) -> QWidget | None:
        """The editor of the row called `key`."""
        return next((line.editor for line in self._lines if line.row.key == key), None)

    def _common(self, wanted: list[object]) -> int:
        """How many lines at the top are the wanted ones already."""
        count = 0
        for line, one in zip(self._lines, wanted, strict=False):
            if line.signature != one:
                break
            count += 1
        return count

    def _size(self) -> None:
        self._grid.setHorizontalSpacing(theme.px(theme.GAP_S))
        self._grid.setVerticalSpacing(theme.px(theme.GAP_XS))
        self._grid.setColumnMinimumWidth(LABEL, theme.px(LABELS))
