"""Charts side by side: as many in a line as are wide enough to read, as high as the room allows."""

from collections.abc import Sequence

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from gui import theme

LEAST_WIDTH, LEAST_HEIGHT, GAP = 260, 124, 12


class ChartGrid(QWidget):
    """Lays out the widgets it was given; its height grows where they do not fit in `room`."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._shown: list[QWidget] = []
        self._room = QSize(0, 0)

    def show_widgets(self, widgets: Sequence[QWidget]) -> None:
        for widget in self._shown:
            if widget not in widgets:
                widget.hide()
        self._shown = list(widgets)
        for widget in self._shown:
            widget.setParent(self)
            widget.show()
        self._arrange()

    def forget(self, widget: QWidget) -> None:
        """Show `widget` no longer; it is about to be deleted."""
        widget.hide()
        self._shown = [each for each in self._shown if each is not widget]

    def set_room(self, room: QSize) -> None:
        """Say how much of the grid can be seen at once."""
        self._room = room
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        count, gap = len(self._shown), theme.px(GAP)
        if not count or self.width() <= 0:
            return
        columns = self._columns(count, gap)
        lines = -(-count // columns)
        width = (self.width() - gap * (columns - 1)) // columns
        seen = max(1, min(lines, (self._room.height() + gap) // (theme.px(LEAST_HEIGHT) + gap)))
        height = max(theme.px(LEAST_HEIGHT), (self._room.height() - gap * (seen - 1)) // seen)
        for place, widget in enumerate(self._shown):
            line, column = divmod(place, columns)
            widget.setGeometry(column * (width + gap), line * (height + gap), width, height)
        self.setMinimumHeight(lines * height + (lines - 1) * gap)

    def _columns(self, count: int, gap: int) -> int:
        """As many as fit, but no more than make full lines: two by two rather than three and one."""
        fit = max(1, (self.width() + gap) // (theme.px(LEAST_WIDTH) + gap))
        lines = -(-count // min(fit, count))
        return -(-count // lines)
