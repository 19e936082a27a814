"""The training as the window sees it: orders go to a worker thread, few and coalesced signals come home.

The engine is a detached process (`core.runs`); the worker thread speaks with it (`gui.engines`), so neither a
slow import nor a dead engine can stop the window. Curves do not travel here: plots pull them from the run's
history.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from core.project.facts import DataFacts, ModelFacts
from core.project.schema import Data, Project
from core.project.trust import Trust
from core.runs import wire
from core.runs.folder import create_run, runs_root
from core.runs.history import History
from core.runs.resuming import CannotResume, plan
from gui.engines import Engines
from gui.trainingstate import Question, TrainingState, TrainOrder

__all__ = ["Training", "TrainingState"]

UNTRUSTED = (
    "This project brought Python functions along that you have not trusted yet; read them in the Code tab."
)

UNTRUSTED_RUN = "You have not trusted this run's Python functions yet; restore its project and read them."


class Training(QObject):
    """Owns the worker thread. `start()` after the window is shown, `close()` before it is gone."""

    state_changed = Signal(object)  # TrainingState
    facts_arrived = Signal(object)  # ModelFacts
    facts_lost = Signal(str)  # why Keras could not be asked
    trouble = Signal(str, str)  # a warning of the engine: sentence, details
    went_bad = Signal(object, str, str)  # BadValues of a run that goes on, in words, details
    run_changed = Signal(object)  # the Path of the run that is shown, or None
    overlay_changed = Signal()
    closing = Signal()

    _begin, _train, _send, _ask = Signal(object), Signal(object), Signal(object), Signal(object)
    _stop, _forget, _close = Signal(), Signal(), Signal()

    def __init__(self, parent: QObject | None = None, runs: Path | None = None, trust: Trust | None = None):
        super().__init__(parent)
        self.runs = runs or runs_root()
        self.trust = trust or Trust()
        self.state = TrainingState()
        self.run: Path | None = None
        self.overlay: tuple[Path, ...] = ()
        self.last_total: float | None = None  # told by whoever watches the curves
        self.known_data: tuple[Data, Path, DataFacts] | None = None
        self._history: History | None = None
        self._shown_before: Path | None = None
        self._begun: set[Path] = set()  # runs of the project that is open; the worker thread adds to it
        self._beginning = False
        self._thread: QThread | None = None
        self._asked = 0
        self._question: Question | None = None  # asked before there was a thread to answer it

    # ---- life

    def start(self) -> None:
        """Start the worker thread; it warms an engine, and attaches to a run that is still training."""
        if self._thread is not None:
            return
        self._thread = QThread(self)
        self._thread.setObjectName("lossmith training")
        self._engines = engines = Engines(self.runs / ".engines")
        engines.moveToThread(self._thread)
        for order, slot in (
            (self._begin, engines.begin),
            (self._train, engines.train),
            (self._send, engines.send),
            (self._ask, engines.ask),
            (self._stop, engines.stop),
            (self._forget, engines.forget),
            (self._close, engines.close),
        ):
            order.connect(slot)
        engines.state_changed.connect(self._take_state)
        engines.run_began.connect(self._show_begun)
        engines.facts_arrived.connect(self._take_facts)
        engines.question_lost.connect(self._lose_question)
        engines.trouble.connect(self._take_trouble)
        # At once and from there: the GUI thread waits in `close`, so it would never deliver the call itself.
        engines.closed.connect(self._thread.quit, Qt.ConnectionType.DirectConnection)
        self._thread.start()
        self._begin.emit(self.runs)
        if self._question is not None:
            self._ask.emit(self._question)

    def close(self) -> None:
        """End the worker thread and idle engines. A run that is on goes on without the window."""
        self.closing.emit()
        if self._thread is not None:
            self._close.emit()
            self._thread.wait()
            self._thread = None
        if self._history is not None:
            self._history.close()
            self._history = None

    # ---- orders

    def train(self, project: Project, folder: Path) -> None:
        """Train `project`, whose relative paths start from `folder`; `state_changed` tells how it goes."""
        if self.state.busy:
            return
        if not self.trusted(project):
            self._take_state(self._refusal(UNTRUSTED))
            return
        self.start()
        self.trust_lastingly(project)
        self._beginning = True
        versions, engine = self.state.versions, self.state.engine
        begun = TrainingState(
            "starting", engine, epochs=project.training.epochs, sentence="Starting.", versions=versions
        )
        self._take_state(begun)
        self._train.emit(
            TrainOrder(
                project.training.epochs,
                _maker(self.runs, project, folder, self._facts_of(project, folder), self._begun.add),
            )
        )

    def resume_run(self, run: Path, epochs: int = 0, rate: float | None = None) -> None:
        """Let a run that has ended go on from its last whole epoch; it is to have `epochs`, where known, and another
        learning `rate` where one is given.
        """
        if self.state.busy:
            return
        self.start()
        self._beginning = False
        state = self.state
        words = f"Resuming {run.name}."
        begun = TrainingState(
            "starting", state.engine, epochs=epochs, sentence=words, versions=state.versions
        )
        self._take_state(begun)
        self._train.emit(TrainOrder(epochs, _taker(run, self.trust, rate), resume=True, rate=rate))

    def pause(self) -> None:
        self._send.emit(wire.Pause())

    def resume(self) -> None:
        self._send.emit(wire.Resume())

    def stop(self) -> None:
        """Stop after the current step; once more, while it is stopping, ends the engine by force."""
        self._stop.emit()

    def save(self) -> None:
        """Write a checkpoint into the run folder now."""
        self._send.emit(wire.Save())

    def set_weight(self, term: str, weight: float) -> None:
        """Change the weight of a term in the run that is on; without one, nothing happens."""
        if self.state.busy:
            self._send.emit(wire.SetWeight(term=term, weight=weight))

    def set_rate(self, rate: float) -> None:
        """Change the learning rate of the run that is on."""
        if self.state.busy:
            self._send.emit(wire.SetRate(rate=rate))

    def ask_facts(self, project: Project, data: DataFacts | None, trusted: bool) -> None:
        """Ask Keras what it makes of `project`; `facts_arrived` answers the latest question only."""
        self._asked += 1
        self._question = Question(self._asked, project, data, trusted)
        self._ask.emit(self._question)

    # ---- trust

    def trusted(self, project: Project) -> bool:
        """Whether the Python of `project` may run."""
        return self.trust.covers(project)

    def trust_lastingly(self, project: Project) -> None:
        """Remember the Python of `project` as trusted. A store that cannot be written trusts until the end
        of today.
        """
        if not project.functions.strip() or self.trust.trusts_lastingly(project.functions):
            return
        try:
            self.trust.remember(project.functions)
        except OSError:
            self.trust.remember(project.functions, lasting=False)

    # ---- the run that is shown

    @property
    def own_run(self) -> bool:
        """Whether the run that trains, or trained last, was begun here for the project that is open: only then may an
        edit of the project change it.
        """
        run = self.state.run
        return self._beginning if run is None else run in self._begun

    @property
    def history(self) -> History | None:
        """The record of the run that is shown; plots pull from it on their own clock."""
        return self._history

    @Slot(object)
    def show_run(self, run: Path | None) -> None:
        """Show the curves of `run` in every panel."""
        if run != self.run:
            self._show(run)

    @Slot(object)
    def _show_begun(self, run: Path) -> None:
        """Show a run that begins, also one that is shown already: it was resumed."""
        if self.run != run:
            self._shown_before = self.run
        self._show(run)

    def _keep_old_curves(self, state: TrainingState) -> None:
        """A run that failed before its first step has no curves, so those of the run before come back."""
        failed = state.phase == "failed" and self.state.busy and state.run == self.run
        before, self._shown_before = self._shown_before, self._shown_before if state.busy else None
        if (
            failed
            and before is not None
            and before.is_dir()
            and self._history
            and not self._history.step_count
        ):
            self._show(before)

    def _show(self, run: Path | None) -> None:
        if self._history is not None:
            self._history.close()
        self.run, self._history = run, History(run) if run is not None else None
        self.last_total = None
        self.run_changed.emit(run)

    def leave_run(self) -> None:
        """Another project is open: show nothing of the run before, unless it still trains; it is of another one."""
        self._begun, self._beginning = set(), False
        if not self.state.busy:
            self.show_run(None)
            self._forget.emit()

    def show_overlay(self, runs: tuple[Path, ...]) -> None:
        """Draw the curves of `runs` behind those of the run that is shown."""
        if runs != self.overlay:
            self.overlay = runs
            self.overlay_changed.emit()

    # ---- what comes home

    @Slot(object)
    def _take_state(self, state: TrainingState) -> None:
        if state.silence and state.phase != "stopping":
            state = replace(state, total=self.last_total, sentence=state.silence)
        elif state.phase in ("training", "paused") and state.epoch:
            state = replace(state, total=self.last_total, sentence=status_words(state, self.last_total))
        self._keep_old_curves(state)
        self.state = state
        self.state_changed.emit(state)

    @Slot(int, object)
    def _take_facts(self, number: int, facts: ModelFacts) -> None:
        if number == self._asked:
            self.facts_arrived.emit(facts)

    @Slot(int, str)
    def _lose_question(self, number: int, sentence: str) -> None:
        if number == self._asked:
            self.facts_lost.emit(sentence)

    @Slot(object)
    def _take_trouble(self, trouble: wire.Trouble) -> None:
        if trouble.bad is not None:
            self.went_bad.emit(trouble.bad, trouble.sentence, trouble.details)
        else:
            self.trouble.emit(trouble.sentence, trouble.details)

    def _refusal(self, sentence: str) -> TrainingState:
        state = self.state
        return TrainingState(
            "failed",
            state.engine,
            run=state.run,
            sentence=sentence,
            where="functions",
            versions=state.versions,
        )

    def _facts_of(self, project: Project, folder: Path) -> DataFacts | None:
        """What is known of the project's data already, so that the script need not read it again."""
        known = self.known_data
        return known[2] if known is not None and known[:2] == (project.data, folder) else None


