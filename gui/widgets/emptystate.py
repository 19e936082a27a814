"""What an empty panel shows: one sentence that says what it is for, and the next step."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from gui import theme
from gui.widgets.iconbutton import Button

WIDEST, ROOM_FOR_MARK, LEAST_HEIGHT = 360, 190, 72


class EmptyState(QWidget):
    """An icon over a sentence over one or two buttons; `pressed` carries the label of the button."""

    pressed = Signal(str)

    def __init__(self, glyph: str, sentence: str, *buttons: str, parent: QWidget | None = None):
        super().__init__(parent)
        self._glyph = glyph
        self._mark = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.sentence = QLabel(sentence, wordWrap=True, alignment=Qt.AlignmentFlag.AlignCenter)
        self.sentence.setProperty("role", "muted")
        self.sentence.setMaximumWidth(theme.px(WIDEST))
        self.setAccessibleName(sentence)
        column = QVBoxLayout(self)
        column.setContentsMargins(*(theme.px(theme.GAP_L),) * 4)
        column.setSpacing(theme.px(theme.GAP_M))
        column.addStretch(1)
        column.addWidget(self._mark)
        line = QHBoxLayout()
        line.addStretch(1)
        line.addWidget(self.sentence, 20)
        line.addStretch(1)
        column.addLayout(line)
        column.addLayout(self._row(buttons))
        column.addStretch(1)
        theme.notifier().changed.connect(self._tint)
        self._tint()

    def _row(self, labels: tuple[str, ...]) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addStretch(1)
        for place, label in enumerate(labels):
            button = Button(label, kind="" if place else "primary")
            button.setObjectName(f"emptyState{label.title().replace(' ', '')}")
            button.clicked.connect(lambda _checked=False, label=label: self.pressed.emit(label))
            row.addWidget(button)
        row.addStretch(1)
        return row

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """A low panel has no room for the picture."""
        super().resizeEvent(event)
        self._mark.setVisible(self.height() >= theme.px(ROOM_FOR_MARK))
        self.sentence.setMaximumWidth(
            theme.px(WIDEST if self.height() >= theme.px(ROOM_FOR_MARK) else 2 * WIDEST)
        )

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(theme.px(160), theme.px(LEAST_HEIGHT))

    def _tint(self) -> None:
        size = theme.px(32)
        self._mark.setPixmap(theme.icon(self._glyph, theme.tokens().neutral).pixmap(size, size))
