"""A pill: a state in an icon and a few words, which leads to more when pressed."""

from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from gui import theme

State = Literal["quiet", "busy", "good", "warning", "bad"]
HEIGHT, PADDING, MARK, GAP = 24, 10, 14, 6
GLYPHS = {"quiet": "circle-dashed", "busy": "spinner", "good": "good", "warning": "warning", "bad": "problem"}


class Pill(QAbstractButton):
    """Rounded, as wide as its words. The state's colour always comes with an icon and the words."""

    def __init__(self, text: str = "", glyph: str | None = None, parent: QWidget | None = None):
        super().__init__(parent)
        self._state: State = "quiet"
        self._glyph = glyph
        self.setText(text)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def show_state(self, text: str, state: State = "quiet", glyph: str | None = None) -> None:
        """Say `text` in the colour of `state`; `glyph` replaces the state's own icon."""
        if (text, state, glyph) == (self.text(), self._state, self._glyph):
            return
        self._state, self._glyph = state, glyph
        self.setText(text)
        self.setAccessibleName(text)
        self.updateGeometry()
        self.update()

    @property
    def state(self) -> State:
        return self._state

    def sizeHint(self) -> QSize:  # noqa: N802
        width = self.fontMetrics().horizontalAdvance(self.text()) + theme.px(2 * PADDING + MARK + GAP)
        return QSize(width + 2, theme.px(HEIGHT))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        t, painter = theme.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        focus = self.hasFocus()
        painter.setPen(QPen(QColor(t.accent if focus else t.border), 2 if focus else 1))
        painter.setBrush(QColor(t.hover if self.underMouse() else self._ground()))
        painter.drawRoundedRect(edge, edge.height() / 2, edge.height() / 2)
        self._paint_words(painter)

    def _paint_words(self, painter: QPainter) -> None:
        mark, left = theme.px(MARK), theme.px(PADDING)
        top = (self.height() - mark) // 2
        faint = QIcon.Mode.Normal if self.isEnabled() else QIcon.Mode.Disabled
        icon = theme.icon(self._glyph or GLYPHS[self._state], self._ink())
        icon.paint(painter, left, top, mark, mark, mode=faint)
        painter.setPen(QColor(self._ink() if self.isEnabled() else theme.tokens().neutral))
        words = self.rect().adjusted(left + mark + theme.px(GAP), 0, 0, 0)
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())

    def _ink(self) -> str:
        t = theme.tokens()
        inks = {"quiet": t.muted, "busy": t.accent, "good": t.good, "warning": t.warning, "bad": t.bad}
        return inks[self._state]

    def _ground(self) -> str:
        t = theme.tokens()
        grounds = {"warning": t.warning_soft, "bad": t.bad_soft, "good": t.good_soft}
        return grounds.get(self._state, t.surface)
