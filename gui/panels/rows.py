"""The first rows of the data as they are in the file, read off the GUI thread."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QTableView

from core.project.schema import Source
from gui import theme
from gui.background import Background
from gui.document import Document

if TYPE_CHECKING:
    import pandas

Index = QModelIndex | QPersistentModelIndex
COUNT, LONGEST = 100, 200


class _Frame(QAbstractTableModel):
    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self._headings: list[str] = []
        self._cells: list[list[str]] = []

    def show(self, headings: list[str], cells: list[list[str]]) -> None:
        self.beginResetModel()
        self._headings, self._cells = headings, cells
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self._cells)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self._headings)

    def headerData(  # noqa: N802
        self, section: int, way: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return self._headings[section] if way == Qt.Orientation.Horizontal else section + 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self._cells[index.row()][index.column()]
        return None


class FirstRows(QTableView):
    """A hundred rows; `refresh` reads them when the source is another one."""

    def __init__(self, document: Document):
        super().__init__()
        self._document = document
        self._shown: tuple[Source | None, object] | None = None
        self._reader = Background("rows", self)
        self.frame = _Frame(self)
        self.setModel(self.frame)
        self.setObjectName("rowTable")
        self.setAccessibleName("First rows of the data")
        self.setSelectionMode(QAbstractItemView.SelectionMode.ContiguousSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.verticalHeader().setDefaultSectionSize(theme.px(24))
        self.horizontalHeader().setDefaultSectionSize(theme.px(96))
        self.horizontalHeader().setDefaultAlignment(
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        )

    def refresh(self) -> None:
        """Read the first rows if they are not shown already."""
        source, folder = self._document.project.data.source, self._document.folder
        if (source, folder) == self._shown or source is None:
            return
        self._shown = (source, folder)

        def read() -> tuple[list[str], list[list[str]]]:
            from core.data import first_rows  # brings pandas along

            return written(first_rows(source, folder, COUNT))

        self._reader.ask(
            "rows", read, lambda found: self.frame.show(*found), lambda _why: self.frame.show([], [])
        )

    def close_reader(self) -> None:
        """End the thread that reads; the window is closing."""
        self._reader.close()


def written(frame: "pandas.DataFrame") -> tuple[list[str], list[list[str]]]:
    """The headings and cells of a table as text; what is missing is empty."""
    missing = frame.isna()
    cells = [
        ["" if gone else str(value)[:LONGEST] for value, gone in zip(row, lost, strict=True)]
        for row, lost in zip(frame.itertuples(index=False), missing.itertuples(index=False), strict=True)
    ]
    return [str(name) for name in frame.columns], cells
