"""A bar that is filled as far as a share goes, with the share as a percentage beside it."""

import math

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from gui import theme

BAR_HEIGHT, WORDS_WIDTH, MOST_WIDTH = 7, 44, 80


class ShareBar(QWidget):
    """Shows a share of 0 to 1; nothing while there is none."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._share: float | None = None
        self._colour = ""
        self.setFont(theme.font(tabular=True))

    def show_share(self, share: float | None, colour: str) -> None:
        share = None if share is None or not math.isfinite(share) else share
        if (share, colour) == (self._share, self._colour):
            return
        self._share, self._colour = share, colour
        self.setAccessibleName(self.words)
        self.update()

    @property
    def words(self) -> str:
        return "—" if self._share is None else f"{self._share:.0%}"

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(theme.px(MOST_WIDTH + WORDS_WIDTH), theme.px(20))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        t, painter = theme.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        height = theme.px(BAR_HEIGHT)
        width = min(theme.px(MOST_WIDTH), max(0, self.width() - theme.px(WORDS_WIDTH)))
        bar = QRectF(0, (self.height() - height) / 2, width, height)
        painter.setBrush(QColor(t.track))
        painter.drawRoundedRect(bar, 3, 3)
        if self._share:
            bar.setWidth(max(2.0, bar.width() * min(1.0, self._share)))
            painter.setBrush(QColor(self._colour))
            painter.drawRoundedRect(bar, min(3.0, bar.width() / 2), 3)
        painter.setPen(QColor(t.text if self._share else t.muted))
        words = self.rect().adjusted(width + theme.px(8), 0, 0, 0)
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.words)
