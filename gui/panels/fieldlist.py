"""The fields of the project: their names, kinds and spread; a press shows one in the inspector."""

from collections.abc import Mapping

from PySide6.QtCore import QModelIndex, QObject, QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from core.project.facts import ColumnFacts, DataFacts
from core.project.schema import Field, Project
from gui import theme
from gui.checking import Checking
from gui.document import Document
from gui.panels.namedrows import Index, NamedRows
from gui.selection import Selection
from gui.widgets.sparkline import paint_bars

HEADINGS = ("field", "kind", "spread")
SPREAD = 2


class Fields(NamedRows):
    """Fields by name, with their facts."""

    HEADINGS = HEADINGS

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self._project = Project()
        self._facts: DataFacts | None = None
        self.names: list[str] = []

    def show(self, project: Project, facts: DataFacts | None) -> None:
        names = list(project.data.fields)
        if names != self.names:
            self.beginResetModel()
            self._project, self._facts, self.names = project, facts, names
            self.endResetModel()
        elif names:
            self._project, self._facts = project, facts
            self.dataChanged.emit(self.index(0, 0), self.index(len(names) - 1, SPREAD))

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        name = self.names[index.row()]
        field = self._project.data.fields[name]
        if role == Qt.ItemDataRole.UserRole:
            return self._spread(field)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._described(name, field)
        if role == Qt.ItemDataRole.DisplayRole:
            return (name, self._kind(name, field), "")[index.column()]
        return None

    def _kind(self, name: str, field: Field) -> str:
        """`number (28 by 28)`: the kind and, once known, the shape of a row."""
        facts = self._facts.fields.get(name) if self._facts else None
        shape = " by ".join(str(size) for size in facts.shape) if facts and facts.shape else ""
        return f"{field.kind} ({shape})" if shape and shape != "1" else field.kind

    def _spread(self, field: Field) -> tuple[int, ...]:
        columns: Mapping[str, ColumnFacts] = self._facts.columns if self._facts else {}
        found = [columns[name].histogram for name in field.columns if name in columns]
        return found[0] if found else ()

    def _described(self, name: str, field: Field) -> str:
        shown = ", ".join(field.columns[:8]) + (", …" if len(field.columns) > 8 else "")
        return f"{name}: {field.kind} from {shown}"


class FieldList(QTableView):
    """Pressing a field selects it everywhere."""

    def __init__(self, document: Document, selection: Selection, checking: Checking):
        super().__init__()
        self._document, self._selection, self._checking = document, selection, checking
        self.fields = Fields(self)
        self.setModel(self.fields)
        self.setObjectName("fieldTable")
        self.setAccessibleName("Fields")
        self.setItemDelegateForColumn(SPREAD, _Bars(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.px(theme.ROW))
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.setColumnWidth(SPREAD, theme.px(72))
        self.selectionModel().currentRowChanged.connect(self._choose)
        selection.changed.connect(self._follow)

    def refresh(self) -> None:
        self.fields.show(self._document.project, self._checking.facts.data)

    def _choose(self, current: QModelIndex) -> None:
        if current.isValid() and self.hasFocus():
            self._selection.select(f"field:{self.fields.names[current.row()]}")

    def _follow(self, reference: str) -> None:
        kind, _, name = reference.partition(":")
        if kind in ("field", "target") and name in self.fields.names:
            self.selectRow(self.fields.names.index(name))
        else:
            self.clearSelection()


class _Bars(QStyledItemDelegate):
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, QColor(theme.tokens().accent_soft))
        area = QRectF(option.rect).adjusted(0, theme.px(6), -theme.px(10), -theme.px(6))
        paint_bars(painter, area, index.data(Qt.ItemDataRole.UserRole) or ())
