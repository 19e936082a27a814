"""Drawing a wire with the mouse: from a port to a node, or to empty ground for a menu of what fits there."""

from PySide6.QtCore import QObject, QPoint, QPointF, Qt, Signal
from PySide6.QtWidgets import QGraphicsView, QLabel

from core.project import edits
from core.project.schema import Project
from gui import theme
from gui.canvas.node import NodeItem
from gui.canvas.scene import GraphScene
from gui.canvas.wire import PendingWire
from gui.widgets.naming import named

SHORTEST = 14.0
"""A press on a port that moves less than this is a click, not a wire."""


def refusal(project: Project, source: str, target: str) -> str | None:
    """Return why `target` cannot take a wire from `source`, or None when it can."""
    if target == "total" and source.partition(":")[0] in ("term", "regularization"):
        return "Terms that are on add to the total by themselves."
    if source.partition(":")[0] in ("term", "regularization"):
        return "A term goes into the total, nowhere else."
    return edits.can_connect(project, source, target)


class WireDrag(QObject):
    """One wire being drawn. `wired(source, target)` when it ends on a node, `dropped(source, target,
    place)` on nothing.

    Drawn from an output the target is open, drawn from an input the source is; the open end is "".
    """

    wired = Signal(str, str)
    dropped = Signal(str, str, QPointF)

    def __init__(self, view: QGraphicsView, scene: GraphScene):
        super().__init__(view)
        self._view, self._scene = view, scene
        self._start: NodeItem | None = None
        self._port = ""
        self._line: PendingWire | None = None
        self._over: NodeItem | None = None
        self.hint = named(QLabel(view.viewport()), "wireHint", "What the wire would do")
        self.hint.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hint.hide()

    @property
    def active(self) -> bool:
        return self._start is not None

    def begin(self, item: NodeItem, port: str) -> None:
        self._start, self._port = item, port
        self._line = PendingWire()
        self._scene.addItem(self._line)

    def move(self, place: QPointF) -> None:
        """Follow the mouse to `place` (scene) and say what the node under it would make of the wire."""
        if self._start is None or self._line is None:
            return
        over = self._node_at(place)
        why = self._refusal(over)
        self._mark(over, why)
        start, end = (self._anchor(), place) if self._port == "out" else (place, self._anchor())
        self._line.draw(start, end, refused=why is not None)
        self._say(over, why, place)

    def finish(self, place: QPointF) -> None:
        """Let go at `place` (scene)."""
        if self._start is None:
            return
        start, over, port = self._start, self._node_at(place), self._port
        far = (place - self._anchor()).manhattanLength() > SHORTEST
        refused = self._refusal(over) is not None
        self.cancel()
        ends = (start.node.reference, over.node.reference if over else "")
        source, target = ends if port == "out" else ends[::-1]
        if over and not refused:
            self.wired.emit(source, target)
        elif over is None and far:
            self.dropped.emit(source, target, place)

    def cancel(self) -> None:
        """End the drag; nothing has happened."""
        self._mark(None, None)
        if self._line is not None:
            self._scene.removeItem(self._line)
        self._start = self._line = None
        self.hint.hide()

    def _anchor(self) -> QPointF:
        assert self._start is not None
        return self._start.exit() if self._port == "out" else self._start.entry()

    def _node_at(self, place: QPointF) -> NodeItem | None:
        """The node under the mouse or one whose port is near it; not the one the wire starts from."""
        near = self._scene.port_at(place)
        found = self._scene.node_at(place) or (near[0] if near else None)
        return None if found is self._start else found

    def _refusal(self, over: NodeItem | None) -> str | None:
        if over is None or self._start is None:
            return None
        ends = (self._start.node.reference, over.node.reference)
        return refusal(self._scene.project, *(ends if self._port == "out" else ends[::-1]))

    def _mark(self, over: NodeItem | None, why: str | None) -> None:
        if self._over is not None and self._over is not over:
            self._over.mark("")
        self._over = over
        if over is not None:
            over.mark("bad" if why else "good")

    def _say(self, over: NodeItem | None, why: str | None, place: QPointF) -> None:
        """Say beside the mouse what letting go here would do, or why it would do nothing."""
        assert self._start is not None
        if over is not None:
            names = (self._start.node.title, over.node.title)
            ends = names if self._port == "out" else names[::-1]
            text = why or f"Wire {ends[0]} to {ends[1]}"
        else:
            text = (
                "Let go for a menu of what fits here"
                if self._leads_on()
                else "A term goes into the total by itself."
            )
        self.hint.setStyleSheet(_style(refused=why is not None))
        self.hint.setText(text)
        self.hint.adjustSize()
        self.hint.move(self._beside(self._view.mapFromScene(place)))
        self.hint.show()

    def _leads_on(self) -> bool:
        assert self._start is not None
        return not (self._port == "out" and self._start.node.stage >= 3)

    def _beside(self, place: QPoint) -> QPoint:
        room, size = self._view.viewport().size(), self.hint.size()
        x, y = place.x() + 14, place.y() + 16
        return QPoint(
            max(0, min(x, room.width() - size.width() - 4)), max(0, min(y, room.height() - size.height() - 4))
        )


def _style(refused: bool) -> str:
    """The look of the hint: like a tooltip, its edge red while the wire cannot work."""
    t = theme.tokens()
    edge, ground = (t.bad, t.bad_soft) if refused else (t.border, t.raised)
    colours = f"background: {ground}; color: {t.text}; border: 1px solid {edge};"
    return f"{colours} border-radius: 6px; padding: 5px 8px;"