def status_words(state: TrainingState, total: float | None) -> str:
    """`Training: epoch 31 of 50, step 2,883 of 4,650, total 0.412, 3,180 steps/s, 7 s left`."""
    done = (state.epoch - 1) * state.steps + state.step
    words = [
        f"{'Paused' if state.phase == 'paused' else 'Training'}: epoch {state.epoch} of {state.epochs}",
        f"step {done:,} of {state.epochs * state.steps:,}",
    ]
    if total is not None:
        words.append(f"total {total:.4g}")
    if state.speed and state.phase == "training":
        words.append(f"{state.speed:,.0f} steps/s")
    if state.seconds_left is not None and state.phase == "training":
        words.append(f"{_span(state.seconds_left)} left")
    return ", ".join(words)


def _span(seconds: float) -> str:
    """`7 s`, `2 min`, `3 h 5 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _maker(
    runs: Path, project: Project, folder: Path, facts: DataFacts | None, note: Callable[[Path], object]
) -> Callable[[], Path]:
    """What writes the run folder and notes it, in the worker thread."""

    def make() -> Path:
        from core.codegen.script import script  # with its formatter it is slow to import

        run = create_run(
            runs, project, folder, lambda out: script(project, folder=folder, out=out, facts=facts)
        )
        note(run)
        return run

    return make


def _taker(run: Path, trust: Trust, rate: float | None) -> Callable[[], Path]:
    """What looks, in the worker thread, whether `run` can go on."""

    def take() -> Path:
        found = plan(run, rate=rate)
        if not trust.covers(found.project):
            raise CannotResume(UNTRUSTED_RUN)
        return run

    return take
