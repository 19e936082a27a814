"""The socket thread: takes clients and their commands, and brings them messages, whatever the training does.

Several clients may be attached at once and all hear everything. One that vanishes or does not read is
dropped; the training never waits for any of them.
"""

import contextlib
import hmac
import logging
import os
import secrets
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from core.runs import wire
from core.runs.wire import Command, Frame, Hello, More, Progress

BACKLOG = 2 * wire.LIMIT
TICK = 0.1
CHUNK = 2**16
STRANGER_LIMIT = 4096
"""The most bytes taken from a client before its token was right."""


class Host(Protocol):
    """What the server serves."""

    def greet(self) -> list[Frame]:
        """The messages for a client that has just been let in."""

    def obey(self, command: Command) -> None:
        """Take a command; must return at once."""

    def tick(self) -> None:
        """Called about ten times a second."""


class Client:
    """One connection, and what waits to be sent on it."""

    def __init__(self, connection: socket.socket):
        self.socket = connection
        self.frames = wire.Frames()
        self.admitted = False
        self.taken = 0
        self.out = bytearray()


class Server:
    """Listens on this machine only. `publish` may be called from any thread."""

    def __init__(self, host: Host):
        self.token = secrets.token_hex(32)
        self._host = host
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._woken, selectors.EVENT_READ, self._wake)
        self._clients: list[Client] = []
        self._logged: set[str] = set()
        self._outbox: deque[Frame] = deque()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="socket", daemon=True)
        self.last_seen = time.monotonic()
        """When a client was last attached."""
        if os.name != "nt":
            os.register_at_fork(after_in_child=self._let_go)

    def start(self) -> None:
        self._thread.start()

    def publish(self, message: Frame) -> None:
        """Send `message` to every client; of progress that was not sent yet only the latest counts."""
        outbox = self._outbox
        if isinstance(message, Progress | More) and outbox and type(outbox[-1]) is type(message):
            outbox[-1] = message
        else:
            outbox.append(message)
        self._call()

    def close(self) -> None:
        """Send what waits, as far as clients take it at once, and end the thread."""
        self._closing.set()
        self._call()
        if threading.current_thread() is not self._thread:
            self._thread.join(2)
        else:
            self._deliver()

    def _call(self) -> None:
        """Wake the socket thread; where it is called already it needs no more of it, and the caller must not wait."""
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def _let_go(self) -> None:
        """In a copy of this process that a user's code has made: clients must notice when this one is gone."""
        for one in (self._listener, *(client.socket for client in self._clients)):
            one.close()

    def _serve(self) -> None:
        next_tick = 0.0
        while not self._closing.is_set():
            for key, events in self._selector.select(TICK):
                handle: Callable[[int], None] = key.data
                self._safely(handle, events)
            self._safely(self._deliver)
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + TICK
                self._safely(self._tick)
        self._safely(self._deliver)
        for client in list(self._clients):
            self._drop(client)
        self._listener.close()

    def _safely(self, act: Callable[..., None], *given: object) -> None:
        """Go on whatever happens: without this thread no client would ever hear of the run again."""
        try:
            act(*given)
        except Exception as error:
            if repr(error) not in self._logged:  # it may happen ten times a second
                self._logged.add(repr(error))
                logging.getLogger(__name__).exception("The socket thread goes on after an error.")

    def _tick(self) -> None:
        if any(client.admitted for client in self._clients):
            self.last_seen = time.monotonic()
        self._host.tick()

    def _accept(self, _events: int) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(connection)
        self._clients.append(client)
        self._selector.register(connection, selectors.EVENT_READ, lambda events: self._handle(client, events))

    def _wake(self, _events: int) -> None:
        try:
            self._woken.recv(CHUNK)
        except BlockingIOError:
            return

    def _handle(self, client: Client, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._flush(client)
        if events & selectors.EVENT_READ:
            self._read(client)

    def _read(self, client: Client) -> None:
        try:
            data = client.socket.recv(CHUNK)
            client.taken += len(data)
            for body in client.frames.feed(data):
                self._take(client, wire.command(body))
            # Only now: the token and the first command may arrive in one piece.
            if not data or (not client.admitted and client.taken > STRANGER_LIMIT):
                self._drop(client)
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)
        except wire.WireError as error:
            if client.admitted:
                self._send(client, wire.Trouble(sentence=f"The engine could not read a command: {error}"))
            self._drop(client)

    def _take(self, client: Client, command: Command) -> None:
        if client.admitted:
            self._host.obey(command)
        elif isinstance(command, Hello) and self._is_ours(command.token):
            client.admitted = True
            for message in self._host.greet():
                self._send(client, message)
        else:
            self._drop(client)

    def _is_ours(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token.encode())

    def _deliver(self) -> None:
        while self._outbox:
            message = self._outbox.popleft()
            for client in [client for client in self._clients if client.admitted]:
                self._send(client, message)

    def _send(self, client: Client, message: Frame) -> None:
        client.out += wire.encode(message)
        if len(client.out) > BACKLOG:
            self._drop(client)
        else:
            self._flush(client)

    def _flush(self, client: Client) -> None:
        try:
            while client.out:
                del client.out[: client.socket.send(client.out)]
        except BlockingIOError:
            pass  # the selector says when there is room again
        except OSError:
            self._drop(client)
            return
        write = selectors.EVENT_WRITE if client.out else 0
        key = self._selector.get_key(client.socket)
        self._selector.modify(client.socket, selectors.EVENT_READ | write, key.data)

    def _drop(self, client: Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
            self._selector.unregister(client.socket)
            client.socket.close()
            client.out.clear()
