"""Lossmith as it starts, and a person before it who knows its panels and its canvas."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, Qt, QTimer
from PySide6.QtWidgets import (
    QApplication,
    QWidget,
)

from gui import theme
from gui.canvas.view import GraphView
from gui.panels.columns import PARTS, ROLE, ColumnTable, role_parts
from gui.plots.legend import NAME, TRAIN, VALIDATION, Legend
from gui.window import Window
from tests.e2e.hands import Hands


@contextmanager
def started(app: QApplication, width: int = 1440, height: int = 900) -> "Iterator[Person]":
    """Lossmith as it starts, and somebody before it; closed without a question in the end."""
    theme.use(app, "light")
    window = Window()
    window.resize(width, height)
    window.show()
    window.bench.training.start()
    person, flashes = Person(window), Flashes(window)
    watch = QTimer(window, interval=500)
    watch.timeout.connect(person.refuse_surprises)
    watch.start()
    try:
        yield person
    finally:
        watch.stop()
        person.leave()
        flashes.setParent(None)
    odd = [*flashes.seen, *person.surprises]
    assert not odd, f"windows that nobody asked for: {odd}"


class Flashes(QObject):
    """Notes widgets that were shown before they had a parent: they flash up as windows and close open menus."""

    def __init__(self, window: Window):
        super().__init__(window)
        self.seen: list[str] = []
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and _is_odd(watched):
            self.seen.append(f"{type(watched).__name__} {watched.objectName()}")
        return False


class Person(Hands):
    """Uses one window as its users do."""

    # ---- the panels

    def use_columns(self, names: Sequence[str], wanted: str) -> None:
        """Click the part `wanted` of the switch of each column in the data panel."""
        table = self.find("columnTable", ColumnTable)
        for name in names:
            self.until(lambda name=name: name in table.columns.names, f"the column {name} is listed")
            index = table.model().index(table.columns.names.index(name), ROLE)
            place = [role for role, _ in PARTS].index(wanted)  # type: ignore[arg-type]
            self.click(table.viewport(), role_parts(table.visualRect(index))[place].center())

    def legend(self) -> dict[str, tuple[str, str]]:
        """What the legend says of each curve: training and validation, as it is written there."""
        table = self.find("legend", Legend)
        cells = [
            [table.item(row, column).text() for column in (NAME, TRAIN, VALIDATION)]  # type: ignore[union-attr]
            for row in range(table.rowCount())
        ]
        return {name: (train, validation) for name, train, validation in cells}

    # ---- the canvas

    @property
    def canvas(self) -> GraphView:
        return self.find("canvasView", GraphView)

    def node(self, reference: str) -> QRect:
        """Where a node of the graph is on the screen."""
        nodes = self.canvas.graph_scene.nodes
        self.until(lambda: reference in nodes, f"{reference} is drawn")
        item = nodes[reference]
        area = self.canvas.mapFromScene(item.card().translated(item.pos())).boundingRect()
        return QRect(self.canvas.viewport().mapToGlobal(area.topLeft()), area.size())

    def out_of(self, reference: str) -> QPoint:
        """The port on the right of a node, on the screen."""
        return self._on_screen(self.canvas.graph_scene.nodes[reference].exit())

    def empty_ground(self) -> QPoint:
        """A place of the canvas with room for a node, on the screen."""
        view = self.canvas
        room = view.viewport().rect().adjusted(8, 30, -150, -30)
        for down in range(room.bottom(), room.top(), -10):
            for right in range(room.left(), room.right(), 10):
                area = view.mapToScene(QRect(right - 4, down - 30, 150, 60)).boundingRect()
                if not any(item.isVisible() for item in view.graph_scene.items(area)):
                    return view.viewport().mapToGlobal(QPoint(right, down))
        raise AssertionError("the canvas has no room left")

    def grow(self, source: str, typed: str, label: str, name: str) -> str:
        """Draw a wire from a node to empty ground, take `label` from the menu and call it `name`; then tidy up."""
        self.drag(self.out_of(source), self.empty_ground())
        self.choose(typed, label)
        new = self.window.bench.selection.current
        self.rename(new, name)
        self.click("canvasArrange")
        self.click("canvasFit")
        return f"{new.partition(':')[0]}:{name}"

    def wire(self, source: str, target: str) -> None:
        """Draw a wire from a node's port to another node."""
        self.drag(self.out_of(source), self.node(target).center())

    def rename(self, reference: str, name: str) -> None:
        """Double-click a node and type another name over it."""
        view = self.canvas
        self.click(view.viewport(), view.viewport().mapFromGlobal(self.node(reference).center()), double=True)
        self.type(name)
        self.press(Qt.Key.Key_Return)

    def _on_screen(self, place: QPointF) -> QPoint:
        return self.canvas.viewport().mapToGlobal(self.canvas.mapFromScene(place))


def _is_odd(widget: QWidget) -> bool:
    """Whether a widget is a window of its own that is none of ours, no dialog and nothing that pops up."""
    plain = widget.isWindow() and widget.windowType() == Qt.WindowType.Window
    return plain and not isinstance(widget, Window)
