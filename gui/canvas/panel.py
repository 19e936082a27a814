"""The canvas: a header with the number of parameters, the palette, and the graph one edits."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from PySide6.QtCore import QPoint, QPointF, QRect, QSignalBlocker, QTimer, Signal
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QHBoxLayout, QToolTip, QVBoxLayout, QWidget

from core.project.problems import Problem
from core.project.schema import Project
from gui import theme
from gui.canvas.editing import Editing
from gui.canvas.live import LiveValues
from gui.canvas.menu import NAMED, menu_for
from gui.canvas.naming import InPlace
from gui.canvas.node import NodeItem
from gui.canvas.note import NoteItem
from gui.canvas.offers import offers
from gui.canvas.palette import Palette
from gui.canvas.scene import GraphScene
from gui.canvas.view import GraphView
from gui.checking import Checking
from gui.document import Document
from gui.plots.ticks import fixed
from gui.selection import Selection
from gui.training import Training
from gui.widgets.card import Header
from gui.widgets.emptystate import EmptyState
from gui.widgets.iconbutton import IconButton
from gui.widgets.naming import named
from gui.widgets.searchmenu import Choice, SearchMenu

EMPTY = "The model is drawn here: inputs, layers, heads and the terms of the loss, from left to right."
ADD_INPUT, ADD_ANY, EXAMPLE = "Add input", "Add node", "Start from an example"


class CanvasPanel(QWidget):
    """Shows the document as a graph and edits it. `examples_wanted` asks the window for its start page."""

    examples_wanted = Signal()
    space_tapped = Signal()  # Space without panning: the canvas took the key, the window pauses with it

    def __init__(
        self,
        document: Document,
        selection: Selection,
        checking: Checking,
        training: Training | None = None,
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.setObjectName("canvasPanel")
        self._document, self._selection, self._checking = document, selection, checking
        self.scene = GraphScene(self)
        self.view = GraphView(self.scene)
        self.editing = Editing(document, selection, self.scene, self.say, self._ask)
        self.editing.placed = self.view.hold
        self.in_place = InPlace(self.view)
        self.menu: SearchMenu | None = None
        self._selecting = False
        self._live = LiveValues(training, self) if training is not None else None
        self._build()
        self.setFocusProxy(self.view)
        self._connect()
        self._show(document.project)

    def _build(self) -> None:
        self.header = Header("Model")
        self._toggle = self._button(
            "add", "Layers: show or hide the palette", "canvasPaletteToggle", self._toggle_palette
        )
        self._button("tree-structure", "Arrange the graph", "canvasArrange", lambda: self.editing.arrange())
        self._button("fit", "Fit the graph to the panel (Ctrl+0)", "canvasFit", self.fit)
        self.palette_list = Palette()
        self.palette_list.hide()
        self.empty = EmptyState("tree-structure", EMPTY, ADD_INPUT, EXAMPLE, parent=self.view)
        body = QHBoxLayout()
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addWidget(self.palette_list)
        body.addWidget(self.view, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addLayout(body, 1)

    def _button(self, glyph: str, says: str, name: str, run: Callable[[], object]) -> IconButton:
        button = named(IconButton(glyph, says), name, says)
        button.clicked.connect(lambda _checked=False: run())
        self.header.row.addWidget(button)
        return button

    def _connect(self) -> None:
        keys, view = self.view.keys, self.view
        self._document.changed.connect(lambda _before, after: self._show(after))
        self._document.opened.connect(view.fit)
        self._checking.changed.connect(lambda: self._show(self._document.project))
        self._selection.changed.connect(lambda _current: self._take_selection())
        theme.notifier().changed.connect(self._restyle)
        self.scene.selectionChanged.connect(self._give_selection)
        self.scene.moved.connect(self.editing.move)
        self.scene.grown.connect(view.refit)
        view.drag.wired.connect(lambda source, target: self.editing.wire(source, target, self._cursor()))
        view.drag.dropped.connect(self._drop_wire)
        view.brought.connect(self.editing.drop)
        view.asked.connect(self._open_menu)
        view.opened.connect(self._open)
        keys.delete.connect(self.editing.remove)
        keys.duplicate.connect(self.editing.duplicate)
        keys.add.connect(self.add_next)
        keys.rename.connect(self.rename_selected)
        keys.everything.connect(self._select_all)
        keys.walked.connect(self._walk)
        keys.tapped.connect(self.space_tapped)
        if self._live is not None:
            self._live.arrived.connect(self.set_values)
        keys.asked.connect(self._menu_of_selected)
        # A scene that is taken down unselects its items one by one, half of them gone already.
        self.destroyed.connect(partial(self.scene.blockSignals, True))
        self.palette_list.chosen.connect(self._take_from_palette)
        self.empty.pressed.connect(self._start)

    # ---- showing

    def _show(self, project: Project) -> None:
        self.scene.show(project, self._checking.facts, self._checking.problems)
        self.header.remark.setText(self._remark())
        if self.palette_list.isVisible():
            self.palette_list.show_offers(offers(project))
        self._show_empty()
        self._take_selection()

    def _remark(self) -> str:
        """How many numbers the model learns, once Keras has said so."""
        facts = self._checking.facts.model
        if facts is None or not facts.parameters:
            return ""
        layers = self._document.project.model.layers
        known = all(layer.shares or f"layer:{name}" in facts.parameters for name, layer in layers.items())
        count = f"{sum(facts.parameters.values()):,} parameters"
        return f"{count if known else f'at least {count}'} · shapes on the wires from Keras"

    def _show_empty(self) -> None:
        empty = not self.scene.nodes and not self.scene.notes
        self.empty.setVisible(empty)
        self.empty.setGeometry(self.view.rect())

    def set_values(self, values: Mapping[str, float]) -> None:
        """Show live values of the running training by reference (`total`, `regularization`); {} ends it."""
        self.scene.show_values({reference: fixed(value) for reference, value in values.items()})

    def _restyle(self) -> None:
        self.scene.restyle()
        self.scene.show(self._document.project, self._checking.facts, self._checking.problems)
        self.view.refit()
        self.view.viewport().update()

    def resizeEvent(self, event: object) -> None:  # noqa: N802
        super().resizeEvent(event)  # type: ignore[arg-type]
        QTimer.singleShot(0, self, self._show_empty)

    def say(self, sentence: str) -> None:
        """Show a sentence beside the mouse."""
        QToolTip.showText(self._cursor(), sentence, self.view, QRect(), 4000)

    # ---- the shared selection

    def _give_selection(self) -> None:
        """Tell the others what is selected here."""
        if not self._selecting:
            chosen = self.scene.chosen()
            kept = [each for each in self._selection.all if each in chosen]
            self._selecting = True
            self._selection.select(*kept, *(each for each in chosen if each not in kept))
            self._selecting = False
        self._announce()

    def _take_selection(self) -> None:
        """Select here what is selected elsewhere; wires and notes stay selected while no node is chosen."""
        if self._selecting or set(self._selection.all) == set(self.scene.chosen()):
            return
        self._selecting = True
        with QSignalBlocker(self.scene):
            for reference, item in self.scene.nodes.items():
                item.setSelected(reference in self._selection.all)
        self._selecting = False
        self.scene.bring_up(self._selection.current)
        current = self.scene.nodes.get(self._selection.current)
        if current is not None and not self.view.drag.active:
            self.view.reveal(current.card().translated(current.pos()))
        self._announce()

    def _announce(self) -> None:
        """Let screen readers say what is selected, and show which node has the keyboard."""
        current = self.scene.nodes.get(self._selection.current)
        self.view.setAccessibleDescription(current.says() if current else f"{len(self.scene.nodes)} nodes")
        for item in self.scene.nodes.values():
            item.focus(item is current and self.view.hasFocus())

    def _select_all(self) -> None:
        self._selection.select(*self.scene.nodes)

    def _walk(self, reference: str) -> None:
        self._selection.select(reference)

    # ---- what users ask for

    def fit(self) -> None:
        """Show the whole graph."""
        self.view.fit()

    def zoom_by(self, factor: float) -> None:
        self.view.zoom_by(factor)

    def arrange(self) -> None:
        self.editing.arrange()

    def add_next(self) -> None:
        """Open the menu of what fits after the selected node or into the selected wire."""
        wires = [item for item in self.scene.wires.values() if item.isSelected()]
        current = self.scene.nodes.get(self._selection.current)
        if current is not None:
            source = current.node.reference
            self.editing.offer_after(source, "", self._global(current.exit() + QPointF(8, -12)))
        elif wires:
            middle = wires[0].path().pointAtPercent(0.5)
            self.editing.offer_insert(wires[0], self._global(middle))
        else:
            centre = self.view.viewport().rect().center()
            self.editing.offer_after("", "", self.view.viewport().mapToGlobal(centre))

    def rename_selected(self) -> None:
        item = self.scene.nodes.get(self._selection.current)
        if item is not None and item.node.kind in NAMED:
            reference = item.node.reference
            self.in_place.rename(item, lambda name: self.editing.rename(reference, name))

    def add_note(self, place: QPointF) -> None:
        self.write_note(self.editing.add_note(place))

    def write_note(self, index: int) -> None:
        self.in_place.write(self.scene.notes[index], lambda text: self.editing.write_note(index, text))

    def mend(self, problem: Problem) -> None:
        """Apply the fix of a problem."""
        if problem.fix is not None:
            self._document.edit(problem.fix.label, problem.fix.apply(self._document.project))

    def scene_place(self, at: QPoint) -> QPointF:
        return self.view.mapToScene(self.view.viewport().mapFromGlobal(at))

    def _open(self, item: object) -> None:
        """A double click renames a node, edits a note, and opens the menu on the ground."""
        if isinstance(item, NodeItem):
            self.rename_selected()
        elif isinstance(item, NoteItem):
            self.write_note(item.index)
        elif item is None:
            at = self._cursor()
            self.editing.offer_after("", "", at, self.scene_place(at).toTuple())

    def _open_menu(self, item: object, at: QPoint) -> None:
        if isinstance(item, NodeItem):
            if not item.isSelected():
                self._selection.select(item.node.reference)
        elif item is not None:
            self.scene.clearSelection()
            item.setSelected(True)  # type: ignore[attr-defined]
        menu_for(self, item, at).popup(at)

    def _menu_of_selected(self) -> None:
        current = self.scene.nodes.get(self._selection.current)
        at = current.entry() if current else self.view.mapToScene(self.view.viewport().rect().center())
        self._open_menu(current, self._global(at))

    def _drop_wire(self, source: str, target: str, place: QPointF) -> None:
        """A wire let go on empty ground asks what should be there."""
        corner = (
            (round(place.x()), round(place.y() - 23))
            if source
            else (round(place.x() - 120), round(place.y() - 23))
        )
        self.editing.offer_after(source, target, self._global(place), corner)

    def _take_from_palette(self, key: str) -> None:
        """Add what the palette says after the selected node, or alone where it does not fit there."""
        found = {offer.choice.key: offer for offer in offers(self._document.project, self._selection.current)}
        offer = found.get(key) or {each.choice.key: each for each in offers(self._document.project)}.get(key)
        if offer is not None:
            self.editing.take(offer)

    def _toggle_palette(self) -> None:
        shown = not self.palette_list.isVisible()
        self.palette_list.setVisible(shown)
        if shown:
            self.palette_list.show_offers(offers(self._document.project))
            self.palette_list.line.setFocus()

    def _start(self, label: str) -> None:
        """One of the buttons of the empty canvas."""
        if label == EXAMPLE:
            self.examples_wanted.emit()
        else:
            self.add_next()

    def _ask(self, at: QPoint, hint: str, choices: Sequence[Choice], then: Callable[[str], None]) -> None:
        """Open a menu one types into; the canvas has the keyboard again afterwards."""
        self.menu = SearchMenu(self, hint)
        self.menu.chosen.connect(then)
        self.menu.closed.connect(self.view.setFocus)
        self.menu.closed.connect(self.menu.deleteLater)
        self.menu.open_at(at, choices)

    def _global(self, place: QPointF) -> QPoint:
        return self.view.viewport().mapToGlobal(self.view.mapFromScene(place))

    def _cursor(self) -> QPoint:
        """The mouse on the screen, or the middle of the view where it is elsewhere."""
        at = QCursor.pos()
        inside = self.view.viewport().rect().contains(self.view.viewport().mapFromGlobal(at))
        return at if inside else self.view.viewport().mapToGlobal(self.view.viewport().rect().center())
