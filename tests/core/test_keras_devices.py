"""Two devices train as one does: the processor, which TensorFlow can show to a test as two of them."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cli.opening import opened
from core.cli.verifying import verify
from core.codegen.script import script
from core.project.schema import Project
from core.runs import checkpoint, wire
from core.runs.client import EngineClient, connect
from core.runs.folder import create_run
from core.runs.history import History
from core.runs.launch import start_engine

pytestmark = [pytest.mark.keras, pytest.mark.timeout(300)]

TWO = """
import tensorflow as tf

(processor,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
"""
WORST = """
def worst(y, p):
    return ops.max(ops.abs(y - p)) + 0.0 * ops.mean(p)
"""
EPOCHS, ROWS = 4, 244


def project(**training: Any) -> Project:
    """Gaps, a term of a whole batch, penalties, batch normalization; the last of 15 batches has one row.

    A bias before batch normalization would have gradients of rounding errors, which Adam makes large.
    """
    dense = {"units": 16, "use_bias": False, "kernel_regularizer": {"class": "L2", "config": {"l2": 0.001}}}
    rated = {"y_true": "target:rated", "y_pred": "head:prediction"}
    both = {"y": "target:rating", "p": "head:prediction"}
    return Project.model_validate(
        {
            "name": "shared",
            "seed": 3,
            "data": {
                "source": {"kind": "numpy", "path": "rows.npz"},
                "fields": {
                    "features": {"columns": ["x"], "scaling": "standardize"},
                    "rating": {"columns": ["y"]},
                    "rated": {"columns": ["z"], "missing": "keep"},
                },
                "split": {"validation": 0.25},
            },
            "model": {
                "inputs": {"features": {"field": "features"}},
                "layers": {
                    "wide": {"class": "Dense", "from": ["features"], "config": dense},
                    "even": {"class": "BatchNormalization", "from": ["wide"]},
                    "bend": {"class": "Activation", "from": ["even"], "config": {"activation": "relu"}},
                    "shift": {"class": "Dense", "from": ["bend"], "config": {"units": 1}},
                    "log_var": {"class": "Dense", "from": ["bend"], "config": {"units": 1}},
                },
                "heads": {"prediction": {"layer": "shift"}, "uncertainty": {"layer": "log_var"}},
            },
            "functions": WORST,
            "terms": {
                "nll": {
                    "loss": {"kind": "expression", "code": "exp(-s) * square(y - p) + s"},
                    "bind": {**both, "s": "head:uncertainty"},
                },
                "mse": {
                    "loss": {"kind": "catalogue", "name": "MeanSquaredError"},
                    "bind": rated,
                    "weight": 0.5,
                },
                "worst": {"loss": {"kind": "python", "function": "worst"}, "bind": both, "weight": 0.1},
            },
            "metrics": {"mae": {"metric": "MeanAbsoluteError", "bind": rated}},
            "training": {"epochs": EPOCHS, "batch_size": 13, "devices": "all", **training},
        }
    )


class Desk:
    """A folder with rows and runs, and an engine that sees one device or two."""

    def __init__(self, root: Path):
        self.root = root
        random = np.random.default_rng(1)
        x = random.normal(size=(ROWS, 5)).astype("float32")
        y = (x[:, 0] + 0.6 * random.normal(size=ROWS)).astype("float32")
        np.savez(root / "rows.npz", x=x, y=y, z=np.where(random.uniform(size=ROWS) < 0.2, np.nan, y))
        self.client: EngineClient = connect(start_engine(root / "engines"))

    def folder(self, made: Project) -> Path:
        return create_run(
            self.root / "runs", made, self.root, lambda out: script(made, folder=self.root, out=out)
        )

    def train(self, run: Path, resume: bool = False, until: Callable[[Any], None] | None = None) -> Any:
        """Train `run` and return its outcome; `until` is shown every message."""
        self.client.send(wire.Train(run=str(run), resume=resume))
        while not isinstance(message := self.client.receive(90), wire.Outcome | None):
            assert not isinstance(message, wire.Gone), message
            if until is not None:
                until(message)
        assert message is not None
        return message

    def trained(self, made: Project) -> Path:
        run = self.folder(made)
        outcome = self.train(run)
        assert outcome.status == "done", (outcome.sentence, outcome.details)
        return run

    def close(self) -> None:
        self.client.send(wire.Shutdown())
        while not isinstance(self.client.receive(30), wire.Gone):
            pass
        self.client.close()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("one"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    start = tmp_path_factory.mktemp("start")
    (start / "sitecustomize.py").write_text(TWO)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(start), prepend=os.pathsep)
        made = Desk(tmp_path_factory.mktemp("two"))
        yield made
        made.close()


@pytest.fixture(scope="module")
def alone(one: Desk) -> Path:
    """A run on one device."""
    return one.trained(project(devices="one"))


@pytest.fixture(scope="module")
def shared(two: Desk) -> Path:
    """The same run, whose batches two devices share."""
    return two.trained(project())


def assert_alike(run: Path, other: Path, tolerance: float) -> None:
    with contextlib.closing(History(run)) as mine, contextlib.closing(History(other)) as theirs:
        assert mine.series == theirs.series
        np.testing.assert_allclose(mine.steps(), theirs.steps(), rtol=tolerance)
        for ours, other_one in zip(mine.epochs(), theirs.epochs(), strict=True):
            assert dict(ours.train) == pytest.approx(dict(other_one.train), rel=tolerance)
            assert dict(ours.validation) == pytest.approx(dict(other_one.validation), rel=tolerance)


def test_two_devices_have_the_history_of_one(alone: Path, shared: Path):
    assert_alike(shared, alone, 1e-5)


def test_all_devices_where_there_is_one_have_its_history_too(one: Desk, alone: Path):
    assert_alike(one.trained(project()), alone, 1e-5)


def test_the_steps_are_made_in_blocks(shared: Path):
    with contextlib.closing(History(shared)) as history:
        (way,) = [event.body["sentence"] for event in history.events() if event.kind == "way"]
    assert way.startswith("In compiled blocks of steps.")


def test_the_balance_closes_at_every_step(shared: Path):
    with contextlib.closing(History(shared)) as history:
        names = ("nll", "mse", "worst")
        parts = [history.column(f"term:{name}") * history.column(f"weight:{name}") for name in names]
        parts.append(history.column("regularization"))
        total = history.column("total")
    assert len(total) == EPOCHS * 15
    residual = np.abs(np.sum(parts, axis=0) - total) / np.sum(np.abs(parts), axis=0)
    assert residual.max() < 1e-6


def test_the_script_alone_has_the_numbers_of_the_run(two: Desk, shared: Path):
    assert verify(opened(str(shared)), None, True).difference <= 1e-6


def test_stopped_and_resumed_is_the_same(two: Desk):
    long = project(epochs=12, early_stopping={"patience": 11})
    whole, run = two.trained(long), two.folder(long)

    def stop(message: Any) -> None:
        if isinstance(message, wire.More) and message.epochs >= 2:
            two.client.send(wire.Stop())

    assert two.train(run, until=stop).status == "stopped"
    assert 1 <= checkpoint.read_place(run).epoch < 12
    assert two.train(run, resume=True).status == "done"
    assert_alike(run, whole, 1e-6)


def test_weight_and_rate_change_during_the_run(two: Desk):
    run = two.folder(project(epochs=20_000))
    asked = [wire.SetWeight(term="mse", weight=2.0), wire.SetRate(rate=0.004), wire.Stop()]
    due = [1]

    def change(message: Any) -> None:
        if asked and isinstance(message, wire.More) and message.epochs >= due[0]:
            due[0] = message.epochs + 2  # by then it has been made
            two.client.send(asked.pop(0))

    assert two.train(run, until=change).status == "stopped"
    with contextlib.closing(History(run)) as history:
        steps = {event.kind: event.body["step"] for event in history.events() if "step" in event.body}
        weights = history.column("weight:mse")
    assert (weights[: steps["weight"]] == 0.5).all()
    assert (weights[steps["weight"] :] == 2.0).all()
    assert verify(opened(str(run)), 2, True).difference <= 1e-6
