"""Every action of the window in one table: menus, shortcuts, tooltips and the palette are made from it.

`Do` is what an action may use: the workbench, and what of the window it needs to show things.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from gui import compose
from gui.settling import settle
from gui.widgets.searchmenu import Choice
from gui.workbench import Workbench

MENUS = ("File", "Edit", "Model", "Run", "View", "Help")


class Shown(Protocol):
    """What actions ask of the window."""

    bench: Workbench

    def show_panel(self, key: str) -> None: ...
    def show_start(self) -> None: ...
    def show_palette(self) -> None: ...
    def show_shortcuts(self) -> None: ...
    def show_help(self) -> None: ...
    def show_about(self) -> None: ...
    def ask(self, hint: str, choices: Sequence[Choice], then: Callable[[str], object]) -> None: ...
    def export(self) -> None: ...
    def fit_canvas(self) -> None: ...
    def zoom(self, factor: float | None) -> None: ...
    def switch_theme(self) -> None: ...
    def reset_layout(self) -> None: ...
    def press_train(self) -> None: ...
    def press_pause(self) -> None: ...
    def rename_selected(self) -> None: ...
    def close(self) -> bool: ...


@dataclass(frozen=True)
class Act:
    """One line: `keys` are its shortcuts, the first is shown; between groups stands a line."""

    key: str
    menu: str
    text: str
    run: Callable[[Shown], object]
    keys: tuple[str, ...] = ()
    glyph: str = ""
    group: int = 0
    when: Callable[[Workbench], bool] = lambda _bench: True


def _do(act: Act, shown: Shown) -> None:
    settle()
    act.run(shown)


def _panel(key: str) -> Callable[[Shown], object]:
    return lambda window: window.show_panel(key)


def _save_checkpoint(shown: Shown) -> None:
    shown.bench.training.save()
    shown.bench.files.told.emit("The checkpoint is written after this step.")


def _busy(bench: Workbench) -> bool:
    return bench.training.state.busy


def _selected(bench: Workbench) -> bool:
    return bool(bench.selection.all)


TABLE: tuple[Act, ...] = (
    Act("new", "File", "New project", lambda w: w.bench.files.new(), ("Ctrl+N",), "new"),
    Act("open", "File", "Open project…", lambda w: w.bench.files.open(), ("Ctrl+O",), "open"),
    Act("open_data", "File", "Open data…", lambda w: w.bench.files.open_data(), ("Ctrl+D",), "data"),
    Act("save", "File", "Save", lambda w: w.bench.files.save(), ("Ctrl+S",), "save", 1),
    Act("save_as", "File", "Save as…", lambda w: w.bench.files.save_as(), ("Ctrl+Shift+S",), "", 1),
    Act("export", "File", "Export script…", lambda w: w.export(), ("Ctrl+E",), "export", 1),
    Act("start", "File", "Start page", lambda w: w.show_start(), ("Ctrl+Home",), "house", 2),
    Act("quit", "File", "Quit", lambda w: w.close(), ("Ctrl+Q",), "", 3),
    Act("remove", "Edit", "Remove selected", compose.remove_selected, (), "remove", 1, _selected),
    Act("rename", "Edit", "Rename selected", lambda w: w.rename_selected(), ("F2",), "", 1, _selected),
    Act("add_layer", "Model", "Add layer…", compose.ask_layer, ("Ctrl+L",), "add"),
    Act("add_input", "Model", "Add input", compose.add_input, (), "add"),
    Act("add_head", "Model", "Add head", compose.add_head, ("Ctrl+H",), "add"),
    Act("add_term", "Model", "Add term…", compose.ask_term, ("Ctrl+T",), "add", 1),
    Act("add_metric", "Model", "Add metric…", compose.ask_metric, (), "add", 1),
    Act("training", "Model", "Training settings", compose.show_training, ("Ctrl+,",), "settings", 2),
    Act("split", "Model", "Split settings", compose.show_split, (), "settings", 2),
    Act("fit", "Model", "Fit the graph to the panel", lambda w: w.fit_canvas(), ("Ctrl+0",), "fit", 3),
    Act("train", "Run", "Train", lambda w: w.press_train(), ("F5", "Ctrl+Return"), "train"),
    Act("pause", "Run", "Pause or resume", lambda w: w.press_pause(), ("Space",), "pause", 0, _busy),
    Act("stop", "Run", "Stop", lambda w: w.bench.training.stop(), ("Shift+F5",), "stop", 0, _busy),
    Act("checkpoint", "Run", "Save a checkpoint now", _save_checkpoint, (), "", 1, _busy),
    Act("palette", "View", "Search actions…", lambda w: w.show_palette(), ("Ctrl+K",), "search"),
    Act("theme", "View", "Switch between light and dark", lambda w: w.switch_theme(), (), "moon", 1),
    Act("bigger", "View", "Larger", lambda w: w.zoom(1.1), ("Ctrl++", "Ctrl+="), "", 1),
    Act("smaller", "View", "Smaller", lambda w: w.zoom(1 / 1.1), ("Ctrl+-",), "", 1),
    Act("normal", "View", "Normal size", lambda w: w.zoom(None), ("Ctrl+Alt+0",), "", 1),
    Act("data", "View", "Data", _panel("data"), ("Ctrl+1",), "", 2),
    Act("model", "View", "Model", _panel("model"), ("Ctrl+2",), "", 2),
    Act("inspector", "View", "Inspector", _panel("inspector"), ("Ctrl+3",), "", 2),
    Act("terms", "View", "Terms", _panel("terms"), ("Ctrl+4",), "", 2),
    Act("curves", "View", "Curves", _panel("curves"), ("Ctrl+5",), "", 2),
    Act("balance", "View", "Balance", _panel("balance"), ("Ctrl+6",), "", 2),
    Act("runs", "View", "Runs", _panel("runs"), ("Ctrl+7",), "", 2),
    Act("code", "View", "Code", _panel("code"), ("Ctrl+8",), "", 2),
    Act("problems", "View", "Problems", _panel("problems"), ("Ctrl+P",), "", 2),
    Act("layout", "View", "Put all panels back", lambda w: w.reset_layout(), (), "", 3),
    Act("help", "Help", "Help", lambda w: w.show_help(), ("F1",), "help"),
    Act("shortcuts", "Help", "Keyboard shortcuts", lambda w: w.show_shortcuts(), ("?",), "keyboard"),
    Act("about", "Help", "About Lossmith", lambda w: w.show_about(), (), "", 1),
)


def made(window: QWidget, shown: Shown) -> dict[str, QAction]:
    """A QAction for every line of the table, by its key."""
    actions = {}
    for act in TABLE:
        action = QAction(act.text, window)
        action.setObjectName(f"action_{act.key}")
        action.setShortcuts([QKeySequence(keys) for keys in act.keys])
        action.setAutoRepeat(act.menu != "Run")  # a key that is held is one order
        action.setToolTip(f"{act.text}  ({_shown_keys(act)})" if act.keys else act.text)
        action.triggered.connect(lambda _checked=False, act=act: _do(act, shown))
        window.addAction(action)
        actions[act.key] = action
    return actions


def enable(actions: dict[str, QAction], bench: Workbench) -> None:
    """Grey out what makes no sense now."""
    for act in TABLE:
        actions[act.key].setEnabled(act.when(bench))


def _shown_keys(act: Act) -> str:
    return QKeySequence(act.keys[0]).toString(QKeySequence.SequenceFormat.NativeText)
