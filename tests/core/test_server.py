"""The engine's socket thread lives on, whatever it is given: without it nobody would hear how a run ends."""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.engine.failure import details, failure
from core.engine.server import Server
from core.engine.silence import Silences
from core.runs import wire
from core.runs.client import EngineClient, connect
from core.runs.launch import Endpoint


class Host:
    """Greets, and does what a test says."""

    def __init__(self) -> None:
        self.obeyed: list[wire.Command] = []
        self.ticks = 0
        self.act: Callable[[], object] = lambda: None

    def greet(self) -> list[wire.Frame]:
        return [wire.Welcome(phase="ready")]

    def obey(self, command: wire.Command) -> None:
        self.obeyed.append(command)
        self.act()

    def tick(self) -> None:
        self.ticks += 1
        self.act()


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def server(host: Host) -> Iterator[Server]:
    made = Server(host)
    made.start()
    yield made
    made.close()


@pytest.fixture
def client(server: Server, tmp_path: Path) -> Iterator[EngineClient]:
    with connect(Endpoint(server.port, server.token, 0, tmp_path)) as made:
        assert isinstance(made.receive(5), wire.Welcome)
        yield made


def test_a_sentence_that_is_no_unicode_is_heard(server: Server, client: EngineClient) -> None:
    outcome = wire.Outcome(run="/r", status="failed", sentence="The file b\udcffd.csv is not there any more.")
    server.publish(outcome)
    heard: Any = client.receive(5)
    assert heard.sentence == "The file b\\udcffd.csv is not there any more."
    server.publish(wire.Silence(seconds=1.0, sentence="x"))
    assert isinstance(client.receive(5), wire.Silence)


def test_a_mistake_of_the_engine_is_logged_once_and_costs_no_more(
    server: Server, host: Host, client: EngineClient, caplog: pytest.LogCaptureFixture
) -> None:
    host.act = lambda: 1 / 0
    client.send(wire.Stop())
    until(lambda: host.obeyed != [] and host.ticks > 3)
    server.publish(wire.More(step=1, epochs=0))
    assert isinstance(client.receive(5), wire.More)
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(errors) == 1


def test_a_token_of_other_letters_is_a_wrong_one(server: Server, client: EngineClient) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 5) as stranger:
        stranger.sendall(wire.encode(wire.Hello(token="é")))
        assert stranger.recv(10) == b""
    server.publish(wire.More(step=1, epochs=0))
    assert isinstance(client.receive(5), wire.More)


def test_who_publishes_never_waits_for_the_socket_thread(host: Host) -> None:
    server = Server(host)
    for _ in range(100_000):
        server.publish(wire.More(step=1, epochs=0))
    server._listener.close()


def test_what_an_error_says_is_always_unicode(tmp_path: Path) -> None:
    error = FileNotFoundError(2, "No such file", "b\udcffd.csv")
    assert failure(error, tmp_path, {}).sentence == "The file b\\udcffd.csv is not there any more."
    for text in (details(error), failure(ValueError("\udcff"), tmp_path, {}).sentence):
        assert "\\udcff" in text
        text.encode()


def test_a_watch_that_gets_no_thread_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("unable to start watchdog thread")

    monkeypatch.setattr("faulthandler.dump_traceback_later", refuse)
    Silences(tmp_path).close()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
