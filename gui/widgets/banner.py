"""Messages of the window: a banner for what needs an answer, toasts for what is only told."""

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from gui import theme
from gui.widgets.iconbutton import IconButton
from gui.widgets.naming import named, role

Action = tuple[str, Callable[[], object]]
Kind = Literal["good", "hint", "warning", "bad"]
GLYPHS = {"good": "good", "hint": "hint", "warning": "warning", "bad": "problem"}
TOAST_WIDTH, TOAST_MS, DETAILS_HEIGHT, MAX_TOASTS = 340, 6000, 160, 4


class Strip(QFrame):
    """An icon, a sentence that wraps, at most one action, and a cross to close it."""

    closed = Signal()

    def __init__(self, parent: QWidget | None = None, closable: bool = True, narrow: bool = False):
        """In a `narrow` place the action stands under the sentence."""
        super().__init__(parent)
        self._kind: Kind = "hint"
        self._act: Callable[[], object] | None = None
        self.setObjectName("strip")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.mark, self.sentence = QLabel(), QLabel(wordWrap=True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.action = named(QPushButton(), "stripAction")
        self.action.clicked.connect(self._do)
        self.cross = IconButton("close", "Close this message")
        self.cross.clicked.connect(self.dismiss)
        if not closable:
            self.cross.hide()
        self.row = QHBoxLayout()
        self.row.setSpacing(theme.px(theme.GAP_S))
        self.row.addWidget(self.mark)
        self.row.addWidget(self.sentence, 1)
        self.row.addWidget(self.cross)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(*(theme.px(n) for n in (theme.GAP_M, 6, theme.GAP_S, 6)))
        self.column.addLayout(self.row)
        if narrow:
            self.column.addWidget(self.action, 0, Qt.AlignmentFlag.AlignRight)
        else:
            self.row.insertWidget(2, self.action)
        theme.notifier().changed.connect(self._tint)

    def say(self, sentence: str, kind: Kind = "hint", action: Action | None = None) -> None:
        """Show `sentence`; `action` is the label of a button and what it does."""
        self._kind, self._act = kind, action[1] if action else None
        self.sentence.setText(sentence)
        self.setAccessibleName(sentence)
        self.action.setText(action[0] if action else "")
        self.action.setVisible(action is not None)
        self._tint()
        self.show()

    def dismiss(self) -> None:
        self.hide()
        self.closed.emit()

    def _do(self) -> None:
        act = self._act
        self.dismiss()
        if act:
            act()

    def _tint(self) -> None:
        t = theme.tokens()
        ink = {"good": t.good, "hint": t.accent, "warning": t.warning, "bad": t.bad}[self._kind]
        soft = {"good": t.good_soft, "hint": t.accent_soft, "warning": t.warning_soft, "bad": t.bad_soft}
        size = theme.px(18)
        self.mark.setPixmap(theme.icon(GLYPHS[self._kind], ink).pixmap(size, size))
        self.setStyleSheet(
            f"#strip {{ background: {soft[self._kind]}; border: 1px solid {theme.mix(ink, t.surface, 0.5)};"
            f" border-radius: {theme.px(theme.RADIUS)}px; }}"
        )


class Banner(Strip):
    """A strip across the window, with the details and a copy of them one click away."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._details = named(QPlainTextEdit(readOnly=True), "bannerDetails", "Details")
        role(self._details, "code")
        self._details.setFixedHeight(theme.px(DETAILS_HEIGHT))
        self.more = named(QPushButton("Details"), "bannerMore")
        self.more.setCheckable(True)
        self.copy = named(QPushButton("Copy"), "bannerCopy")
        for button in (self.more, self.copy):
            button.setProperty("kind", "quiet")
            self.row.insertWidget(2, button)
        self.row.insertWidget(2, self.more)
        self.column.addWidget(self._details)
        self.more.toggled.connect(self._details.setVisible)
        self.copy.clicked.connect(self._copy)
        self.hide()

    def tell(
        self,
        sentence: str,
        kind: Kind = "hint",
        action: Action | None = None,
        details: str = "",
    ) -> None:
        """Show `sentence` until it is closed or another one comes."""
        self._details.setPlainText(details)
        self.more.setChecked(False)
        self._details.hide()
        self.more.setVisible(bool(details))
        self.copy.setVisible(bool(details))
        self.say(sentence, kind, action)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(f"{self.sentence.text()}\n\n{self._details.toPlainText()}")


class Toasts(QObject):
    """Messages in the lower right corner of `window`: they stack, wrap, and leave by themselves."""

    def __init__(self, window: QWidget):
        super().__init__(window)
        self._window = window
        self._shown: list[Strip] = []
        window.installEventFilter(self)

    def tell(self, sentence: str, kind: Kind = "good", action: Action | None = None) -> None:
        """Show `sentence` for some seconds; at most four stand there, the oldest leaves."""
        strip = Strip(self._window)
        strip.say(sentence, kind, action)
        strip.closed.connect(lambda: self._drop(strip))
        QTimer.singleShot(TOAST_MS, strip, strip.dismiss)
        self._shown.append(strip)
        for old in self._shown[:-MAX_TOASTS]:
            old.dismiss()
        self._place()

    @property
    def sentences(self) -> list[str]:
        return [strip.sentence.text() for strip in self._shown]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.Resize:
            self._place()
        return False

    def _drop(self, strip: Strip) -> None:
        if strip in self._shown:
            self._shown.remove(strip)
            strip.deleteLater()
            self._place()

    def _place(self) -> None:
        gap, width = theme.px(theme.GAP_S), theme.px(TOAST_WIDTH)
        bottom = self._window.height() - theme.px(theme.GAP_XL) - gap
        for strip in reversed(self._shown):
            strip.setFixedWidth(width)
            height = max(strip.heightForWidth(width), strip.sizeHint().height())
            strip.resize(width, height)
            bottom -= height + gap
            strip.move(self._window.width() - width - theme.px(theme.GAP_L), bottom)
            strip.raise_()
