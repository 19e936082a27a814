"""Measures what the design promises, side by side in one process tree: `python scripts/bench.py [--rounds 5]
[--json FILE]`.

The engine, with every term of every step recorded, against the exported script under plain `fit`,
alternating, both in child processes of the same interpreter. Figures are medians; ratios above 1 mean that
the engine is faster.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from core.codegen.script import script  # noqa: E402
from core.data import inspect  # noqa: E402
from core.project.schema import (  # noqa: E402
    CatalogueLoss,
    Data,
    Head,
    Input,
    Layer,
    Model,
    NumberField,
    NumpySource,
    Project,
    Split,
    Term,
    Training,
)
from core.runs import wire  # noqa: E402
from core.runs.client import EngineClient  # noqa: E402
from core.runs.folder import create_run  # noqa: E402
from core.runs.history import History  # noqa: E402

ALONE = """
import importlib.util, json, sys, time
import keras

class Clock(keras.callbacks.Callback):
    ends = []
    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.perf_counter())

spec = importlib.util.spec_from_file_location("train", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["train"] = module
spec.loader.exec_module(module)
module.train([Clock()])
print(json.dumps(Clock.ends))
"""


@dataclass(frozen=True)
class Case:
    """One model to measure; `bar` is the least ratio of steps a second that the design asks for."""

    name: str
    rows: int
    row_shape: tuple[int, ...]
    layers: dict[str, Layer]
    batch_size: int
    epochs: int
    bar: float


def dense(source: str, units: int, activation: str | None = "relu") -> Layer:
    config: dict[str, Any] = {"units": units} | ({"activation": activation} if activation else {})
    return Layer(class_name="Dense", sources=(source,), config=config)


def conv(source: str, filters: int) -> Layer:
    return Layer(
        class_name="Conv2D",
        sources=(source,),
        config={"filters": filters, "kernel_size": 3, "activation": "relu"},
    )


def stack(*makers: Callable[[str], Layer]) -> dict[str, Layer]:
    """Layers in a row behind the input, called l0, l1 and so on."""
    sources = ["x", *(f"l{number}" for number in range(len(makers)))]
    return {f"l{number}": make(sources[number]) for number, make in enumerate(makers)}


def mlp(units: int) -> dict[str, Layer]:
    return stack(lambda x: dense(x, units), lambda x: dense(x, units), lambda x: dense(x, 1, None))


CNN = stack(
    lambda x: conv(x, 8),
    lambda x: conv(x, 16),
    lambda x: Layer(class_name="Flatten", sources=(x,)),
    lambda x: dense(x, 1, None),
)
CASES = (
    Case("MLP 2x64, batch 32", 16_000, (16,), mlp(64), 32, 5, 7.0),
    Case("MLP 2x1024, batch 256", 20_000, (64,), mlp(1024), 256, 3, 1.0),
    Case("small CNN, batch 64", 4_000, (16, 16, 1), CNN, 64, 3, 1.0),
)


def project_of(case: Case, folder: Path) -> Project:
    """Write the case's rows into `folder` and return a project that trains on them."""
    random = np.random.default_rng(7)
    x = random.normal(size=(case.rows, *case.row_shape)).astype("float32")
    y = x.reshape(case.rows, -1)[:, :4].sum(1).astype("float32")
    path = folder / f"{case.rows}x{'x'.join(map(str, case.row_shape))}.npz"
    np.savez(path, x=x, y=y)
    last = list(case.layers)[-1]
    bind = {"y_true": "target:y", "y_pred": "head:y_out"}
    return Project(
        name=case.name,
        data=Data(
            source=NumpySource(path=path.name),
            fields={"x": NumberField(columns=("x",)), "y": NumberField(columns=("y",))},
            split=Split(validation=0.0),
        ),
        model=Model(inputs={"x": Input(field="x")}, layers=case.layers, heads={"y_out": Head(layer=last)}),
        terms={
            "mse": Term(loss=CatalogueLoss(name="MeanSquaredError"), bind=bind, weight=0.5),
            "mae": Term(loss=CatalogueLoss(name="MeanAbsoluteError"), bind=bind, weight=0.5),
        },
        training=Training(epochs=case.epochs, batch_size=case.batch_size),
    )


def run_folder(project: Project, folder: Path, root: Path) -> Path:
    facts = inspect(project.data, folder, project.seed)
    return create_run(root, project, folder, lambda out: script(project, folder=folder, out=out, facts=facts))


def alone(run: Path, case: Case) -> float:
    """Steps a second of the script by itself, the first epoch (it compiles) left out."""
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(run / "train.py")],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    ends = json.loads(done.stdout.splitlines()[-1])
    return steps_of_epoch(case) * (len(ends) - 1) / (ends[-1] - ends[0])


