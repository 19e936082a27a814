"""The main window: it places the panels, builds the menus from the table of actions, and shows messages."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QByteArray, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QIcon, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QMainWindow,
    QMenu,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from gui import actions, dialogs, places, theme
from gui.background import Background
from gui.badvalues import BadValuesBanner
from gui.docks import Docks
from gui.leaving import Leaving
from gui.panels.start import StartPage
from gui.runbar import RunBar, words
from gui.stylesheet import RESOURCES
from gui.training import TrainingState
from gui.widgets.banner import Banner, Toasts
from gui.widgets.card import ElidedLabel
from gui.widgets.naming import named
from gui.widgets.searchmenu import Choice, SearchMenu
from gui.workbench import Workbench

FIRST_SIZE, SHARE_OF_SCREEN, LEAST_SIZE = (1440, 900), 0.92, (960, 600)
EDGE, PAUSE = 6, 30
SENTENCE_SHARE, WAY_SHARE = 3, 2
"""Of the status line: how the run stands, and in which way its steps are made. Neither moves when the other changes."""


class Window(QMainWindow):
    """The start page or the panels, under a menu and the run bar, over the status line."""

    panels_made = Signal()

    def __init__(self, bench: Workbench | None = None):
        super().__init__()
        self.bench = bench or Workbench(self)
        self.bench.files.window = self
        self.actions_by_key = actions.made(self, self)
        self.docks: Docks | None = None
        self._panels: dict[str, QWidget] = {}
        self.start = StartPage(self.bench.files, self.bench.settings)
        self.banner, self.toasts = Banner(), Toasts(self)
        self.bad_values = BadValuesBanner(self.bench, self._lead_to, self.press_train)
        self.bar = RunBar(self.bench, self.actions_by_key)
        self.menu = SearchMenu(self)
        self._loader = Background("panels", self)
        self.bench.training.closing.connect(self._loader.close)
        self._leaving = Leaving(self, self.bench)
        self._failure: tuple[Path | None, str] | None = None
        self._then: Callable[[str], object] | None = None
        self._pages = QStackedWidget()
        self._pages.addWidget(self.start)
        self._status, self._facts = ElidedLabel(), QLabel()
        self._way = ElidedLabel()
        self._build()
        self._listen()
        self._first_place()
        self._show_title()
        self.show_start()

    # ---- building

    def _build(self) -> None:
        self.setWindowIcon(QIcon(str(RESOURCES / "icons" / "lossmith.svg")))
        self.setAcceptDrops(True)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        named(self.bar, "runBar").setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column.addWidget(self.bar)
        held = QVBoxLayout()
        held.setContentsMargins(*(theme.px(EDGE),) * 4)
        held.setSpacing(theme.px(EDGE))
        held.addWidget(self.banner)
        held.addWidget(self.bad_values)
        held.addWidget(self._pages, 1)
        column.addLayout(held, 1)
        self.setCentralWidget(body)
        self._build_menus()
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().addWidget(named(self._status, "statusSentence"), SENTENCE_SHARE)
        self.statusBar().addWidget(named(self._way, "statusWay"), WAY_SHARE)
        self.statusBar().addPermanentWidget(self._facts)
        self.menu.chosen.connect(self._take_choice)

    def _build_menus(self) -> None:
        menus = {name: self.menuBar().addMenu(name) for name in actions.MENUS}
        self._undo_actions(menus["Edit"])
        groups: dict[str, int] = {}
        for act in actions.TABLE:
            if groups.setdefault(act.menu, act.group) != act.group:
                menus[act.menu].addSeparator()
                groups[act.menu] = act.group
            menus[act.menu].addAction(self.actions_by_key[act.key])
        self._recent = QMenu("Open recent", self)
        self._recent.aboutToShow.connect(self._fill_recent)
        menus["File"].insertMenu(self.actions_by_key["open_data"], self._recent)
        self._shown = QMenu("Panels shown", self)
        self._shown.aboutToShow.connect(self._fill_shown)
        menus["View"].insertMenu(self.actions_by_key["layout"], self._shown)
        for menu in menus.values():
            menu.aboutToShow.connect(self._enable)

    def _undo_actions(self, menu: QMenu) -> None:
        undo = self.bench.document.undo
        for key, action, keys in (
            ("undo", undo.createUndoAction(self, "Undo"), ["Ctrl+Z"]),
            ("redo", undo.createRedoAction(self, "Redo"), ["Ctrl+Shift+Z", "Ctrl+Y"]),
        ):
            action.setObjectName(f"action_{key}")
            action.setShortcuts([QKeySequence(each) for each in keys])
            self.addAction(action)
            menu.addAction(action)
            self.actions_by_key[key] = action

    def _listen(self) -> None:
        bench, files = self.bench, self.bench.files
        files.failed.connect(lambda sentence: self.banner.tell(sentence, "bad"))
        files.told.connect(self.toasts.tell)
        files.warned.connect(lambda sentence: self.banner.tell(sentence, "warning"))
        files.opened.connect(self._show_opened)
        bench.training.state_changed.connect(self._follow_training)
        bench.training.trouble.connect(self._say_trouble)
        bench.document.moved.connect(self._show_title)
        bench.document.changed.connect(lambda _before, _after: self._show_title())
        bench.selection.changed.connect(lambda _reference: self._enable())
        self.bar.problems_pressed.connect(lambda: self.show_panel("problems"))
        self.bar.engine_pressed.connect(lambda: self.show_panel("runs"))
        self._enable()

    def _listen_to_panels(self, docks: Docks) -> None:
        """What panels cannot do themselves: `wanted` is the key of an action."""
        for panel in docks.panels:
            if hasattr(panel, "wanted"):
                panel.wanted.connect(self.do)
            if hasattr(panel, "examples_wanted"):
                panel.examples_wanted.connect(self.show_start)
            if hasattr(panel, "space_tapped"):
                panel.space_tapped.connect(self.bench.toggle_pause)

    def _first_place(self) -> None:
        screen = self.screen().availableGeometry()
        width, height = (
            min(theme.px(wish), round(SHARE_OF_SCREEN * room))
            for wish, room in zip(FIRST_SIZE, (screen.width(), screen.height()), strict=True)
        )
        self.resize(width, height)
        self.setMinimumSize(*LEAST_SIZE)
        kept = self.bench.settings.blob("geometry")
        if kept:
            self.restoreGeometry(QByteArray(kept))

    # ---- what actions ask for

    def show_panels(self) -> None:
        """Show the open project; the first time, make its panels."""
        while self.docks is None:
            self._make_next()
        self._pages.setCurrentWidget(self.docks)
        self.bar.show()
        self._enable()

    def _show_opened(self) -> None:
        self.show_panels()
        if self.docks is not None:
            self.docks.settle()

    def do(self, key: str) -> None:
        """Do the action of the table that is called `key`."""
        self.actions_by_key[key].trigger()

    def show_panel(self, key: str) -> None:
        self.show_panels()
        assert self.docks is not None
        self.docks.show_panel(key)

    def show_start(self) -> None:
        self.start.refresh()
        self._pages.setCurrentWidget(self.start)
        self.bar.setVisible(self.bench.training.state.busy)

    def ask(self, hint: str, choices: Sequence[Choice], then: Callable[[str], object]) -> None:
        """Show a menu one types into; `then` gets the key of what is chosen."""
        self._then = then
        self.menu.line.setPlaceholderText(hint)
        width = theme.px(560)
        place = self.mapToGlobal(QPoint((self.width() - width) // 2, self.bar.geometry().bottom() + 40))
        self.menu.open_at(place, choices, 560)

    def show_palette(self) -> None:
        """Every action that makes sense now, to be searched and done."""
        self._enable()
        lines = [
            Choice(key, action.text().replace("&", ""), action.shortcut().toString(), icon=_glyph(key))
            for key, action in self.actions_by_key.items()
            if action.isEnabled() and key != "palette"
        ]
        self.ask("Search actions", lines, lambda key: self.actions_by_key[key].trigger())

    def show_shortcuts(self) -> None:
        dialogs.ShortcutSheet(self.actions_by_key, self).exec()

    def show_help(self) -> None:
        dialogs.HelpPage(self).exec()

    def show_about(self) -> None:
        dialogs.about(self, self.bench.training.state.versions)

    def export(self) -> None:
        from gui.exporting import ExportDialog

        bench = self.bench
        start = bench.document.path.parent if bench.document.path else bench.settings.last_folder
        dialog = ExportDialog(bench.document, bench.checking.facts.data, start, self)
        if dialog.exec() and dialog.written is not None:
            self.toasts.tell(f"Wrote {dialog.written.name}.")

    def fit_canvas(self) -> None:
        self.show_panels()
        assert self.docks is not None
        self.docks.fit()

    def zoom(self, factor: float | None) -> None:
        """Make everything larger or smaller; None is 100 %."""
        scale = 1.0 if factor is None else round(theme.scale() * factor, 2)
        self._use(theme.tokens().name, scale)

    def switch_theme(self) -> None:
        self._use("light" if theme.tokens().name == "dark" else "dark", theme.scale())

    def reset_layout(self) -> None:
        self.bench.settings.forget_layout()
        if self.docks:
            self.docks.put_back()

    def press_train(self) -> None:
        """Train; a project known to be wrong leads to its problems instead."""
        blocking = self.bench.checking.blocking
        if not blocking:
            self.banner.dismiss()
            self.show_panel("curves")
            if self.docks:
                self.docks.make_room_for_charts()
            self.bench.train()
            return
        self.show_panel("problems")
        self.bench.selection.select(blocking[0].where)

    def press_pause(self) -> None:
        """Space means what it always means while a button or list has the keyboard, else it pauses."""
        holder = QApplication.focusWidget()
        if isinstance(holder, QAbstractButton) and not self.bar.isAncestorOf(holder):
            holder.click()
        elif isinstance(holder, QComboBox):
            holder.showPopup()
        else:
            self.bench.toggle_pause()

    def rename_selected(self) -> None:
        self.show_panel("inspector")
        panel = self.docks.panel("inspector") if self.docks else None
        name = panel.findChild(QWidget, "inspectorName") if panel else None
        if name is not None:
            name.setFocus(Qt.FocusReason.ShortcutFocusReason)

    # ---- following

    def _follow_training(self, state: TrainingState) -> None:
        self._status.setText(state.sentence)
        self._way.setText(state.way)
        self._facts.setText("   ".join(f"{name} {version}" for name, version in state.versions.items()))
        self._enable()
        self._show_title()
        failure = (state.run, state.sentence) if state.phase == "failed" and state.bad is None else None
        if failure != self._failure and failure is not None and state.sentence:
            self._say_failed(state)
        self._failure = failure

    def _say_failed(self, state: TrainingState) -> None:
        where, run, leads = state.where or "", state.run, None
        if where:
            leads = (f"Show {where.partition(':')[2] or where}", lambda: self._lead_to(where))
        elif state.interrupted and run is not None:
            leads = ("Resume", lambda: self.bench.training.resume_run(run, state.epochs))
        self.banner.tell(state.sentence, "bad", leads, state.details)

    def _say_trouble(self, sentence: str, details: str) -> None:
        self.banner.tell(sentence, "warning", None, details)

    def _lead_to(self, where: str) -> None:
        self.show_panel("code" if where == "functions" else "inspector")
        self.bench.selection.select(where)

    def _show_title(self) -> None:
        document, state = self.bench.document, self.bench.training.state
        name = document.path.name if document.path else document.project.name
        parts = [words(state)] if state.busy else []
        self.setWindowTitle(" · ".join([*parts, f"{name}[*] — Lossmith"]))
        self.setWindowModified(document.unsaved)

    def _enable(self) -> None:
        actions.enable(self.actions_by_key, self.bench)

    # ---- small doings

    def _use(self, name: str, scale: float) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.use(app, name, scale)
        self.bench.settings.theme, self.bench.settings.scale = name, theme.scale()

    def _take_choice(self, key: str) -> None:
        then, self._then = self._then, None
        if then:
            then(key)

    def _fill_recent(self) -> None:
        self._recent.clear()
        for path in self.bench.settings.recent:
            opening = QAction(f"{path.name}   {path.parent}", self._recent)
            opening.triggered.connect(lambda _checked=False, path=path: self.bench.files.open(path))
            self._recent.addAction(opening)
        if self._recent.isEmpty():
            self._recent.addAction("Nothing yet").setEnabled(False)

    def _fill_shown(self) -> None:
        self._shown.clear()
        for dock in self.docks.docks.values() if self.docks else ():
            self._shown.addAction(dock.toggleViewAction())

    # ---- making the panels, one at a time while nobody waits

    def _make_ahead(self) -> None:
        if self.docks is None and self.isVisible():
            self._make_next()
            QTimer.singleShot(PAUSE, self, self._make_ahead)

    def _make_next(self) -> None:
        """Make one panel, or put those that are made in their places."""
        place = next((place for place in places.PLACES if place.key not in self._panels), None)
        if place is not None:
            self._panels[place.key] = place.make(self.bench)
            return
        self.docks = docks = Docks(self.bench, places.PLACES, self._panels)
        self._pages.addWidget(docks)
        docks.restore(self.bench.settings)
        docks.name_tabs()
        self._listen_to_panels(docks)
        self.panels_made.emit()

    # ---- events

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        if self.docks is None:
            self._loader.ask("panels", places.load, lambda _none: self._make_ahead(), self._say_broken)

    def _say_broken(self, error: Exception) -> None:
        self.banner.tell(f"A part of Lossmith cannot be loaded: {error}. Install it anew.", "bad")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        path = next(Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile())
        event.acceptProposedAction()
        self.bench.files.take_dropped(path)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        if not self._leaving.allowed():
            event.ignore()
            return
        self.bench.settings.keep("geometry", self.saveGeometry())
        if self.docks:
            self.docks.remember(self.bench.settings)
        self.bench.close()
        event.accept()


def _glyph(key: str) -> str:
    return next(
        (act.glyph for act in actions.TABLE if act.key == key), {"undo": "undo", "redo": "redo"}.get(key, "")
    )
