"""The client tells how a run ended as the record does, and writes nowhere but into the run it was given."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.cli.opening import Refused
from core.cli.training import JsonLines, follow
from core.runs import alive, crash, wire
from core.runs.client import EngineClient, connect
from core.runs.history import History, RunState
from core.runs.launch import Endpoint
from core.runs.record import DATABASE, Record


@dataclass
class Pair:
    """A client, the socket of an engine that says whatever a test wants, and a run with a record."""

    client: EngineClient
    engine: socket.socket
    run: Path

    def says(self, message: wire.Frame) -> None:
        self.engine.sendall(wire.encode(message))

    def hears(self) -> wire.Message | wire.Gone | None:
        return self.client.receive(10)

    def leaves(self) -> None:
        self.engine.close()

    def note(self, **values: object) -> None:
        with contextlib.closing(Record(self.run)) as record:
            record.set(**values)
            record.commit()

    @property
    def state(self) -> RunState:
        with contextlib.closing(History(self.run)) as history:
            return history.state


@contextlib.contextmanager
def pair(root: Path, attached: bool = False) -> Iterator[Pair]:
    run = root / "run"
    run.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = Endpoint(server.getsockname()[1], "token", 0, root, run=run if attached else None)
        accepted: list[socket.socket] = []
        thread = threading.Thread(target=lambda: accepted.append(server.accept()[0]))
        thread.start()
        client = connect(endpoint)
        thread.join()
        with client, accepted[0] as engine:
            made = Pair(client, engine, run)
            made.note(status="running", ended=None)
            yield made


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Pair]:
    with pair(tmp_path) as made:
        yield made


@pytest.mark.parametrize("named", ["a\0b", "{root}/elsewhere"])
def test_what_an_engine_names_is_not_written_to(both: Pair, tmp_path: Path, named: str):
    (tmp_path / "elsewhere").mkdir()
    run = named.format(root=tmp_path)
    both.says(wire.Phase(phase="training", sentence="x", run=run))
    assert isinstance(both.hears(), wire.Phase)
    both.leaves()
    assert isinstance(both.hears(), wire.Gone)
    assert not (tmp_path / "elsewhere" / DATABASE).exists()


@pytest.mark.parametrize("attached", [False, True])
def test_the_death_of_an_engine_is_recorded_for_the_run_it_was_given(tmp_path: Path, attached: bool):
    with pair(tmp_path, attached) as both:
        if not attached:
            both.client.send(wire.Train(run=str(both.run)))
        both.leaves()
        gone = both.hears()
        assert isinstance(gone, wire.Gone)
        assert (both.state.status, both.state.sentence) == ("killed", gone.sentence)


def test_a_run_that_ended_just_before_its_engine_did_has_that_end(both: Pair):
    both.note(status="stopped", ended=1.0, sentence="Stopped before.")
    both.client.send(wire.Train(run=str(both.run), resume=True))
    both.note(status="done", ended=2.0, sentence="Done.")
    both.leaves()
    outcome = both.hears()
    assert isinstance(outcome, wire.Outcome)
    assert (outcome.status, outcome.sentence) == ("done", "Done.")
    assert isinstance(both.hears(), wire.Gone)


def test_an_earlier_end_is_not_that_of_a_run_whose_engine_died(both: Pair):
    both.note(status="stopped", ended=1.0, sentence="Stopped before.")
    both.client.send(wire.Train(run=str(both.run), resume=True))
    both.leaves()
    assert isinstance(both.hears(), wire.Gone)


def test_what_an_earlier_crash_left_is_taken_away_before_the_next_training(both: Pair):
    (both.run / crash.FILE).write_text("Fatal Python error: Aborted\n")
    both.client.send(wire.Train(run=str(both.run), resume=True))
    assert not (both.run / crash.FILE).exists()


def test_memory_that_ran_out_in_a_long_silence_is_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    counters = tmp_path / "vmstat"
    counters.write_text("oom_kill 1\n")
    monkeypatch.setattr(crash, "COUNTERS", counters)
    monkeypatch.setattr(crash, "LATELY", 0.0)
    with pair(tmp_path) as both:
        counters.write_text("oom_kill 2\n")
        assert both.client._memory.any_lately()
        for _ in range(2):
            both.client.silence()
        assert not both.client._memory.any_lately()


# ---- the command line with it


def test_a_second_ctrl_c_is_what_the_command_says_it_was(both: Pair, capsys: pytest.CaptureFixture[str]):
    def press_twice() -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)
        both.leaves()

    both.client.send(wire.Train(run=str(both.run)))
    presses = threading.Timer(0.5, press_twice)
    presses.start()
    outcome = follow(both.client, both.run, JsonLines())
    presses.join()
    assert (outcome.status, outcome.sentence) == ("killed", "Ended by force from the command line.")


def test_a_command_that_was_only_dropped_says_that_the_run_trains_on(both: Pair, tmp_path: Path):
    both.client.send(wire.Train(run=str(both.run)))
    with alive.hold(both.run), alive.hold(tmp_path):
        both.leaves()
        with pytest.raises(Refused, match="run trains on: lossmith resume "):
            follow(both.client, both.run, JsonLines())
    assert both.state.ended is None
