"""Real runs and the things of one window without a window, for the tests of the panels."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from core.project import storage
from core.project.schema import Project
from core.project.trust import Trust
from core.runs import alive
from core.runs.folder import create_run
from core.runs.record import Record
from gui import theme
from gui.checking import Checking
from gui.document import Document
from gui.selection import Selection
from gui.training import Training

PROJECT = {
    "lossmith": 1,
    "name": "Two heads",
    "data": {
        "source": {"kind": "csv", "path": "rows.csv"},
        "fields": {"x": {"columns": ["a", "b"]}, "y": {"columns": ["y"]}},
    },
    "model": {
        "inputs": {"x": {"field": "x"}},
        "layers": {
            "trunk": {
                "class": "Dense",
                "from": ["x"],
                "config": {
                    "units": 8,
                    "activation": "relu",
                    "kernel_regularizer": {"class": "L2", "config": {"l2": 0.001}},
                },
            },
            "shift": {"class": "Dense", "from": ["trunk"], "config": {"units": 1}},
            "log_var": {"class": "Dense", "from": ["trunk"], "config": {"units": 1}},
        },
        "heads": {"prediction": {"layer": "shift"}, "uncertainty": {"layer": "log_var"}},
    },
    "terms": {
        "mse": {
            "loss": {"kind": "catalogue", "name": "MeanSquaredError"},
            "bind": {"y_true": "target:y", "y_pred": "head:prediction"},
            "weight": 0.5,
        },
        "nll": {
            "loss": {"kind": "expression", "code": "exp(-s) * square(y - p) + s"},
            "bind": {"y": "target:y", "p": "head:prediction", "s": "head:uncertainty"},
        },
    },
    "metrics": {
        "mae": {
            "metric": "MeanAbsoluteError",
            "bind": {"y_true": "target:y", "y_pred": "head:prediction"},
        }
    },
    "training": {"epochs": 4, "batch_size": 16},
}


@pytest.fixture
def two_heads(tmp_path: Path) -> Project:
    """A small project that can be trained; its rows lie in `tmp_path`."""
    rows = np.random.default_rng(1).normal(size=(120, 3))
    rows[:, 2] = rows[:, 0] - 2 * rows[:, 1]
    np.savetxt(tmp_path / "rows.csv", rows, delimiter=",", header="a,b,y", comments="")
    return storage.loads(json.dumps(PROJECT))


@pytest.fixture
def make_run(tmp_path: Path, two_heads: Project) -> Iterator[Callable[..., Path]]:
    """Writes records of runs of `two_heads`, as an engine would; a run that is "running" stays so for the
    test.
    """
    with contextlib.ExitStack() as stack:

        def make(
            epochs: int = 3, steps: int = 20, status: str = "done", name: str = "Two heads", **odd: object
        ) -> Path:
            named = two_heads.model_copy(update={"name": name})
            run = create_run(tmp_path / "runs", named, tmp_path, 'print("a script")\n')
            if status == "running":
                stack.enter_context(alive.hold(run))
            _record(run, epochs, steps, status, **odd)
            return run

        yield make


def _record(
    run: Path, epochs: int, steps: int, status: str, bad_step: int | None = None, new_weight: float = 0.5
) -> None:
    rows = columns_of(epochs * steps, steps, new_weight)
    if bad_step is not None:
        rows[bad_step, 4] = rows[bad_step, 0] = np.nan
    series = ["total", "regularization", "term:mse", "weight:mse", "term:nll", "weight:nll"]
    with contextlib.closing(Record(run)) as record:
        record.set(series=series, epochs=5, steps=steps, status=status, started=time.time() - 60, sentence="")
        if len(rows):
            record.steps(0, rows)
        for epoch in range(1, epochs + 1):
            part = rows[(epoch - 1) * steps : epoch * steps].mean(axis=0).tolist()
            means = dict(zip(series, part, strict=True)) | {"metric:mae": 1 / epoch}
            kept = {key: value for key, value in means.items() if not key.startswith("weight:")}
            record.epoch(
                epoch, epoch * steps, epoch * 2.0, kept, {key: 1.1 * value for key, value in kept.items()}
            )
        record.commit()


def columns_of(count: int, steps: int, new_weight: float) -> np.ndarray:
    """Steps whose balance sheet closes; the weight of `mse` becomes `new_weight` after the first epoch."""
    rng, x = np.random.default_rng(5), np.arange(count) / max(1, steps)
    mse, nll = np.exp(-x) + 0.01 * rng.random(count), 2 * np.exp(-x) + 0.01 * rng.random(count)
    regularization, weight = 0.02 + 0 * x, np.where(x < 1, 0.5, new_weight)
    total = regularization + weight * mse + nll
    return np.column_stack([total, regularization, mse, weight, nll, np.ones(count)])


@pytest.fixture
def bench(qapp: QApplication, tmp_path: Path, two_heads: Project) -> Iterator[SimpleNamespace]:
    """Document, selection, checking and training of one window; no engine is started."""
    theme.use(qapp, "light")
    document, selection = Document(two_heads, tmp_path), Selection()
    training = Training(runs=tmp_path / "runs", trust=Trust(tmp_path / "trusted.json"))
    checking = Checking(document, training)
    made = SimpleNamespace(document=document, selection=selection, checking=checking, training=training)
    made.panel = lambda kind: kind(document, selection, checking, training)
    yield made
    training.close()
