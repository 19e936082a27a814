"""The projects that are measured, written into a folder with data drawn from a seed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.codegen.script import script
from core.data import inspect
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

LOSSES = ("MeanSquaredError", "MeanAbsoluteError")


@dataclass(frozen=True)
class Case:
    """One project to measure: `heads` are the layers that are outputs, each with two terms or, if there are many,
    one."""

    name: str
    rows: int
    row_shape: tuple[int, ...]
    layers: dict[str, Layer]
    batch_size: int
    epochs: int
    heads: tuple[str, ...] = ()
    turbo: bool = False

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-self.rows // self.batch_size)

    def with_turbo(self) -> "Case":
        """The same in Turbo, for more epochs, as it is through with few of them too soon to be timed."""
        return replace(self, turbo=True, epochs=4 * self.epochs)


def dense(source: str, units: int, activation: str | None = "relu") -> Layer:
    config: dict[str, Any] = {"units": units} | ({"activation": activation} if activation else {})
    return Layer(class_name="Dense", sources=(source,), config=config)


def conv(source: str, filters: int) -> Layer:
    config = {"filters": filters, "kernel_size": 3, "activation": "relu"}
    return Layer(class_name="Conv2D", sources=(source,), config=config)


def stack(*makers: Callable[[str], Layer]) -> dict[str, Layer]:
    """Layers in a row behind the input, called l0, l1 and so on."""
    sources = ["x", *(f"l{number}" for number in range(len(makers)))]
    return {f"l{number}": make(sources[number]) for number, make in enumerate(makers)}


def mlp(units: int) -> dict[str, Layer]:
    return stack(lambda x: dense(x, units), lambda x: dense(x, units), lambda x: dense(x, 1, None))


def many_heads(count: int) -> dict[str, Layer]:
    """A trunk of 64 units with `count` heads of one unit."""
    trunk = {"trunk": dense("x", 64)}
    return trunk | {f"head{number}": dense("trunk", 1, None) for number in range(count)}


CNN = stack(
    lambda x: conv(x, 8),
    lambda x: conv(x, 16),
    lambda x: Layer(class_name="Flatten", sources=(x,)),
    lambda x: dense(x, 1, None),
)
SMALL = Case("MLP 2x64, batch 32", 16_000, (16,), mlp(64), 32, 10)
LARGE = Case("MLP 2x1024, batch 256", 20_000, (64,), mlp(1024), 256, 3)
IMAGES = Case("small CNN, batch 64", 4_000, (16, 16, 1), CNN, 64, 3)
TABLE = Case("20 epochs of 4,000 rows", 4_000, (16,), mlp(64), 32, 20)


def project_of(case: Case, folder: Path) -> Project:
    """Write the case's rows into `folder` and return a project that trains on them."""
    heads = case.heads or (list(case.layers)[-1],)
    return Project(
        name=case.name,
        data=Data(
            source=NumpySource(path=_written(case, folder).name),
            fields={"x": NumberField(columns=("x",)), "y": NumberField(columns=("y",))},
            split=Split(validation=0.0),
        ),
        model=Model(
            inputs={"x": Input(field="x")},
            layers=case.layers,
            heads={f"{layer}_out": Head(layer=layer) for layer in heads},
        ),
        terms=_terms(heads),
        training=Training(epochs=case.epochs, batch_size=case.batch_size, turbo=case.turbo),
    )


def _terms(heads: tuple[str, ...]) -> dict[str, Term]:
    losses = LOSSES if len(heads) == 1 else LOSSES[:1]
    return {
        f"{layer}_{loss[4:12].lower()}": Term(
            loss=CatalogueLoss(name=loss),
            bind={"y_true": "target:y", "y_pred": f"head:{layer}_out"},
            weight=1 / len(losses),
        )
        for layer in heads
        for loss in losses
    }


def _written(case: Case, folder: Path) -> Path:
    path = folder / f"{case.rows}x{'x'.join(map(str, case.row_shape))}.npz"
    if not path.exists():
        random = np.random.default_rng(7)
        x = random.standard_normal((case.rows, *case.row_shape), "float32")
        np.savez(path, x=x, y=x.reshape(case.rows, -1)[:, :4].sum(1))
    return path


def run_folder(project: Project, folder: Path, root: Path) -> Path:
    """Make a run of `project`, whose data lie in `folder`, in `root`."""
    facts = inspect(project.data, folder, project.seed)
    return create_run(root, project, folder, lambda out: script(project, folder=folder, out=out, facts=facts))
