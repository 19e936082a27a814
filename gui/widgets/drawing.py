"""Shows an SVG drawing at its own size, smaller where there is no room."""

from PySide6.QtCore import QByteArray, QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QSizePolicy, QWidget


class Drawing(QWidget):
    """Left aligned; `words` are what a screen reader says instead."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._svg = QSvgRenderer(self)
        self._size = QRectF()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def show_drawing(self, svg: str, width: float, height: float, words: str) -> None:
        """Show `svg`, which is `width` by `height` pixels large."""
        self._svg.load(QByteArray(svg.encode()))
        self._size = QRectF(0, 0, width, height)
        self.setAccessibleName(words)
        self.setToolTip(words)
        self.updateGeometry()
        self.update()

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(40, 16)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(round(self._size.width()) + 1, round(self._size.height()) + 1)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        if self._size.isEmpty():
            return
        scale = min(1.0, self.width() / self._size.width(), self.height() / self._size.height())
        width, height = self._size.width() * scale, self._size.height() * scale
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._svg.render(painter, QRectF(0, (self.height() - height) / 2, width, height))
