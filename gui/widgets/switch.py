"""A switch: a check box that looks like the thing it does."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QCheckBox, QWidget

from gui import theme

TRACK_WIDTH, TRACK_HEIGHT, RING = 28, 16, 3


class Switch(QCheckBox):
    """On or off, by mouse, Space, or its mnemonic; `toggled` tells. Screen readers see a check box."""

    def __init__(self, name: str = "", parent: QWidget | None = None):
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(theme.px(TRACK_WIDTH + 2 * RING), theme.px(TRACK_HEIGHT + 2 * RING))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self.sizeHint()

    def hitButton(self, _position: object) -> bool:  # noqa: N802
        return True

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        t, painter = theme.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        track = self._track()
        if self.hasFocus():
            painter.setPen(QPen(QColor(t.accent), 2))
            ring = track.adjusted(-2, -2, 2, 2)
            painter.drawRoundedRect(ring, ring.height() / 2, ring.height() / 2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._ground()))
        painter.drawRoundedRect(track, track.height() / 2, track.height() / 2)
        painter.setBrush(QColor("#ffffff" if self.isEnabled() else t.surface))
        radius = track.height() / 2
        x = track.right() - radius if self.isChecked() else track.left() + radius
        painter.drawEllipse(QPointF(x, track.center().y()), radius - 2, radius - 2)

    def _track(self) -> QRectF:
        width, height = theme.px(TRACK_WIDTH), theme.px(TRACK_HEIGHT)
        return QRectF(theme.px(RING), (self.height() - height) / 2, width, height)

    def _ground(self) -> str:
        t = theme.tokens()
        if not self.isEnabled():
            return t.track
        return t.accent if self.isChecked() else t.neutral
