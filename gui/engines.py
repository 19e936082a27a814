"""Lives in the training's worker thread: starts engines, speaks with them, sums up how the training stands.

One engine is kept warm. While it trains it answers nothing else, so the first question about another project
starts a second one, which takes over when the run is over. Nothing here may touch a widget; everything goes
home by signals.
"""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from core.runs import wire
from core.runs.burying import bury_all
from core.runs.client import EngineClient
from core.runs.launch import Endpoint, EngineFailed, live_runs
from core.runs.outcome import KEPT
from gui import standing
from gui.engine import Engine, ended, way_of
from gui.hearsay import Said
from gui.stopping import SAVING, STUBBORN, Stopping
from gui.telling import Telling, sentence_of, traceback_of
from gui.trainingstate import BUSY, Question, TrainingState, TrainOrder

SPARE_AFTER = 3.0
"""Seconds: importing TensorFlow once more must not slow down the first steps of a run."""
LOOK_EVERY = 0.25
"""Seconds between two looks at an engine that trains and may have fallen silent."""
SHORT = 10.0
"""Seconds: a connection that broke sooner is not made again, lest two who disagree keep each other busy for ever."""
MOST_FALLS = 3
FALLS_COUNT_FOR = 60.0
ASKED = {wire.Pause: "pausing", wire.Resume: "resuming"}
ANOTHER_TRAINS = "Another run is training here already, so no new one was begun."


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
        self._falls: deque[float] = deque(maxlen=MOST_FALLS)
        self._stopping = Stopping()

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
        any(self._attach(run) for run in live_runs(runs))
        if self._engine is None:
            self._warm()

    @Slot(object)
    def train(self, order: TrainOrder) -> None:
        """Begin a run, unless one is on that the window had not heard of when it gave the order."""
        if self._engine is not None and self._engine.run is not None:
            self.state_changed.emit(self._state)
            self._telling.warn(wire.Trouble(sentence=ANOTHER_TRAINS))
            return
        self._say(standing.begun(self._state, order))
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
        """Ask the run to stop; asked again while it is stopping, end its engine by force in the end."""
        engine = self._engine
        if engine is None or engine.run is None:
            return
        if self._state.phase == "stopping":
            self._stop_on(engine, self._stopping.again(engine))
            return
        engine.send(wire.Stop())
        self._stopping.begin()
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
            return Engine(EngineClient.start(self._root), self._hear, self)
        except (EngineFailed, OSError) as error:
            self._do_without(error)
            return None

    def _do_without(self, error: Exception) -> None:
        """Say that no engine starts. What another one trains is none the worse for it."""
        sentence = sentence_of(error)
        if self._engine is not None:
            self._lose_question(sentence)
            return
        self._falls.append(time.monotonic())
        if self._state.phase in BUSY:
            self._fail(sentence, details=getattr(error, "details", ""))
        self._say(replace(self._state, engine="gone", sentence=sentence))

    def _attach(self, run: Path, known: Endpoint | None = None) -> bool:
        """Follow a run that is trained already, by the engine that is `known` to, if any; return whether it is."""
        joined = Engine.joining(run, known, self._hear, self)
        if joined is None:
            return False
        self._engine, self._spare = joined, self._engine  # an engine that is there already answers meanwhile
        self._looking.start()
        self._say(standing.found(self._state, run, way_of(run)))
        self.run_began.emit(run)
        return True

    def _hand_over(self, run: Path, order: TrainOrder) -> None:
        resume = order.resume
        self._engine = self._engine or self._start()
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
        if self._question is None or engine.asked == self._question.number:
            return
        try:
            engine.ask(self._question)
        except wire.WireError as error:
            self.question_lost.emit(self._question.number, str(error))

    def _lose_question(self, sentence: str) -> None:
        if self._question is not None:
            self.question_lost.emit(self._question.number, sentence)
            self._question = None

    # ---- what engines say

    def _hear(self, engine: Engine, message: Said) -> None:
        if engine not in (self._engine, self._spare):
            return
        match message:
            case wire.Ready(versions=versions):
                self._ready(engine, versions)
            case wire.Welcome() if engine.run is not None:
                self._join(engine, engine.run, message)
            case wire.Phase() if engine.trains(message.run):
                self._show_resumed(engine)
                engine.saving = message.phase == "saving"
                self._say(standing.after_phase(self._state, message))
            case wire.Progress() if engine.run is not None:
                engine.stand_back()
                self._say(standing.after_progress(self._state, message))
            case wire.Silence() if engine.run is not None:
                self._silence(message)
            case wire.FactsFound(request=number, facts=facts) if number == engine.asked:
                if self._question is not None and self._question.number == number:
                    self._question = None
                self.facts_arrived.emit(number, facts)
            case wire.Trouble():
                self._telling.warn(message)
            case wire.Outcome() if engine.trains(message.run):
                self._outcome(engine, message)
            case wire.Gone():
                self._gone(engine, message)

    def _join(self, engine: Engine, run: Path, message: wire.Welcome) -> None:
        """An engine that was found at work greets; the run may have ended at this very moment."""
        if engine.joined and (message.run is None or not engine.trains(message.run)):
            self._outcome(engine, ended(run))
        elif message.phase == "paused":
            self._say(replace(self._state, phase="paused", sentence="Paused."))

    def _ready(self, engine: Engine, versions: Mapping[str, str]) -> None:
        engine.ready = True
        idle = engine is self._engine and engine.run is None
        known = replace(self._state, versions=dict(versions))
        self._say(replace(known, engine="ready") if idle else known)

    def _show_resumed(self, engine: Engine) -> None:
        """Show a resumed run from its first message on: by then what it makes anew is cut from its record."""
        if engine.resuming:
            engine.resuming = False
            self.run_began.emit(engine.run)

    def _silence(self, message: wire.Silence) -> None:
        self._say(replace(self._state, silent=message.seconds, silence=message.sentence))

    def _outcome(self, engine: Engine, message: wire.Outcome) -> None:
        self._looking.stop()
        engine.run, engine.saving = None, False
        self._say(standing.after_outcome(self._state, message))
        self._telling.now()
        (self._change_places if engine.own else self._let_go)(engine)
        if self._question is not None and self._engine is not None:
            self._put_question(self._engine)

    def _change_places(self, engine: Engine) -> None:
        """Keep the engine that answers sooner now that `engine` has trained: the spare, unless it still imports."""
        spare, self._spare = self._spare, None
        if spare is not None and spare.ready:
            engine.dismiss()
            self._engine = spare
        elif spare is not None:
            spare.dismiss()

    def _let_go(self, engine: Engine) -> None:
        """Leave an engine that another window has started and may go on to use."""
        engine.leave()
        self._engine, self._spare = self._spare, None
        self._say(replace(self._state, engine=self._readiness))
        self._warm()

    def _gone(self, engine: Engine, message: wire.Gone) -> None:
        engine.leave()
        run = engine.run
        self._falls.append(time.monotonic())
        if engine is self._spare:
            self._spare = None
        else:
            self._engine, self._spare = self._spare, None
        if run is not None and self._still_trained(engine, run):
            return
        if engine.own:  # nobody else wants an engine that cannot be spoken with
            engine.client.endpoint.kill()
        if run is not None:
            self._looking.stop()
            told = message.model_dump(include={"where", "line", "details"})
            self._fail(message.sentence, interrupted=True, **told)
        if self._question is not None and engine.asked == self._question.number:
            self._lose_question(message.sentence.removesuffix(KEPT).strip())
        self._get_up(message.sentence)

    def _still_trained(self, engine: Engine, run: Path) -> bool:
        """Whether only the connection has gone, and another one to the same engine does."""
        known, lasted = engine.client.endpoint, time.monotonic() - engine.since > SHORT
        return lasted and known.live and self._attach(run, known)

    def _get_up(self, sentence: str) -> None:
        """Warm another engine, unless they keep falling."""
        if self._engine is not None:
            return
        if self._keep_falling:
            self._say(replace(self._state, engine="gone", sentence=sentence))
        else:
            self._warm()

    @property
    def _keep_falling(self) -> bool:
        return len(self._falls) == MOST_FALLS and time.monotonic() - self._falls[0] < FALLS_COUNT_FOR

    # ---- what the window is told

    @property
    def _state(self) -> TrainingState:
        return self._telling.state

    @property
    def _readiness(self) -> str:
        """How the engine stands while nothing trains."""
        if self._engine is None:
            return "off"
        return "ready" if self._engine.ready else "starting"

    def _say(self, state: TrainingState) -> None:
        self._telling.say(state)

    def _fail(self, sentence: str, interrupted: bool = False, **told: Any) -> None:
        """`told` may hold `where`, `line` and `details`."""
        engine = self._state.engine if self._engine is None else self._readiness
        told = {"where": None, "line": None, "details": "", "interrupted": interrupted} | told
        failed = replace(self._state.renewed, phase="failed", sentence=sentence, seconds_left=None, **told)
        self._say(replace(failed, engine=engine))

    # ---- engines that say nothing

    def _look(self) -> None:
        """Say for how long an engine has been silent, and end one that does not stop."""
        engine = self._engine
        if engine is None or engine.run is None:
            self._looking.stop()
        elif self._state.phase == "stopping":
            self._stop_on(engine, self._stopping.overdue(engine))
        elif (silence := engine.client.silence()) is not None:
            self._silence(silence)

    def _stop_on(self, engine: Engine, answer: str) -> None:
        """Do what a run that stops needs by now."""
        if answer == "force":
            self._end_by_force(engine)
        elif answer == "remind":
            engine.send(wire.Stop())
            self._say(replace(self._state, sentence=SAVING))
        elif answer == "warn":
            self._say(replace(self._state, sentence=STUBBORN))

    def _end_by_force(self, engine: Engine) -> None:
        self._looking.stop()
        sentence = engine.end_by_force()
        self._engine, self._spare = self._spare, None
        self._say(standing.stopped_by_force(self._state, self._readiness, sentence))
        self._warm()
