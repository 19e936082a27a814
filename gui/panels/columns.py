"""The columns of the data as a table: what each holds, how it is spread, and what it is for."""

from collections.abc import Iterable, Mapping

from PySide6.QtCore import (
    QObject,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from core.project.facts import ColumnFacts
from gui import theme
from gui.panels.namedrows import Index, NamedRows
from gui.roles import Role
from gui.widgets.sparkline import paint_bars

HEADINGS = ("column", "missing", "spread", "used as")
NAME, MISSING, SPREAD, ROLE = range(4)
WIDTHS = {MISSING: 70, SPREAD: 60, ROLE: 104}
PARTS: tuple[tuple[Role, str], ...] = (("none", "-"), ("input", "input"), ("target", "target"))
KEYS: Mapping[int, Role] = {Qt.Key.Key_I: "input", Qt.Key.Key_T: "target", Qt.Key.Key_Minus: "none"}
SHARES = (0.18, 0.38, 0.44)
FACTS = Qt.ItemDataRole.UserRole


class Columns(NamedRows):
    """Column facts and roles, filtered by a word."""

    HEADINGS = HEADINGS

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self._facts: Mapping[str, ColumnFacts] = {}
        self._roles: Mapping[str, Role] = {}
        self._word = ""
        self.names: list[str] = []

    def show(self, facts: Mapping[str, ColumnFacts], roles: Mapping[str, Role]) -> None:
        """Show these columns; the selection stays where only facts or roles changed."""
        names = _matching(facts, self._word)
        if names != self.names:
            self.beginResetModel()
            self._facts, self._roles, self.names = facts, roles, names
            self.endResetModel()
        elif names:
            self._facts, self._roles = facts, roles
            self.dataChanged.emit(self.index(0, 0), self.index(len(names) - 1, ROLE))

    def narrow(self, word: str) -> None:
        """Show only columns whose name contains `word`."""
        self._word = word
        self.show(self._facts, self._roles)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        name = self.names[index.row()]
        facts = self._facts[name]
        if role == Qt.ItemDataRole.ToolTipRole:
            return described(name, facts)
        if role == FACTS:
            return facts
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{name}, {facts.kind}, used as {self.role_of(name)}"
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == MISSING:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        shown = {NAME: name, MISSING: f"{facts.missing:,}" if facts.missing else "", ROLE: self.role_of(name)}
        return shown.get(index.column(), "")

    def role_of(self, name: str) -> Role:
        return self._roles.get(name, "none")


class ColumnTable(QTableView):
    """Click a part of the switch, or press I, T or - , to say what the selected columns are for."""

    role_wanted = Signal(object, str)  # names, role

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.columns = Columns(self)
        self.setModel(self.columns)
        self.setItemDelegate(_Cell(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.setObjectName("columnTable")
        self.setAccessibleName("Columns of the data")
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        head.setMinimumSectionSize(theme.px(40))
        self._size()
        theme.notifier().changed.connect(self._size)

    def resizeEvent(self, event: object) -> None:  # noqa: N802
        super().resizeEvent(event)  # type: ignore[arg-type]
        self.setColumnHidden(MISSING, self.width() < theme.px(360))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        role = KEYS.get(event.key())
        if role is None or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().keyPressEvent(event)
            return
        self.want(self.chosen(), role)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and index.column() == ROLE and event.button() == Qt.MouseButton.LeftButton:
            self._press(index, event.position().toPoint().x())
            return
        super().mousePressEvent(event)

    def chosen(self) -> list[str]:
        """The names of the selected columns."""
        return [self.columns.names[index.row()] for index in self.selectionModel().selectedRows()]

    def want(self, names: Iterable[str], role: Role) -> None:
        wanted = list(names)
        if wanted:
            self.role_wanted.emit(wanted, role)

    def _press(self, index: Index, x: int) -> None:
        """Set the role of the row that was pressed; of all selected rows if it is one of several."""
        name = self.columns.names[index.row()]
        chosen = self.chosen()
        names = chosen if name in chosen and len(chosen) > 1 else [name]
        for (role, _word), part in zip(PARTS, role_parts(self.visualRect(index)), strict=True):
            if part.left() <= x <= part.right():
                self.want(names, role)

    def _size(self) -> None:
        self.verticalHeader().setDefaultSectionSize(theme.px(theme.ROW))
        for column, width in WIDTHS.items():
            self.setColumnWidth(column, theme.px(width))


class _Cell(QStyledItemDelegate):
    """Paints the type before the name, the spread as bars, and the role as a switch of three parts."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, QColor(theme.tokens().accent_soft))
        facts: ColumnFacts = index.data(FACTS)
        match index.column():
            case 0:
                _paint_name(painter, option.rect, facts.kind, index.data())
            case 2:
                area = QRectF(option.rect).adjusted(0, theme.px(6), -theme.px(8), -theme.px(6))
                paint_bars(painter, area, facts.histogram)
            case 3:
                _paint_role(painter, option.rect, index.data())
            case _:
                painter.setPen(QColor(theme.tokens().warning))
                right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                painter.drawText(option.rect.adjusted(0, 0, -theme.px(10), 0), right, index.data())
        painter.restore()

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:  # noqa: N802
        return QSize(theme.px(40), theme.px(theme.ROW))


def _paint_name(painter: QPainter, area: QRect, kind: str, name: str) -> None:
    t, size = theme.tokens(), theme.px(14)
    left = area.left() + theme.px(8)
    top = area.top() + (area.height() - size) // 2
    theme.icon(kind, t.neutral).paint(painter, left, top, size, size, mode=QIcon.Mode.Normal)
    words = area.adjusted(theme.px(28), 0, -theme.px(4), 0)
    painter.setPen(QColor(t.text))
    shown = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, words.width())
    painter.drawText(words, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)


def role_parts(area: QRect) -> list[QRect]:
    """Where the three parts of the role's switch are in a cell."""
    inner = area.adjusted(0, theme.px(4), -theme.px(4), -theme.px(4))
    parts, left = [], inner.left()
    for share in SHARES:
        width = round(inner.width() * share)
        parts.append(QRect(left, inner.top(), width, inner.height()))
        left += width
    return parts


def _paint_role(painter: QPainter, area: QRect, current: str) -> None:
    t, parts = theme.tokens(), role_parts(area)
    whole = QRectF(parts[0].united(parts[-1]))
    radius = theme.px(5)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(t.hover))
    painter.drawRoundedRect(whole, radius, radius)
    font = painter.font()
    font.setPixelSize(theme.px(11))
    painter.setFont(font)
    for (role, word), part in zip(PARTS, parts, strict=True):
        on = role == current
        if on:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.accent if role != "none" else t.strong_border))
            painter.drawRoundedRect(QRectF(part), radius, radius)
        ink = (t.on_accent if role != "none" else t.text) if on else t.muted
        painter.setPen(QColor(ink))
        painter.drawText(part, Qt.AlignmentFlag.AlignCenter, word)


def _matching(facts: Mapping[str, ColumnFacts], word: str) -> list[str]:
    return [name for name in facts if word.casefold() in name.casefold()]


def described(name: str, facts: ColumnFacts) -> str:
    """All that is known of a column, a line each."""
    lines = [f"{name}: {facts.kind} ({facts.dtype})", f"{facts.count:,} values, {facts.missing:,} missing"]
    if facts.distinct is not None:
        lines.append(f"{facts.distinct:,} distinct")
    if facts.minimum is not None:
        lines.append(f"from {_brief(facts.minimum)} to {_brief(facts.maximum)}")
    if facts.mean is not None:
        lines.append(f"mean {_brief(facts.mean)}")
    return "\n".join(lines)


def _brief(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
