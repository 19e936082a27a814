"""However the code of a run takes its engine down: one sentence says what happened, and which line did it."""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.cli.app import run as lossmith
from core.cli.training import JsonLines, follow
from core.project.templates import template
from core.runs import alive, wire
from core.runs.burying import bury_all
from core.runs.client import EngineClient
from tests.core.spare_engines import (
    SpareEngines,
    await_,
    line_of,
    lives,
    nll_of,
    state_of,
    wait_for,
    with_load,
    with_loss,
    with_step,
)

pytestmark = [pytest.mark.keras, pytest.mark.fault, pytest.mark.timeout(240)]

CRASH = "import ctypes; ctypes.string_at(0)"
LIMIT = (
    "import resource",
    "size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()",
    "resource.setrlimit(resource.RLIMIT_AS, (size + 2**28, resource.getrlimit(resource.RLIMIT_AS)[1]))",
)
MEMORY = Path("/sys/fs/cgroup/memory")


@pytest.fixture(scope="module")
def spares(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpareEngines]:
    made = SpareEngines(tmp_path_factory.mktemp("crashes"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def tough(spares: SpareEngines) -> Iterator[EngineClient]:
    """An engine that no script of this module takes down."""
    with spares.take() as client:
        yield client


def ended(client: EngineClient, run: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Train a run to its end, as `lossmith train --json` does, and return what that printed last."""
    client.send(wire.Train(run=str(run)))
    outcome = follow(client, run, JsonLines())
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    state = state_of(run)
    assert (state.status, state.sentence) == (outcome.status, outcome.sentence)
    assert (state.where, state.line, state.details) == (outcome.where, outcome.line, outcome.details)
    assert (told["status"], told["sentence"]) == (outcome.status, outcome.sentence)
    return told


# ---- what takes the engine down


DEADLY = {
    "a segmentation fault": (with_loss(CRASH), CRASH, "crashed (SIGSEGV, a memory error in native code)"),
    "one in the middle of a step": (with_step(CRASH), CRASH, "crashed (SIGSEGV"),
    "os.abort": (with_loss("import os", "os.abort()"), "os.abort()", "gave up (SIGABRT"),
    "os._exit(0)": (with_loss("import os", "os._exit(0)"), "os._exit(0)", "by os._exit(0)"),
    "os._exit(3) in a step": (with_step("import os", "os._exit(3)"), "os._exit(3)", "by os._exit(3)"),
    "recursion in native code": (
        with_loss("import sys", "sys.setrecursionlimit(10**9)", "class Again:",
                  "    def __repr__(self): return repr(self)", "repr(Again())"),
        "return repr(self)", "crashed (SIGSEGV), because __repr__ calls itself without end",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", DEADLY)
def test_what_takes_the_engine_down_is_named_with_its_line(
    what: str, spares: SpareEngines, capsys: pytest.CaptureFixture[str]
):
    text, words, sentence = DEADLY[what]
    run = spares.run(text, nll=nll_of(text))
    with spares.take() as client:
        told = ended(client, run, capsys)
    assert told["status"] == "killed"
    assert sentence in told["sentence"]
    assert f"(line {line_of(text, words)} of train.py, in " in told["sentence"]
    assert (told["where"], told["line"]) == ("term:nll", line_of(text, words))
    assert not alive.held(run)


def test_a_crash_while_the_data_is_loaded_is_named_too(
    spares: SpareEngines, capsys: pytest.CaptureFixture[str]
):
    text = with_load("import threading, time", "threading.Thread(target=crash).start()", "time.sleep(60)")
    text = text.replace("def load_data", f"def crash():\n    {CRASH}\n\n\ndef load_data")
    with spares.take() as client:
        told = ended(client, spares.run(text), capsys)
    assert f"(line {line_of(text, CRASH)} of train.py, in crash)" in told["sentence"]


def test_a_kill_from_outside_is_told_from_a_lack_of_memory(
    spares: SpareEngines, capsys: pytest.CaptureFixture[str]
):
    text = with_step("import os, signal", "os.kill(os.getpid(), signal.SIGKILL)")
    with spares.take() as client:
        told = ended(client, spares.run(text), capsys)
    assert "was killed from outside (SIGKILL); the system did not run out of memory" in told["sentence"]


@pytest.mark.skipif(not os.access(MEMORY, os.W_OK), reason="needs a memory controller that may be written")
def test_the_systems_own_kill_for_lack_of_memory_is_named(
    spares: SpareEngines, capsys: pytest.CaptureFixture[str]
):
    text = with_step("import time", "rows = []", "while True: rows.append(np.ones(2**17)); time.sleep(0.001)")
    with spares.take() as client, little_memory(client.endpoint.pid):
        told = ended(client, spares.run(text), capsys)
    assert told["sentence"].startswith(
        "The system ran out of memory and killed the engine (SIGKILL); a smaller"
    )


@contextlib.contextmanager
def little_memory(process: int) -> Iterator[None]:
    """Let a process have only a little more memory than it has."""
    group = MEMORY / f"lossmith-{process}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(2**28))
        (group / "cgroup.procs").write_text(str(process))
        yield
    finally:
        wait_for(lambda: not (group / "cgroup.procs").read_text().strip())
        group.rmdir()


# ---- what the engine survives


SURVIVED = {
    "sys.exit": (with_loss("import sys", "sys.exit(3)"), "sys.exit(3)", "The code ended itself by sys.exit(3)"),
    "it in a step": (with_step("import sys", "sys.exit(3)"), "sys.exit(3)", "The code ended itself by sys.exit(3)"),
    "an exception in a step": (with_step("raise ValueError('not like this')"), "raise", "not like this"),
    "a lack of memory": (with_loss("bytearray(2**60)"), "bytearray", "There is not enough memory"),
    "one in a step": (with_step("bytearray(2**60)"), "bytearray", "There is not enough memory"),
    "a limit of memory": (with_loss(*LIMIT, "np.ones(2**27)"), "np.ones(2**27)", "There is not enough memory"),
    "recursion": (with_loss("return nll(y, p, s)"), "return nll", "maximum recursion depth exceeded"),
}  # fmt: skip


@pytest.mark.parametrize("what", SURVIVED)
def test_what_the_engine_survives_is_named_with_its_line(
    what: str, spares: SpareEngines, tough: EngineClient, capsys: pytest.CaptureFixture[str]
):
    text, words, sentence = SURVIVED[what]
    told = ended(tough, spares.run(text, nll=nll_of(text)), capsys)
    assert told["status"] == "failed"
    assert told["sentence"].startswith(sentence)
    assert f"(line {line_of(text, words)} of train.py, in " in told["sentence"]
    assert told["where"] == "term:nll"


def test_a_thread_that_raises_is_said_and_the_run_goes_on(
    spares: SpareEngines, tough: EngineClient, capsys: pytest.CaptureFixture[str]
):
    text = with_load("import threading", "threading.Thread(target=lambda: 1 / 0).start()")
    tough.send(wire.Train(run=str(spares.run(text))))
    trouble = await_(tough, wire.Trouble)
    assert re.search(r"goes on without it: .*division by zero \(line 23 of train.py", trouble.sentence)
    assert await_(tough, wire.Outcome).status == "done"


def test_what_a_run_has_set_and_started_does_not_outlive_it(
    spares: SpareEngines, tough: EngineClient, capsys: pytest.CaptureFixture[str]
):
    """Limits, handlers, folder, other programs and copies of the engine."""
    text = with_load(
        *LIMIT,
        "import os, signal, subprocess, multiprocessing, time",
        "signal.signal(signal.SIGINT, signal.SIG_IGN)",
        "os.chdir('/')",
        "copy = multiprocessing.get_context('fork').Process(target=time.sleep, args=(600,))",
        "copy.start()",
        "other = subprocess.Popen(['sleep', '600'])",
        "print(copy.pid, other.pid, flush=True)",
        "raise ValueError('enough')",
    )
    run = spares.run(text)
    assert ended(tough, run, capsys)["sentence"].startswith("enough")
    started = [int(word) for word in (run / "output.txt").read_text().split()]
    assert len(started) == 2
    assert not any(map(lives, started))
    assert ended(tough, spares.run(with_load("pass")), capsys)["status"] == "done"


# ---- when nobody is there


def test_an_engine_that_dies_alone_is_buried_by_who_comes_next(spares: SpareEngines):
    """Its last word, its record, the copy it has made, and the lock of its run."""
    text = with_step(
        "import multiprocessing, time",
        "copy = multiprocessing.get_context('fork').Process(target=time.sleep, args=(600,))",
        "copy.start()",
        "print(copy.pid, flush=True)",
        CRASH,
    )
    run = spares.run(text, nll=nll_of(text))
    client = spares.take()
    client.send(wire.Train(run=str(run)))
    await_(client, wire.Phase)
    client.close()
    wait_for(lambda: not client.endpoint.live)
    (copy,) = map(int, (run / "output.txt").read_text().split())
    assert lives(copy)
    assert not alive.held(run)
    assert state_of(run).status == "killed"
    bury_all(run.parent)
    assert not lives(copy)
    assert state_of(run).sentence.startswith("The engine crashed (SIGSEGV")
    assert f"(line {line_of(text, CRASH)} of train.py, in inner)" in state_of(run).sentence
    assert state_of(run).where == "term:nll"


# ---- the command line


def test_the_command_line_says_how_a_run_was_killed_and_how_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("LOSSMITH_RUNS", str(tmp_path / "runs"))
    crashing_once(tmp_path)
    assert lossmith(["train", str(tmp_path / "crash.lossmith"), "--trust"]) == 1
    said = capsys.readouterr()
    run = Path(said.out.splitlines()[-1])
    sentence = state_of(run).sentence
    assert "crashed (SIGSEGV" in sentence
    assert " in mean_absolute_error)" in sentence
    assert one_line(sentence) in one_line(said.err)
    assert f"lossmith resume {run.name}" in one_line(said.err)
    assert lossmith(["history", str(run), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["sentence"] == sentence
    assert lossmith(["resume", run.name, "--trust", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert any(event.get("sentence") == f"The run had ended: {sentence}" for event in events)
    assert (events[-1]["event"], events[-1]["status"]) == ("outcome", "done")


def crashing_once(folder: Path) -> None:
    """Write a project into `folder` whose own loss takes the engine down, but only the first time."""
    found = template("own-loss")
    text = found.path.read_text()
    assert text.count("    return ops.mean(") == 1
    once = f"""    import ctypes, pathlib

    crashed = pathlib.Path({str(folder / "crashed")!r})
    if not crashed.exists():
        crashed.touch()
        ctypes.string_at(0)
"""
    text = text.replace("    return ops.mean(", json.dumps(once)[1:-1] + "    return ops.mean(")
    text = text.replace("../data", str(found.path.parents[1] / "data"))
    (folder / "crash.lossmith").write_text(text)


def one_line(text: str) -> str:
    return " ".join(text.split())
