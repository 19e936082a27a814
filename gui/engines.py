"""Lives in the training's worker thread: starts engines, speaks with them, sums up how the training stands.

One engine is kept warm. While it trains it answers nothing else, so the first question about another project
starts a second one, which takes over when the run is over. Nothing here may touch a widget; everything goes
home by signals.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Signal, Slot

from core.runs import wire
from core.runs.client import EngineClient, connect
from core.runs.folder import no_place
from core.runs.launch import EngineFailed, attach, live_runs
from core.runs.outcome import KEPT
from core.runs.priority import stand_back
from gui.trainingstate import BUSY, Question, TrainingState, TrainOrder

PAUSE_BETWEEN_STATES = 0.05
"""Seconds: states travel home at most twenty times a second."""
SPARE_AFTER = 3.0
"""Seconds: importing TensorFlow once more must not slow down the first steps of a run."""
PATIENCE_WITH_STOP, PATIENCE_WITH_END = 3.0, 2.0
MOST_FALLS = 3
FALLS_COUNT_FOR = 60.0


@dataclass(eq=False)
class _Engine:
    """An engine, its connection, and what wakes us when it speaks."""

    client: EngineClient
    notifier: QSocketNotifier
    ready: bool = False
    run: Path | None = None
    resuming: bool = False
    asked: int | None = None


class Engines(QObject):
    """The worker. Its slots are called over queued connections only."""

    state_changed = Signal(object)
    facts_arrived = Signal(int, object)
    run_began = Signal(object)
    trouble = Signal(object)
    question_lost = Signal(int, str)
    closed = Signal()

    def __init__(self, state_root: Path | None = None):
        super().__init__()
        self._root = state_root
        self._state = TrainingState()
        self._engine: _Engine | None = None
        self._spare: _Engine | None = None
        self._question: Question | None = None
        self._falls: list[float] = []
        self._said, self._said_at = self._state, 0.0

    # ---- orders from the window

    @Slot(object)
    def begin(self, runs: Path) -> None:
        """Make the timers of this thread, attach to a run in `runs` that still trains, and warm an engine."""
        self._later = QTimer(self, singleShot=True)
        self._later.timeout.connect(self._say_now)
        self._spare_soon = QTimer(self, singleShot=True)
        self._spare_soon.timeout.connect(self._ask_spare)
        self._stubborn = QTimer(self, singleShot=True)
        self._stubborn.timeout.connect(self._say_stubborn)
        for run in live_runs(runs)[:1]:
            self._attach(run)
        if self._engine is None:
            self._warm()

    @Slot(object)
    def train(self, order: TrainOrder) -> None:
        words = "Starting: reading the checkpoint." if order.resume else "Starting: writing the script."
        self._say(TrainingState("starting", self._state.engine, sentence=words,
                                epochs=order.epochs, versions=self._state.versions))  # fmt: skip
        self._say_now()
        try:
            run = order.make_run()
        except Exception as error:  # whatever it is, the user reads it and the window stays alive
            self._fail(_said(error), getattr(error, "where", None), details=_traceback(error))
            return
        self._say(replace(self._state, run=run))
        self._hand_over(run, order.resume)

    @Slot(object)
    def send(self, command: wire.Command) -> None:
        """Pass a command on to the engine that trains."""
        if self._engine is not None and self._engine.run is not None:
            self._engine.client.send(command)

    @Slot()
    def stop(self) -> None:
        """Ask the run to stop; asked again while it is stopping, end its engine by force."""
        if self._engine is None or self._engine.run is None:
            return
        if self._state.phase == "stopping":
            self._end_by_force()
            return
        self._engine.client.send(wire.Stop())
        self._say(replace(self._state, phase="stopping", sentence="Stopping after this step."))
        self._stubborn.start(int(PATIENCE_WITH_STOP * 1000))

    @Slot()
    def forget(self) -> None:
        """Say no more of a run that is over."""
        if self._state.phase not in BUSY:
            self._say(TrainingState("ready", self._state.engine, versions=self._state.versions))

    @Slot(object)
    def ask(self, question: Question) -> None:
        """Ask an engine that does not train; the latest question wins."""
        self._question = question
        if self._engine is not None and self._engine.run is None:
            self._put_question(self._engine)
        elif self._engine is None:
            self._warm()
        elif self._spare is not None:
            self._put_question(self._spare)
        elif not self._spare_soon.isActive():
            self._spare_soon.start(int(SPARE_AFTER * 1000))

    def _ask_spare(self) -> None:
        """Start a second engine for what waits to be answered, once the first is not busy starting its run."""
        if self._question is None or self._engine is None or self._engine.run is None:
            return
        if self._state.phase in ("starting", "building", "tracing"):
            self._spare_soon.start(int(SPARE_AFTER * 1000))
            return
        self._spare = self._spare or self._start()
        if self._spare is not None:
            self._put_question(self._spare)

    @Slot()
    def close(self) -> None:
        """Leave a run that is on to its engine, end the engines that are idle."""
        for engine in (self._engine, self._spare):
            if engine is not None:
                self._dismiss(engine)
        self._engine = self._spare = None
        for timer in (self._later, self._spare_soon, self._stubborn):
            timer.stop()  # here: Qt stops no timer from another thread
        self.closed.emit()

    # ---- engines

    def _warm(self) -> None:
        """Have an engine that waits for work."""
        if self._engine is None:
            self._say(replace(self._state, engine="starting"))
            self._engine = self._start()
        if self._engine is not None and self._question is not None:
            self._put_question(self._engine)

    def _start(self) -> _Engine | None:
        try:
            client = EngineClient.start(self._root)
            stand_back(client.endpoint.pid)
            return self._listen(client)
        except (EngineFailed, OSError) as error:
            self._falls.append(time.monotonic())
            if self._state.phase in BUSY:
                self._fail(_said(error), details=getattr(error, "details", ""))
            self._say(replace(self._state, engine="gone", sentence=_said(error)))
            return None

    def _attach(self, run: Path) -> bool:
        """Follow a run that an engine of its own trains; return whether there is one."""
        endpoint = attach(run)
        if endpoint is None:
            return False
        try:
            self._engine = self._listen(connect(endpoint))
        except EngineFailed:
            return False
        self._engine.run, self._engine.ready = run, True
        words = "Found a run that went on without the window."
        self._say(replace(self._state, phase="training", engine="training", run=run, sentence=words))
        self.run_began.emit(run)
        return True

    def _listen(self, client: EngineClient) -> _Engine:
        notifier = QSocketNotifier(client.fileno(), QSocketNotifier.Type.Read, self)
        engine = _Engine(client, notifier)
        notifier.activated.connect(lambda *_: self._hear(engine))
        return engine

    def _hand_over(self, run: Path, resume: bool) -> None:
        if self._engine is None:
            self._engine = self._start()
        if self._engine is None:
            return
        self._engine.run, self._engine.resuming = run, resume
        self._engine.client.send(wire.Train(run=str(run), resume=resume))
        warm = "training" if self._engine.ready else "starting"
        words = "Starting the run." if self._engine.ready else "Starting: the engine is importing TensorFlow."
        self._say(replace(self._state, engine=warm, sentence=words))
        if not resume:
            self.run_began.emit(run)

    def _put_question(self, engine: _Engine) -> None:
        question = self._question
        if question is None or engine.asked == question.number:
            return
        engine.asked = question.number
        ask = wire.AskFacts(
            request=question.number, project=question.project, data=question.data, trusted=question.trusted
        )
        try:
            engine.client.send(ask)
        except wire.WireError as error:
            self.question_lost.emit(question.number, str(error))

    def _dismiss(self, engine: _Engine) -> None:
        engine.notifier.setEnabled(False)
        engine.notifier.deleteLater()
        if engine.run is None:
            engine.client.send(wire.Shutdown())
            # A socket closed with something unread resets the connection, and the engine never hears the command.
            end = time.monotonic() + PATIENCE_WITH_END
            while time.monotonic() < end and not isinstance(engine.client.receive(0.2), wire.Gone):
                pass
        engine.client.close()

    # ---- what engines say

    def _hear(self, engine: _Engine) -> None:
        while engine in (self._engine, self._spare):
            message = engine.client.receive(0)
            if message is None:
                return
            self._take(engine, message)

    def _take(self, engine: _Engine, message: wire.Message | wire.Gone) -> None:
        match message:
            case wire.Ready(versions=versions):
                self._ready(engine, versions)
            case wire.Phase() if engine.run is not None:
                self._show_resumed(engine)
                self._phase(message)
            case wire.Progress() if engine.run is not None:
                self._progress(message)
            case wire.FactsFound(request=number, facts=facts):
                self._answered(number)
                self.facts_arrived.emit(number, facts)
            case wire.Trouble():
                self.trouble.emit(message)
            case wire.Outcome() if engine.run is not None:
                self._outcome(engine, message)
            case wire.Gone():
                self._gone(engine, message)

    def _ready(self, engine: _Engine, versions: Mapping[str, str]) -> None:
        engine.ready = True
        if engine is self._engine and engine.run is None:
            self._say(replace(self._state, engine="ready", versions=dict(versions)))
        else:
            self._say(replace(self._state, versions=dict(versions)))

    def _show_resumed(self, engine: _Engine) -> None:
        """Show a resumed run from its first message on: by then what it makes anew is cut from its record."""
        if engine.resuming:
            engine.resuming = False
            self.run_began.emit(engine.run)

    def _phase(self, message: wire.Phase) -> None:
        if self._state.phase == "stopping" and message.phase not in ("stopping", "saving"):
            return
        phases = {
            "ready": self._state.phase,
            "saving": "stopping" if self._state.phase == "stopping" else "training",
        }
        engine = "starting" if message.phase == "starting" else "training"
        phase = phases.get(message.phase, message.phase)
        self._say(replace(self._state, phase=phase, engine=engine, sentence=message.sentence))

    def _progress(self, message: wire.Progress) -> None:
        numbers = message.model_dump(exclude={"kind"})
        phase = self._state.phase if self._state.phase in ("paused", "stopping") else "training"
        self._say(replace(self._state, **numbers, phase=phase, engine="training"))

    def _outcome(self, engine: _Engine, message: wire.Outcome) -> None:
        self._stubborn.stop()
        engine.run = None
        phase = "failed" if message.status == "killed" else message.status
        told = {name: getattr(message, name) for name in ("sentence", "where", "line", "details")}
        self._say(replace(self._state, phase=phase, engine="ready", seconds_left=None, **told))
        self._say_now()
        if self._spare is not None and self._spare.ready:
            self._dismiss(engine)
            self._engine, self._spare = self._spare, None
        elif self._spare is not None:  # still importing: the one that has just trained answers sooner
            self._dismiss(self._spare)
            self._spare = None
        if self._question is not None:
            self._put_question(self._engine or engine)

    def _gone(self, engine: _Engine, message: wire.Gone) -> None:
        engine.notifier.setEnabled(False)
        engine.notifier.deleteLater()
        engine.client.close()
        run, self._falls = engine.run, [*self._recent_falls(), time.monotonic()]
        if engine is self._spare:
            self._spare = None
        else:
            self._engine, self._spare = self._spare, None
        if run is None:
            engine.client.endpoint.kill()  # only the connection may be gone; nobody else wants this engine
        elif engine.client.endpoint.live and self._attach(run):
            return
        else:
            self._fail(message.sentence)
        if engine.asked is not None and self._question is not None and engine.asked == self._question.number:
            self.question_lost.emit(engine.asked, message.sentence.removesuffix(KEPT).strip())
            self._question = None
        self._get_up(message.sentence)

    def _get_up(self, sentence: str) -> None:
        """Warm another engine, unless they keep falling."""
        if self._engine is not None:
            return
        if len(self._recent_falls()) < MOST_FALLS:
            self._warm()
        else:
            self._say(replace(self._state, engine="gone", sentence=sentence))

    def _recent_falls(self) -> list[float]:
        return [fall for fall in self._falls if time.monotonic() - fall < FALLS_COUNT_FOR]

    def _answered(self, number: int) -> None:
        if self._question is not None and self._question.number == number:
            self._question = None

    # ---- what the window is told

    def _say(self, state: TrainingState) -> None:
        """Let the window know, at once where there is time, else when the pause is over."""
        if state == self._state:
            return
        urgent = state.phase != self._state.phase
        self._state = state
        wait = PAUSE_BETWEEN_STATES - (time.monotonic() - self._said_at)
        if urgent or wait <= 0:
            self._say_now()
        elif not self._later.isActive():
            self._later.start(int(wait * 1000) + 1)

    def _say_now(self) -> None:
        self._later.stop()
        if self._state != self._said:
            self._said, self._said_at = self._state, time.monotonic()
            self.state_changed.emit(self._state)

    def _say_stubborn(self) -> None:
        words = "Still stopping. Press Stop once more to end the engine by force; what it recorded is kept."
        if self._state.phase == "stopping":
            self._say(replace(self._state, sentence=words))

    def _end_by_force(self) -> None:
        engine, self._engine = self._engine, None
        if engine is None or engine.run is None:
            return
        engine.notifier.setEnabled(False)
        engine.notifier.deleteLater()
        engine.client.kill(engine.run, "The run was ended by force; everything up to its last block is kept.")
        engine.client.close()
        words = "Ended by force; everything up to the last recorded step is kept."
        self._say(replace(self._state, phase="stopped", engine="off", sentence=words, seconds_left=None))
        self._engine, self._spare = self._spare, None
        self._warm()

    def _fail(self, sentence: str, where: str | None = None, details: str = "") -> None:
        engine = "ready" if self._engine is not None and self._engine.ready else self._state.engine
        self._say(replace(self._state, phase="failed", engine=engine, sentence=sentence, where=where,
                          details=details, seconds_left=None))  # fmt: skip


def _said(error: Exception) -> str:
    """Our own errors are sentences; the system's are made one."""
    if isinstance(error, OSError) and error.filename:
        return no_place(Path(str(error.filename)), error)
    return str(error) or type(error).__name__


def _traceback(error: Exception) -> str:
    import traceback

    return "".join(traceback.format_exception(error))
