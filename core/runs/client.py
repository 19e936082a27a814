"""The client's end of the wire: sends commands to an engine and receives its messages.

Blocking, without threads of its own, so that it can live in a worker thread of the window or in the command
line. During a run an engine answers no `AskFacts` before the run is over: keep a spare one warm for that.
"""

import contextlib
import select
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from core.runs import wire
from core.runs.launch import Endpoint, EngineFailed, start_engine
from core.runs.outcome import death
from core.runs.record import close_killed
from core.runs.wire import Command, Gone, Message

CHUNK = 2**16


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
        self._dismissed |= isinstance(command, wire.Shutdown)
        with self._sending, contextlib.suppress(OSError):
            self._socket.sendall(data)

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
        self._reap()
        if run is not None:
            close_killed(run, sentence or "The engine did not answer any more and was ended by force.")

    def _read(self) -> None:
        try:
            data = self._socket.recv(CHUNK)
            if not data:
                self._gone = self._farewell()
            self._arrived.extend(wire.message(body) for body in self._frames.feed(data))
        except OSError:
            self._gone = self._farewell()
        except wire.WireError as error:
            self._gone = Gone(sentence=f"The engine sent what nobody can read, so it was left alone: {error}")
            self._socket.close()

    def _farewell(self) -> Gone:
        returncode = self._reap()
        if self._dismissed and returncode == 0:
            return Gone(sentence="The engine has ended, as asked.")
        name, sentence = death(returncode)
        return Gone(sentence=sentence, signal=name)

    def _reap(self) -> int | None:
        """Return how the process ended, where it was ours to know."""
        process = self.endpoint.process
        if process is None:
            return None
        try:
            return process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return None


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
    client = EngineClient(endpoint, connection)
    client.send(wire.Hello(token=endpoint.token))
    return client
