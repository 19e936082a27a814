"""The scene: keeps one item for each node, wire and note of the project, and changes only what differs.

It listens to nobody. The panel hands it the project, and the scene tells by signals what a user did to its
items.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

from PySide6.QtCore import QObject, QPointF, QRectF, Signal
from PySide6.QtWidgets import QGraphicsItem, QGraphicsScene

from core.project.facts import Facts
from core.project.problems import Problem
from core.project.schema import Note, Project
from gui import theme
from gui.canvas.graph import Graph, Wire, graph
from gui.canvas.layout import Layout, Point
from gui.canvas.node import NodeItem
from gui.canvas.note import NoteItem
from gui.canvas.placing import placed
from gui.canvas.routing import Card, Cards, Stretch, detour
from gui.canvas.wire import WireItem

T = TypeVar("T", bound=QGraphicsItem)
ROOM = 600.0
"""Free ground around the graph, so that one can pan past its edges."""


class GraphScene(QGraphicsScene):
    """`moved` carries a pair: new places of nodes by reference, and of notes by their place in the list."""

    moved = Signal(object)
    grown = Signal()  # there are other nodes than before

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        # Items come, go and move all the time; the tree would be rebuilt more often than asked.
        self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        self.project = Project()
        self.graph = Graph()
        self.nodes: dict[str, NodeItem] = {}
        self.wires: dict[tuple[str, str, str], WireItem] = {}
        self.notes: list[NoteItem] = []
        self._layout = Layout()
        self._laid_out: object = None

    # ---- showing

    def show(self, project: Project, facts: Facts, problems: Iterable[Problem]) -> None:
        """Show `project`; items of what did not change are not touched."""
        self.project = project
        before, self.graph = self.graph, graph(project, facts)
        self._show_nodes(_by_node(problems, self.graph))
        self._show_wires()
        self._show_notes(project.canvas.notes)
        self._place()
        if before.nodes.keys() != self.graph.nodes.keys():
            self.grown.emit()

    def _show_nodes(self, problems: Mapping[str, tuple[Problem, ...]]) -> None:
        for reference in self.nodes.keys() - self.graph.nodes.keys():
            self._drop_node(reference)
        for reference, node in self.graph.nodes.items():
            item = self.nodes.get(reference)
            if item is None:
                item = self.nodes[reference] = NodeItem(node)
                self.addItem(item)
            item.show_node(node, theme.colour_of(self.project, reference), problems.get(reference, ()))

    def _drop_node(self, reference: str) -> None:
        item = self.nodes.pop(reference)
        for wire in [wire for wire in item.wires if isinstance(wire, WireItem)]:
            self._drop_wire(wire)
        self.removeItem(item)

    def _show_wires(self) -> None:
        for key in self.wires.keys() - self.graph.wires.keys():
            self._drop_wire(self.wires[key])
        for key, wire in self.graph.wires.items():
            item = self.wires.get(key)
            if item is None:
                item = WireItem(wire, self.nodes[wire.source], self.nodes[wire.target])
                self.wires[key] = item
                self.addItem(item)
            item.show_wire(wire, self._wire_colour(wire))

    def _drop_wire(self, item: WireItem) -> None:
        item.detach()
        self.wires.pop(item.wire.key, None)
        self.removeItem(item)

    def _wire_colour(self, wire: Wire) -> str:
        """A wire has the colour of the head it comes from or goes to, then of its term; else it is quiet."""
        kind, to = wire.source.partition(":")[0], wire.target.partition(":")[0]
        if kind in ("head", "term"):
            return theme.colour_of(self.project, wire.source)
        if to == "head":
            return theme.colour_of(self.project, wire.target)
        return theme.tokens().neutral

    def _show_notes(self, notes: tuple[Note, ...]) -> None:
        if [item.note for item in self.notes] == list(notes):
            return
        chosen = {item.index for item in self.notes if item.isSelected()}
        for item in self.notes:
            self.removeItem(item)
        self.notes = [NoteItem(note, index) for index, note in enumerate(notes)]
        for item in self.notes:
            self.addItem(item)
            item.setSelected(item.index in chosen)

    def restyle(self) -> None:
        """Take the fonts and colours of the theme in use."""
        for note in self.notes:
            note.restyle()
        for reference, node in self.nodes.items():
            node.restyle()
            node.show_node(node.node, theme.colour_of(self.project, reference), node.problems)
        for wire in self.wires.values():
            wire.show_wire(wire.wire, self._wire_colour(wire.wire))
            wire.update()

    def show_values(self, values: Mapping[str, str]) -> None:
        """Show live numbers on the nodes they belong to, by reference; the other nodes show their second
        line.
        """
        for reference, item in self.nodes.items():
            item.show_live(values.get(reference, ""))

    # ---- placing

    def _place(self) -> None:
        """Lay out again where nodes, wires, widths or stored places are other ones; else leave all where
        it is.
        """
        boxes = {reference: item.box() for reference, item in self.nodes.items()}
        edges = list(dict.fromkeys((wire.source, wire.target) for wire in self.graph.wires.values()))
        state = (boxes, edges, self.project.canvas.positions)
        if state == self._laid_out or isinstance(self.mouseGrabberItem(), NodeItem):
            return  # nothing to do, or not now: nodes would run away from under the mouse that drags them
        self._laid_out = state
        self._layout = placed(boxes, edges, self.project.canvas.positions)
        for reference, (x, y) in self._layout.positions.items():
            if self.nodes[reference].pos() != QPointF(x, y):
                self.nodes[reference].setPos(x, y)
        self._lead_wires()
        self.setSceneRect(self.content().adjusted(-ROOM, -ROOM, ROOM, ROOM))

    def _lead_wires(self) -> None:
        """Lead wires as the layout says, else round the cards in their way."""
        cards = Cards({reference: _card(item) for reference, item in self.nodes.items()})
        notes = [_rectangle(note.area().translated(note.pos())) for note in self.notes]
        taken: list[Stretch] = []
        for item in self.wires.values():
            source, target = item.wire.source, item.wire.target
            route = self._layout.routes.get((source, target), ())
            if not route:
                start, end = item.source.exit().toTuple(), item.target.entry().toTuple()
                others = cards.between(start[0], end[0], (source, target))
                found = detour(start, end, [*others, *notes], taken, source)
                if found is not None:
                    taken.append(found)
                    route = ((found.left, found.y), (found.right, found.y))
            item.lead(route)

    def content(self) -> QRectF:
        """The area of all nodes and notes; empty where there are none."""
        area = QRectF()
        for item in self.nodes.values():
            area = area.united(item.card().translated(item.pos()))
        for note in self.notes:
            area = area.united(note.area().translated(note.pos()))
        return area

    def places(self) -> dict[str, Point]:
        """Where every node stands now."""
        return {reference: (item.x(), item.y()) for reference, item in self.nodes.items()}

    def report_moves(self) -> None:
        """Tell which nodes and notes stand elsewhere than the project says; called when a drag ends.

        The first move fixes the places of all nodes, so that what one arranged is not rearranged later.
        """
        moved = {
            reference: (item.x(), item.y())
            for reference, item in self.nodes.items()
            if (item.x(), item.y()) != self._layout.positions.get(reference)
        }
        notes = {
            item.index: (item.x(), item.y())
            for item in self.notes
            if (item.x(), item.y()) != (item.note.x, item.note.y)
        }
        if moved or notes:
            self.moved.emit((self.places() if moved else {}, notes))
        else:
            self._place()
            self._lead_wires()

    # ---- finding

    def chosen(self) -> list[str]:
        """The references of the selected nodes."""
        return [reference for reference, item in self.nodes.items() if item.isSelected()]

    def chosen_wires(self) -> list[Wire]:
        return [item.wire for item in self.wires.values() if item.isSelected()]

    def chosen_notes(self) -> list[int]:
        return [item.index for item in self.notes if item.isSelected()]

    def node_at(self, place: QPointF) -> NodeItem | None:
        return self._first_at(place, NodeItem)

    def wire_at(self, place: QPointF) -> WireItem | None:
        return self._first_at(place, WireItem)

    def note_at(self, place: QPointF) -> NoteItem | None:
        return self._first_at(place, NoteItem)

    def _first_at(self, place: QPointF, kind: type[T]) -> T | None:
        return next((item for item in self.items(place) if isinstance(item, kind)), None)

    def port_at(self, place: QPointF) -> tuple[NodeItem, str] | None:
        """The node and port ("in" or "out") at `place`; ports reach out of their cards."""
        for item in reversed(self.nodes.values()):
            port = item.port_at(place)
            if port:
                return item, port
        return None

    def bring_up(self, reference: str) -> None:
        """Let one node stand over the others."""
        for item in self.nodes.values():
            item.setZValue(1 if item.node.reference == reference else 0)


def _card(item: NodeItem) -> Card:
    return _rectangle(item.card().translated(item.pos()))


def _rectangle(area: QRectF) -> Card:
    return Card(area.left(), area.top(), area.right(), area.bottom())


def _by_node(problems: Iterable[Problem], shown: Graph) -> dict[str, tuple[Problem, ...]]:
    """Return the problems by the node that shows them; a field's are shown by its target or its input."""
    result: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        kind, _, name = problem.where.partition(":")
        places = (problem.where, f"target:{name}") if kind == "field" else (problem.where,)
        reference = next((place for place in places if place in shown.nodes), None)
        if reference:
            result[reference].append(problem)
    return {reference: tuple(found) for reference, found in result.items()}
