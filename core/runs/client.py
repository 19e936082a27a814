"""The client's end of the wire: sends commands to an engine and receives its messages.

Blocking, without threads of its own, so that it can live in a worker thread of the window or in the command
line. During a run an engine answers no `AskFacts` before the run is over: keep a spare one warm for that.
"""

import contextlib
import os
import select
import socket
import sqlite3
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from core.runs import alive, wire
from core.runs.crash import FILE as CRASH
from core.runs.crash import NOTHING, MemoryKills, remains, stalled
from core.runs.history import History, RunState
from core.runs.launch import Endpoint, EngineFailed, start_engine
from core.runs.outcome import KEPT, death, fitting
from core.runs.record import close_killed
from core.runs.wire import Command, Gone, Message

CHUNK = 2**16
MUTE_AFTER, STUCK_AFTER = 5.0, 7.0
"""Seconds without a word of an engine until that is said, and until a stop becomes force."""
SPEAKS = ("building", "tracing", "training", "stopping")
"""Phases in which an engine says something at least once a second, even if it is that there is no step."""
PATIENCE_WITH_DEAF = 2
"""Seconds that a command waits for an engine which does not read."""
DEAF = "The engine does not read what it is told, so it was left alone."
AT_ONE_THING = ": code of the run lets nothing else work"


