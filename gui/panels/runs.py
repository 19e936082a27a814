"""The Runs tab: every run that was ever made here, to look at, compare, take away, bring back, or throw
away.
"""

import time
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QColor, QDesktopServices, QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QStackedLayout,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from core.project.writing import unwritable
from core.runs.folder import RunSummary
from core.runs.record import LIVE
from gui import shelf, theme
from gui.background import Background
from gui.checking import Checking
from gui.document import Document
from gui.plots.ticks import fixed
from gui.selection import Selection
from gui.telling import sentence_of
from gui.training import Training, TrainingState
from gui.widgets.banner import Strip
from gui.widgets.emptystate import EmptyState
from gui.widgets.iconbutton import Button
from gui.widgets.naming import named

FOR = "Every training leaves a run here, also a stopped or failed one, with its curves, script and project."
HEADINGS = ("compare", "run", "state", "started", "epochs", "steps", "total", "validation", "took")
COMPARE, NAME, STATE, STARTED, EPOCHS, STEPS, TOTAL, VALIDATION, TOOK = range(9)
REFRESH_MS = 2000
STATES = {
    "waiting": ("clock", "waiting", "muted"),
    "preparing": ("spinner", "preparing", "accent"),
    "running": ("play-circle", "training", "accent"),
    "paused": ("pause-circle", "paused", "accent"),
    "done": ("good", "done", "good"),
    "stopped": ("stop-circle", "stopped", "muted"),
    "failed": ("problem", "failed", "bad"),
    "killed": ("problem", "ended by force", "bad"),
}


