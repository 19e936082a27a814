"""Races the engine, which records every term of every step, against the exported script under plain `fit`.

Both run in child processes of the same interpreter on the same processors, in turn, so that a machine whose speed
drifts does not favour one of them.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.runs import wire
from core.runs.client import EngineClient
from core.runs.history import History
from scripts.measures.cases import Case, project_of, run_folder

MOST_ALONE = 10
"""Epochs that the script trains: its pace does not change, and it takes its time."""

ALONE = """
import importlib.util, json, sys, time
began = time.perf_counter()
import keras
imported = time.perf_counter()

class Clock(keras.callbacks.Callback):
    ends = []
    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.perf_counter())

spec = importlib.util.spec_from_file_location("train", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["train"] = module
spec.loader.exec_module(module)
module.train([Clock()])
print(json.dumps([imported - began, Clock.ends]))
"""


@dataclass(frozen=True)
class Lap:
    """One run in the engine: steps a second after the first epoch, which compiles; seconds from the command to
    the first recorded step and to the outcome; the largest residual of the balance sheet, relative; the way."""

    speed: float
    first: float
    whole: float
    residual: float
    way: str


def script_lap(run: Path, case: Case) -> tuple[float, float]:
    """Return steps a second of the script by itself, and the seconds it took to import TensorFlow."""
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(run / "train.py")],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    imported, ends = json.loads(done.stdout.splitlines()[-1])
    return case.steps * (len(ends) - 1) / max(ends[-1] - ends[0], 1e-9), imported


def engine_lap(client: EngineClient, run: Path, case: Case) -> Lap:
    """Train `run` in a warm engine."""
    began, first = time.perf_counter(), 0.0
    client.send(wire.Train(run=str(run)))
    while not isinstance(message := client.receive(600), wire.Outcome):
        assert message is not None, "the engine is silent"
        assert not isinstance(message, wire.Gone), message
        if isinstance(message, wire.More) and message.step and not first:
            first = time.perf_counter() - began
    assert message.status == "done", message
    whole = time.perf_counter() - began
    history = History(run)
    epochs, way = history.epochs(), [event for event in history.events() if event.kind == "way"]
    residual = residual_of(history)
    history.close()
    speed = case.steps * (len(epochs) - 1) / max(epochs[-1].seconds - epochs[0].seconds, 1e-9)
    return Lap(speed, first, whole, residual, str(way[-1].body["sentence"]) if way else "")


def residual_of(history: History) -> float:
    """The largest gap between the total and its parts at any step, relative to their sizes."""
    steps, terms = history.steps(), (len(history.series) - 2) // 2
    parts = np.c_[steps[:, 2 : 2 + terms] * steps[:, 2 + terms :], steps[:, 1]]
    return float(np.max(np.abs(parts.sum(1) - steps[:, 0]) / np.abs(parts).sum(1)))


def race(case: Case, client: EngineClient, folder: Path, rounds: int) -> dict[str, Any]:
    """Measure `case` in `rounds` rounds, in each of them first the script, then the engine."""
    project = project_of(case, folder)
    plain = project_of(replace(case, turbo=False, epochs=min(case.epochs, MOST_ALONE)), folder)
    alone, laps = [], []
    for number in range(rounds):
        print(f"  {case.name}{', Turbo' * case.turbo}: round {number + 1} of {rounds}", file=sys.stderr)
        alone.append(script_lap(run_folder(plain, folder, folder / "alone"), case))
        laps.append(engine_lap(client, run_folder(project, folder, folder / "runs"), case))
    return _summed(case, alone, laps)


def _summed(case: Case, alone: list[tuple[float, float]], laps: list[Lap]) -> dict[str, Any]:
    median: Mapping[str, float] = {
        name: statistics.median(getattr(lap, name) for lap in laps) for name in ("speed", "whole")
    }
    script = statistics.median(speed for speed, _ in alone)
    return {
        "case": f"{case.name}{', Turbo' * case.turbo}",
        "script_steps_a_second": script,
        "engine_steps_a_second": median["speed"],
        "ratio": median["speed"] / script,
        "ratios": [lap.speed / speed for lap, (speed, _) in zip(laps, alone, strict=True)],
        "seconds_to_first_step": laps[0].first,
        "seconds_to_first_step_again": statistics.median(lap.first for lap in laps[1:] or laps),
        "seconds_to_end": median["whole"],
        "seconds_to_import_tensorflow": statistics.median(imported for _, imported in alone),
        "residual": max(lap.residual for lap in laps),
        "way": laps[-1].way,
    }
