"""The palette: every layer of the catalogue by category, searched by typing, dragged in or added with
Enter.
"""

from collections.abc import Iterator, Sequence

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from gui import theme
from gui.canvas.offers import Offer
from gui.canvas.view import MIME
from gui.widgets.naming import named
from gui.widgets.searchmenu import ranked

WIDTH = 212
KEY = Qt.ItemDataRole.UserRole
ORDER = (
    "Data", "Core", "Activation", "Merging", "Reshaping", "Normalization", "Regularization", "Convolution",
    "Pooling", "Recurrent", "Attention", "Preparation", "Image preparation", "Loss",
)  # fmt: skip


class _Tree(QTreeWidget):
    """The list; a drag carries the key of the offer."""

    def mimeData(self, items: Sequence[QTreeWidgetItem]) -> QMimeData:  # noqa: N802
        data = QMimeData()
        for item in items:
            data.setData(MIME, str(item.data(0, KEY) or "").encode())
        return data


class Palette(QWidget):
    """Shows offers; `chosen` carries the key of what Enter or a double click takes."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.setObjectName("canvasPalette")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._offers: list[Offer] = []
        self.line = named(
            QLineEdit(placeholderText="Search layers"), "paletteSearch", "Search layers and losses"
        )
        self.line.setClearButtonEnabled(True)
        self.line.textChanged.connect(lambda _text: self._fill())
        self.line.installEventFilter(self)
        self.tree = named(_Tree(), "paletteTree", "Layers to drag onto the canvas")
        self.tree.setHeaderHidden(True)
        self.tree.setDragEnabled(True)
        self.tree.setRootIsDecorated(True)
        self.tree.setIndentation(theme.px(12))
        self.tree.setUniformRowHeights(True)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.tree.itemDoubleClicked.connect(lambda item, _column: self._take(item))
        self.tree.installEventFilter(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(*(theme.px(theme.GAP_S),) * 4)
        column.setSpacing(theme.px(theme.GAP_S))
        column.addWidget(self.line)
        column.addWidget(self.tree, 1)
        self.setFixedWidth(theme.px(WIDTH))

    def show_offers(self, offers: Sequence[Offer]) -> None:
        """Show other offers; what was typed and the open categories stay."""
        if [offer.choice for offer in offers] != [offer.choice for offer in self._offers]:
            self._offers = list(offers)
            self._fill()

    def _fill(self) -> None:
        typed = self.line.text()
        opened = {item.text(0) for item in self._categories() if item.isExpanded()}
        self.tree.clear()
        groups: dict[str, QTreeWidgetItem] = {}
        for offer in self._sorted(typed):
            group = _group(offer)
            if group not in groups:
                groups[group] = self._category(
                    group, expanded=bool(typed) or group in (opened or {"Data", "Core"})
                )
            groups[group].addChild(_line(offer))
        if typed and groups:
            self._mark(next(iter(groups.values())).child(0))

    def _sorted(self, typed: str) -> list[Offer]:
        by_key = {offer.choice.key: offer for offer in self._offers}
        if typed:
            return [by_key[choice.key] for choice in ranked([offer.choice for offer in self._offers], typed)]
        return sorted(self._offers, key=lambda offer: (_place(_group(offer)), _group(offer)))

    def _category(self, name: str, expanded: bool) -> QTreeWidgetItem:
        item = QTreeWidgetItem([name])
        item.setFlags(Qt.ItemFlag.ItemIsEnabled)
        font = theme.font(12, bold=True)
        item.setFont(0, font)
        self.tree.addTopLevelItem(item)
        item.setExpanded(expanded)
        return item

    def _categories(self) -> Iterator[QTreeWidgetItem]:
        for index in range(self.tree.topLevelItemCount()):
            item = self.tree.topLevelItem(index)
            if item is not None:
                yield item

    def _mark(self, item: QTreeWidgetItem | None) -> None:
        if item is not None:
            self.tree.setCurrentItem(item)

    def _take(self, item: QTreeWidgetItem | None) -> None:
        key = item.data(0, KEY) if item is not None else None
        if key:
            self.chosen.emit(key)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            key = event.key()
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._take(self.tree.currentItem())
                return True
            if key == Qt.Key.Key_Down and watched is self.line:
                self.tree.setFocus()
                if self.tree.currentItem() is None:
                    self._mark(self.tree.topLevelItem(0))
                return True
        return super().eventFilter(watched, event)


def _group(offer: Offer) -> str:
    """The category: a layer's own, fields under Data, losses under Loss."""
    kind = offer.choice.key.split()[0]
    return {"input": "Data", "term": "Loss"}.get(kind) or offer.choice.detail or "Other"


def _place(group: str) -> int:
    return ORDER.index(group) if group in ORDER else len(ORDER) - 1


def _line(offer: Offer) -> QTreeWidgetItem:
    item = QTreeWidgetItem([offer.choice.label.removeprefix("New term: ").removeprefix("New input: ")])
    item.setData(0, KEY, offer.choice.key)
    item.setIcon(0, theme.icon(offer.choice.icon))
    item.setToolTip(0, offer.choice.words)
    item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled)
    return item
