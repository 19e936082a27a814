"""Lives in the training's worker thread: starts engines, speaks with them, sums up how the training stands.

One engine is kept warm. While it trains it answers nothing else, so the first question about another project
starts a second one, which takes over when the run is over. Nothing here may touch a widget; everything goes
home by signals.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from core.runs import wire
from core.runs.burying import bury_all
from core.runs.client import EngineClient, connect
from core.runs.launch import EngineFailed, attach, live_runs
from core.runs.outcome import KEPT
from gui.engine import Engine
from gui.hearsay import Said
from gui.telling import Telling, sentence_of, traceback_of
from gui.trainingstate import BUSY, Question, TrainingState, TrainOrder

SPARE_AFTER = 3.0
"""Seconds: importing TensorFlow once more must not slow down the first steps of a run."""
LOOK_EVERY = 0.25
"""Seconds between two looks at an engine that trains and may have fallen silent."""
PATIENCE_WITH_STOP, MOST_PATIENCE, PATIENCE_WITH_START = 3.0, 7.0, 1.0
"""Seconds after Stop: until it is said that it takes long, until the engine is ended by force, and until one is that
has not even begun."""
SHORT = 10.0
"""Seconds: a connection that broke sooner is not made again, lest two who disagree keep each other busy for ever."""
MOST_FALLS = 3
FALLS_COUNT_FOR = 60.0
ASKED = {wire.Pause: "pausing", wire.Resume: "resuming"}
STUBBORN = (
    f"Still stopping; after {MOST_PATIENCE:.0f} s the engine is ended by force. Stop now does so at once."
)


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
        self._telling = Telling(self)
        self._telling.state_changed.connect(self.state_changed)
        self._telling.trouble.connect(self.trouble)
        self._engine: Engine | None = None
        self._spare: Engine | None = None
        self._question: Question | None = None
        self._falls: list[float] = []
        self._stop_asked = 0.0

    # ---- orders from the window

    @Slot(object)
    def begin(self, runs: Path) -> None:
        """Make the timers of this thread, attach to a run in `runs` that still trains, and warm an engine."""
        self._telling.start()
        self._spare_soon = QTimer(self, singleShot=True)
        self._spare_soon.timeout.connect(self._ask_spare)
        self._asking = QTimer(self, singleShot=True, interval=0)
        self._asking.timeout.connect(self._ask_now)
        self._looking = QTimer(self, interval=int(LOOK_EVERY * 1000))
        self._looking.timeout.connect(self._look)
        bury_all(runs)
        for run in live_runs(runs)[:1]:
            self._attach(run)
        if self._engine is None:
            self._warm()

    @Slot(object)
    def train(self, order: TrainOrder) -> None:
        words = "Starting: reading the checkpoint." if order.resume else "Starting: writing the script."
        self._say(TrainingState("starting", self._state.engine, sentence=words,
                                epochs=order.epochs, versions=self._state.versions))  # fmt: skip
        self._telling.now()
        try:
            run = order.make_run()
        except Exception as error:  # whatever it is, the user reads it and the window stays alive
            self._fail(sentence_of(error), where=getattr(error, "where", None), details=traceback_of(error))
            return
        self._say(replace(self._state, run=run))
        self._hand_over(run, order)

    @Slot(object)
    def send(self, command: wire.Command) -> None:
        """Pass a command on to the engine that trains."""
        if self._engine is None or self._engine.run is None:
            return
        self._engine.send(command)
        if type(command) in ASKED:
            self._say(replace(self._state, asked=ASKED[type(command)]))
            self._telling.now()

    @Slot()
    def stop(self) -> None:
        """Ask the run to stop; asked again while it is stopping, end its engine by force."""
        if self._engine is None or self._engine.run is None:
            return
        if self._state.phase == "stopping":
            self._end_by_force()
            return
        self._engine.send(wire.Stop())
        self._stop_asked = time.monotonic()
        self._say(replace(self._state, phase="stopping", asked="", sentence="Stopping after this step."))

    @Slot()
    def forget(self) -> None:
        """Say no more of a run that is over."""
        if self._state.phase not in BUSY:
            self._say(TrainingState("ready", self._state.engine, versions=self._state.versions))

    @Slot(object)
    def ask(self, question: Question) -> None:
        """Ask an engine that does not train; the latest question wins."""
        self._question = question
        self._asking.start()  # what else waits in line is heard first: it may be a newer question

    def _ask_now(self) -> None:
        if self._question is None:
            return
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
            self._spare.stand_back()
            self._put_question(self._spare)

    @Slot()
    def close(self) -> None:
        """Leave a run that is on to its engine, end the engines that are idle."""
        for engine in (self._engine, self._spare):
            if engine is not None:
                engine.dismiss()
        self._engine = self._spare = None
        for timer in (self._asking, self._spare_soon, self._looking):
            timer.stop()  # here: Qt stops no timer from another thread
        self._telling.stop()
        self.closed.emit()

    # ---- engines

    def _warm(self) -> None:
        """Have an engine that waits for work."""
        if self._engine is None:
            self._say(replace(self._state, engine="starting"))
            self._engine = self._start()
        if self._engine is not None and self._question is not None:
            self._put_question(self._engine)

    def _start(self) -> Engine | None:
        try:
            return self._listen(EngineClient.start(self._root))
        except (EngineFailed, OSError) as error:
            self._falls.append(time.monotonic())
            if self._state.phase in BUSY:
                self._fail(sentence_of(error), details=getattr(error, "details", ""))
            self._say(replace(self._state, engine="gone", sentence=sentence_of(error)))
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
        self._looking.start()
        words = "Found a run that went on without the window."
        self._say(replace(self._state, phase="training", engine="training", run=run, sentence=words))
        self.run_began.emit(run)
        return True

    def _listen(self, client: EngineClient) -> Engine:
        return Engine(client, self._hear, self)

    def _hand_over(self, run: Path, order: TrainOrder) -> None:
        resume = order.resume
        if self._engine is None:
            self._engine = self._start()
        if self._engine is None:
            return
        self._engine.run, self._engine.resuming, self._engine.saving = run, resume, False
        self._looking.start()
        self._engine.send(wire.Train(run=str(run), resume=resume, rate=order.rate))
        warm = "training" if self._engine.ready else "starting"
        words = "Starting the run." if self._engine.ready else "Starting: the engine is importing TensorFlow."
        self._say(replace(self._state, engine=warm, sentence=words))
        if not resume:
            self.run_began.emit(run)

    def _put_question(self, engine: Engine) -> None:
        question = self._question
        if question is None or engine.asked == question.number:
            return
        engine.asked = question.number
        ask = wire.AskFacts(
            request=question.number, project=question.project, data=question.data, trusted=question.trusted
        )
        try:
            engine.send(ask)
        except wire.WireError as error:
            self.question_lost.emit(question.number, str(error))

    # ---- what engines say

    def _hear(self, engine: Engine, message: Said) -> None:
        if engine not in (self._engine, self._spare):
            return
        match message:
            case wire.Ready(versions=versions):
                self._ready(engine, versions)
            case wire.Welcome(phase="paused") if engine.run is not None:
                self._say(replace(self._state, phase="paused", sentence="Paused."))
            case wire.Phase() if engine.trains(message.run):
                self._show_resumed(engine)
                self._phase(engine, message)
            case wire.Progress() if engine.run is not None:
                engine.stand_back()
                self._progress(message)
            case wire.Silence() if engine.run is not None:
                self._silence(message)
            case wire.FactsFound(request=number, facts=facts):
                self._answered(number)
                self.facts_arrived.emit(number, facts)
            case wire.Trouble():
                self._telling.warn(message)
            case wire.Outcome() if engine.trains(message.run):
                self._outcome(engine, message)
            case wire.Gone():
                self._gone(engine, message)

    def _ready(self, engine: Engine, versions: Mapping[str, str]) -> None:
        engine.ready = True
        if engine is self._engine and engine.run is None:
            self._say(replace(self._state, engine="ready", versions=dict(versions)))
        else:
            self._say(replace(self._state, versions=dict(versions)))

    def _show_resumed(self, engine: Engine) -> None:
        """Show a resumed run from its first message on: by then what it makes anew is cut from its record."""
        if engine.resuming:
            engine.resuming = False
            self.run_began.emit(engine.run)

    def _phase(self, engine: Engine, message: wire.Phase) -> None:
        engine.saving = message.phase == "saving"
        if self._state.phase == "stopping" and message.phase not in ("stopping", "saving"):
            return
        phases = {
            "ready": self._state.phase,
            "saving": "stopping" if self._state.phase == "stopping" else "training",
        }
        stands = "starting" if message.phase == "starting" else "training"
        phase = phases.get(message.phase, message.phase)
        self._say(replace(self._state.renewed, phase=phase, engine=stands, sentence=message.sentence))

    def _progress(self, message: wire.Progress) -> None:
        numbers = message.model_dump(exclude={"kind"})
        phase = self._state.phase if self._state.phase in ("paused", "stopping") else "training"
        self._say(replace(self._state, **numbers, phase=phase, engine="training", silent=0.0, silence=""))

    def _silence(self, message: wire.Silence) -> None:
        self._say(replace(self._state, silent=message.seconds, silence=message.sentence))

    def _outcome(self, engine: Engine, message: wire.Outcome) -> None:
        self._looking.stop()
        engine.run, engine.saving = None, False
        phase = "failed" if message.status == "killed" else message.status
        told = {name: getattr(message, name) for name in ("sentence", "where", "line", "details", "bad")}
        self._say(replace(self._state.renewed, phase=phase, engine="ready", seconds_left=None, **told))
        self._telling.now()
        if self._spare is not None and self._spare.ready:
            engine.dismiss()
            self._engine, self._spare = self._spare, None
        elif self._spare is not None:  # still importing: the one that has just trained answers sooner
            self._spare.dismiss()
            self._spare = None
        if self._question is not None:
            self._put_question(self._engine or engine)

    def _gone(self, engine: Engine, message: wire.Gone) -> None:
        engine.leave()
        run, self._falls = engine.run, [*self._recent_falls(), time.monotonic()]
        if engine is self._spare:
            self._spare = None
        else:
            self._engine, self._spare = self._spare, None
        if run is not None and self._still_trained(engine, run):
            return
        if engine.own or run is None:  # nobody else wants an engine that cannot be spoken with
            engine.client.endpoint.kill()
        if run is not None:
            self._looking.stop()
            told = {name: getattr(message, name) for name in ("where", "line", "details")}
            self._fail(message.sentence, interrupted=True, **told)
        if engine.asked is not None and self._question is not None and engine.asked == self._question.number:
            self.question_lost.emit(engine.asked, message.sentence.removesuffix(KEPT).strip())
            self._question = None
        self._get_up(message.sentence)

    def _still_trained(self, engine: Engine, run: Path) -> bool:
        """Whether only the connection has gone, and another one to the same engine does."""
        lasted = time.monotonic() - engine.since > SHORT
        return lasted and engine.client.endpoint.live and self._attach(run)

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

    @property
    def _state(self) -> TrainingState:
        return self._telling.state

    def _say(self, state: TrainingState) -> None:
        self._telling.say(state)

    def _fail(self, sentence: str, interrupted: bool = False, **told: Any) -> None:
        """`told` may hold `where`, `line` and `details`."""
        engine = "ready" if self._engine is not None and self._engine.ready else self._state.engine
        told = {"where": None, "line": None, "details": ""} | told
        self._say(replace(self._state.renewed, phase="failed", engine=engine, sentence=sentence,
                          interrupted=interrupted, seconds_left=None, **told))  # fmt: skip

    # ---- engines that say nothing

    def _look(self) -> None:
        """Say for how long an engine has been silent, and end one that does not stop."""
        engine = self._engine
        if engine is None or engine.run is None:
            self._looking.stop()
            return
        if self._state.phase == "stopping" and not engine.saving:
            self._look_at_stopping(engine, time.monotonic() - self._stop_asked)
        elif (silence := engine.client.silence()) is not None:
            self._silence(silence)

    def _look_at_stopping(self, engine: Engine, waited: float) -> None:
        if engine.client.stuck or waited > (MOST_PATIENCE if engine.ready else PATIENCE_WITH_START):
            self._end_by_force()
        elif waited > PATIENCE_WITH_STOP and engine.ready:
            self._say(replace(self._state, sentence=STUBBORN))

    def _end_by_force(self) -> None:
        engine, self._engine = self._engine, None
        if engine is None or engine.run is None:
            return
        self._looking.stop()
        sentence = engine.end_by_force()
        self._say(
            replace(self._state.renewed, phase="stopped", engine="off", sentence=sentence, seconds_left=None)
        )
        self._engine, self._spare = self._spare, None
        self._warm()
