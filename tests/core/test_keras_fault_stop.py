"""Whatever a run is at, it is paused, saved and stopped; code that does not listen is ended with all it started."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.cli.training import JsonLines, follow
from core.project.facts import DataFacts, FieldFacts
from core.project.schema import Data, Head, Input, Layer, Model, NumberField, Project, PythonLoss, Term
from core.runs import alive, wire
from core.runs.client import EngineClient
from core.runs.group import members
from tests.core.spare_engines import (
    SCRIPT,
    SpareEngines,
    await_,
    line_of,
    lives,
    long,
    nll_of,
    state_of,
    wait_for,
    with_load,
    with_loss,
    with_step,
)

pytestmark = [pytest.mark.keras, pytest.mark.fault, pytest.mark.timeout(240)]

SOON, AT_WORST = 5.0, 12.0
"""Seconds: the machine of a test may be busy. Half a second and eight are what is measured elsewhere."""
STARTED = (
    "import multiprocessing, os, signal, subprocess, sys, time",
    "for number in (signal.SIGTERM, signal.SIGINT): signal.signal(number, signal.SIG_IGN)",
    "copy = multiprocessing.get_context('fork').Process(target=time.sleep, args=(600,))",
    "copy.start()",
    "other = subprocess.Popen(['sleep', '600'])",
    "print(copy.pid, other.pid, flush=True)",
)
DEAF = ("while True:", "    try: time.sleep(60)", "    except BaseException: pass")


@pytest.fixture(scope="module")
def spares(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpareEngines]:
    made = SpareEngines(tmp_path_factory.mktemp("stops"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def tough(spares: SpareEngines) -> Iterator[EngineClient]:
    """An engine that survives this module."""
    with spares.take() as client:
        yield client


def begin(client: EngineClient, run: Path) -> Path:
    client.send(wire.Train(run=str(run)))
    return run


def stopped(client: EngineClient, seconds: float) -> wire.Outcome:
    """Stop the run and return its outcome, which comes within `seconds`."""
    asked = time.monotonic()
    client.send(wire.Stop())
    outcome = await_(client, wire.Outcome)
    assert outcome.status == "stopped"
    assert time.monotonic() - asked < seconds
    return outcome


def await_phase(client: EngineClient, phase: str, seconds: float = 60.0) -> None:
    began = time.monotonic()
    while await_(client, wire.Phase).phase != phase:
        pass
    assert time.monotonic() - began < seconds


# ---- code that listens


def slow_validation() -> str:
    """Ten steps of training an epoch, and a validation that nobody waits for."""
    text = long(SCRIPT.replace("ROWS = 1000", "ROWS = 8_000_000"))
    assert text.count("cut = ROWS * 8 // 10") == 1
    return text.replace("cut = ROWS * 8 // 10", "cut = 320")


def test_a_long_validation_is_paused_saved_and_stopped(spares: SpareEngines, tough: EngineClient):
    run = begin(tough, spares.run(slow_validation()))
    while await_(tough, wire.Progress).step < 10:
        pass
    tough.send(wire.Pause())
    await_phase(tough, "paused", SOON)
    tough.send(wire.Save())
    wait_for((run / "checkpoint.keras").is_file, SOON)
    assert state_of(run).status == "paused"
    tough.send(wire.Resume())
    await_phase(tough, "training", SOON)
    outcome = stopped(tough, SOON)
    assert "after 10 steps" in outcome.sentence
    assert (run / "model.keras").is_file()


def test_a_stop_while_the_first_validation_is_compiled_saves_the_model(
    spares: SpareEngines, tough: EngineClient
):
    before = "    def compute_loss("
    slow = "    def test_step(self, data):\n        import time; print('compiling', flush=True); time.sleep(600)\n"
    assert SCRIPT.count(before) == 1
    run = begin(tough, spares.run(SCRIPT.replace(before, f"{slow}\n{before}")))
    wait_for(lambda: (run / "output.txt").exists() and "compiling" in (run / "output.txt").read_text(), 60)
    outcome = stopped(tough, SOON)
    assert "after 25 steps" in outcome.sentence
    assert (run / "model.keras").is_file()


def test_a_stop_waits_for_a_step_of_seconds_and_saves_the_model(spares: SpareEngines, tough: EngineClient):
    run = begin(tough, spares.run(long(with_step("import time", "time.sleep(3)"))))
    while await_(tough, wire.Progress).step < 1:
        pass
    stopped(tough, AT_WORST)
    assert (run / "model.keras").is_file()


def test_a_paused_run_is_stopped(spares: SpareEngines, tough: EngineClient):
    begin(tough, spares.run(long()))
    await_(tough, wire.Progress)
    tough.send(wire.Pause())
    await_phase(tough, "paused", SOON)
    stopped(tough, SOON)


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import time; time.sleep(600)",
        "import subprocess; subprocess.run(['sleep', '600'])",
    ],
)
def test_a_run_is_stopped_while_its_data_is_loaded(code: str, spares: SpareEngines, tough: EngineClient):
    """In Python, asleep, and while it waits for another program."""
    begin(tough, spares.run(with_load(code)))
    await_phase(tough, "building")
    time.sleep(0.5)
    stopped(tough, SOON)
    assert not list(members(tough.endpoint.pid))


def test_a_run_is_stopped_while_its_loss_is_traced(spares: SpareEngines, tough: EngineClient):
    text = with_loss("while True: pass")
    begin(tough, spares.run(text, nll=nll_of(text)))
    silence = await_(tough, wire.Silence)
    assert f"line {line_of(text, 'while True')} of train.py, in nll, has not ended" in silence.sentence
    assert silence.where == "term:nll"
    stopped(tough, SOON)


def test_a_run_that_is_stopped_before_its_engine_is_ready_never_begins(spares: SpareEngines):
    run = spares.run(SCRIPT)
    with spares.fresh() as client:
        begin(client, run)
        outcome = stopped(client, SOON)
        assert state_of(run).sentence == outcome.sentence
        assert outcome.sentence.startswith("Stopped before its first step")
        begin(client, run)
        assert await_(client, wire.Outcome).status == "done"
        client.send(wire.Shutdown())
        assert "as asked" in await_(client, wire.Gone).sentence


def test_a_question_that_a_stop_interrupted_is_answered_afterwards(
    spares: SpareEngines, tough: EngineClient, tmp_path: Path
):
    tried = tmp_path / "tried"
    tough.send(ask(str(tried)))
    wait_for(tried.exists)
    begin(tough, spares.run(SCRIPT))
    stopped(tough, SOON)
    facts = await_(tough, wire.FactsFound).facts
    assert (facts.errors, facts.term_shapes["t"]) == ({}, (2,))


def ask(tried: str) -> wire.AskFacts:
    """Ask about a project whose function does not return the first time."""
    functions = f"""
