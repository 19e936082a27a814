"""The view on the scene: zoom, pan, the dotted ground, and which gesture a press of the mouse begins."""

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QGraphicsView

from gui import theme
from gui.canvas.gestures import WireDrag
from gui.canvas.keys import Keys
from gui.canvas.scene import GraphScene

NEAREST, FARTHEST, STEP = 3.0, 0.15, 1.2
LEAST_FIT = 0.42
"""Fitting makes nodes no smaller than can be read; then the graph is larger than the view."""
DOTS, EDGE = 20, 20.0
MIME = "application/x-lossmith-offer"
"""What the palette's drags carry: the key of an offer."""


class GraphView(QGraphicsView):
    """Shows a `GraphScene`. It fits the graph into itself until somebody zooms or pans."""

    asked = Signal(object, QPoint)  # a context menu: the item under the mouse or None, and the place (global)
    opened = Signal(object)  # a double click on this item, None for the ground
    zoomed = Signal()
    brought = Signal(
        str, QPointF
    )  # a layer class dragged in from the palette, and where it was let go (scene)

    def __init__(self, scene: GraphScene):
        super().__init__(scene)
        self.graph_scene = scene
        self.setObjectName("canvasView")
        self.setAccessibleName("Model graph")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontSavePainterState)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.SmartViewportUpdate)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.AnchorViewCenter)
        self.setDragMode(QGraphicsView.DragMode.RubberBandDrag)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setAcceptDrops(True)
        self.setMinimumSize(160, 120)
        self.drag = WireDrag(self, scene)
        self.keys = Keys(self)
        self._fitting = True
        self._pan_from: QPoint | None = None
        self._dots: tuple[object, QPixmap] | None = None

    # ---- zoom and pan

    @property
    def zoom(self) -> float:
        return float(self.transform().m11())

    def zoom_by(self, factor: float) -> None:
        """Zoom about the mouse, or the middle where the mouse is elsewhere."""
        wanted = min(NEAREST, max(FARTHEST, self.zoom * factor))
        self._fitting = False
        self.scale(wanted / self.zoom, wanted / self.zoom)
        self.zoomed.emit()

    def fit(self) -> None:
        """Show the whole graph, no larger than it is; again whenever it or the view changes, until one
        zooms.
        """
        self._fitting = True
        self._fit()

    def refit(self) -> None:
        """Fit again if nobody has zoomed or panned since."""
        if self._fitting:
            self._fit()

    def hold(self) -> None:
        """Stay where it is now, for what somebody placed with the mouse would run away from under it."""
        self._fitting = False

    def _fit(self) -> None:
        content = self.graph_scene.content().adjusted(-EDGE, -EDGE, EDGE, EDGE)
        room = self.viewport().size()
        if content.isEmpty() or room.isEmpty():
            return
        zoom = min(room.width() / content.width(), room.height() / content.height(), theme.scale())
        zoom = max(zoom, LEAST_FIT * theme.scale())
        self.resetTransform()
        self.scale(zoom, zoom)
        self.centerOn(_first_part(content, QSizeF(room) / zoom).center())
        self.zoomed.emit()

    def reveal(self, area: QRectF) -> None:
        """Scroll until `area` of the scene can be seen."""
        if not self.mapToScene(self.viewport().rect()).boundingRect().contains(area):
            self.ensureVisible(area, 24, 24)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        turn = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._pan_by(QPoint(-(turn.x() or turn.y()), 0))
        elif turn.y():
            self.zoom_by(1.0015 ** turn.y())
        event.accept()

    def _pan_by(self, step: QPoint) -> None:
        self._fitting = False
        for bar, move in ((self.horizontalScrollBar(), step.x()), (self.verticalScrollBar(), step.y())):
            bar.setValue(bar.value() + move)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """A graph that could be seen whole can be seen whole in the smaller view too."""
        whole = self._shows_whole(QRect(QPoint(), event.oldSize()))
        super().resizeEvent(event)
        if self._fitting or (whole and not self._shows_whole(self.viewport().rect())):
            self._fit()

    def _shows_whole(self, room: QRect) -> bool:
        return self.mapToScene(room).boundingRect().contains(self.graph_scene.content())

    # ---- the mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        button, place = event.button(), event.position().toPoint()
        if button == Qt.MouseButton.MiddleButton or (
            button == Qt.MouseButton.LeftButton and self.keys.panning
        ):
            self._begin_pan(place)
            return
        if button == Qt.MouseButton.RightButton:
            return  # the selection stays for the context menu, which chooses for itself
        port = (
            self.graph_scene.port_at(self.mapToScene(place)) if button == Qt.MouseButton.LeftButton else None
        )
        if port:
            self.drag.begin(*port)
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        place = event.position().toPoint()
        if self._pan_from is not None:
            self._pan_by(self._pan_from - place)
            self._pan_from = place
            self.keys.used_for_pan()
        elif self.drag.active:
            self.drag.move(self.mapToScene(place))
        else:
            self._hover(self.mapToScene(place))
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._pan_from is not None:
            self._pan_from = None
            self.keys.show_cursor()
        elif self.drag.active:
            self.drag.finish(self.mapToScene(event.position().toPoint()))
        else:
            super().mouseReleaseEvent(event)
            self.graph_scene.report_moves()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            place = self.mapToScene(event.position().toPoint())
            self.opened.emit(self._item_at(place))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        place = event.pos()
        self.asked.emit(self._item_at(self.mapToScene(place)), self.viewport().mapToGlobal(place))

    def _item_at(self, place: QPointF) -> object:
        scene = self.graph_scene
        return scene.node_at(place) or scene.note_at(place) or scene.wire_at(place)

    def _begin_pan(self, place: QPoint) -> None:
        self._pan_from = place
        self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)

    def _hover(self, place: QPointF) -> None:
        """Let the port under the mouse grow, so that one sees where a wire begins."""
        found = self.graph_scene.port_at(place)
        for item in self.graph_scene.nodes.values():
            item.hover_port(found[1] if found and found[0] is item else "")
        shape = Qt.CursorShape.CrossCursor if found else Qt.CursorShape.ArrowCursor
        if not self.keys.panning:
            self.viewport().setCursor(shape)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if event.mimeData().hasFormat(MIME):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:  # noqa: N802
        if event.mimeData().hasFormat(MIME):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        if event.mimeData().hasFormat(MIME):
            key = bytes(event.mimeData().data(MIME).data()).decode()
            event.acceptProposedAction()
            self.brought.emit(key, self.mapToScene(event.position().toPoint()))

    # ---- the keyboard

    def event(self, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and self.keys.wants(event)
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if not self.keys.press(event):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if not self.keys.release(event):
            super().keyReleaseEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802
        """Tab adds a node while one is selected; Shift+Tab, and Tab without a selection, leave the canvas."""
        return False if forward and self.graph_scene.chosen() else super().focusNextPrevChild(forward)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        self._show_focus(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.keys.forget()
        self._show_focus(False)

    def _show_focus(self, focused: bool) -> None:
        for item in self.graph_scene.nodes.values():
            item.focus(focused)

    # ---- the ground

    def drawBackground(self, painter: QPainter, area: QRectF | QRect) -> None:  # noqa: N802
        """Dots that move with the scene; drawn as a tile in pixels of the screen, which costs next to
        nothing.
        """
        painter.save()
        corner = self.mapFromScene(QPointF(0, 0))
        painter.resetTransform()
        painter.fillRect(self.viewport().rect(), QColor(theme.tokens().canvas))
        painter.drawTiledPixmap(self.viewport().rect(), self._tile(), -corner)
        painter.restore()

    def _tile(self) -> QPixmap:
        spacing = round(DOTS * self.zoom * (1 if self.zoom > 0.6 else 2))
        ratio = self.devicePixelRatioF()
        key = (spacing, ratio, theme.tokens().grid)
        if self._dots is None or self._dots[0] != key:
            tile = QPixmap(QSizeF(spacing * ratio, spacing * ratio).toSize())
            tile.setDevicePixelRatio(ratio)
            tile.fill(Qt.GlobalColor.transparent)
            painter = QPainter(tile)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.tokens().grid))
            painter.drawEllipse(QPointF(spacing / 2, spacing / 2), 1.2, 1.2)
            painter.end()
            self._dots = (key, tile)
        return self._dots[1]


def _first_part(content: QRectF, room: QSizeF) -> QRectF:
    """The part of `content` to show first: all of it, or its left end, at the middle height, where it is
    larger.
    """
    width = min(content.width(), room.width())
    return QRectF(content.left(), content.top(), width, content.height())
