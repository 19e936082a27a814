"""The data panel: which table, what its columns hold and are for, the fields made of them, and the split."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QLineEdit,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from core.project.facts import DataFacts
from core.project.schema import Project, Source
from gui import theme
from gui.checking import Checking
from gui.document import Document
from gui.files import Files
from gui.panels.columns import ColumnTable
from gui.panels.fieldlist import FieldList
from gui.panels.rows import FirstRows
from gui.roles import Role, roles, with_role
from gui.selection import Selection
from gui.training import Training
from gui.widgets.card import Header
from gui.widgets.emptystate import EmptyState
from gui.widgets.iconbutton import IconButton
from gui.widgets.naming import named, role

PURPOSE = "Fields are made from the columns of a table: drop a CSV, Parquet or NumPy file here, or open one."
OPEN = "Open data"
MANY_COLUMNS, LEAST_WIDTH, LEAST_HEIGHT, ROOM_FOR_SPLIT = 12, 256, 168, 280
PARTS = ("train", "validation", "test")
LABELS = {"input": "Use as input", "target": "Use as target", "none": "Leave out"}


class DataPanel(QWidget):
    """Columns, fields and first rows of the data in three tabs, over the split."""

    def __init__(
        self,
        document: Document,
        selection: Selection,
        checking: Checking,
        training: Training,
        files: Files,
    ):
        super().__init__()
        self._document, self._selection, self._checking, self._files = document, selection, checking, files
        self.setObjectName("dataPanel")
        self.setAcceptDrops(True)
        self.header = Header("Data")
        change = named(IconButton("open", "Open other data"), "dataOpen")
        change.clicked.connect(lambda: files.open_data())
        settings = named(IconButton("settings", "How the rows are loaded"), "dataSettings")
        settings.clicked.connect(lambda: selection.select("data"))
        self.header.row.addWidget(settings)
        self.header.row.addWidget(change)
        self.table = ColumnTable()
        self.fields = FieldList(document, selection, checking)
        self.rows = FirstRows(document)
        self._filter = named(QLineEdit(placeholderText="Filter columns"), "columnFilter", "Filter columns")
        self._error = role(QLabel(wordWrap=True), "error")
        self.split = SplitCard()
        self._pages = QStackedWidget()
        self._empty = EmptyState("data", PURPOSE, OPEN)
        training.closing.connect(self.rows.close_reader)
        self._build()
        self._empty.pressed.connect(lambda _label: files.open_data())
        self.table.role_wanted.connect(self._set_role)
        self._filter.textChanged.connect(self.table.columns.narrow)
        self.split.pressed.connect(lambda: selection.select("split"))
        document.changed.connect(lambda _before, _after: self._show())
        checking.changed.connect(self._show)
        self._show()

    def _build(self) -> None:
        full = QWidget()
        column = QVBoxLayout(full)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._error)
        self.tabs = named(QTabWidget(), "dataTabs", "Parts of the data")
        self.tabs.setDocumentMode(True)
        held = QWidget()
        inner = QVBoxLayout(held)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        inner.addWidget(self._filter)
        inner.addWidget(self.table, 1)
        for page, title in ((held, "Columns"), (self.fields, "Fields"), (self.rows, "Rows")):
            self.tabs.addTab(page, title)
        self.tabs.currentChanged.connect(lambda _index: self._show())
        column.addWidget(self.tabs, 1)
        column.addWidget(self.split)
        self._pages.addWidget(self._empty)
        self._pages.addWidget(full)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._pages)
        self._error.setContentsMargins(*(theme.px(n) for n in (theme.GAP_M, 0, theme.GAP_M, theme.GAP_S)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(theme.px(LEAST_WIDTH), theme.px(LEAST_HEIGHT))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.split.show_brief(self.height() < theme.px(ROOM_FOR_SPLIT))

    # ---- showing

    def _show(self) -> None:
        project, facts = self._document.project, self._checking.facts.data
        source = project.data.source
        self._pages.setCurrentIndex(0 if source is None else 1)
        self.header.remark.setText(_remark(facts) if source is not None else "")
        if source is None:
            self.header.title.setText("Data")
            return
        self.header.title.setText(named_source(source))
        self._error.setText(facts.error if facts and facts.error else "")
        self._error.setVisible(bool(facts and facts.error))
        columns = facts.columns if facts else {}
        self._filter.setVisible(len(columns) > MANY_COLUMNS)
        self.table.columns.show(columns, roles(project))
        self.fields.refresh()
        if self.tabs.currentWidget() is self.rows:
            self.rows.refresh()
        self.split.show_split(project, facts)

    def _set_role(self, names: Sequence[str], wanted: Role) -> None:
        facts = self._checking.facts.data
        if facts is None:
            return
        label = f"{LABELS[wanted]}: {names[0] if len(names) == 1 else f'{len(names)} columns'}"
        try:
            project = with_role(self._document.project, facts.columns, names, wanted)
        except ValueError as refusal:  # more parts than a project may have
            self._files.failed.emit(str(refusal))
            return
        self._document.edit(label, project)

    # ---- dropping files

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        path = next(Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile())
        event.acceptProposedAction()
        self._files.take_dropped(path)


class SplitCard(QFrame):
    """How many rows train, validate and test; a press leads to the settings."""

    pressed = Signal()

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._header = Header("Split")
        edit = named(IconButton("settings", "Split settings"), "splitSettings")
        edit.clicked.connect(self.pressed)
        self._header.row.addWidget(edit)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(*(theme.px(n) for n in (theme.GAP_M, 6, theme.GAP_M, theme.GAP_S)))
        self._grid.setHorizontalSpacing(theme.px(theme.GAP_M))
        self._grid.setVerticalSpacing(theme.px(theme.GAP_XS))
        self._grid.setColumnStretch(1, 1)
        self._lines = {name: (QLabel(name), QLabel()) for name in (*PARTS, "dropped")}
        for line, (label, value) in enumerate(self._lines.values()):
            self._grid.addWidget(role(label, "muted"), line, 0)
            self._grid.addWidget(value, line, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._header)
        self._counts = QWidget()
        self._counts.setLayout(self._grid)
        column.addWidget(self._counts)
        self._brief, self._kind, self._sum = False, "", ""

    def show_brief(self, brief: bool) -> None:
        """In a low panel only the header, with the counts in it."""
        self._brief = brief
        self._counts.setVisible(not brief)
        self._header.remark.setText(self._sum if brief else self._kind)

    def show_split(self, project: Project, facts: DataFacts | None) -> None:
        """Show the counts that reading the data gave; parts without rows are left out."""
        counts = dict(facts.split) if facts else {}
        used = sum(counts.get(name, 0) for name in PARTS) or 1
        for name, (label, value) in self._lines.items():
            count = counts.get(name)
            shown = count is not None and (count > 0 or name == "train")
            label.setVisible(shown)
            value.setVisible(shown)
            share = "" if name == "dropped" else f" · {100 * (count or 0) / used:.0f} %"
            value.setText(f"{count or 0:,}{share}")
        self._kind = project.data.split.kind
        self._sum = " + ".join(f"{counts.get(name, 0):,}" for name in PARTS if counts.get(name))
        self.show_brief(self._brief)
        self._lines["dropped"][1].setToolTip("Rows with a missing value in a field that drops them.")


def _remark(facts: DataFacts | None) -> str:
    if facts is None:
        return "reading…"
    if facts.error:
        return "unreadable"
    return f"{facts.rows:,} rows" if facts.exact else f"first {facts.rows:,} rows"


def named_source(source: Source) -> str:
    """What the data is called: the file's name, or the name of a data set of scikit-learn."""
    return f"{source.name} (scikit-learn)" if source.kind == "sklearn" else Path(source.path).name
