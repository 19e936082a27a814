"""One engine as the worker thread sees it: its connection, what is known of it, and how much of it is heard at once.

An engine that talks without end must not keep the worker from the user's orders, nor the window from the processor. So
it is heard in short turns with pauses between, and one that says more than any engine has to say is heard no longer.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from PySide6.QtCore import QObject, QSocketNotifier, QTimer

from core.runs import wire
from core.runs.client import EngineClient, connect
from core.runs.history import History
from core.runs.launch import Endpoint, EngineFailed, attach
from core.runs.priority import stand_back
from gui.hearsay import Said, tamed
from gui.trainingstate import Question

TURN, REST = 0.004, 6
"""Seconds that an engine is heard without a pause, and the milliseconds of a pause while there is more."""
MOST_AT_ONCE, MOST_A_SECOND = 100_000, 1_000.0
"""Messages: what may have gathered while nobody listened, and what is said in a second beyond that. An honest engine
says about thirty."""
TOO_MUCH = "The engine says more than anybody can listen to, so it is not listened to any more."
PATIENCE_WITH_END = 2.0
FORCED = "Ended by force, because the engine did not stop; everything up to its last recorded step is kept."

NO_WORD = "The run has ended, and nothing is recorded of how."


class Engine(QObject):
    """Calls `hear(engine, message)` for what the engine says, until `leave`."""

    def __init__(self, client: EngineClient, hear: Callable[["Engine", Said], None], parent: QObject):
        super().__init__(parent)
        self.client = client
        self.ready = False
        self.run: Path | None = None
        self.resuming = False
        self.saving = False
        self.joined = False
        """Whether it was found at work on its run, rather than told to train it."""
        self.asked: int | None = None
        self.since = time.monotonic()
        self._hear = hear
        self._room, self._counted = float(MOST_AT_ONCE), self.since
        self._open, self._behind = True, False
        self._notifier = QSocketNotifier(client.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(lambda *_: self._listen())
        self._again = QTimer(self, singleShot=True, interval=REST)
        self._again.timeout.connect(self._listen)

    @classmethod
    def joining(
        cls, run: Path, known: Endpoint | None, hear: Callable[["Engine", Said], None], parent: QObject
    ) -> Self | None:
        """The engine that trains `run` now, with the endpoint that is `known` of it, if any; None where nobody does."""
        endpoint = attach(run) and (known or attach(run))
        try:
            engine = cls(connect(endpoint), hear, parent) if endpoint else None
        except EngineFailed:
            return None
        if engine is not None:
            engine.run, engine.ready, engine.joined = run, True, True
        return engine

    @property
    def own(self) -> bool:
        """Whether this program has started it, rather than found it at work."""
        return self.client.endpoint.process is not None

    def trains(self, run: str | None) -> bool:
        """Whether a message about `run` is about what this engine was given to train."""
        return self.run is not None and (run is None or Path(run) == self.run)

    def stand_back(self) -> None:
        """Let the window go first from now on. Before its first step somebody waits for it, so not before."""
        if not self._behind:
            self._behind = True
            stand_back(self.client.endpoint.pid)

    def send(self, command: wire.Command) -> None:
        """Tell the engine. Raises WireError for what is too large; that it is deaf is heard later."""
        self.client.send(command)
        if self.client.pending:
            self._again.start()

    def ask(self, question: Question) -> None:
        """Ask Keras over there. Raises WireError for what is too large."""
        self.asked = question.number
        self.send(
            wire.AskFacts(
                request=question.number,
                project=question.project,
                data=question.data,
                trusted=question.trusted,
            )
        )

    def leave(self) -> None:
        """Listen no longer and close the connection; what it trains goes on."""
        self._open = False
        self._again.stop()
        self._notifier.setEnabled(False)
        self.client.close()
        self.deleteLater()

    def dismiss(self) -> None:
        """Leave it; end it first if it is idle and nobody else can want it."""
        if self.run is None and self.own:
            self.client.send(wire.Shutdown())
            # A socket closed with something unread resets the connection, and the engine never hears the command.
            end = time.monotonic() + PATIENCE_WITH_END
            while time.monotonic() < end and not isinstance(self.client.receive(0.2), wire.Gone):
                pass
            if self.client.endpoint.live:
                self.client.endpoint.kill()
        self.leave()

    def end_by_force(self) -> str:
        """End the engine whatever it is at, write so into the record of its run, leave it, and say what was done."""
        assert self.run is not None
        sentence = FORCED
        try:
            if self.client.stuck:
                sentence = self.client.end_by_force().sentence
            else:
                self.client.kill(self.run, FORCED)
        except (OSError, sqlite3.Error) as error:
            sentence = f"{FORCED} The record could not be closed: {error}."
        self.leave()
        return sentence

    def _listen(self) -> None:
        end = time.monotonic() + TURN
        while self._open and time.monotonic() < end:
            message = self.client.receive(0)
            if message is None:
                self._notifier.setEnabled(True)
                return
            if not self._may_speak():
                message = wire.Gone(sentence=TOO_MUCH)
            fit = tamed(message)
            if fit is not None:
                self._hear(self, fit)
        if self._open:
            self._notifier.setEnabled(False)  # the socket would call again at once
            self._again.start()

    def _may_speak(self) -> bool:
        now = time.monotonic()
        self._room = min(MOST_AT_ONCE, self._room + MOST_A_SECOND * (now - self._counted)) - 1
        self._counted = now
        return self._room > 0


def ended(run: Path) -> wire.Outcome:
    """How `run`, which is not trained any more, has ended by its record."""
    with contextlib.closing(History(run)) as history:
        state = history.state
    told = {name: getattr(state, name) for name in ("where", "line", "details")}
    status = state.status if state.status in ("done", "stopped", "failed") else "killed"
    return wire.Outcome(run=str(run), status=status, sentence=state.sentence or NO_WORD, **told)


def way_of(run: Path) -> str:
    """In which way the steps of `run` are made, by its record."""
    with contextlib.closing(History(run)) as history:
        return history.state.way
