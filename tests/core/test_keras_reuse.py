"""A second training of the same structure compiles nothing again, and gives what it would have given alone.

The scripts count how often Python makes their step. What a run with loops of an earlier one is compared with is the
same project in lines that are moved, for which nothing is reused.
"""

import contextlib
import gc
import re
import weakref
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.codegen.script import script
from core.project.schema import Project
from core.project.templates import template, write
from core.runs import wire
from core.runs.client import EngineClient, connect
from core.runs.folder import create_run
from core.runs.history import History
from core.runs.launch import start_engine

pytestmark = [pytest.mark.keras, pytest.mark.timeout(240)]

ROWS = 400
DENSE = {"units": 16, "kernel_regularizer": {"class": "L2", "config": {"l2": 0.001}}}
BIND = {"y_true": "target:y", "y_pred": "head:out"}
LAYERS = {
    "wide": {"class": "Dense", "from": ["x"], "config": DENSE},
    "even": {"class": "BatchNormalization", "from": ["wide"]},
    "drop": {"class": "Dropout", "from": ["even"], "config": {"rate": 0.2}},
    "out": {"class": "Dense", "from": ["drop"], "config": {"units": 1}},
}
ADAPTING = LAYERS | {
    "scaled": {"class": "Normalization", "from": ["x"]},
    "wide": {"class": "Dense", "from": ["scaled"], "config": DENSE},
}
CODES = {
    "wide": {"class": "Embedding", "from": ["x"], "config": {"input_dim": 8, "output_dim": 4}},
    "flat": {"class": "Flatten", "from": ["wide"]},
    "out": {"class": "Dense", "from": ["flat"], "config": {"units": 1}},
}


def project(rows: str = "rows.npz", layers: dict = LAYERS, **training: Any) -> Project:
    """Dropout, batch normalization, a regularizer, a metric and early stopping."""
    return Project.model_validate(
        {
            "lossmith": 1,
            "name": "again",
            "data": {
                "source": {"kind": "numpy", "path": rows},
                "fields": {"x": {"columns": ["x"]}, "y": {"columns": ["y"]}},
                "split": {"validation": 0.25},
            },
            "model": {
                "inputs": {"x": {"field": "x"}},
                "layers": layers,
                "heads": {"out": {"layer": "out"}},
            },
            "terms": {
                "mse": {"loss": {"kind": "catalogue", "name": "MeanSquaredError"}, "bind": BIND},
                "mae": {
                    "loss": {"kind": "catalogue", "name": "MeanAbsoluteError"},
                    "bind": BIND,
                    "weight": 0.5,
                },
            },
            "metrics": {"rmse": {"metric": "RootMeanSquaredError", "bind": BIND}},
            "training": {"epochs": 3, "batch_size": 16, "early_stopping": {"patience": 5}, **training},
        }
    )


@dataclass(frozen=True)
class Ran:
    """A run that has ended: how often Python made its step, its phases, and how it makes its steps."""

    run: Path
    outcome: wire.Outcome
    traced: int
    phases: tuple[str, ...]
    way: str

    @property
    def again(self) -> bool:
        """Whether it took its loops from an earlier run; whatever says so must say the same."""
        found = {self.traced == 0, "tracing" not in self.phases, "used again" in self.way}
        assert len(found) == 1, self
        return found.pop()


