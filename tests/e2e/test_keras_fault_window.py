"""The window is killed again and again while a run trains: the run never notices, and every new window shows all of
it."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.project import storage
from core.runs import wire
from core.runs.client import connect
from core.runs.history import History
from core.runs.launch import attach
from tests.gui.conftest import PROJECT

pytestmark = [pytest.mark.keras, pytest.mark.fault, pytest.mark.timeout(600)]

KILLS = 20
PATIENCE = 120.0
SOON = 10.0
"""Seconds for a window to attach on a machine that is busy with other tests; alone it takes a fraction of one."""
ROOT = Path(__file__).resolve().parents[2]


class Looking:
    """A window in a process of its own, and what it has said."""

    def __init__(self, folder: Path, *arguments: str):
        environment = os.environ | {
            "LOSSMITH_RUNS": str(folder / "runs"),
            "LOSSMITH_SETTINGS": str(folder / "window.ini"),
        }
        command = [sys.executable, "-m", "tests.e2e.onlooker", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment, text=True)

    def says(self, event: str) -> dict[str, Any]:
        """What the window says next of that kind."""
        assert self.process.stdout is not None
        end = time.monotonic() + PATIENCE
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if said["event"] == event:
                return said
            assert time.monotonic() < end, f"the window never says {event}"
        raise AssertionError(f"the window has ended: {self.process.wait()}")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project that trains for as long as anybody wants."""
    rows = np.random.default_rng(1).normal(size=(2_000, 3))
    np.savetxt(tmp_path / "rows.csv", rows, delimiter=",", header="a,b,y", comments="")
    endless = {**PROJECT, "training": {"epochs": 1_000_000, "batch_size": 16}}
    storage.save(storage.loads(json.dumps(endless)), tmp_path / "endless.lossmith")
    return tmp_path / "endless.lossmith"


@pytest.fixture
def run(project: Path) -> Iterator[Path]:
    """A run that a window has begun, which was killed then; stopped in the end."""
    first = Looking(project.parent, "--train", str(project))
    run = Path(first.says("attached")["run"])
    first.kill()
    yield run
    endpoint = attach(run)
    assert endpoint is not None
    with connect(endpoint) as client:
        client.send(wire.Stop())
        for message in client.messages(PATIENCE):
            if isinstance(message, wire.Outcome):
                break
        client.send(wire.Shutdown())
        while not isinstance(client.receive(30), wire.Gone | None):
            pass


def test_a_run_outlives_twenty_killed_windows_and_each_new_one_shows_all_its_steps(run: Path) -> None:
    dice, history, took = random.Random(20), History(run), []
    with contextlib.closing(history):
        before = history.step_count
        for _ in range(KILLS):
            recorded = history.step_count
            assert recorded >= before
            window = Looking(run.parent.parent)
            took.append(window.says("attached")["seconds"])
            while (shown := window.says("shows"))["steps"] < recorded:
                pass
            assert shown["missing"] == 0
            time.sleep(dice.uniform(0, 0.4))
            window.kill()
            before = recorded
        assert history.state.live
        assert history.step_count > before
        assert not np.isnan(history.column("total")).any()
    assert max(took) < SOON, took
