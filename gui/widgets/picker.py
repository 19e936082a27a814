"""Choosing one of many: a combo box that keeps still under the wheel, a button that opens a search menu."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QPointF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

from gui import theme
from gui.widgets.searchmenu import Choice, SearchMenu

FEW = 12


class ComboBox(QComboBox):
    """Turns with the wheel only when it has the keyboard: forms are scrolled under the mouse."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(4)

    def showPopup(self) -> None:  # noqa: N802
        """A list is as wide as its longest line, also under a narrow box."""
        self.view().setMinimumWidth(self.view().sizeHintForColumn(0) + theme.px(24))
        super().showPopup()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Qt cuts a long text off at the arrow; here it ends in an ellipsis."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        room = self.width() - theme.px(34)
        option.currentText = self.fontMetrics().elidedText(
            self.currentText(), Qt.TextElideMode.ElideRight, room
        )
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class Picker(QPushButton):
    """Shows what is chosen; pressing it opens a menu one types into. `picked` carries the key."""

    picked = Signal(str)

    def __init__(self, hint: str = "Search", parent: QWidget | None = None):
        super().__init__(parent)
        self._choices: tuple[Choice, ...] = ()
        self._hint = hint
        self._label = ""
        self._menu: SearchMenu | None = None
        self.setProperty("kind", "picker")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self.open)

    def show_choices(self, choices: Sequence[Choice], key: str) -> None:
        """Offer `choices`; the one called `key` is chosen now."""
        self._choices = tuple(choices)
        self._label = next((choice.label for choice in choices if choice.key == key), key)
        self.setAccessibleDescription(self._label)
        self.setToolTip(next((choice.words or choice.detail for choice in choices if choice.key == key), ""))
        self.update()

    @property
    def label(self) -> str:
        """What is shown."""
        return self._label

    def open(self) -> None:
        """Open the menu under the button."""
        if self._menu is None:
            self._menu = SearchMenu(self, self._hint)
            self._menu.chosen.connect(self.picked)
        width = max(round(self.width() / theme.scale()), 280)
        self._menu.open_at(self.mapToGlobal(QPoint(0, self.height() + 2)), self._choices, width)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(theme.px(96), theme.px(theme.ROW))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(theme.px(72), theme.px(theme.ROW))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        t, painter = theme.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(t.text if self.isEnabled() else t.neutral))
        room = self.rect().adjusted(theme.px(10), 0, -theme.px(26), 0)
        shown = painter.fontMetrics().elidedText(self._label, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        self._paint_caret(painter)

    def _paint_caret(self, painter: QPainter) -> None:
        size, middle = theme.px(4), self.height() / 2
        right = self.width() - theme.px(16)
        pen = painter.pen()
        pen.setColor(QColor(theme.tokens().muted))
        pen.setWidthF(1.4 * theme.scale())
        painter.setPen(pen)
        corners = ((right - size, -1), (right, 1), (right + size, -1))
        painter.drawPolyline([QPointF(x, middle + side * size / 2) for x, side in corners])
