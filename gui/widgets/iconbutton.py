"""Buttons with a tinted icon, which take the colours of the theme when it changes."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget

from gui import theme


class IconButton(QToolButton):
    """Only an icon; `says` is its name for screen readers and its tooltip."""

    def __init__(self, glyph: str, says: str, parent: QWidget | None = None):
        super().__init__(parent)
        self._glyph = glyph
        self.setAccessibleName(says)
        self.setToolTip(says)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme.notifier().changed.connect(self._tint)
        self._tint()

    def set_glyph(self, glyph: str) -> None:
        if glyph != self._glyph:
            self._glyph = glyph
            self._tint()

    def _tint(self) -> None:
        self.setIcon(theme.icon(self._glyph))
        self.setIconSize(QSize(theme.px(16), theme.px(16)))


class Button(QPushButton):
    """Words with an icon before them; `primary` is the one thing to do here, `quiet` has no edge."""

    def __init__(self, text: str, glyph: str = "", kind: str = "", parent: QWidget | None = None):
        super().__init__(text, parent)
        self._glyph, self._kind = glyph, kind
        self.setProperty("kind", kind)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        theme.notifier().changed.connect(self._tint)
        self._tint()

    def set_glyph(self, glyph: str) -> None:
        if glyph != self._glyph:
            self._glyph = glyph
            self._tint()

    def _tint(self) -> None:
        if self._glyph:
            t = theme.tokens()
            tint = {"primary": t.on_accent, "quiet": t.muted}.get(self._kind, t.text)
            self.setIcon(theme.icon(self._glyph, tint))
            self.setIconSize(QSize(theme.px(15), theme.px(15)))
