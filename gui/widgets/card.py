"""A card: a panel with a header (title left, remark right) over its content."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from gui import theme

HEADER = 32


class ElidedLabel(QLabel):
    """One line that ends in an ellipsis where it does not fit; the whole text is its tooltip."""

    def __init__(self, text: str = "", parent: QWidget | None = None):
        super().__init__(parent)
        self._whole = text
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._fit()

    def setText(self, text: str) -> None:  # noqa: N802
        self._whole = text
        self.setAccessibleName(text)
        self._fit()

    def text(self) -> str:
        return self._whole

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(theme.px(24), super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(self.fontMetrics().horizontalAdvance(self._whole) + 4, super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        metrics = self.fontMetrics()
        # A style sheet pads the text, and nothing but the size hint tells by how much.
        padding = super().sizeHint().width() - metrics.horizontalAdvance(super().text())
        room = max(self.width() - max(padding, 0), 1)
        shown = metrics.elidedText(self._whole, Qt.TextElideMode.ElideRight, room)
        super().setText(shown)
        self.setToolTip(self._whole if shown != self._whole else "")


class Header(QWidget):
    """The title line of a card or dock: title, remark, and room for buttons at the end of `row`."""

    def __init__(self, title: str = "", remark: str = "", parent: QWidget | None = None):
        super().__init__(parent)
        self.setObjectName("cardHeader")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(theme.px(HEADER))
        self.title, self.remark = ElidedLabel(title), QLabel(remark)
        self.title.setProperty("role", "title")
        self.remark.setProperty("role", "muted")
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(theme.px(theme.GAP_M), 0, theme.px(theme.GAP_M), 0)
        self.row.setSpacing(theme.px(theme.GAP_S))
        self.row.addWidget(self.title, 1)
        self.row.addWidget(self.remark)
        theme.notifier().changed.connect(self._resize)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Docks ask for the height of their title here."""
        return QSize(super().sizeHint().width(), theme.px(HEADER))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(super().minimumSizeHint().width(), theme.px(HEADER))

    def _resize(self) -> None:
        self.setFixedHeight(theme.px(HEADER))


class Card(QFrame):
    """A surface with a border; put content into `body`."""

    def __init__(self, title: str = "", remark: str = "", parent: QWidget | None = None):
        super().__init__(parent)
        self.setObjectName("card")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        self.header = Header(title, remark)
        self.header.setVisible(bool(title))
        self.body = QVBoxLayout()
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(0)
        layout.addWidget(self.header)
        layout.addLayout(self.body, 1)