class EngineClient:
    """A connection to one engine. `send` may be called from any thread, `receive` from one at a time."""

    def __init__(self, endpoint: Endpoint, connection: socket.socket):
        self.endpoint = endpoint
        self._socket = connection
        self._frames = wire.Frames()
        self._arrived: deque[Message] = deque()
        self._sending = threading.Lock()
        self._gone: Gone | None = None
        self._dismissed = False
        self._run = endpoint.run
        """What it trains, as this side knows it: what an engine names is not written to."""
        self._ended_before: float | None = None
        self._phase = "starting"
        self._heard, self._said = time.monotonic(), 0.0
        self._stop_asked: float | None = None
        self._memory = MemoryKills()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @classmethod
    def start(cls, state_root: Path | None = None) -> "EngineClient":
        """Start an engine and connect to it. Raises EngineFailed."""
        return connect(start_engine(state_root))

    def send(self, command: Command) -> None:
        """Send a command. When the engine is gone this does nothing: `receive` says so."""
        data = wire.encode(command)
        self._note_command(command)
        with self._sending, contextlib.suppress(OSError):
            if self._gone is not None:
                return
            try:
                self._socket.sendall(data)
            except BlockingIOError:  # half a command may have gone out, so no other can follow
                self._gone = self._gone or Gone(sentence=DEAF)

    def receive(self, timeout: float | None = None) -> Message | Gone | None:
        """Return the next message, None after `timeout` seconds without one, or `Gone` when there will be no
        more."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self._arrived and self._gone is None:
            left = None if end is None else max(0.0, end - time.monotonic())
            if not select.select([self._socket], [], [], left)[0]:
                return None
            self._read()
        return self._arrived.popleft() if self._arrived else self._gone

    def messages(self, timeout: float) -> Iterator[Message | Gone]:
        """Yield messages until none came for `timeout` seconds, or the engine is gone."""
        while (found := self.receive(timeout)) is not None:
            yield found
            if isinstance(found, Gone):
                return

    @property
    def pending(self) -> bool:
        """Whether `receive` would return at once although the socket may be silent."""
        return bool(self._arrived) or self._gone is not None

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        """Leave the engine; what it trains goes on."""
        self._socket.close()

    def kill(self, run: Path | None = None, sentence: str = "") -> None:
        """End the engine by force, and write so into the record of `run`."""
        self.endpoint.kill()
        self.endpoint.bury()
        if run is not None:
            with contextlib.suppress(
                OSError, sqlite3.Error
            ):  # without an end it reads as killed all the same
                close_killed(run, sentence or "The engine did not answer any more and was ended by force.")

    @property
    def mute(self) -> float:
        """Seconds for which an engine that should speak at least once a second has said nothing; else 0."""
        speaks = self._run is not None and self._phase in SPEAKS
        return time.monotonic() - self._heard if speaks and self._gone is None else 0.0

    def silence(self) -> wire.Silence | None:
        """What the engine would say if it could, when it has been mute for long; once a second."""
        self._memory.look()
        if self._run is None or self.mute < max(MUTE_AFTER, self._said + 1):
            return None
        self._said = self.mute
        found = stalled(self._run)
        sentence = f"The engine has said nothing for {self.mute:.0f} s{found.place or AT_ONE_THING}."
        return wire.Silence(seconds=self.mute, sentence=sentence, where=found.where, line=found.line)

    @property
    def stuck(self) -> bool:
        """Whether a stop was asked for and the engine is too busy to hear it: then only force helps."""
        asked = self._stop_asked
        return asked is not None and min(self.mute, time.monotonic() - asked) > STUCK_AFTER

    def end_by_force(self) -> wire.Outcome:
        """End the engine, which is stuck, and return how its run ended, as it is recorded."""
        assert self._run is not None
        run, found = self._run, stalled(self._run)
        sentence = f"Stopped by force, because the engine did not listen any more{found.place}. {KEPT}"
        outcome = wire.Outcome(
            run=str(run), status="stopped", sentence=sentence, where=found.where, line=found.line
        )
        self.endpoint.kill()
        self.endpoint.bury()
        _record(outcome)
        return outcome

    def _note_command(self, command: Command) -> None:
        if isinstance(command, wire.Shutdown):
            self._dismissed = True
        elif isinstance(command, wire.Train) and self._run is None:
            self._run = Path(command.run)
            if self._phase == "ready":  # code that lets nothing else work may keep it from saying so
                self._phase, self._heard = "building", time.monotonic()
            self._ended_before = _state(self._run).ended
            with contextlib.suppress(
                OSError
            ):  # another death is not to be blamed on what an earlier one has left
                if not alive.held(self._run):
                    (self._run / CRASH).unlink(missing_ok=True)
        elif isinstance(command, wire.Stop):
            self._stop_asked = self._stop_asked or time.monotonic()

    def _note(self, message: Message) -> Message:
        if isinstance(message, wire.Welcome | wire.Phase):
            self._phase = message.phase
        elif isinstance(message, wire.Ready) and self._phase == "starting":
            self._phase = "ready"
        elif isinstance(message, wire.Outcome):
            self._phase = "ready"
            self._run = self._stop_asked = None
        return message

    def _read(self) -> None:
        try:
            data = self._socket.recv(CHUNK)
            if not data:
                self._gone = self._farewell()
            self._arrived.extend(self._note(wire.message(body)) for body in self._frames.feed(data))
            self._heard, self._said = time.monotonic(), 0.0
            self._memory.look()
        except OSError:
            self._gone = self._farewell()
        except wire.WireError as error:
            self._gone = Gone(sentence=f"The engine sent what nobody can read, so it was left alone: {error}")
            self._socket.close()

    def _farewell(self) -> Gone:
        """Find out how the engine ended, and record it for a run that has no other end."""
        returncode = self.endpoint.bury()
        if returncode is None and self.endpoint.live:
            return Gone(sentence="The engine has closed the connection; its process lives on.")
        if self._dismissed and returncode == 0:
            return Gone(sentence="The engine has ended, as asked.")
        found = fitting(returncode, remains(self._run) if self._run else NOTHING)
        name, sentence = death(returncode, found, self._memory.any_lately())
        gone = Gone(sentence=sentence, signal=name, where=found.where, line=found.line, details=found.details)
        if self._run is not None:
            self._record_end(self._run, gone)
        return gone

    def _record_end(self, run: Path, gone: Gone) -> None:
        """Record the end of `run`; where it had ended just before its engine did, that is what is heard first."""
        state = _state(run)
        if state.ended in (None, self._ended_before):
            _record(gone.as_outcome(run))
        else:
            told = {key: getattr(state, key) for key in ("status", "sentence", "where", "line", "details")}
            self._arrived.append(self._note(wire.Outcome(run=str(run), **told)))


def _state(run: Path) -> RunState:
    with contextlib.closing(History(run)) as history:
        return history.state


def _record(outcome: wire.Outcome) -> None:
    """Write the end of a run whose engine could not; a record that cannot be written stays without."""
    known = outcome.model_dump(include={"status", "sentence", "where", "line", "details"})
    with contextlib.suppress(OSError, ValueError, sqlite3.Error):
        close_killed(Path(outcome.run), **known)


def connect(endpoint: Endpoint, timeout: float = 10.0) -> EngineClient:
    """Connect to an engine; its first message is `Welcome`, then `Ready` once TensorFlow is imported.

    Raises EngineFailed when nothing listens there.
    """
    try:
        connection = socket.create_connection(("127.0.0.1", endpoint.port), timeout)
    except OSError as error:
        raise EngineFailed(f"No engine answers at port {endpoint.port} of this machine: {error}.") from error
    connection.settimeout(None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if os.name != "nt":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", PATIENCE_WITH_DEAF, 0))
    client = EngineClient(endpoint, connection)
    client.send(wire.Hello(token=endpoint.token))
    return client
