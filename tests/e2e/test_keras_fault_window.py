"""The window is killed again and again while a run trains: the run never notices, and every new window shows all of
it."""

import contextlib
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.project import storage
from core.runs.history import History
from tests.e2e.looking import Looking, end
from tests.gui.conftest import PROJECT

pytestmark = [pytest.mark.keras, pytest.mark.fault, pytest.mark.timeout(600)]

KILLS = 20
SOON = 10.0
"""Seconds for a window to attach on a machine that is busy with other tests; alone it takes a fraction of one."""


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
    end(run)


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
