"""A table with an odd row, projects whose numbers become bad in it, and a desk at which an engine trains them."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.codegen.script import script
from core.project.badvalues import BadValues
from core.project.schema import Project
from core.runs import wire
from core.runs.client import EngineClient, connect
from core.runs.folder import create_run
from core.runs.history import History
from core.runs.launch import start_engine

ROWS, ODD = 400, 118
"""Rows of the table, and the number of the one, from 1, in which the column w is 0 and the others are 1."""
SEED, BATCH = 3, 16


def project(term: str = "square(p - y)", **parts: Any) -> Project:
    """Two heads and two terms; `term` is the formula of the one that is called odd. With dropout and a metric."""
    layers = {
        "trunk": {"class": "Dense", "from": ["x"], "config": {"units": 8, "activation": "tanh"}},
        "drop": {"class": "Dropout", "from": ["trunk"], "config": {"rate": 0.2}},
        "one": {"class": "Dense", "from": ["drop"], "config": {"units": 1}},
        "two": {"class": "Dense", "from": ["drop"], "config": {"units": 1}},
    }
    mse = {"y_true": "target:y", "y_pred": "head:second"}
    return Project.model_validate(
        {
            "lossmith": 1,
            "name": "bad values",
            "seed": SEED,
            "data": {
                "source": {"kind": "csv", "path": parts.get("file", "rows.csv")},
                "fields": {
                    "x": {"columns": ["a", "b"]},
                    "y": {"columns": ["y"]},
                    "w": {"columns": ["w"]},
                },
                "split": {"validation": parts.get("validation", 0.0)},
                "loading": parts.get("loading", "auto"),
            },
            "model": {
                "inputs": {"x": {"field": "x"}},
                "layers": {**layers, **parts.get("layers", {})},
                "heads": {"first": {"layer": "one"}, "second": {"layer": "two"}},
            },
            "functions": parts.get("functions", ""),
            "terms": {
                "odd": {
                    "loss": parts.get("loss", {"kind": "expression", "code": term}),
                    "bind": {"p": "head:first", "y": "target:y", "w": "target:w"},
                },
                "mse": {"loss": {"kind": "catalogue", "name": "MeanSquaredError"}, "bind": mse},
            },
            "metrics": {"mae": {"metric": "MeanAbsoluteError", "bind": mse}},
            "training": {
                "epochs": parts.get("epochs", 2),
                "batch_size": BATCH,
                "optimizer": parts.get("optimizer", {"class": "Adam", "config": {"learning_rate": 0.01}}),
                **parts.get("training", {}),
            },
        }
    )


class Desk:
    """A folder with rows and runs, and one engine for all of them."""

    def __init__(self, root: Path):
        self.root = root
        self.client: EngineClient = connect(start_engine(root / "engines"))
        self.table("rows.csv")

    def table(self, name: str, row: int | Sequence[int] = ODD, **values: Any) -> str:
        """Write a table; `values` stand in row number `row`, or in these rows."""
        random = np.random.default_rng(1)
        columns = {key: random.normal(size=ROWS) for key in "ab"}
        columns |= {"y": columns["a"] - columns["b"], "w": np.ones(ROWS)}
        for key, value in {"w": 0.0, **values}.items():
            columns[key][np.subtract(row, 1)] = value
        table = np.stack([columns[key] for key in "abyw"], axis=1)
        np.savetxt(self.root / name, table, delimiter=",", header="a,b,y,w", comments="", fmt="%.9g")
        return name

    def folder(self, made: Project, edit: Callable[[str], str] = str) -> Path:
        return create_run(
            self.root / "runs",
            made,
            self.root,
            lambda out: edit(script(made, folder=self.root, out=out).text),
        )

    def train(self, run: Path, **order: Any) -> tuple[wire.Outcome, list[Any]]:
        """Train `run`; the outcome, and the messages before it."""
        heard: list[Any] = []
        self.client.send(wire.Train(run=str(run), **order))
        while not isinstance(message := self.client.receive(60), wire.Outcome):
            assert message is not None
            assert not isinstance(message, wire.Gone)
            heard.append(message)
        return message, heard

    def bad(self, made: Project, edit: Callable[[str], str] = str) -> tuple[BadValues, wire.Outcome, Path]:
        """Train a project that goes bad and loses its weights: what was found."""
        run = self.folder(made, edit)
        outcome, _ = self.train(run)
        assert outcome.status == "failed", outcome
        assert outcome.bad is not None, outcome
        return outcome.bad, outcome, run

    def close(self) -> None:
        self.client.send(wire.Shutdown())
        while not isinstance(self.client.receive(30), wire.Gone):
            pass
        self.client.close()


def step_of_odd_row() -> int:
    """The step of the first epoch, from 1, whose batch has the odd row: without validation all rows train."""
    order = np.random.default_rng((SEED, 0)).permutation(ROWS)
    return int(np.flatnonzero(order == ODD - 1)[0]) // BATCH + 1


def rows_that_validate(share: float = 0.2) -> np.ndarray:
    """The numbers, from 1, of the rows that validate, in the order in which they do."""
    return np.sort(np.random.default_rng(SEED).permutation(ROWS)[: round(share * ROWS)]) + 1


def dense(source: str = "drop", **config: Any) -> dict[str, Any]:
    return {"class": "Dense", "from": [source], "config": {"units": 1, **config}}


def steps_of(run: Path) -> np.ndarray:
    with contextlib.closing(History(run)) as history:
        return history.steps().copy()


def sgd(rate: float) -> dict[str, Any]:
    return {"class": "SGD", "config": {"learning_rate": rate}}


def weights_kept(run: Path) -> list[np.ndarray]:
    """The weights of the model that was saved before the bad step."""
    import keras

    scope: dict[str, Any] = {"__name__": "script", "__file__": str(run / "train.py")}
    exec(compile((run / "train.py").read_text(), "train.py", "exec"), scope)
    model = keras.saving.load_model(
        run / "last-finite.keras", custom_objects={"TermModel": scope["TermModel"]}
    )
    return list(model.get_weights())
