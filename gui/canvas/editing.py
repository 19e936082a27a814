"""What the canvas does to the document: one method for each thing a user can ask for, each one step of
undo.
"""

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import QPoint, QPointF

from core.project import edits
from core.project.references import exists
from core.project.schema import Note, Project
from core.project.wiring import TARGET_LIKE
from gui.canvas import composing
from gui.canvas.composing import Made
from gui.canvas.layout import Point
from gui.canvas.node import HEIGHT
from gui.canvas.offers import Offer, offers
from gui.canvas.scene import GraphScene
from gui.canvas.wire import WireItem
from gui.document import Document
from gui.selection import Selection
from gui.widgets.searchmenu import Choice

NEW_NOTE = "Write what a reader should know here."
Ask = Callable[[QPoint, str, Sequence[Choice], Callable[[str], None]], None]
"""Opens a menu at a place: place, hint, choices, and what to do with the chosen key."""
INSERTABLE = ("layer", "head")


class Editing:
    """Edits `document` for the canvas; `say` shows a sentence where something cannot be done."""

    def __init__(
        self,
        document: Document,
        selection: Selection,
        scene: GraphScene,
        say: Callable[[str], None],
        ask: Ask,
    ):
        self._document, self._selection, self._scene = document, selection, scene
        self._say, self._ask = say, ask
        self.placed: Callable[[], None] = lambda: None

    @property
    def project(self) -> Project:
        return self._document.project

    # ---- adding

    def take(self, offer: Offer, place: Point | None = None) -> None:
        """Do what an offer says; what is new stands at `place` where somebody pointed there, and is
        selected.
        """
        try:
            project, reference = offer.make(self.project)
        except ValueError as why:
            self._say(str(why))
            return
        is_new = not exists(self.project, reference)
        if is_new and place is not None:
            self.placed()
            project = edits.move(project, {**self._scene.places(), reference: place})
        self._document.edit(offer.edit, project)
        self._selection.select(reference)

    def offer_after(self, source: str, target: str, at: QPoint, place: Point | None = None) -> None:
        """Open the menu of what fits after `source` or before `target`, at a place of the screen."""
        found = {offer.choice.key: offer for offer in offers(self.project, source, target)}
        if not found:
            self._say("Nothing follows a term: every term that is on goes into the total.")
            return
        name = (source or target).partition(":")[2]
        hint = f"What comes {'before' if target else 'after'} {name}?" if name else "What to add?"
        self._ask(
            at, hint, [offer.choice for offer in found.values()], lambda key: self.take(found[key], place)
        )

    def drop(self, key: str, place: QPointF) -> None:
        """Add what was dragged in from the palette: into the wire or after the node it was let go on."""
        wire, node = self._scene.wire_at(place), self._scene.node_at(place)
        class_name = key.removeprefix("layer ") if key.startswith("layer ") else ""
        if class_name and node is None and _can_hold(wire):
            assert wire is not None
            self.insert(class_name, wire)
            return
        source = node.node.reference if node else ""
        found = {offer.choice.key: offer for offer in offers(self.project, source)}
        offer = found.get(key) or {each.choice.key: each for each in offers(self.project)}.get(key)
        if offer is not None:
            self.take(offer, None if node else (place.x() - 60, place.y() - HEIGHT / 2))

    def insert(self, class_name: str, wire: WireItem) -> None:
        """Put a new layer into a wire."""
        source, target = wire.wire.source, wire.wire.target
        self._make(
            f"Insert {class_name}", lambda: composing.insert_layer(self.project, class_name, source, target)
        )

    def offer_insert(self, wire: WireItem, at: QPoint) -> None:
        """Ask which layer to put into a wire."""
        layers = [
            offer.choice
            for offer in offers(self.project, wire.wire.source)
            if offer.choice.key.startswith("layer ")
        ]
        self._ask(
            at,
            "Which layer goes in between?",
            layers,
            lambda key: self.insert(key.removeprefix("layer "), wire),
        )

    def _make(self, label: str, make: Callable[[], Made]) -> None:
        try:
            project, reference = make()
        except ValueError as why:
            self._say(str(why))
            return
        self._document.edit(label, project)
        self._selection.select(reference)

    # ---- wires

    def wire(self, source: str, target: str, at: QPoint) -> None:
        """Draw a wire; where several arguments of a term fit, ask which one is meant."""
        free = self._free_arguments(source, target)
        if len(free) > 1:
            choices = [Choice(name, name, f"argument of {target.partition(':')[2]}") for name in free]
            self._ask(at, "As which argument?", choices, lambda name: self._connect(source, target, name))
        else:
            self._connect(source, target, None)

    def _free_arguments(self, source: str, target: str) -> list[str]:
        """The arguments of a term that are not bound and that suit the source."""
        kind, _, name = target.partition(":")
        if kind != "term":
            return []
        bound = self.project.terms[name].bind
        free = [each for each in edits.arguments(self.project, name) if each not in bound]
        is_target = source.startswith("target:")
        return [each for each in free if (each.lower() in TARGET_LIKE) == is_target]

    def _connect(self, source: str, target: str, argument: str | None) -> None:
        try:
            project = edits.connect(self.project, source, target, argument)
        except ValueError as why:
            self._say(str(why))
            return
        names = [each.partition(":")[2] for each in (source, target)]
        self._document.edit(f"Wire {names[0]} to {names[1]}", project)
        self._selection.select(target)

    # ---- what is selected

    def remove(self) -> None:
        """Remove the selected nodes, wires and notes. A target loses its wires, its field stays in the
        data.
        """
        scene = self._scene
        chosen = [each for each in scene.chosen() if exists(self.project, each) and ":" in each]
        targets = [each for each in chosen if each.startswith("target:")]
        wires = [wire.key for wire in scene.chosen_wires() if wire.removable]
        wires += [wire.key for wire in scene.graph.wires.values() if wire.source in targets]
        project = composing.cut(self.project, wires)
        project = edits.remove(project, [each for each in chosen if each not in targets])
        gone = set(scene.chosen_notes())
        if gone:
            kept = [note for index, note in enumerate(project.canvas.notes) if index not in gone]
            project = composing.with_notes(project, kept)
        names = [each.partition(":")[2] for each in chosen]
        what = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        self._document.edit(f"Remove {what or ('wire' if wires else 'note')}", project)

    def duplicate(self) -> None:
        project, copies = composing.duplicate(self.project, self._scene.chosen())
        if copies:
            self._document.edit(
                f"Duplicate {len(copies)} nodes" if len(copies) > 1 else "Duplicate node", project
            )
            self._selection.select(*copies)

    def rename(self, reference: str, name: str) -> str | None:
        """Rename a node; return a sentence where the name will not do."""
        if name == reference.partition(":")[2]:
            return None
        try:
            project = edits.rename(self.project, reference, name.strip())
        except ValueError as why:
            return str(why)
        self._document.edit(f"Rename {reference.partition(':')[2]} to {name.strip()}", project)
        self._selection.select(f"{reference.partition(':')[0]}:{name.strip()}")
        return None

    def switch(self, reference: str) -> None:
        """Switch a term on or off."""
        name = reference.partition(":")[2]
        on = not self.project.terms[name].on
        self._document.edit(f"Switch {name} {'on' if on else 'off'}", edits.set_on(self.project, name, on))

    def disconnect(self, reference: str) -> None:
        """Cut all wires of a node."""
        ends = [
            wire.key for wire in self._scene.graph.wires.values() if reference in (wire.source, wire.target)
        ]
        self._document.edit(f"Disconnect {reference.partition(':')[2]}", composing.cut(self.project, ends))

    # ---- places and notes

    def move(self, moved: tuple[Mapping[str, Point], Mapping[int, Point]]) -> None:
        """Keep the places that a drag left nodes and notes at."""
        nodes, notes = moved
        project = edits.move(self.project, nodes) if nodes else self.project
        if notes:
            changed = [
                note.model_copy(update={"x": notes[index][0], "y": notes[index][1]})
                if index in notes
                else note
                for index, note in enumerate(project.canvas.notes)
            ]
            project = composing.with_notes(project, changed)
        self._document.edit("Move", project)

    def arrange(self) -> None:
        self._document.edit("Arrange", composing.without_places(self.project))

    def add_note(self, place: QPointF) -> int:
        """Add a note at `place` (scene); return its place in the list."""
        notes = self.project.canvas.notes
        note = Note(text=NEW_NOTE, x=round(place.x()), y=round(place.y()))
        self._document.edit("Add note", composing.with_notes(self.project, [*notes, note]))
        return len(notes)

    def write_note(self, index: int, text: str) -> str | None:
        """Give a note another text; without any it is removed."""
        notes = list(self.project.canvas.notes)
        if index >= len(notes):
            return None
        if text.strip():
            notes[index] = notes[index].model_copy(update={"text": text.strip()})
        else:
            del notes[index]
        self._document.edit(
            "Edit note" if text.strip() else "Remove note", composing.with_notes(self.project, notes)
        )
        return None


def _can_hold(wire: WireItem | None) -> bool:
    """Whether a layer can go into a wire: between inputs, layers and heads."""
    return wire is not None and wire.wire.target.partition(":")[0] in INSERTABLE
