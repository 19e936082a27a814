"""A menu one types into: it narrows while typing, and Enter takes what is marked."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from gui import theme
from gui.widgets.naming import named

Index = QModelIndex | QPersistentModelIndex
WIDTH, SHOWN_ROWS, ROW = 340, 10, 28
NOTHING = "Nothing here has that name."


@dataclass(frozen=True)
class Choice:
    """One line: `key` is told when it is chosen, `detail` stands right, `words` are only searched."""

    key: str
    label: str
    detail: str = ""
    words: str = ""
    icon: str = ""
    refusal: str = ""  # why it cannot be chosen now; "" if it can


def ranked(choices: Sequence[Choice], typed: str) -> list[Choice]:
    """The choices that contain every typed word; those whose label starts with it come first."""
    words = typed.casefold().split()
    if not words:
        return list(choices)
    ranks = [(_rank(choice, words), choice) for choice in choices]
    return [choice for wanted in range(4) for rank, choice in ranks if rank == wanted]


def _rank(choice: Choice, words: Sequence[str]) -> int | None:
    label = choice.label.casefold()
    text = f"{label} {choice.detail} {choice.words}".casefold()
    initials = "".join(letter for letter in choice.label if letter.isupper()).casefold()
    if len(words) == 1 and len(words[0]) > 1 and initials.startswith(words[0]):
        return 1
    if not all(word in text for word in words):
        return None
    if label.startswith(words[0]):
        return 0
    return 2 if words[0] in label else 3


class _Choices(QAbstractListModel):
    def __init__(self, parent: QObject):
        super().__init__(parent)
        self.shown: list[Choice] = []

    def show(self, choices: list[Choice]) -> None:
        self.beginResetModel()
        self.shown = choices
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self.shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        choice = self.shown[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return choice.label
            case Qt.ItemDataRole.ToolTipRole:
                return choice.refusal or choice.detail
            case Qt.ItemDataRole.UserRole:
                return choice
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.shown[index.row()].refusal:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


class _Line(QStyledItemDelegate):
    """Icon, label, and the detail at the right edge; `indent` where other lines have an icon."""

    indent = False

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:  # noqa: N802
        return QSize(theme.px(WIDTH - 24), theme.px(ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        t, choice = theme.tokens(), index.data(Qt.ItemDataRole.UserRole)
        area = option.rect.adjusted(theme.px(8), 0, -theme.px(8), 0)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.accent_soft))
            painter.drawRoundedRect(option.rect, theme.px(4), theme.px(4))
        size = theme.px(16)
        if choice.icon:
            top = area.top() + (area.height() - size) // 2
            mode = QIcon.Mode.Disabled if choice.refusal else QIcon.Mode.Normal
            theme.icon(choice.icon).paint(painter, area.left(), top, size, size, mode=mode)
        if choice.icon or self.indent:
            area.setLeft(area.left() + size + theme.px(8))
        self._words(painter, area, choice)
        painter.restore()

    def _words(self, painter: QPainter, area: QRect, choice: Choice) -> None:
        t, metrics, middle = theme.tokens(), painter.fontMetrics(), Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(t.neutral if choice.refusal else t.text))
        painter.drawText(area, middle | Qt.AlignmentFlag.AlignLeft, choice.label)
        room = area.width() - metrics.horizontalAdvance(choice.label) - theme.px(16)
        if room > theme.px(24):
            detail = metrics.elidedText(choice.refusal or choice.detail, Qt.TextElideMode.ElideRight, room)
            painter.setPen(QColor(t.muted))
            painter.drawText(area, middle | Qt.AlignmentFlag.AlignRight, detail)


class SearchMenu(QFrame):
    """Pops up at a place, with a line to type in; `chosen` carries the key of what was taken."""

    chosen = Signal(str)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None, hint: str = "Search"):
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("card")
        self._all: tuple[Choice, ...] = ()
        self.line = named(QLineEdit(placeholderText=hint), "searchMenuLine", hint)
        self.line.textChanged.connect(self._narrow)
        self.line.installEventFilter(self)
        self.list = named(QListView(), "searchMenuList", "Matches")
        self.list.setMouseTracking(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setUniformItemSizes(True)
        self._choices = _Choices(self)
        self.list.setModel(self._choices)
        self._line = _Line(self.list)
        self.list.setItemDelegate(self._line)
        self.list.clicked.connect(self._take)
        self.list.entered.connect(self.list.setCurrentIndex)
        self._nothing = QLabel(NOTHING)
        self._nothing.setProperty("role", "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*(theme.px(6),) * 4)
        layout.setSpacing(theme.px(6))
        for widget in (self.line, self._nothing, self.list):
            layout.addWidget(widget)

    def open_at(self, place: QPoint, choices: Sequence[Choice], width: int = WIDTH) -> None:
        """Show `choices`, the upper left corner at `place` (global) or where it fits on the screen."""
        self._all = tuple(choices)
        self._line.indent = any(choice.icon for choice in choices)
        self.line.clear()
        self._narrow("")
        rows = min(max(len(choices), 1), SHOWN_ROWS)
        self.list.setFixedHeight(rows * theme.px(ROW) + 4)
        self.setFixedWidth(theme.px(width))
        self.adjustSize()
        self.move(self._on_screen(place))
        self.show()
        self.line.setFocus(Qt.FocusReason.PopupFocusReason)

    def _on_screen(self, place: QPoint) -> QPoint:
        screen = self.screen().availableGeometry()
        return QPoint(
            max(screen.left(), min(place.x(), screen.right() - self.width())),
            max(screen.top(), min(place.y(), screen.bottom() - self.height())),
        )

    def shown_labels(self) -> list[str]:
        """What the list shows now."""
        return [choice.label for choice in self._choices.shown]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if watched is self.line and event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            return self._key(event.key())
        return super().eventFilter(watched, event)

    def _key(self, key: int) -> bool:
        match key:
            case Qt.Key.Key_Down | Qt.Key.Key_Tab:
                self._mark(+1)
            case Qt.Key.Key_Up | Qt.Key.Key_Backtab:
                self._mark(-1)
            case Qt.Key.Key_PageDown:
                self._mark(+SHOWN_ROWS)
            case Qt.Key.Key_PageUp:
                self._mark(-SHOWN_ROWS)
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self._take(self.list.currentIndex())
            case Qt.Key.Key_Escape:
                self.close()
            case _:
                return False
        return True

    def _mark(self, steps: int) -> None:
        """Move the mark by `steps`, over what cannot be chosen; one step beyond an end goes round."""
        free = [row for row, choice in enumerate(self._choices.shown) if not choice.refusal]
        if not free:
            return
        row = self.list.currentIndex().row()
        place = free.index(row) if row in free else -steps
        far = place + steps if abs(steps) > 1 else (place + steps) % len(free)
        self.list.setCurrentIndex(self._choices.index(free[max(0, min(far, len(free) - 1))], 0))

    def _narrow(self, typed: str) -> None:
        self._choices.show(ranked(self._all, typed))
        self._nothing.setVisible(not self._choices.shown)
        first = next((row for row, choice in enumerate(self._choices.shown) if not choice.refusal), None)
        if first is not None:
            self.list.setCurrentIndex(self._choices.index(first, 0))

    def _take(self, index: Index) -> None:
        if not index.isValid() or self._choices.shown[index.row()].refusal:
            return
        key = self._choices.shown[index.row()].key
        self.close()
        self.chosen.emit(key)

    def hideEvent(self, event: object) -> None:  # noqa: N802
        super().hideEvent(event)  # type: ignore[arg-type]
        self.closed.emit()
