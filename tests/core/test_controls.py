"""A stop loses patience with code that hangs, and never with work that is only slow and would have been saved."""

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.engine import controls as asked
from core.engine.__main__ import Engine
from core.engine.controls import FORCE_PATIENCE, MOST_GRACE, STEP_PATIENCE, Controls
from core.engine.silence import Silences
from core.runs import wire
from core.runs.history import History


class Clock:
    """A time that passes only when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(asked, "time", made)
    return made


def stopping(phase: wire.PhaseName = "training", longest: float = 0.0) -> Controls:
    """The controls of a run that is asked to stop now, after a step of `longest` seconds."""
    made = Controls()
    made.phase = phase
    asked.time.now += longest  # type: ignore[attr-defined]
    made.stepped()
    made.ask(wire.Stop())
    return made


def after(clock: Clock, made: Controls, seconds: float) -> Any:
    clock.now += seconds
    return made.impatience()


def test_what_hangs_is_interrupted_and_then_ended(clock: Clock) -> None:
    made = stopping()
    assert after(clock, made, STEP_PATIENCE - 0.1) is None
    assert after(clock, made, 0.2) == "interrupt"
    assert after(clock, made, FORCE_PATIENCE - STEP_PATIENCE) == "force"


def test_what_was_not_begun_is_interrupted_at_once(clock: Clock) -> None:
    assert after(clock, stopping("tracing"), 0.1) == "interrupt"


def test_a_step_as_long_as_those_before_is_waited_for(clock: Clock) -> None:
    made = stopping(longest=6.0)
    assert after(clock, made, STEP_PATIENCE + 1.0) is None
    assert after(clock, made, 6.0 - STEP_PATIENCE - 1.0) == "interrupt"
    assert after(clock, made, MOST_GRACE) == "force"


def test_what_is_not_a_step_lends_no_grace(clock: Clock) -> None:
    made = Controls()
    made.phase = "training"
    clock.now += 600  # a pause, say
    made.beat()
    made.ask(wire.Stop())
    assert after(clock, made, STEP_PATIENCE + 0.1) == "interrupt"


def test_a_file_is_written_to_its_end_and_what_follows_has_time(clock: Clock) -> None:
    made = stopping()
    with made.writing():
        assert after(clock, made, 600) is None
        assert made.held_up
    assert after(clock, made, 1.0) is None
    assert not made.held_up
    assert after(clock, made, FORCE_PATIENCE) == "force"


# ---- the engine around them


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    before = signal.getsignal(signal.SIGINT)
    yield Engine(tmp_path, 60.0)
    signal.signal(signal.SIGINT, before)


def interruptions(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    monkeypatch.setattr(engine._interrupter, "interrupt", lambda: made.append("interrupted"))
    return made


def quick_execute(act: Callable[[], object]) -> None:
    """Stands for the function of TensorFlow that waits for native code, while another thread does something."""
    done: list[object] = []
    threading.Timer(0.1, lambda: done.append(act())).start()
    while not done:
        pass


def test_a_native_step_is_not_interrupted(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = interruptions(engine, monkeypatch)
    engine._controls, engine._silences = Controls(), Silences(tmp_path)
    engine._controls.phase = "training"
    quick_execute(engine._interrupt)
    assert made == []
    engine._interrupt()
    assert made == ["interrupted"]
    engine._controls.phase = "tracing"
    quick_execute(engine._interrupt)
    assert len(made) == 2
    engine._silences.close()


def test_a_stop_during_the_import_takes_the_order_away(engine: Engine, tmp_path: Path) -> None:
    order = wire.Train(run=str(tmp_path))
    engine.obey(order)
    engine.obey(wire.Stop())
    assert not engine._taken(order)
    assert History(tmp_path).state.status == "stopped"


def test_a_stop_that_comes_when_the_run_has_just_begun_is_obeyed_by_it(
    engine: Engine, tmp_path: Path
) -> None:
    order = wire.Train(run=str(tmp_path))
    engine.obey(order)
    assert engine._taken(order)
    engine.obey(wire.Stop())
    assert engine._controls is not None
    assert engine._controls.stopping
    assert History(tmp_path).state.status == "waiting"


def test_that_a_stop_waits_for_a_file_is_said_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []
    monkeypatch.setattr(engine._server, "publish", said.append)
    engine._controls = Controls()
    engine._controls.ask(wire.Stop())
    with engine._controls.writing():
        engine.tick()
        engine.tick()
    engine.tick()
    assert [each.phase for each in said] == ["saving"]
