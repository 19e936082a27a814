"""Two million steps through engine, record and curves: neither process grows with the length of a run."""

import json
import os
import statistics
from pathlib import Path

import numpy as np
import pytest

from core.project import storage
from core.runs.launch import attach
from tests.e2e.looking import Looking, end
from tests.gui.conftest import PROJECT

pytestmark = [pytest.mark.keras, pytest.mark.fault, pytest.mark.timeout(3000)]

STEPS = int(os.environ.get("LOSSMITH_SOAK_STEPS", 2_000_000))
"""Fewer of them, for a first look."""
ROWS = 20_000
WARM, LAST = (0.05, 0.15), (0.9, 1.0)
"""Shares of the run over which memory is taken before and after."""
MOST_GROWTH = 0.05


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A model whose steps cost next to nothing, one row a step."""
    rows = np.random.default_rng(1).normal(size=(ROWS, 3))
    np.savetxt(tmp_path / "rows.csv", rows, delimiter=",", header="a,b,y", comments="")
    head = {"trunk": {"class": "Dense", "from": ["x"], "config": {"units": 1}}}
    tiny = {
        **PROJECT,
        "model": {**PROJECT["model"], "layers": head, "heads": {"prediction": {"layer": "trunk"}}},
        "terms": {"mse": PROJECT["terms"]["mse"]},
        "metrics": {},
        "training": {"epochs": 1_000_000, "batch_size": 1},
    }
    storage.save(storage.loads(json.dumps(tiny)), tmp_path / "tiny.lossmith")
    return tmp_path / "tiny.lossmith"


def test_memory_does_not_grow_with_the_length_of_a_run(project: Path) -> None:
    window = Looking(project.parent, "--train", str(project), "--every", "0.5")
    run = Path(window.says("attached")["run"])
    endpoint = attach(run)
    assert endpoint is not None
    samples: list[tuple[int, float, float]] = []
    try:
        while (steps := window.says("shows")["steps"]) < STEPS:
            samples.append((steps, resident(window.process.pid), resident(endpoint.pid)))
    finally:
        window.kill()
        end(run)
    for each in samples[:: max(1, len(samples) // 20)]:
        print(*map(round, each))
    for place, who in ((1, "the window"), (2, "the engine")):
        before, after = (_typical(samples, share, place) for share in (WARM, LAST))
        print(f"{who}: {before:.1f} MiB after warm-up, {after:.1f} MiB at the end: {after / before - 1:+.1%}")
        assert after / before - 1 <= MOST_GROWTH, f"{who} grew from {before:.0f} to {after:.0f} MiB"


def _typical(samples: list[tuple[int, float, float]], share: tuple[float, float], place: int) -> float:
    inside = [sample[place] for sample in samples if share[0] <= sample[0] / STEPS <= share[1]]
    return statistics.median(inside)


def resident(pid: int) -> float:
    """MiB of memory that a process holds now, files it has mapped left out."""
    found = Path(f"/proc/{pid}/status").read_text().split("RssAnon:")[1].split()
    return int(found[0]) / 1024
