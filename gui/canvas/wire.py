"""A wire of the canvas: a smooth curve from one port to the next, through the lanes that the layout left
for it.
"""

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPainterPathStroker, QPen
from PySide6.QtWidgets import (
    QGraphicsItem,
    QGraphicsPathItem,
    QGraphicsSceneHoverEvent,
    QStyleOptionGraphicsItem,
    QWidget,
)

from gui import theme
from gui.canvas.graph import Wire
from gui.canvas.node import NodeItem, font

WIDTH, GRIP, BEND = 1.7, 12.0, 0.5
LABEL_AT = 0.36


def curve(start: QPointF, end: QPointF, through: Sequence[QPointF] = ()) -> QPainterPath:
    """Return the path from an output to an input; it leaves and arrives level, also where it has to turn
    back.
    """
    path = QPainterPath(start)
    for here, there in pairwise([start, *through, end]):
        if here.y() == there.y() and there.x() > here.x():
            path.lineTo(there)
            continue
        reach = max(24.0, abs(there.x() - here.x()) * BEND)
        if there.x() < here.x():
            reach = min(160.0, max(60.0, reach))
        path.cubicTo(here + QPointF(reach, 0), there - QPointF(reach, 0), there)
    return path


class WireItem(QGraphicsPathItem):
    """Shows one `Wire` between two node items and follows them."""

    def __init__(self, wire: Wire, source: NodeItem, target: NodeItem):
        super().__init__()
        self.wire, self.source, self.target = wire, source, target
        self.colour = theme.tokens().neutral
        self.route: tuple[tuple[float, float], ...] = ()
        self._hovered = False
        self.setZValue(-1)
        self.setAcceptHoverEvents(True)
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIsSelectable)
        for end in (source, target):
            end.wires.add(self)
        self.show_wire(wire, self.colour)

    def show_wire(self, wire: Wire, colour: str) -> None:
        if wire != self.wire or colour != self.colour or not self.toolTip():
            self.wire, self.colour = wire, colour
            self.setToolTip(self.says())
            self.update()

    def says(self) -> str:
        role = f" as {self.wire.argument}" if self.wire.argument else ""
        return f"{self.source.node.title} → {self.target.node.title}{role}"

    def lead(self, route: tuple[tuple[float, float], ...]) -> None:
        """Pass through these points of the scene on the way."""
        if route != self.route or self.path().isEmpty():
            self.route = route
            self.follow()

    def loosen(self) -> None:
        """Forget the way: an end has moved."""
        self.route = ()
        self.follow()

    def follow(self) -> None:
        """Run from where the one node stands now to where the other does."""
        self.prepareGeometryChange()
        through = [QPointF(x, y) for x, y in self.route]
        self.setPath(curve(self.source.exit(), self.target.entry(), through))

    def detach(self) -> None:
        for end in (self.source, self.target):
            end.wires.discard(self)

    def boundingRect(self) -> QRectF:  # noqa: N802
        return self.path().controlPointRect().adjusted(-GRIP, -24, GRIP, 24)

    def shape(self) -> QPainterPath:
        stroker = QPainterPathStroker()
        stroker.setWidth(GRIP)
        return stroker.createStroke(self.path())

    def hoverEnterEvent(self, _event: QGraphicsSceneHoverEvent) -> None:  # noqa: N802
        self._hover(True)

    def hoverLeaveEvent(self, _event: QGraphicsSceneHoverEvent) -> None:  # noqa: N802
        self._hover(False)

    def _hover(self, hovered: bool) -> None:
        self._hovered = hovered
        self.update()

    def paint(
        self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None
    ) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(self._pen())
        painter.drawPath(self.path())
        if self.wire.argument and (self._hovered or self.isSelected() or self.target.isSelected()):
            self._paint_argument(painter)

    def _pen(self) -> QPen:
        t = theme.tokens()
        strong = self.isSelected() or self._hovered
        colour = t.accent if self.isSelected() else t.strong_border if self.wire.quiet else self.colour
        pen = QPen(QColor(colour), WIDTH + (1 if strong else 0))
        if self.wire.dashed:
            pen.setDashPattern([3.2, 2.6])
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        return pen

    def _paint_argument(self, painter: QPainter) -> None:
        """The name of the argument that the wire stands for; nearer to its start, where fewer wires meet."""
        t, face = theme.tokens(), font(11)
        width = QFontMetricsF(face).horizontalAdvance(self.wire.argument)
        centre = self.path().pointAtPercent(LABEL_AT)
        area = QRectF(centre.x() - width / 2 - 4, centre.y() - 9, width + 8, 18)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.canvas))
        painter.drawRoundedRect(area, 4, 4)
        painter.setFont(face)
        painter.setPen(QColor(t.text))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, self.wire.argument)


class PendingWire(QGraphicsPathItem):
    """The wire one is drawing: from a port to the mouse."""

    def __init__(self) -> None:
        super().__init__()
        self.setZValue(2)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)

    def draw(self, start: QPointF, end: QPointF, refused: bool) -> None:
        t = theme.tokens()
        self.setPen(QPen(QColor(t.bad if refused else t.accent), 2))
        self.setPath(curve(start, end))
