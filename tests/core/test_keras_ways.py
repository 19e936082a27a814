"""In which way steps are made: whatever the script and its rows are like, it trains, and the run says how and why."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.cli.opening import opened
from core.cli.verifying import verify
from core.codegen.script import script
from core.project.schema import FrozenMap, Project
from core.runs import wire
from core.runs.client import EngineClient, connect
from core.runs.folder import create_run
from core.runs.history import History
from core.runs.launch import start_engine

pytestmark = [pytest.mark.keras, pytest.mark.timeout(240)]

ROWS = 1000
BLOCKS = "In compiled blocks of steps."
LOOKING = (
    "*callbacks,",
    """*callbacks,
            keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None),""",
)
"""What makes a script look at its single steps."""
HARSH = """
def harsh(y, p):
    import tensorflow as tf

    off = tf.py_function(lambda value: value, [y - p], tf.float32)
    off.set_shape(y.shape)
    return ops.square(off) + 0.0 * p
"""


def layer(kind: str, source: str, **config: Any) -> dict[str, Any]:
    return {"class": kind, "from": [source], "config": config}


MLP = {
    "wide": layer("Dense", "features", units=64, activation="relu"),
    "deep": layer("Dense", "wide", units=64, activation="relu"),
    "shift": layer("Dense", "deep", units=1),
}
RANDOM = {
    "wide": layer("Dense", "features", units=24, kernel_regularizer={"class": "L2", "config": {"l2": 0.001}}),
    "even": layer("BatchNormalization", "wide"),
    "drop": layer("Dropout", "even", rate=0.3),
    "shift": layer("Dense", "drop", units=1),
}
READER = {
    "words": layer("TextVectorization", "features", max_tokens=20, output_mode="multi_hot"),
    "shift": layer("Dense", "words", units=1),
}
SERIES = {
    "long": layer("Reshape", "features", target_shape=[5, 1]),
    "memory": layer("LSTM", "long", units=4),
    "shift": layer("Dense", "memory", units=1),
}


def project(layers: dict[str, Any] = MLP, **training: Any) -> Project:
    """A project on `rows.npz`, whose last batch is short."""
    text = layers is READER
    features = {"kind": "text", "columns": ["t"]} if text else {"columns": ["x"]}
    bind = {"y_true": "target:rating", "y_pred": "head:prediction"}
    terms = {
        name: {"loss": {"kind": "catalogue", "name": kind}, "bind": bind, "weight": 0.5}
        for name, kind in (("mse", "MeanSquaredError"), ("mae", "MeanAbsoluteError"))
    }
    return Project.model_validate(
        {
            "name": "ways",
            "data": {
                "source": {"kind": "numpy", "path": "rows.npz"},
                "fields": {"features": features, "rating": {"columns": ["y"]}},
                "split": {"validation": 0.25},
            },
            "model": {
                "inputs": {"features": {"field": "features"}},
                "layers": layers,
                "heads": {"prediction": {"layer": "shift"}},
            },
            "terms": terms,
            "training": {"epochs": 3, "batch_size": 20, **training},
        }
    )


def of_few(rows: int, **training: Any) -> Project:
    """The project with `rows` rows to train on and none to validate."""
    made = project(**training)
    source = made.data.source.model_copy(update={"path": f"{rows}.npz"})
    split = made.data.split.model_copy(update={"validation": 0.0})
    return made.model_copy(update={"data": made.data.model_copy(update={"source": source, "split": split})})


def with_python(**training: Any) -> Project:
    """The project with a term that runs Python at each step."""
    values = project(**training).model_dump(by_alias=True)
    bind = {"y": "target:rating", "p": "head:prediction"}
    values["terms"]["harsh"] = {"loss": {"kind": "python", "function": "harsh"}, "bind": bind}
    return Project.model_validate(values | {"functions": HARSH})


def looking_up() -> Project:
    """The project with an Embedding that has no place for one of the rows."""
    layers = {
        "looked_up": layer("Embedding", "features", input_dim=3, output_dim=2),
        "flat": layer("Flatten", "looked_up"),
        "shift": layer("Dense", "flat", units=1),
    }
    made = project(layers)
    fields = dict(made.data.fields) | {
        "features": made.data.fields["features"].model_copy(update={"columns": ("k",)})
    }
    return made.model_copy(update={"data": made.data.model_copy(update={"fields": FrozenMap(fields)})})


class Desk:
    """A folder with rows and runs, and an engine."""

    def __init__(self, root: Path):
        self.root = root
        random = np.random.default_rng(1)
        x = random.normal(size=(ROWS, 5)).astype("float32")
        y = (x[:, 0] + 0.3 * x[:, 1] ** 2).astype("float32")
        words = np.array([f"{'good' if value > 0 else 'bad'} day" for value in y])
        places = np.arange(ROWS, dtype="float32") % 3
        places[777] = 9
        np.savez(root / "rows.npz", x=x, y=y, t=words, k=places)
        for few in (1, 7):
            np.savez(root / f"{few}.npz", x=x[:few], y=y[:few])
        self.client: EngineClient = connect(start_engine(root / "engines"))

    def run(self, made: Project, change: tuple[str, str] | None = None) -> Path:
        def text(out: Path) -> Any:
            found = script(made, folder=self.root, out=out)
            before, after = change or ("", "")
            assert before in found.text
            return SimpleNamespace(
                text=found.text.replace(before, after) if change else found.text, lines=found.lines
            )

        return create_run(self.root / "runs", made, self.root, text)

    def train(self, run: Path, resume: bool = False, stop_after: int = 0) -> str:
        """Train to the end, or stop once `stop_after` epochs are made; return the outcome's status."""
        self.client.send(wire.Train(run=str(run), resume=resume))
        asked = False
        while not isinstance(message := self.client.receive(90), wire.Outcome | None):
            assert not isinstance(message, wire.Gone), message
            if isinstance(message, wire.More) and stop_after and message.epochs >= stop_after and not asked:
                self.client.send(wire.Stop())
                asked = True
        assert message is not None
        assert message.status in ("done", "stopped"), (message.sentence, message.details)
        return message.status

    def failure(self, run: Path) -> wire.Outcome:
        """How a run ends that cannot be trained."""
        self.client.send(wire.Train(run=str(run)))
        while not isinstance(message := self.client.receive(90), wire.Outcome | None):
            assert not isinstance(message, wire.Gone), message
        assert message is not None
        assert message.status == "failed", message
        return message

    def trained(self, made: Project, change: tuple[str, str] | None = None) -> Path:
        run = self.run(made, change)
        assert self.train(run) == "done"
        return run

    def close(self) -> None:
        self.client.send(wire.Shutdown())
        while not isinstance(self.client.receive(30), wire.Gone):
            pass
        self.client.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("ways"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def fast(desk: Desk) -> Path:
    """A run in Turbo."""
    return desk.trained(project(turbo=True, epochs=6))


def way(run: Path) -> str:
    with contextlib.closing(History(run)) as history:
        return history.state.way


def check(run: Path) -> None:
    """Every step is recorded, and its terms and regularization add up to its total."""
    with contextlib.closing(History(run)) as history:
        steps, epochs = history.steps(), history.epochs()
        assert len(steps) == epochs[-1].step == len(epochs) * history.state.steps
        terms = (len(history.series) - 2) // 2
        parts = np.c_[steps[:, 2 : 2 + terms] * steps[:, 2 + terms :], steps[:, 1]]
        residual = np.abs(parts.sum(1) - steps[:, 0]) / np.maximum(np.abs(parts).sum(1), 1e-30)
        assert residual.max() < 1e-6


# ---- exact


def test_random_layers_and_short_batches_have_every_bit_of_plain_fit(desk: Desk) -> None:
    run = desk.trained(project(RANDOM, batch_size=30))
    assert way(run) == BLOCKS
    check(run)
    assert verify(opened(run), None, True).difference == 0.0


@pytest.mark.parametrize(
    ("made", "change", "said"),
    [
        (of_few(1), None, BLOCKS),
        (of_few(7, batch_size=50), None, BLOCKS),
        (project(shuffle=False), None, BLOCKS),
        (project(SERIES), None, BLOCKS),
        (project(READER), None, BLOCKS),
        (with_python(), None, BLOCKS),
        (of_few(7, batch_size=2), ("jit_compile=False", "run_eagerly=True"), "asks Keras to run eagerly."),
        (of_few(7, batch_size=2), ("jit_compile=False", "steps_per_execution=2"), "several steps at once."),
        (project(), LOOKING, "A callback of the script looks at single steps."),
    ],
    ids=[
        *("one row", "one batch", "not shuffled", "a loop in a layer", "texts", "Python"),
        *("eagerly", "several steps at once", "looking at steps"),
    ],
)
def test_everything_trains_and_says_how(
    desk: Desk, made: Project, change: tuple[str, str] | None, said: str
) -> None:
    run = desk.trained(made, change)
    assert said in way(run)
    check(run)


# ---- Turbo


def test_turbo_says_that_it_was_faster(fast: Path) -> None:
    assert way(fast).startswith("In Turbo (XLA), tried here: ")
    check(fast)


def test_numbers_of_turbo_are_close_to_the_exact_ones(desk: Desk, fast: Path) -> None:
    exact = desk.trained(project(epochs=6))
    with contextlib.closing(History(fast)) as ours, contextlib.closing(History(exact)) as theirs:
        np.testing.assert_allclose(ours.steps(), theirs.steps(), rtol=1e-3, atol=1e-5)
        for epoch, other in zip(ours.epochs(), theirs.epochs(), strict=True):
            assert epoch.logs == pytest.approx(other.logs, rel=1e-3)


def test_a_run_in_turbo_is_verified_with_a_tolerance_of_its_own(fast: Path, capfd: Any) -> None:
    found = verify(opened(fast), None, True)
    assert found.same
    assert found.tolerance == 1e-3
    assert "Turbo (XLA)" in capfd.readouterr().err


def test_a_run_in_turbo_goes_on_in_turbo_with_the_same_numbers(desk: Desk) -> None:
    made = project(turbo=True, epochs=60)
    whole, cut = desk.trained(made), desk.run(made)
    assert desk.train(cut, stop_after=2) == "stopped"
    assert desk.train(cut, resume=True) == "done"
    assert "as the run was trained so far" in way(cut)
    with contextlib.closing(History(whole)) as one, contextlib.closing(History(cut)) as other:
        np.testing.assert_array_equal(one.steps(), other.steps())


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (of_few(1, turbo=True), "Turbo"),
        (of_few(7, batch_size=50, turbo=True), "Turbo"),
        (project(RANDOM, turbo=True), "Turbo"),
        (project(READER, turbo=True), "without Turbo: XLA cannot compile the layer words."),
        (with_python(turbo=True), "without Turbo: XLA cannot compile Python code"),
    ],
    ids=["one row", "one batch", "random layers", "texts", "Python"],
)
def test_what_xla_cannot_compile_trains_without_turbo(desk: Desk, made: Project, said: str) -> None:
    run = desk.trained(made)
    assert said in way(run)
    check(run)


def test_a_script_that_looks_at_steps_trains_without_turbo_too(desk: Desk) -> None:
    run = desk.trained(with_python(turbo=True), LOOKING)
    assert way(run).startswith("Step by step")
    check(run)


def test_an_error_in_the_middle_of_compiled_steps_names_its_layer(desk: Desk) -> None:
    run = desk.run(looking_up())
    found = desk.failure(run)
    assert way(run) == BLOCKS
    assert found.where == "layer:looked_up", found
    assert found.line is not None
    assert "looked_up" in (run / "train.py").read_text().splitlines()[found.line - 1]
    with contextlib.closing(History(run)) as history:
        assert 0 < len(history.steps()) < history.state.steps, "up to the step that failed, and not once more"
