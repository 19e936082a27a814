"""What the window is measured with: a project of eight terms, and the records of long runs."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from core.project.schema import (
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
from core.runs.folder import create_run
from core.runs.record import Record

ROWS, FEATURES, HEADS = 16_000, 16, 4
LOSSES = ("MeanSquaredError", "MeanAbsoluteError")
ZOOM_CURVES, ZOOM_STEPS = 16, 1_000_000
MEMORY_RUNS, MEMORY_STEPS = 10, 100_000


def write_long_run(folder: Path) -> None:
    recorded(folder, "long", ZOOM_CURVES - 1, ZOOM_STEPS)


def write_runs(folder: Path) -> None:
    for number in range(MEMORY_RUNS):
        recorded(folder, f"run {number}", 8, MEMORY_STEPS)


def eight_terms(folder: Path, epochs: int = 50) -> Project:
    """MLP 2x64 with four heads, and two terms on each; its rows lie in `folder`."""
    names = [f"y{number}" for number in range(HEADS)]
    write_rows(folder / "rows.npz", names)
    fields = {name: NumberField(columns=(name,)) for name in ("x", *names)}
    layers = {"l0": dense("x", 64), "l1": dense("l0", 64), **{f"d_{name}": dense("l1", 1) for name in names}}
    heads = {f"h_{name}": Head(layer=f"d_{name}") for name in names}
    return Project(
        name="Eight terms",
        data=Data(source=NumpySource(path="rows.npz"), fields=fields, split=Split(validation=0.2)),
        model=Model(inputs={"x": Input(field="x")}, layers=layers, heads=heads),
        terms={f"{loss[4:11].lower()}_{name}": term(loss, name) for name in names for loss in LOSSES},
        training=Training(epochs=epochs, batch_size=32),
    )


def write_rows(path: Path, names: list[str]) -> None:
    x = np.random.default_rng(7).normal(size=(ROWS, FEATURES)).astype("float32")
    np.savez(path, x=x, **{name: x[:, 3 * i : 3 * i + 3].sum(1) for i, name in enumerate(names)})


def term(loss: str, name: str) -> Term:
    bind = {"y_true": f"target:{name}", "y_pred": f"head:h_{name}"}
    return Term(loss=CatalogueLoss(name=loss), bind=bind, weight=0.5)


def dense(source: str, units: int) -> Layer:
    config: dict[str, Any] = {"units": units} | ({"activation": "relu"} if units > 1 else {})
    return Layer(class_name="Dense", sources=(source,), config=config)


def recorded(folder: Path, name: str, terms: int, steps: int) -> Path:
    """The record of a finished run with `terms` terms, as an engine would have left it."""
    run = create_run(Path(os.environ["LOSSMITH_RUNS"]), Project(name=name), folder, "print('a script')\n")
    random = np.random.default_rng(len(name))
    values = 1 + random.random((steps, terms)).cumsum(0) % 7
    weights = np.full((steps, terms), 1 / terms)
    total = (values * weights).sum(1)
    pairs = [part for column in range(terms) for part in (values[:, column], weights[:, column])]
    rows = np.column_stack([total, np.zeros(steps), *pairs])
    series = [name for number in range(terms) for name in (f"term:t{number}", f"weight:t{number}")]
    record = Record(run)
    record.set(series=["total", "regularization", *series], epochs=10, steps=steps // 10)
    record.set(status="done", started=time.time() - 60, ended=time.time(), sentence="Done.")
    for begin in range(0, steps, 10_000):
        record.steps(begin, rows[begin : begin + 10_000])
    for epoch in range(1, 11):
        record.epoch(epoch, epoch * steps // 10, epoch * 6.0, {"total": 1 / epoch}, {"total": 1.1 / epoch})
    record.commit()
    record.close()
    return run
