"""A node of the canvas: a card with a colour bar, two lines and a round port at each side.

It only paints what it was shown; what a click or a drag means is decided elsewhere.
"""

import math
from functools import cache, lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QIcon, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from core.project.problems import Problem
from gui import theme
from gui.canvas.graph import Node
from gui.canvas.layout import GRID, Box

HEIGHT, RADIUS, PORT, REACH = 46.0, 8.0, 4.5, 11.0
LEAST, MOST, STEP, LEFT, RIGHT = 96, 232, 12, 14.0, 12.0
BADGE, MARGIN, SHAPE_ROOM = 16.0, 12.0, 84.0
TITLE_BASE, DETAIL_BASE = 20.0, 36.0
TOO_SMALL_TO_READ, NAMES_ONLY = 0.3, 0.55
NAME_BASE = 29.0
SEVERITIES = {"blocking": "problem", "warning": "warning", "hint": "hint"}
COLOURS = {"blocking": "bad", "warning": "warning", "hint": "muted"}


@cache
def font(size: int, bold: bool = False) -> QFont:
    """The window's font in scene units; the zoom of the view scales it."""
    result = theme.font(size, bold=bold)
    result.setPixelSize(size)
    return result


class NodeItem(QGraphicsItem):
    """Shows one `Node`. `wires` are told when it moves."""

    def __init__(self, node: Node):
        super().__init__()
        self.node = node
        self.width = 0.0
        self.colour = theme.tokens().neutral
        self.problems: tuple[Problem, ...] = ()
        self.marked = ""  # "good" or "bad" while a wire is held over it
        self.hot_port = ""  # "in" or "out" under the mouse
        self.focused = False
        self.live = ""
        self.wires: set[QGraphicsItem] = set()
        flag = QGraphicsItem.GraphicsItemFlag
        self.setFlags(flag.ItemIsSelectable | flag.ItemIsMovable | flag.ItemSendsGeometryChanges)
        self.setAcceptHoverEvents(True)
        self.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        self._measure()

    # ---- what it shows

    def show_node(self, node: Node, colour: str, problems: tuple[Problem, ...]) -> None:
        """Show another state of the same node; nothing happens where nothing differs."""
        if node == self.node and colour == self.colour and problems == self.problems:
            return
        self.node, self.colour, self.problems = node, colour, problems
        self._measure()
        self.setToolTip(self._tooltip())
        self.update()

    def show_live(self, text: str) -> None:
        """Show a number of the running training in place of the second line; "" ends it."""
        if text != self.live:
            self.live = text
            self.update()

    def mark(self, state: str) -> None:
        if state != self.marked:
            self.marked = state
            self.update()

    def focus(self, focused: bool) -> None:
        if focused != self.focused:
            self.focused = focused
            self.update()

    def restyle(self) -> None:
        """Take the fonts and colours of the theme in use."""
        self._measure()
        self.update()

    def _measure(self) -> None:
        """Be as wide as the text asks, in steps, so that a changed digit moves nothing."""
        title = QFontMetricsF(font(13, bold=True)).horizontalAdvance(self.node.title)
        detail = QFontMetricsF(font(12)).horizontalAdvance(self.node.detail)
        wanted = math.ceil((max(title, detail) + LEFT + RIGHT) / STEP) * STEP
        width = float(min(MOST, max(LEAST, wanted)))
        if width != self.width:
            self.prepareGeometryChange()
            self.width = width
            self._loosen_wires()

    def _loosen_wires(self) -> None:
        """Its ports are elsewhere: let the wires run straight to them until they are led again."""
        for wire in self.wires:
            wire.loosen()  # type: ignore[attr-defined]

    def _tooltip(self) -> str:
        """What is wrong first, then the whole of what may be cut off."""
        lines = [f"{problem.severity.capitalize()}: {problem.message}" for problem in self.problems]
        return "\n".join([*lines, f"{self.node.title} · {self.node.detail}"])

    def says(self) -> str:
        """What a screen reader says of the node."""
        problems = "".join(f"; {problem.severity}: {problem.message}" for problem in self.problems)
        return f"{self.node.title}, {self.node.kind}, {self.live or self.node.detail}{problems}"

    # ---- geometry

    def box(self) -> Box:
        return Box(self.width, HEIGHT, self.node.stage)

    def card(self) -> QRectF:
        return QRectF(0, 0, self.width, HEIGHT)

    def entry(self) -> QPointF:
        """Where wires come in, in the scene."""
        return self.pos() + QPointF(0, HEIGHT / 2)

    def exit(self) -> QPointF:
        """Where wires go out, in the scene."""
        return self.pos() + QPointF(self.width, HEIGHT / 2)

    def port_at(self, place: QPointF) -> str:
        """Return "in", "out" or "" for what is at `place` (scene)."""
        for port, centre, there in (
            ("out", self.exit(), self.node.gives),
            ("in", self.entry(), self.node.takes),
        ):
            if there and math.dist(centre.toTuple(), place.toTuple()) <= REACH:
                return port
        return ""

    def boundingRect(self) -> QRectF:  # noqa: N802
        return self.card().adjusted(-MARGIN, -MARGIN, SHAPE_ROOM if self.node.shape else MARGIN, MARGIN)

    def shape(self) -> QPainterPath:
        path = QPainterPath()
        path.addRect(self.card().adjusted(-PORT, 0, PORT, 0))
        return path

    def itemChange(self, change: QGraphicsItem.GraphicsItemChange, value: object) -> object:  # noqa: N802
        if change == QGraphicsItem.GraphicsItemChange.ItemPositionChange and self.isSelected():
            assert isinstance(value, QPointF)
            return QPointF(round(value.x() / GRID) * GRID, round(value.y() / GRID) * GRID)
        if change == QGraphicsItem.GraphicsItemChange.ItemPositionHasChanged:
            self._loosen_wires()
        return super().itemChange(change, value)

    def hover_port(self, port: str) -> None:
        if port != self.hot_port:
            self.hot_port = port
            self.update()

    # ---- painting

    def paint(
        self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None
    ) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_card(painter)
        zoom = painter.worldTransform().m11()
        if zoom >= NAMES_ONLY * theme.scale():
            self._paint_text(painter)
        elif zoom >= TOO_SMALL_TO_READ:
            self._paint_name(painter)
        self._paint_ports(painter)
        if self.problems:
            self._paint_badge(painter)

    def _paint_card(self, painter: QPainter) -> None:
        t = theme.tokens()
        if self.isSelected() and self.focused:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(t.accent_soft), 7))
            painter.drawRoundedRect(self.card(), RADIUS, RADIUS)
        painter.setPen(self._edge())
        painter.setBrush(QColor(t.raised))
        painter.drawRoundedRect(self.card(), RADIUS, RADIUS)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.strong_border if self.node.quiet else self.colour))
        painter.drawRoundedRect(QRectF(-1.5, 8, 5, HEIGHT - 16), 2.5, 2.5)

    def _edge(self) -> QPen:
        t = theme.tokens()
        if self.marked:
            return QPen(QColor(t.good if self.marked == "good" else t.bad), 2)
        if self.isSelected():
            return QPen(QColor(t.accent), 2)
        pen = QPen(QColor(t.strong_border if self.node.quiet else t.border), 1.2)
        if self.node.quiet:
            pen.setStyle(Qt.PenStyle.DashLine)
        return pen

    def _paint_text(self, painter: QPainter) -> None:
        t = theme.tokens()
        lines = (
            (self.node.title, font(13, bold=True), t.muted if self.node.quiet else t.text, TITLE_BASE),
            (self.live or self.node.detail, font(12), t.muted, DETAIL_BASE),
        )
        for text, face, colour, base in lines:
            painter.setFont(face)
            painter.setPen(QColor(colour))
            painter.drawText(QPointF(LEFT, base), _elided(text, face, self.width - LEFT - 8))
        if self.node.shape:
            self._paint_shape(painter)

    def _paint_name(self, painter: QPainter) -> None:
        """From afar only the name, larger, so that it can still be read."""
        t, face = theme.tokens(), font(17, bold=True)
        painter.setFont(face)
        painter.setPen(QColor(t.muted if self.node.quiet else t.text))
        painter.drawText(QPointF(LEFT - 3, NAME_BASE), _elided(self.node.title, face, self.width - LEFT - 4))

    def _paint_shape(self, painter: QPainter) -> None:
        """The shape of the output, over the wire's start; its halo keeps it readable on wires."""
        t, face, place = theme.tokens(), font(11), QPointF(self.width + 9, HEIGHT / 2 - 7)
        room = SHAPE_ROOM - 12
        text = _elided(self.node.shape, face, room)
        metrics, ground = QFontMetricsF(face), QColor(t.canvas)
        ground.setAlpha(205)
        painter.fillRect(metrics.tightBoundingRect(text).translated(place).adjusted(-2, -1, 2, 1), ground)
        painter.setFont(face)
        painter.setPen(QColor(t.muted))
        painter.drawText(place, text)

    def _paint_ports(self, painter: QPainter) -> None:
        t, middle = theme.tokens(), HEIGHT / 2
        for port, x, there in (("in", 0.0, self.node.takes), ("out", self.width, self.node.gives)):
            if there:
                hot = self.hot_port == port
                painter.setPen(QPen(QColor(t.accent if hot else t.neutral), 2 if hot else 1.3))
                painter.setBrush(QColor(t.accent_soft if hot else t.canvas))
                radius = PORT + (1.5 if hot else 0)
                painter.drawEllipse(QPointF(x, middle), radius, radius)

    def _paint_badge(self, painter: QPainter) -> None:
        """The icon of the worst problem, on the upper right corner."""
        t, worst = theme.tokens(), min(self.problems, key=lambda each: list(SEVERITIES).index(each.severity))
        area = QRectF(self.width - BADGE + 4, -BADGE / 2, BADGE, BADGE)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.canvas))
        painter.drawEllipse(area.adjusted(-1.5, -1.5, 1.5, 1.5))
        icon: QIcon = theme.icon(SEVERITIES[worst.severity], getattr(t, COLOURS[worst.severity]))
        icon.paint(painter, area.toRect())


@lru_cache(maxsize=4096)
def _elided(text: str, face: QFont, room: float) -> str:
    return QFontMetricsF(face).elidedText(text, Qt.TextElideMode.ElideRight, room)