def watched(client: EngineClient, run: Path, case: Case) -> dict[str, float]:
    """The same in the engine, and the seconds from the command to the first recorded step."""
    began, first = time.perf_counter(), 0.0
    client.send(wire.Train(run=str(run)))
    while not isinstance(message := client.receive(300), wire.Outcome):
        assert message is not None, "the engine is silent"
        assert not isinstance(message, wire.Gone), message
        if isinstance(message, wire.More) and message.step and not first:
            first = time.perf_counter() - began
    assert message.status == "done", message
    history = History(run)
    epochs = history.epochs()
    residual = residual_of(history)
    history.close()
    speed = steps_of_epoch(case) * (len(epochs) - 1) / (epochs[-1].seconds - epochs[0].seconds)
    return {"speed": speed, "first": first, "residual": residual}


def residual_of(history: History) -> float:
    """The largest gap between the total and its parts at any step, relative to their sizes."""
    steps, terms = history.steps(), (len(history.series) - 2) // 2
    parts = np.c_[steps[:, 2 : 2 + terms] * steps[:, 2 + terms :], steps[:, 1]]
    return float(np.max(np.abs(parts.sum(1) - steps[:, 0]) / np.abs(parts).sum(1)))


def steps_of_epoch(case: Case) -> int:
    return -(-case.rows // case.batch_size)


def measure(case: Case, client: EngineClient, folder: Path, rounds: int) -> dict[str, Any]:
    project = project_of(case, folder)
    scripts, engines = [], []
    for number in range(rounds):
        print(f"  {case.name}: round {number + 1} of {rounds}", file=sys.stderr)
        scripts.append(alone(run_folder(project, folder, folder / "alone"), case))
        engines.append(watched(client, run_folder(project, folder, folder / "runs"), case))
    speed = statistics.median(one["speed"] for one in engines)
    return {
        "case": case.name,
        "script_steps_a_second": statistics.median(scripts),
        "engine_steps_a_second": speed,
        "ratio": speed / statistics.median(scripts),
        "bar": case.bar,
        "seconds_to_first_point": statistics.median(one["first"] for one in engines),
        "residual": max(one["residual"] for one in engines),
    }


def show(rows: list[dict[str, Any]]) -> None:
    print(f"{'case':<24}{'script/s':>10}{'engine/s':>10}{'ratio':>8}{'bar':>7}{'first':>9}{'residual':>11}")
    for row in rows:
        speeds = f"{row['script_steps_a_second']:>10.0f}{row['engine_steps_a_second']:>10.0f}"
        first = f"{row['seconds_to_first_point']:>8.2f}s"
        print(
            f"{row['case']:<24}{speeds}{row['ratio']:>8.2f}{row['bar']:>7.1f}{first}{row['residual']:>11.1e}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=None, help="write the figures here too")
    parser.add_argument("--only", default="", help="measure only cases with this in their name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lossmith-bench-") as temporary:
        folder = Path(temporary)
        with EngineClient.start(folder / "engines") as client:
            while not isinstance(client.receive(120), wire.Ready):
                pass
            chosen = [case for case in CASES if options.only in case.name]
            rows = [measure(case, client, folder, options.rounds) for case in chosen]
            client.send(wire.Shutdown())
            while not isinstance(client.receive(30), wire.Gone | None):
                pass
    show(rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
