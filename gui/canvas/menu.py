"""The menus of the canvas: what one can do with a node, a wire, a note or the ground."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMenu

from core.project.problems import Problem
from gui import theme
from gui.canvas.node import NodeItem
from gui.canvas.note import NoteItem
from gui.canvas.wire import WireItem

if TYPE_CHECKING:
    from gui.canvas.panel import CanvasPanel

NAMED = ("input", "layer", "head", "term", "target")
COPIED = ("input", "layer", "head", "term")


def menu_for(panel: "CanvasPanel", item: object, at: QPoint) -> QMenu:
    """Return the menu for what is at `at` (global); the menu belongs to the panel."""
    menu = QMenu(panel)
    menu.setObjectName("canvasMenu")
    if isinstance(item, NodeItem):
        _for_node(panel, menu, item, at)
    elif isinstance(item, WireItem):
        _for_wire(panel, menu, item, at)
    elif isinstance(item, NoteItem):
        _add(menu, "pencil-simple", "Edit note", lambda: panel.write_note(item.index))
        _add(menu, "remove", "Remove note", panel.editing.remove, "Del")
    else:
        _for_ground(panel, menu, at)
    return menu


def _for_node(panel: "CanvasPanel", menu: QMenu, item: NodeItem, at: QPoint) -> None:
    node, editing = item.node, panel.editing
    for problem in item.problems:
        _for_problem(panel, menu, problem)
    if item.problems:
        menu.addSeparator()
    if node.gives and node.stage < 3:
        _add(menu, "add", "Add next…", lambda: editing.offer_after(node.reference, "", at), "Return")
    if node.takes and node.stage < 4:
        _add(menu, "link", "Feed it with…", lambda: editing.offer_after("", node.reference, at))
    if node.kind == "term":
        says = "Switch on" if node.quiet else "Switch off"
        _add(menu, "visible" if node.quiet else "hidden", says, lambda: editing.switch(node.reference))
    menu.addSeparator()
    if node.kind in NAMED:
        _add(menu, "pencil-simple", "Rename", panel.rename_selected, "F2")
    if node.kind in COPIED:
        _add(menu, "copy", "Duplicate", editing.duplicate, "Ctrl+D")
    if node.stage < 4 and node.kind != "regularization":
        _add(menu, "scissors", "Disconnect", lambda: editing.disconnect(node.reference))
    if node.kind in COPIED:
        _add(menu, "remove", "Remove", editing.remove, "Del")


def _for_problem(panel: "CanvasPanel", menu: QMenu, problem: Problem) -> None:
    if problem.fix is not None:
        _add(menu, "wrench", problem.fix.label, lambda: panel.mend(problem))
    else:
        menu.addAction(theme.icon("problem"), problem.message).setEnabled(False)


def _for_wire(panel: "CanvasPanel", menu: QMenu, item: WireItem, at: QPoint) -> None:
    if item.wire.target.partition(":")[0] in ("layer", "head"):
        _add(menu, "add", "Insert a layer…", lambda: panel.editing.offer_insert(item, at))
    if item.wire.removable:
        _add(menu, "scissors", "Cut wire", panel.editing.remove, "Del")
    else:
        menu.addAction("Terms that are on add to the total").setEnabled(False)


def _for_ground(panel: "CanvasPanel", menu: QMenu, at: QPoint) -> None:
    place = panel.scene_place(at)
    _add(menu, "add", "Add…", lambda: panel.editing.offer_after("", "", at, place.toTuple()), "Return")
    _add(menu, "note", "Add note", lambda: panel.add_note(place))
    menu.addSeparator()
    _add(menu, "tree-structure", "Arrange", panel.editing.arrange)
    _add(menu, "fit", "Fit", panel.fit, "Ctrl+0")


def _add(menu: QMenu, glyph: str, says: str, run: Callable[[], object], keys: str = "") -> None:
    action = menu.addAction(theme.icon(glyph), f"{says}\t{keys}" if keys else says)
    action.triggered.connect(lambda _checked=False: run())