import pathlib
import time


def f(a, b):
    if not pathlib.Path({tried!r}).exists():
        pathlib.Path({tried!r}).touch()
        time.sleep(600)
    return keras.ops.abs(a - b)
"""
    project = Project(
        data=Data(fields={"x": NumberField(columns=("x",))}),
        model=Model(
            inputs={"x": Input(field="x")},
            layers={"d": Layer(class_name="Dense", sources=("x",), config={"units": 2})},
            heads={"p": Head(layer="d")},
        ),
        functions=functions,
        terms={"t": Term(loss=PythonLoss(function="f"), bind={"a": "head:p", "b": "target:x"})},
    )
    facts = DataFacts(fields={"x": FieldFacts(shape=(1,), dtype="float32")})
    return wire.AskFacts(request=1, project=project, data=facts, trusted=True)


# ---- code that does not listen


INDENTED = "\n".join(f"    {line}" for line in STARTED)
LOOP = "return tf.while_loop(lambda v: True, lambda v: (v + 1.0,), (s,))[0]"
DEAF_CODE = {
    "python in a step": (
        with_step(*DEAF).replace("    def inner", f"{INDENTED}\n    def inner"),
        "time.sleep(60)", "in inner, has not ended",
    ),
    "native code": (
        with_loss(*STARTED, "import tensorflow as tf", LOOP), "", "the step that was begun has not ended",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", DEAF_CODE)
def test_code_that_does_not_listen_is_said_live_and_ended_with_all_it_started(
    what: str, spares: SpareEngines
):
    text, words, sentence = DEAF_CODE[what]
    run = spares.run(text, nll=nll_of(text))
    with spares.take() as client:
        begin(client, run)
        silence = await_(client, wire.Silence)
        while sentence not in silence.sentence:
            before, silence = silence, await_(client, wire.Silence)
            assert silence.seconds > before.seconds
        assert silence.sentence.startswith(f"No step for {silence.seconds:.0f} s: ")
        started = [int(word) for word in (run / "output.txt").read_text().split()]
        assert len(started) >= 2
        assert all(map(lives, started))
        outcome = stopped(client, AT_WORST)
        assert outcome.sentence.startswith("Stopped by force, because what ran did not return")
        assert (outcome.line or 0) == (line_of(text, words) if words else 0)
        await_(client, wire.Gone)
    wait_for(lambda: not any(map(lives, started)))
    assert not list(members(client.endpoint.pid))
    assert not alive.held(run)
    assert (state_of(run).status, state_of(run).sentence) == ("stopped", outcome.sentence)


def test_code_that_lets_nothing_else_work_is_said_and_ended_from_the_command_line(
    spares: SpareEngines, capsys: pytest.CaptureFixture[str]
):
    """`sum` never lets go of Python's lock, so not even the engine's socket is heard."""
    text = with_load("sum(range(10**12))")
    run = spares.run(text)
    with spares.take(more=False) as client:
        begin(client, run)
        control_c = threading.Timer(7.0, os.kill, (os.getpid(), signal.SIGINT))
        control_c.start()
        began = time.monotonic()
        outcome = follow(client, run, JsonLines())
        control_c.join()
    said = capsys.readouterr().out
    place = f"(line {line_of(text, 'sum(')} of train.py, in load_data)"
    assert '"event": "silence"' in said
    assert "The engine has said nothing for " in said
    assert place in said
    assert outcome.sentence.startswith(
        f"Stopped by force, because the engine did not listen any more {place}"
    )
    assert (outcome.status, outcome.sentence) == ("stopped", state_of(run).sentence)
    assert time.monotonic() - began < 7.0 + AT_WORST
    assert not list(members(client.endpoint.pid))
    assert not alive.held(run)
