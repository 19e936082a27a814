"""Small histograms: how the values of a column are spread, at a glance."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from gui import theme

WIDTH, HEIGHT, BAR_GAP = 64, 20, 1.5


class Sparkline(QWidget):
    """Bars for counts, the tallest as high as the widget."""

    def __init__(self, counts: Sequence[float] = (), parent: QWidget | None = None):
        super().__init__(parent)
        self._counts = tuple(counts)

    def set_counts(self, counts: Sequence[float]) -> None:
        self._counts = tuple(counts)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(theme.px(WIDTH), theme.px(HEIGHT))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        paint_bars(QPainter(self), QRectF(self.rect()), self._counts)


def paint_bars(painter: QPainter, area: QRectF, counts: Sequence[float], colour: str | None = None) -> None:
    """Draw `counts` as bars on the bottom of `area`; what is not empty is at least a pixel high."""
    tallest = max(counts, default=0)
    if tallest <= 0:
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour or theme.tokens().spark))
    pitch = area.width() / len(counts)
    gap = min(BAR_GAP, pitch / 3)
    for index, count in enumerate(counts):
        height = max(1.0, area.height() * count / tallest) if count > 0 else 0.0
        left = area.left() + index * pitch
        painter.drawRect(QRectF(left, area.bottom() - height, max(pitch - gap, 0.5), height))
