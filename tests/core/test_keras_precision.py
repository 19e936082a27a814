"""Mixed precision: layers compute in 16 bits, all that is shown, summed up and predicted is float32."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cli.opening import opened
from core.cli.verifying import verify
from core.codegen.script import script
from core.project.facts import DataFacts, FieldFacts
from core.project.schema import Project
from core.runs import wire
from core.runs.client import EngineClient, connect
from core.runs.folder import create_run
from core.runs.history import History
from core.runs.launch import start_engine

pytestmark = [pytest.mark.keras, pytest.mark.timeout(300)]

WORST = """
def worst(y, p, inner):
    for each in (y, p, inner):
        assert keras.backend.standardize_dtype(each.dtype) == "float32", each.dtype
    return ops.max(ops.abs(y - p)) + 0.01 * ops.mean(inner)
"""
TERMS = ("nll", "mse", "worst")
PENALTY = {"class": "L2", "config": {"l2": 0.001}}
EPOCHS, ROWS = 4, 200


def project(**training: Any) -> Project:
    """Every kind of term, dropout, batch normalization, and penalties on what is learnt and on outputs."""
    wide = {"units": 16, "kernel_regularizer": PENALTY, "activity_regularizer": PENALTY}
    both = {"y": "target:rating", "p": "head:prediction"}
    plain = {"y_true": "target:rating", "y_pred": "head:prediction"}
    return Project.model_validate(
        {
            "name": "mixed",
            "seed": 3,
            "data": {
                "source": {"kind": "numpy", "path": "rows.npz"},
                "fields": {
                    "features": {"columns": ["x"], "scaling": "standardize"},
                    "rating": {"columns": ["y"], "scaling": "standardize"},
                },
                "split": {"validation": 0.25},
            },
            "model": {
                "inputs": {"features": {"field": "features"}},
                "layers": {
                    "wide": {"class": "Dense", "from": ["features"], "config": wide},
                    "even": {"class": "BatchNormalization", "from": ["wide"]},
                    "drop": {"class": "Dropout", "from": ["even"], "config": {"rate": 0.2}},
                    "inner": {"class": "Dense", "from": ["drop"], "config": {"units": 8}},
                    "shift": {"class": "Dense", "from": ["inner"], "config": {"units": 1}},
                    "log_var": {"class": "Dense", "from": ["inner"], "config": {"units": 1}},
                },
                "heads": {
                    "prediction": {"layer": "shift", "unscale": "rating"},
                    "uncertainty": {"layer": "log_var"},
                },
            },
            "functions": WORST,
            "terms": {
                "nll": {
                    "loss": {"kind": "expression", "code": "exp(-s) * square(y - p) + s"},
                    "bind": {**both, "s": "head:uncertainty"},
                },
                "mse": {
                    "loss": {"kind": "catalogue", "name": "MeanSquaredError"},
                    "bind": plain,
                    "weight": 0.5,
                },
                "worst": {
                    "loss": {"kind": "python", "function": "worst"},
                    "bind": {**both, "inner": "layer:inner"},
                    "weight": 0.1,
                },
            },
            "metrics": {"mae": {"metric": "MeanAbsoluteError", "bind": plain}},
            "training": {"epochs": EPOCHS, "batch_size": 16, "precision": "mixed_float16", **training},
        }
    )


class Desk:
    """A folder with rows and runs, and an engine."""

    def __init__(self, root: Path):
        self.root = root
        random = np.random.default_rng(1)
        x = random.normal(size=(ROWS, 5)).astype("float32")
        np.savez(root / "rows.npz", x=x, y=5 * x[:, 0] + 40 + random.normal(size=ROWS))
        self.client: EngineClient = connect(start_engine(root / "engines"))

    def folder(self, made: Project) -> Path:
        return create_run(
            self.root / "runs", made, self.root, lambda out: script(made, folder=self.root, out=out)
        )

    def train(self, run: Path, resume: bool = False, until: Callable[[Any], None] | None = None) -> Any:
        """Train `run` and return its outcome; `until` is shown every message."""
        self.client.send(wire.Train(run=str(run), resume=resume))
        while not isinstance(message := self.client.receive(120), wire.Outcome | None):
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


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("mixed"))
    yield made
    made.client.send(wire.Shutdown())
    while not isinstance(made.client.receive(30), wire.Gone):
        pass
    made.client.close()


@pytest.fixture(scope="module")
def plain(desk: Desk) -> Path:
    """A run in float32, before any other."""
    return desk.trained(project(precision="float32"))


@pytest.fixture(scope="module")
def mixed(desk: Desk, plain: Path) -> Path:
    """A run in mixed precision, after `plain`."""
    return desk.trained(project())


def steps(run: Path) -> Any:
    with contextlib.closing(History(run)) as history:
        return history.steps()


def test_the_run_is_made_in_blocks_and_its_balance_closes(mixed: Path):
    with contextlib.closing(History(mixed)) as history:
        (way,) = [event.body["sentence"] for event in history.events() if event.kind == "way"]
        parts = [history.column(f"term:{name}") * history.column(f"weight:{name}") for name in TERMS]
        parts.append(history.column("regularization"))
        total = history.column("total")
    assert way.startswith("In compiled blocks of steps")
    assert (parts[-1] > 0).all()
    residual = np.abs(np.sum(parts, axis=0) - total) / np.sum(np.abs(parts), axis=0)
    assert residual.max() < 1e-6


def test_mixed_precision_is_close_to_float32_and_not_the_same(mixed: Path, plain: Path):
    """Dropout draws its masks in 16 bits too, and so others."""
    with contextlib.closing(History(mixed)) as one, contextlib.closing(History(plain)) as other:
        assert one.column("regularization")[0] == other.column("regularization")[0]
        first, second = one.column("term:mse")[0], other.column("term:mse")[0]
    assert first == pytest.approx(second, rel=0.1)
    assert first != second


def test_the_script_alone_has_the_numbers_of_the_run(mixed: Path):
    assert verify(opened(str(mixed)), None, True).difference == 0.0


def test_the_next_run_of_the_engine_computes_in_float32_again(desk: Desk, mixed: Path, plain: Path):
    np.testing.assert_array_equal(steps(desk.trained(project(precision="float32"))), steps(plain))


def test_bfloat16_trains_too(desk: Desk, mixed: Path, plain: Path):
    found = steps(desk.trained(project(precision="mixed_bfloat16")))
    assert np.isfinite(found).all()
    assert (found != steps(plain)).any()
    assert (found != steps(mixed)).any()


def test_predictions_are_float32_in_the_units_of_the_data(mixed: Path):
    import keras

    with np.load(mixed.parent.parent / "rows.npz") as rows:
        found = keras.saving.load_model(mixed / "predict.keras").predict({"features": rows["x"]}, verbose=0)
    assert {values.dtype.name for values in found.values()} == {"float32"}
    assert 30 < found["prediction"].mean() < 50


def test_stopped_and_resumed_is_the_same(desk: Desk):
    """Among the state is the factor by which losses are scaled, and how long it has been good."""
    long = project(epochs=40)
    whole, run = desk.trained(long), desk.folder(long)

    def stop(message: Any) -> None:
        if isinstance(message, wire.More) and message.epochs >= 3:
            desk.client.send(wire.Stop())

    assert desk.train(run, until=stop).status == "stopped"
    assert desk.train(run, resume=True).status == "done"
    np.testing.assert_array_equal(steps(run), steps(whole))


def test_weight_and_rate_change_during_the_run(desk: Desk):
    run = desk.folder(project(epochs=20_000))
    asked = [wire.SetWeight(term="mse", weight=2.0), wire.SetRate(rate=0.004)]

    def change(message: Any) -> None:
        if isinstance(message, wire.More) and message.epochs >= 1:
            desk.client.send(asked.pop(0) if asked else wire.Stop())

    assert desk.train(run, until=change).status == "stopped"
    with contextlib.closing(History(run)) as history:
        made = [event.kind for event in history.events() if event.kind in ("weight", "rate")]
        last = len(history.epochs())
    assert made == ["weight", "rate"]
    assert verify(opened(str(run)), min(last, 40), True).difference <= 1e-6


def test_facts_are_those_of_mixed_precision():
    from core.engine.facts import model_facts

    fields = {
        name: FieldFacts(shape=(size,), dtype="float32") for name, size in (("features", 5), ("rating", 1))
    }
    found = model_facts(project(precision="mixed_bfloat16"), DataFacts(fields=fields), True)
    assert not found.errors
    assert found.dtypes["layer:inner"] == "bfloat16"
    assert found.dtypes["layer:wide"] == found.dtypes["head:prediction"] == "float32"
    assert set(found.term_shapes) == set(TERMS)
    assert found.devices == ("CPU:0",)
    again = model_facts(project(precision="float32"), DataFacts(fields=fields), True)
    assert again.dtypes["layer:inner"] == "float32"