class Desk:
    """A folder with rows and runs, and an engine."""

    def __init__(self, root: Path):
        self.root = root
        self.moves = 0
        self.client: EngineClient = connect(start_engine(root / "engines"))
        random = np.random.default_rng(1)
        x = random.normal(size=(ROWS, 5)).astype("float32")
        y = x[:, 0] + 0.6 * random.normal(size=ROWS).astype("float32")
        np.savez(root / "rows.npz", x=x, y=y)
        np.savez(root / "other.npz", x=2 * x + 1, y=y)

    def folder(self, made: Project, moved: bool = False) -> Path:
        """A run folder of `made`; with `moved` its lines are where they have never been."""
        self.moves += moved

        def counting(out: Path) -> str:
            text = script(made, folder=self.root, out=out).text
            for old, new in (
                ("        terms = self.terms(x, y, y_pred)\n", "        keras.ops.traced.append(1)\n"),
                ("    keras.utils.set_random_seed(SEED)\n", "    keras.ops.traced = []\n"),
                (
                    "    return model, history\n",
                    '    (HERE / "traced.txt").write_text(str(len(keras.ops.traced)))\n',
                ),
            ):
                assert text.count(old) == 1
                text = text.replace(old, new + old)
            return text.replace("def build_model", "\n" * self.moves * moved + "def build_model")

        return create_run(self.root / "runs", made, self.root, counting)

    def train(self, run: Path, resume: bool = False, *commands: wire.Command) -> Ran:
        """Train `run`; `commands` are sent once it has made an epoch."""
        left, phases = list(commands), []
        self.client.send(wire.Train(run=str(run), resume=resume))
        while not isinstance(message := self.client.receive(60), wire.Outcome):
            assert message is not None
            assert not isinstance(message, wire.Gone), message
            if isinstance(message, wire.Phase):
                phases.append(message.phase)
            if isinstance(message, wire.More) and message.epochs:
                while left:
                    self.client.send(left.pop(0))
        with contextlib.closing(History(run)) as history:
            ways = [event.body["sentence"] for event in history.events() if event.kind == "way"]
        counted = run / "traced.txt"
        traced = int(counted.read_text()) if counted.exists() else -1
        return Ran(run, message, traced, tuple(phases), ways[-1] if ways else "")

    def done(self, made: Project, moved: bool = False) -> Ran:
        ran = self.train(self.folder(made, moved))
        assert ran.outcome.status == "done", ran.outcome
        return ran

    def same_again(self, first: Project, second: Project) -> None:
        """Train `first`, then `second` with its loops, and compare that with `second` alone."""
        self.done(first)
        again, alone = self.done(second), self.done(second, moved=True)
        assert again.again
        assert not alone.again
        assert_equal(again.run, alone.run)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("desk"))
    yield made
    made.client.send(wire.Shutdown())
    while not isinstance(made.client.receive(30), wire.Gone):
        pass
    made.client.close()