class RunsPanel(QWidget):
    """A line a run. A double click shows its curves; a tick lays them behind those that are shown."""

    wanted = Signal(str)  # the key of an action of the window

    def __init__(self, document: Document, selection: Selection, checking: Checking, training: Training):
        super().__init__()
        self._document, self._training = document, training
        self._worker = Background("runs", self)
        self._runs: list[RunSummary] = []
        self._filling = False
        self.table = named(QTableWidget(0, len(HEADINGS)), "runs", "Runs")
        self.strip = Strip()
        self.strip.hide()
        self._empty = EmptyState("run", FOR, "Train")
        self._empty.pressed.connect(lambda _label: self.wanted.emit("train"))
        self._dress()
        self._lay_out()
        self._clock = QTimer(self, interval=REFRESH_MS)
        self._clock.timeout.connect(self._refresh_live)
        self.table.cellDoubleClicked.connect(lambda _row, _column: self.show_curves())
        self.table.itemSelectionChanged.connect(self._enable)
        self.table.itemChanged.connect(self._take_change)
        self.table.customContextMenuRequested.connect(self._open_menu)
        self.table.itemDelegate().closeEditor.connect(self.refresh)
        training.state_changed.connect(self._follow)
        training.run_changed.connect(self._fill_again)
        training.closing.connect(self._worker.close)
        theme.notifier().changed.connect(self._fill_again)
        self.refresh()

    # ---- building

    def _dress(self) -> None:
        table, header = self.table, self.table.horizontalHeader()
        table.setHorizontalHeaderLabels(HEADINGS)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(theme.px(theme.ROW))
        table.setShowGrid(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column, width in ((COMPARE, 74), (STATE, 130), (STARTED, 140), (EPOCHS, 80), (STEPS, 84), (TOTAL, 84),
                              (VALIDATION, 84), (TOOK, 76)):  # fmt: skip
            table.setColumnWidth(column, theme.px(width))

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(theme.px(theme.GAP_S), theme.px(theme.GAP_XS), theme.px(theme.GAP_S), 0)
        row.setSpacing(theme.px(theme.GAP_XS))
        self._buttons = []
        for key, words, glyph, act in (
            ("showRun", "Show curves", "run", self.show_curves),
            ("resumeRun", "Resume", "play-circle", self.resume),
            ("restoreRun", "Restore project", "recent", self.restore),
            ("exportRun", "Export script…", "export", self.export),
            ("openRun", "Open folder", "open", self.open_folder),
            ("renameRun", "Rename", "pencil-simple", self.rename),
            ("deleteRun", "Delete", "remove", self.delete),
        ):
            button = named(Button(words, glyph, "quiet"), key)
            button.clicked.connect(lambda _checked=False, act=act: act())
            row.addWidget(button)
            self._buttons.append(button)
        row.addStretch(1)
        full = QWidget()
        column = QVBoxLayout(full)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(theme.GAP_XS))
        column.addLayout(row)
        column.addWidget(self.strip)
        column.addWidget(self.table, 1)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(full)

    # ---- the list

    def refresh(self) -> None:
        """Read the list of runs anew, in the worker thread."""
        root = self._training.runs
        self._worker.ask("list", lambda: shelf.runs(root), self._fill, self._say_error)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        self._clock.start()
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        self._clock.stop()
        super().hideEvent(event)

    def _refresh_live(self) -> None:
        if self._training.state.busy or any(
            run.state in ("running", "preparing", "paused") for run in self._runs
        ):
            self.refresh()

    _phase = ""

    def _follow(self, state: TrainingState) -> None:
        if state.phase != self._phase:
            self._phase = state.phase
            self.refresh()

    def _fill(self, runs: list[RunSummary]) -> None:
        if self.table.state() == QAbstractItemView.State.EditingState:
            return  # no line may move under a name that is typed; once it is, the list is read anew
        chosen = {run.path for run in self.chosen}
        self._runs, self._filling = runs, True
        self._stack.setCurrentIndex(1 if runs or self.strip.isVisible() else 0)
        self.table.setRowCount(len(runs))
        for row, run in enumerate(runs):
            self._fill_row(row, run)
        self._choose(chosen)
        self._filling = False
        self._enable()

    def _fill_again(self, _run: Path | None = None) -> None:
        self._fill(self._runs)

    def _choose(self, paths: set[Path]) -> None:
        model, choice = self.table.model(), self.table.selectionModel()
        flags = choice.SelectionFlag.Select | choice.SelectionFlag.Rows
        choice.clearSelection()
        for row, run in enumerate(self._runs):
            if run.path in paths:
                choice.select(model.index(row, 0), flags)

    def _fill_row(self, row: int, run: RunSummary) -> None:
        glyph, words, token = STATES.get(run.state, ("clock", run.state, "muted"))
        shown = run.path == self._training.run
        cells = ["", run.name, words, when(run.started), f"{run.epochs} / {run.planned}" if run.planned else "—",
                 f"{run.steps:,}", fixed(run.total), fixed(run.validation), lasted(run.seconds)]  # fmt: skip
        for column, text in enumerate(cells):
            cell = self._cell(row, column)
            if cell.text() != text:
                cell.setText(text)
        colour = getattr(theme.tokens(), token)
        self._cell(row, STATE).setIcon(theme.icon(glyph, colour))
        self._cell(row, STATE).setForeground(QColor(colour))
        self._cell(row, STATE).setToolTip("\n".join(filter(None, (run.sentence, run.way))))
        self._cell(row, NAME).setFont(theme.font(bold=shown))
        self._cell(row, NAME).setToolTip(f"{run.path}{' (shown)' if shown else ''}")
        ticked = Qt.CheckState.Checked if run.path in self._training.overlay else Qt.CheckState.Unchecked
        self._cell(row, COMPARE).setCheckState(ticked)

    def _cell(self, row: int, column: int) -> QTableWidgetItem:
        cell = self.table.item(row, column)
        if cell is None:
            cell = QTableWidgetItem()
            flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
            if column == COMPARE:
                flags |= Qt.ItemFlag.ItemIsUserCheckable
            elif column == NAME:
                flags |= Qt.ItemFlag.ItemIsEditable
            cell.setFlags(flags)
            cell.setFont(theme.font(tabular=True))
            self.table.setItem(row, column, cell)
        return cell

    @property
    def chosen(self) -> list[RunSummary]:
        """The runs whose lines are selected."""
        rows = sorted({index.row() for index in self.table.selectionModel().selectedRows()})
        return [self._runs[row] for row in rows if row < len(self._runs)]

    @property
    def _one(self) -> RunSummary | None:
        return next(iter(self.chosen), None)

    def _enable(self) -> None:
        some = len(self.chosen)
        for button in self._buttons:
            button.setEnabled(some == 1 or (some > 1 and button.objectName() == "deleteRun"))
        self._button("resumeRun").setEnabled(some == 1 and self._resumable(self.chosen[0]))

    def _resumable(self, run: RunSummary) -> bool:
        return run.state in ("stopped", "failed", "killed") and not self._training.state.busy

    def _button(self, key: str) -> Button:
        return next(button for button in self._buttons if button.objectName() == key)

    def _open_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        for button in self._buttons:
            action = menu.addAction(button.icon(), button.text(), button.click)
            action.setEnabled(button.isEnabled())
        menu.exec(self.table.viewport().mapToGlobal(place))

    # ---- what one does with runs

    def show_curves(self) -> None:
        """Show the curves of the chosen run in every panel."""
        if self._one is not None:
            self._training.show_run(self._one.path)
            self.wanted.emit("curves")

    def resume(self) -> None:
        """Let the chosen run go on from its last whole epoch, as if nobody had stopped it."""
        run = self._one
        if run is not None and self._resumable(run):
            self._training.resume_run(run.path, run.planned)
            self.wanted.emit("curves")

    def _take_change(self, cell: QTableWidgetItem) -> None:
        """A tick compares, typing in the name renames."""
        if self._filling or cell.row() >= len(self._runs):
            return
        run = self._runs[cell.row()]
        if cell.column() == COMPARE:
            others = tuple(path for path in self._training.overlay if path != run.path)
            ticked = cell.checkState() == Qt.CheckState.Checked
            self._training.show_overlay((*others, run.path) if ticked else others)
        elif cell.column() == NAME:
            name = cell.text().strip()
            self._worker.ask(
                "rename", lambda: shelf.rename(run.path, name), lambda _: self.refresh(), self._say_undone
            )

    def rename(self) -> None:
        if self._one is not None:
            self.table.editItem(self._cell(self._runs.index(self._one), NAME))

    def delete(self) -> None:
        """Move the chosen runs to the trash beside the runs, from where one click brings them back."""
        gone = [run.path for run in self.chosen]
        if any(run.state in LIVE for run in self.chosen):
            self.strip.say("This run is still training; stop it first.", "warning")
            return
        self._training.show_overlay(tuple(path for path in self._training.overlay if path not in gone))
        if self._training.run in gone:
            self._training.show_run(None)
        self._worker.ask("delete", lambda: shelf.throw_away(gone), self._say_deleted, self._say_undone)

    def _say_deleted(self, trashed: list[tuple[Path, Path]]) -> None:
        words = "1 run is in the trash." if len(trashed) == 1 else f"{len(trashed)} runs are in the trash."
        self.strip.say(words, "hint", ("Put back", lambda: self._put_back(trashed)))
        self.refresh()

    def _put_back(self, trashed: list[tuple[Path, Path]]) -> None:
        self._worker.ask(
            "delete", lambda: shelf.put_back(trashed), lambda _: self.refresh(), self._say_undone
        )

    def open_folder(self) -> None:
        if self._one is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._one.path)))

    def restore(self) -> None:
        """Bring the project back that the chosen run trained, as one step of undo."""
        run, folder = self._one, self._document.folder
        if run is None:
            return
        label, path = f"Restore the project of {run.name}", run.path
        self._worker.ask(
            "restore",
            lambda: shelf.project_of(path, folder),
            lambda project: self._document.edit(label, project),
            self._say_error,
        )

    def export(self) -> None:
        """Write the chosen run's script, with the weights as they were changed during the run."""
        run = self._one
        name, _ = QFileDialog.getSaveFileName(self, "Export the script of this run", "train.py", "*.py")
        if run is None or not name:
            return
        path, out = run.path, Path(name)
        self._worker.ask(
            "export",
            lambda: shelf.export_script(path, out),
            lambda _: self.strip.say(f"Wrote {out}.", "good"),
            lambda error: self._say(unwritable(out, error) if isinstance(error, OSError) else str(error)),
        )

    def _say_error(self, error: Exception) -> None:
        self._say(sentence_of(error))

    def _say_undone(self, error: Exception) -> None:
        """Something could not be done to a run: say why, and show how the runs are now."""
        self._say_error(error)
        self.refresh()

    def _say(self, sentence: str) -> None:
        self.strip.say(sentence, "bad")
        self._stack.setCurrentIndex(1)


def when(started: float | None) -> str:
    """`today 14:02`, `yesterday 9:30`, `3 Nov 2026`."""
    if started is None:
        return "—"
    then, today = datetime.fromtimestamp(started), datetime.fromtimestamp(time.time()).date()
    days = (today - then.date()).days
    if days in (0, 1):
        return f"{'today' if days == 0 else 'yesterday'} {then:%H:%M}"
    return f"{then.day} {then:%b %Y}"


def lasted(seconds: float | None) -> str:
    """`4.2 s`, `2:05`, `1:02:05`."""
    if seconds is None:
        return "—"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
