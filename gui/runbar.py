"""The bar over the panels: Train, Pause and Stop, how far the run is, and what state everything is in."""

from collections.abc import Mapping

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QSizePolicy, QWidget

from gui import theme
from gui.training import TrainingState
from gui.widgets.card import ElidedLabel
from gui.widgets.iconbutton import Button
from gui.widgets.naming import named
from gui.widgets.pill import Pill, State
from gui.workbench import Workbench

PROGRESS_WIDTH, PARTS_OF_PROGRESS = 200, 1000
ENGINE: Mapping[str, tuple[str, State]] = {
    "off": ("engine off", "quiet"),
    "starting": ("engine starting", "busy"),
    "ready": ("engine ready", "good"),
    "training": ("engine training", "good"),
    "gone": ("engine gone", "bad"),
}
ASKED = {"pausing": "Pausing…", "resuming": "Resuming…"}


class RunBar(QWidget):
    """Shows the training's state and the number of problems; the buttons do what the actions do."""

    problems_pressed = Signal()
    engine_pressed = Signal()

    def __init__(self, bench: Workbench, actions: Mapping[str, QAction], parent: QWidget | None = None):
        super().__init__(parent)
        self._bench = bench
        self.train = named(Button("Train", "train", "primary"), "trainButton")
        self.pause = named(Button("Pause", "pause"), "pauseButton")
        self.stop = named(Button("Stop", "stop"), "stopButton")
        for button, key in ((self.train, "train"), (self.pause, "pause"), (self.stop, "stop")):
            button.setToolTip(actions[key].toolTip())
            button.clicked.connect(actions[key].trigger)
        self.progress = named(QProgressBar(), "runProgress", "Progress of the run")
        self.progress.setTextVisible(False)
        self.progress.setRange(0, PARTS_OF_PROGRESS)
        self.words = named(ElidedLabel(), "runWords")
        self.engine = named(Pill("engine off"), "enginePill", "Engine")
        self.problems = named(Pill("no problems"), "problemsPill", "Problems")
        self.search = named(Pill("Search actions  Ctrl+K", "search"), "searchPill", "Search actions")
        self.problems.clicked.connect(self.problems_pressed)
        self.engine.clicked.connect(self.engine_pressed)
        self.search.clicked.connect(actions["palette"].trigger)
        self._lay_out()
        bench.training.state_changed.connect(self.show_state)
        bench.checking.changed.connect(self.show_problems)
        theme.notifier().changed.connect(self._size)
        self.show_state(bench.training.state)
        self.show_problems()

    def show_state(self, state: TrainingState) -> None:
        """Show how the run stands."""
        self.progress.setVisible(state.busy or state.phase in ("done", "stopped"))
        self.progress.setValue(round(PARTS_OF_PROGRESS * state.progress))
        self.progress.setToolTip(state.sentence if state.busy else "")
        self.words.setText(words(state))
        paused = state.phase == "paused"
        self.pause.setText(ASKED.get(state.asked, "Resume" if paused else "Pause"))
        self.pause.set_glyph("resume" if paused else "pause")
        self._enable(state)
        self.stop.setText("Stop now" if state.phase == "stopping" else "Stop")
        pill: tuple[str, State] = ENGINE.get(state.engine, (state.engine, "quiet"))
        self.engine.show_state(*((silent_words(state), "warning") if state.silent else pill))
        versions = ", ".join(f"{name} {version}" for name, version in state.versions.items())
        self.engine.setToolTip(state.silence or "\n".join(filter(None, (state.way, versions))))

    def _enable(self, state: TrainingState) -> None:
        """Grey out what makes no sense now; the keyboard stays with Train, Pause and Stop where it was with them."""
        buttons = (self.stop, self.pause, self.train)
        had_keyboard = any(button.hasFocus() for button in buttons)
        self._show_train()
        self.pause.setEnabled(state.phase in ("training", "paused") and not state.asked)
        self.stop.setEnabled(state.busy)
        if had_keyboard and not any(button.hasFocus() for button in buttons):
            next(button for button in buttons if button.isEnabled()).setFocus()

    def show_problems(self) -> None:
        """Count the problems, and let Train say so where they keep the project from being trained."""
        found = self._bench.checking.problems
        severities = [problem.severity for problem in found]
        kind: State = "bad" if "blocking" in severities else "warning" if "warning" in severities else "quiet"
        counts: list[tuple[int, State]] = [
            (severities.count("blocking"), "bad"),
            (severities.count("warning"), "warning"),
        ]
        words = ", ".join(_counted(count, each)[0] for count, each in counts if count)
        self.problems.show_state(*((words, kind) if words else ("no problems", "good")))
        self._show_train()

    def _show_train(self) -> None:
        blocking = len(self._bench.checking.blocking)
        busy = self._bench.training.state.busy
        self.train.setEnabled(not busy)
        self.train.setText(_counted(blocking, "bad")[0] if blocking and not busy else "Train")
        self.train.set_glyph("warning" if blocking and not busy else "train")

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(*(theme.px(n) for n in (theme.GAP_M, theme.GAP_S, theme.GAP_M, theme.GAP_S)))
        row.setSpacing(theme.px(theme.GAP_S))
        for button in (self.train, self.pause, self.stop):
            row.addWidget(button)
        row.addSpacing(theme.px(theme.GAP_M))
        row.addWidget(self.progress)
        row.addWidget(self.words, 1)
        for pill in (self.engine, self.problems, self.search):
            row.addWidget(pill)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._size()

    def _size(self) -> None:
        self.progress.setFixedWidth(theme.px(PROGRESS_WIDTH))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(theme.px(560), super().minimumSizeHint().height())


def words(state: TrainingState) -> str:
    """Where the run is, in one line: `epoch 31 of 50 · 0:07 left · 3,180 steps/s`."""
    if state.silent and state.busy:
        return " · ".join(
            [*([f"epoch {state.epoch} of {state.epochs}"] if state.epoch else []), silent_words(state)]
        )
    if state.phase not in ("training", "paused", "stopping") or not state.epoch:
        return state.sentence if state.busy or state.phase in ("done", "stopped") else ""
    parts = [f"epoch {state.epoch} of {state.epochs}"]
    if state.phase != "training":
        parts.append(state.phase)
    if state.seconds_left is not None and state.phase == "training":
        parts.append(f"{clock(state.seconds_left)} left")
    if state.speed:
        parts.append(f"{state.speed:,.0f} steps/s")
    return " · ".join(parts)


def silent_words(state: TrainingState) -> str:
    """`no step for 12 s`."""
    return f"no step for {clock(state.silent) if state.silent >= 100 else f'{state.silent:.0f} s'}"


def clock(seconds: float) -> str:
    """`75` as `1:15`, `3700` as `1:01:40`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _counted(count: int, kind: State) -> tuple[str, State]:
    word = "problem" if kind == "bad" else "warning"
    return f"{count} {word}{'' if count == 1 else 's'}", kind