def assert_equal(one: Path, other: Path) -> None:
    """Both runs have the same steps, tables and models, bit for bit."""
    assert (one / "history.csv").read_bytes() == (other / "history.csv").read_bytes()
    with contextlib.closing(History(one)) as mine, contextlib.closing(History(other)) as theirs:
        np.testing.assert_array_equal(mine.steps(), theirs.steps())
    for name in ("model.keras", "predict.keras"):
        assert config(one / name) == config(other / name)
        for mine, theirs in zip(saved(one / name), saved(other / name), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def config(file: Path) -> str:
    """What a saved model is made of, without the name of the run's module and where its parts lay in memory."""
    with zipfile.ZipFile(file) as parts:
        text = parts.read("config.json").decode()
    return re.sub(r'"train_\d+_\d+_\w+"|"shared_object_id": \d+', "", text)


def saved(file: Path) -> list[Any]:
    """Everything that is saved of a model, weights and state of the optimizer, in the order of its names."""
    import h5py

    found: list[Any] = []
    with zipfile.ZipFile(file) as parts, h5py.File(parts.open("model.weights.h5")) as weights:
        weights.visititems(lambda _, part: found.append(part[()]) if isinstance(part, h5py.Dataset) else None)
    return found


def with_weight(made: Project, term: str, weight: float) -> Project:
    changed = made.terms[term].model_copy(update={"weight": weight})
    return made.model_copy(update={"terms": {**made.terms, term: changed}})


# ---- what is the same


def test_other_weights_rates_epochs_and_patience_compile_nothing(desk: Desk):
    rate = {"class": "Adam", "config": {"learning_rate": 0.02}}
    patience = {"patience": 1, "restore_best": True}
    changed = project(epochs=6, optimizer=rate, early_stopping=patience)
    desk.same_again(project(), with_weight(changed, "mae", 0.125))


def test_another_seed_and_other_rows_compile_nothing(desk: Desk):
    desk.same_again(project(), project(rows="other.npz").model_copy(update={"seed": 3}))


def test_texts_whose_words_a_layer_learns_compile_nothing_again(desk: Desk):
    made = write(template("reviews"), desk.root / "reviews.lossmith")
    short = made.model_copy(update={"training": made.training.model_copy(update={"epochs": 1})})
    desk.same_again(short, with_weight(short, "nll", 0.5))


def test_a_run_changed_by_hand_leaves_nothing_behind(desk: Desk):
    alone = desk.done(project())
    long = desk.folder(project(epochs=100_000, early_stopping=None))
    asked = (wire.SetWeight(term="mse", weight=9.0), wire.SetRate(rate=0.5), wire.Stop())
    assert desk.train(long, False, *asked).outcome.status == "stopped"
    again = desk.done(project())
    assert again.again
    assert_equal(again.run, alone.run)


def test_a_run_is_resumed_with_the_loops_of_another(desk: Desk):
    long = project(epochs=150, early_stopping=None)
    whole = desk.done(long)
    run = desk.folder(long)
    assert desk.train(run, False, wire.Stop()).outcome.status == "stopped"
    assert desk.train(run, resume=True).again
    assert_equal(run, whole.run)


# ---- what is not the same


@pytest.mark.parametrize(
    "changed",
    [
        project(batch_size=17),
        project(layers=LAYERS | {"drop": {"class": "Dropout", "from": ["even"], "config": {"rate": 0.3}}}),
        project(optimizer={"class": "Adam", "config": {"beta_1": 0.8}}),
        project().model_copy(update={"metrics": {}}),
        with_weight(project(), "mae", 0.5).model_copy(update={"terms": {"mse": project().terms["mse"]}}),
    ],
    ids=["batch size", "layer", "optimizer", "metrics", "terms"],
)
def test_another_structure_is_compiled_anew(desk: Desk, changed: Project):
    desk.done(project())
    assert not desk.done(changed).again


def test_rows_that_a_layer_adapts_to_are_compiled_anew(desk: Desk):
    first, other = (desk.done(project(rows, ADAPTING)) for rows in ("rows.npz", "other.npz"))
    assert not other.again
    assert desk.done(project("other.npz", ADAPTING)).again
    again = desk.done(project("rows.npz", ADAPTING))
    assert_equal(again.run, first.run)


def test_an_error_of_loops_used_again_names_the_line_of_its_own_script(desk: Desk):
    random = np.random.default_rng(0)
    for name, codes in (("good.npz", 8), ("bad.npz", 9)):
        x = random.integers(0, codes, (ROWS, 3)).astype("float32")
        np.savez(desk.root / name, x=x, y=x[:, 0])
    desk.done(project("good.npz", CODES))
    ran, alone = (desk.train(desk.folder(project("bad.npz", CODES), moved)) for moved in (False, True))
    assert (ran.outcome.status, alone.outcome.status) == ("failed", "failed")
    assert ("used again" in ran.way, "used again" in alone.way) == (True, False)
    assert (ran.outcome.where, ran.outcome.line + desk.moves) == (alone.outcome.where, alone.outcome.line)
    folders = set(re.findall(r"\d+-\d+-again[-\d]*", ran.outcome.details))
    assert folders == {ran.run.name}
    assert desk.done(project("good.npz", CODES)).again


# ---- loops by themselves


def test_a_loop_keeps_no_variable_alive():
    """Nor does a function that it calls, which is not copied into it."""
    from core.engine import reuse

    loop, weight = loop_of_a_weight()
    assert weight() is not None
    reuse._let_go(loop)
    gc.collect()
    assert weight() is None


def loop_of_a_weight() -> Any:
    import tensorflow as tf

    from core.engine import reuse

    weight = tf.Variable(1.0)
    inner = tf.function(lambda: weight + 1, experimental_attributes={"_noinline": True})
    function = tf.function(lambda: inner() + 1).get_concrete_function()
    loop = reuse._loop(function, Path("train.py"), reuse._variable("weight", weight))
    return loop, weakref.ref(weight.handle)


def test_what_remembers_its_calls_is_not_kept():
    import tensorflow as tf

    from core.engine.reuse import _has_no_memory

    counter = tf.Variable(0.0)
    pure = tf.function(lambda: counter.assign_add(1.0))
    random = tf.function(lambda: counter.assign_add(tf.random.uniform([])))
    python = tf.function(lambda: counter.assign_add(tf.py_function(lambda: 1.0, [], tf.float32)))
    found = [_has_no_memory(each.get_concrete_function()) for each in (pure, random, python)]
    assert found == [True, False, False]
