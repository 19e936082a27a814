"""The start page: begin anew, go on with something recent, or open an example that trains at once."""

import re
from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from core.project.templates import Template, templates
from gui import theme
from gui.files import Files
from gui.settings import Settings
from gui.widgets.flow import FlowLayout
from gui.widgets.iconbutton import Button
from gui.widgets.naming import named, role

CARD_WIDTH, PICTURE_HEIGHT, SIDE_WIDTH, RECENT_SHOWN = 252, 132, 248, 8
PICTURE = QSize(320, 180)
PROMISE = "Wire losses to heads, watch every term while it trains, take the script away."


class StartPage(QWidget):
    """New, open and recent on the left, examples on the right."""

    def __init__(self, files: Files, settings: Settings, parent: QWidget | None = None):
        super().__init__(parent)
        self._files, self._settings = files, settings
        self.setObjectName("startPage")
        row = QHBoxLayout(self)
        row.setContentsMargins(*(theme.px(n) for n in (theme.GAP_XL, theme.GAP_XL, 0, 0)))
        row.setSpacing(theme.px(theme.GAP_XL))
        row.addWidget(self._side())
        row.addWidget(self._examples(), 1)
        files.recent_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the recent projects as they are now."""
        while (item := self._recent.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        paths = self._settings.recent[:RECENT_SHOWN]
        for path in paths:
            self._recent.addWidget(self._recent_button(path))
        if not paths:
            self._recent.addWidget(role(QLabel("Projects you save appear here.", wordWrap=True), "muted"))

    def _side(self) -> QWidget:
        side = QWidget()
        side.setFixedWidth(theme.px(SIDE_WIDTH))
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, theme.px(theme.GAP_XL))
        column.setSpacing(theme.px(theme.GAP_S))
        column.addWidget(role(QLabel("Lossmith"), "display"))
        column.addWidget(role(QLabel(PROMISE, wordWrap=True), "muted"))
        column.addSpacing(theme.px(theme.GAP_M))
        for button in self._beginnings():
            column.addWidget(button)
        column.addSpacing(theme.px(theme.GAP_L))
        column.addWidget(role(QLabel("Recent"), "title"))
        self._recent = QVBoxLayout()
        self._recent.setSpacing(theme.px(theme.GAP_XS))
        column.addLayout(self._recent)
        column.addStretch(1)
        return side

    def _beginnings(self) -> list[Button]:
        new = named(Button("New project", "new", "primary"), "startNew")
        opening = named(Button("Open project…", "open"), "startOpen")
        data = named(Button("Start from data…", "data"), "startData")
        new.clicked.connect(lambda: self._files.new())
        opening.clicked.connect(lambda: self._files.open())
        data.clicked.connect(lambda: self._files.new_from_data())
        return [new, opening, data]

    def _recent_button(self, path: Path) -> QWidget:
        button = named(Button(path.stem, "recent", "quiet"), "startRecent", f"Open {path.name}")
        button.setToolTip(str(path))
        button.setStyleSheet("text-align: left;")
        button.clicked.connect(lambda: self._files.open(path))
        return button

    def _examples(self) -> QWidget:
        page = named(QWidget(), "formBody")
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, theme.px(theme.GAP_XL), theme.px(theme.GAP_XL))
        column.setSpacing(theme.px(theme.GAP_M))
        column.addWidget(role(QLabel("Examples"), "heading"))
        column.addWidget(role(QLabel("Each opens at once and trains in seconds.", wordWrap=True), "muted"))
        cards = QWidget()
        flow = FlowLayout(theme.px(CARD_WIDTH), theme.px(theme.GAP_M), cards)
        flow.setContentsMargins(0, 0, 0, 0)
        for one in templates():
            card = ExampleCard(one)
            card.clicked.connect(lambda _checked=False, one=one: self._files.new_from(one))
            flow.addWidget(card)
        column.addWidget(cards)
        column.addStretch(1)
        area = QScrollArea(widgetResizable=True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(page)
        return area


class ExampleCard(QAbstractButton):
    """A picture of the graph over a title, a sentence, and how long it trains."""

    def __init__(self, one: Template, parent: QWidget | None = None):
        super().__init__(parent)
        self._picture = one.picture.read_text("utf-8")
        named(self, f"example_{one.name}", f"Open the example {one.title}: {one.sentence}")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        column = QVBoxLayout(self)
        column.setContentsMargins(*(theme.px(n) for n in (theme.GAP_M, PICTURE_HEIGHT + 12, theme.GAP_M, 12)))
        column.setSpacing(theme.px(theme.GAP_XS))
        time = f"trains in about {one.seconds} s"
        for text, look in ((one.title, "title"), (one.sentence, ""), (time, "muted")):
            column.addWidget(role(QLabel(text, wordWrap=True), look))
        column.addStretch(1)
        for label in self.findChildren(QLabel):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(theme.px(CARD_WIDTH), self.heightForWidth(max(self.width(), theme.px(CARD_WIDTH))))

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        layout = self.layout()
        return layout.heightForWidth(width) if layout else PICTURE_HEIGHT

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        t, painter = theme.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        strong = self.hasFocus() or self.underMouse()
        edge = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setPen(QPen(QColor(t.accent if strong else t.border), 2 if self.hasFocus() else 1))
        painter.setBrush(QColor(t.hover if self.isDown() else t.surface))
        painter.drawRoundedRect(edge, theme.px(theme.RADIUS), theme.px(theme.RADIUS))
        room = edge.adjusted(2, 2, -2, 0)
        room.setHeight(theme.px(PICTURE_HEIGHT))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.canvas))
        painter.drawRoundedRect(room, theme.px(theme.RADIUS) - 2, theme.px(theme.RADIUS) - 2)
        picture = QSvgRenderer(QByteArray(tinted(self._picture).encode()))
        picture.render(painter, _within(room))


def tinted(svg: str) -> str:
    """The picture in the colours of the theme in use; it is drawn in those of the light one."""
    t = theme.tokens()
    swaps: Mapping[str, str] = {
        "#ffffff": t.raised,
        "#1f2933": t.text,
        "#b8c1cc": t.strong_border,
        "#8b95a3": t.neutral,
        **dict(zip(theme.LIGHT.heads, t.heads, strict=True)),
    }
    return re.sub("|".join(swaps), lambda found: swaps[found.group()], svg)


def _within(room: QRectF) -> QRectF:
    """The largest place of the picture's shape in `room`."""
    factor = min(room.width() / PICTURE.width(), room.height() / PICTURE.height())
    place = QRectF(0, 0, PICTURE.width() * factor, PICTURE.height() * factor)
    place.moveCenter(room.center())
    return place
