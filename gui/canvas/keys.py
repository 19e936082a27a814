"""What the keys do on the canvas. The view asks here first, also before a shortcut of the window takes a
key.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent

if TYPE_CHECKING:
    from gui.canvas.view import GraphView

K, M = Qt.Key, Qt.KeyboardModifier
ARROWS = {K.Key_Left: (-1, 0), K.Key_Right: (1, 0), K.Key_Up: (0, -1), K.Key_Down: (0, 1)}


class Keys(QObject):
    """Space held pans; arrows walk along wires; the rest are the signals, one for each thing one can want."""

    delete = Signal()
    add = Signal()  # the menu of what fits after the selection
    rename = Signal()
    duplicate = Signal()
    everything = Signal()
    tapped = Signal()  # Space pressed and let go without panning
    walked = Signal(str)  # the reference that an arrow leads to
    asked = Signal()  # the context menu key

    def __init__(self, view: "GraphView"):
        super().__init__(view)
        self._view = view
        self.panning = False
        self._panned = False
        self._plain: dict[int, Callable[[], object]] = {
            K.Key_Delete: self.delete.emit,
            K.Key_Backspace: self.delete.emit,
            K.Key_Return: self.add.emit,
            K.Key_Enter: self.add.emit,
            K.Key_Insert: self.add.emit,
            K.Key_Tab: self.add.emit,
            K.Key_F2: self.rename.emit,
            K.Key_Menu: self.asked.emit,
        }
        self._with_control: dict[int, Callable[[], object]] = {
            K.Key_D: self.duplicate.emit,
            K.Key_A: self.everything.emit,
            K.Key_0: view.fit,
            K.Key_Plus: lambda: view.zoom_by(1.2),
            K.Key_Equal: lambda: view.zoom_by(1.2),
            K.Key_Minus: lambda: view.zoom_by(1 / 1.2),
        }

    def wants(self, event: QKeyEvent) -> bool:
        """Whether the canvas takes this key although a shortcut of the window may have it too."""
        if event.modifiers() & M.ControlModifier:
            return event.key() in self._with_control
        plain = not event.modifiers() & ~(M.KeypadModifier | M.ShiftModifier)
        return plain and (event.key() in self._plain or event.key() in ARROWS or event.key() == K.Key_Space)

    def press(self, event: QKeyEvent) -> bool:
        """Do what the key says; return whether it says anything."""
        key = event.key()
        if key == K.Key_Escape:
            return self._escape()
        if not self.wants(event):
            return False
        if event.modifiers() & M.ControlModifier:
            self._with_control[key]()
        elif key == K.Key_Space:
            self._hold(event.isAutoRepeat())
        elif key in ARROWS:
            self._walk(*ARROWS[K(key)])
        elif key == K.Key_Tab and not self._view.graph_scene.chosen():
            return False
        else:
            self._plain[key]()
        return True

    def release(self, event: QKeyEvent) -> bool:
        if event.key() != K.Key_Space or event.isAutoRepeat() or not self.panning:
            return False
        tapped = not self._panned
        self.forget()
        if tapped:
            self.tapped.emit()
        return True

    def forget(self) -> None:
        """End panning with Space."""
        self.panning = self._panned = False
        self.show_cursor()

    def used_for_pan(self) -> None:
        self._panned = True

    def show_cursor(self) -> None:
        shape = Qt.CursorShape.OpenHandCursor if self.panning else Qt.CursorShape.ArrowCursor
        self._view.viewport().setCursor(shape)

    def _escape(self) -> bool:
        """End the wire being drawn, else the selection."""
        if self._view.drag.active:
            self._view.drag.cancel()
            return True
        had = bool(self._view.graph_scene.selectedItems())
        self._view.graph_scene.clearSelection()
        return had

    def _hold(self, repeated: bool) -> None:
        if not repeated:
            self.panning, self._panned = True, False
            self.show_cursor()

    def _walk(self, across: int, down: int) -> None:
        """Left and right follow a wire; up and down go to the nearest node of the same column."""
        scene = self._view.graph_scene
        chosen = scene.chosen()
        if not chosen:
            first = min(scene.nodes.values(), key=lambda item: (item.x(), item.y()), default=None)
            if first is not None:
                self.walked.emit(first.node.reference)
            return
        here = scene.nodes[chosen[-1]]
        if across:
            neighbours = (scene.graph.after if across > 0 else scene.graph.before)(here.node.reference)
            found = [scene.nodes[each] for each in neighbours]
        else:
            found = [item for item in scene.nodes.values() if _beyond(here.pos(), item.pos(), down)]
        best = min(found, key=lambda item: _distance(here.pos(), item.pos(), down), default=None)
        if best is not None:
            self.walked.emit(best.node.reference)


def _beyond(here: QPointF, there: QPointF, down: int) -> bool:
    return (there.y() - here.y()) * down > 1


def _distance(here: QPointF, there: QPointF, down: int) -> float:
    """How far an arrow has to go; going up or down, another column counts four times."""
    across, along = abs(there.x() - here.x()), abs(there.y() - here.y())
    return 4 * across + along if down else along
