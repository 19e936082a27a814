"""A layout that fills lines from left to right and breaks like text, all cells equally wide."""

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class FlowLayout(QLayout):
    """Cells at least `least` pixels wide share the width of a line; a line is as high as its highest cell."""

    def __init__(self, least: int, gap: int, parent: QWidget | None = None):
        super().__init__(parent)
        self._least, self._gap = least, gap
        self._items: list[QLayoutItem] = []

    def addItem(self, item: QLayoutItem) -> None:  # noqa: N802
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # noqa: N802
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # noqa: N802
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:  # noqa: N802
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        return self._arrange(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, area: QRect) -> None:  # noqa: N802
        super().setGeometry(area)
        self._arrange(area, move=True)

    def sizeHint(self) -> QSize:  # noqa: N802
        return self.minimumSize()

    def minimumSize(self) -> QSize:  # noqa: N802
        height = max((item.minimumSize().height() for item in self._items), default=0)
        return QSize(self._least, height)

    def _arrange(self, area: QRect, move: bool) -> int:
        columns = max(1, (area.width() + self._gap) // (self._least + self._gap))
        columns = min(columns, max(len(self._items), 1))
        width = (area.width() - (columns - 1) * self._gap) // columns
        y = area.y()
        for start in range(0, len(self._items), columns):
            line = self._items[start : start + columns]
            height = max(max(item.sizeHint().height(), item.heightForWidth(width)) for item in line)
            for place, item in enumerate(line):
                left = area.x() + place * (width + self._gap)
                if move:
                    item.setGeometry(QRect(QPoint(left, y), QSize(width, height)))
            y += height + self._gap
        return max(0, y - area.y() - self._gap)
