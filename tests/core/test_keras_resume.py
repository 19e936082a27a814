"""A run that was interrupted and resumed is the run that never was: every step, every epoch, every file."""

import contextlib
import csv
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.catalogue import optimizers
from core.cli.opening import opened
from core.cli.verifying import verify
from core.codegen.script import script
from core.project.schema import Project, Split
from core.runs import checkpoint, wire
from core.runs.checkpoint import Checkpoint, Place
from core.runs.client import EngineClient, connect
from core.runs.folder import create_run
from core.runs.history import History
from core.runs.launch import start_engine
from core.runs.resuming import extend, plan

pytestmark = [pytest.mark.keras, pytest.mark.timeout(240)]

EPOCHS, ROWS = 60, 3200
NLL = {
    "loss": {"kind": "expression", "code": "exp(-s) * square(y - p) + s"},
    "bind": {"y": "target:rating", "p": "head:prediction", "s": "head:uncertainty"},
}
MSE = {
    "loss": {"kind": "catalogue", "name": "MeanSquaredError"},
    "bind": {"y_true": "target:rating", "y_pred": "head:prediction"},
    "weight": 0.5,
}
SCHEDULE = {
    "class": "CosineDecay",
    "config": {"initial_learning_rate": 0.02, "decay_steps": 5000},
}


def project(**training: Any) -> Project:
    """Everything that carries a state: dropout, L2, batch normalization, a schedule, early stopping."""
    dense = {"units": 32, "kernel_regularizer": {"class": "L2", "config": {"l2": 0.001}}}
    return Project.model_validate(
        {
            "lossmith": 1,
            "name": "interrupted",
            "seed": 3,
            "data": {
                "source": {"kind": "numpy", "path": "rows.npz"},
                "fields": {"features": {"columns": ["x"]}, "rating": {"columns": ["y"]}},
                "split": {"validation": 0.25},
            },
            "model": {
                "inputs": {"features": {"field": "features"}},
                "layers": {
                    "wide": {"class": "Dense", "from": ["features"], "config": dense},
                    "even": {"class": "BatchNormalization", "from": ["wide"]},
                    "bend": {"class": "Activation", "from": ["even"], "config": {"activation": "relu"}},
                    "drop": {"class": "Dropout", "from": ["bend"], "config": {"rate": 0.2}},
                    "shift": {"class": "Dense", "from": ["drop"], "config": {"units": 1}},
                    "log_var": {"class": "Dense", "from": ["drop"], "config": {"units": 1}},
                },
                "heads": {"prediction": {"layer": "shift"}, "uncertainty": {"layer": "log_var"}},
            },
            "terms": {"nll": NLL, "mse": MSE},
            "metrics": {"mae": {"metric": "MeanAbsoluteError", "bind": MSE["bind"]}},
            "training": {
                "epochs": EPOCHS,
                "batch_size": 16,
                "optimizer": {"class": "Adam", "config": {"learning_rate": SCHEDULE}},
                "early_stopping": {"patience": 12},
                **training,
            },
        }
    )


BALANCED = """running = keras.Variable(1.0, trainable=False)
noise = keras.random.SeedGenerator(5)


def balanced(y, p):
    error = ops.mean(ops.square(y - p))
    running.assign(0.9 * running + 0.1 * error)
    return error / running * keras.random.uniform((), 0.9, 1.1, seed=noise)
"""


def remembering() -> Project:
    """The project with a function that remembers something from step to step."""
    loss = {"kind": "python", "function": "balanced"}
    both = {"y": "target:rating", "p": "head:prediction"}
    made = project().model_dump(mode="json", by_alias=True, exclude_unset=True)
    terms = {**made["terms"], "balanced": {"loss": loss, "bind": both}}
    return Project.model_validate({**made, "functions": BALANCED, "terms": terms})


def undivided(made: Project) -> Project:
    return made.model_copy(update={"data": made.data.model_copy(update={"split": Split(validation=0.0)})})


class Desk:
    """A folder with rows and runs, and an engine; a new one when the last was killed."""

    def __init__(self, root: Path):
        self.root = root
        random = np.random.default_rng(1)
        x = random.normal(size=(ROWS, 5)).astype("float32")
        y = x[:, 0] + 0.6 * random.normal(size=ROWS)
        np.savez(root / "rows.npz", x=x, y=y.astype("float32"))
        self.client: EngineClient | None = None

    def engine(self) -> EngineClient:
        if self.client is None:
            self.client = connect(start_engine(self.root / "engines"))
        return self.client

    def folder(self, made: Project) -> Path:
        return create_run(
            self.root / "runs", made, self.root, lambda out: script(made, folder=self.root, out=out)
        )

    def train(self, run: Path, resume: bool = False, until: Callable[[Any], None] | None = None) -> Any:
        """Train `run` and return its outcome; `until` is shown every message."""
        client = self.engine()
        client.send(wire.Train(run=str(run), resume=resume))
        while not isinstance(message := client.receive(60), wire.Outcome):
            assert message is not None
            if isinstance(message, wire.Gone):
                return message
            if until is not None:
                until(message)
        return message

    def resume(self, run: Path) -> Any:
        assert plan(run).run == run
        return self.train(run, resume=True)

    def interrupted(self, run: Path, epochs: int, *commands: wire.Command) -> Any:
        """Train `run` and send commands in the epoch after `epochs` whole ones."""
        left = list(commands)

        def look(message: Any) -> None:
            while left and isinstance(message, wire.More) and message.epochs >= epochs:
                self.engine().send(left.pop(0))

        return self.train(run, until=look)

    def kill(self) -> None:
        os.kill(self.engine().endpoint.pid, signal.SIGKILL)

    def killed(self, run: Path, epochs: int) -> Any:
        """Train `run` and kill its engine once it has made `epochs`."""

        def kill(message: Any) -> None:
            if isinstance(message, wire.More) and message.epochs >= epochs:
                self.kill()

        gone = self.train(run, until=kill)
        self.engine().close()
        self.client = None
        return gone


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("desk"))
    yield made
    if made.client is not None:
        made.client.send(wire.Shutdown())
        while not isinstance(made.client.receive(30), wire.Gone):
            pass
        made.client.close()


@pytest.fixture(scope="module")
def whole(desk: Desk) -> Path:
    """A run that nobody interrupted; it ends by its early stopping."""
    run = desk.folder(project())
    assert desk.train(run).status == "done"
    return run


def assert_same(run: Path, whole: Path) -> None:
    """Both runs have the same steps, epochs, tables and models."""
    with contextlib.closing(History(run)) as one, contextlib.closing(History(whole)) as other:
        assert one.state.status == other.state.status == "done"
        assert one.state.sentence == other.state.sentence
        np.testing.assert_allclose(one.steps(), other.steps(), rtol=1e-6)
        assert len(one.epochs()) == len(other.epochs())
        for mine, theirs in zip(one.epochs(), other.epochs(), strict=True):
            assert (mine.epoch, mine.step) == (theirs.epoch, theirs.step)
            assert dict(mine.train) == pytest.approx(dict(theirs.train), rel=1e-6)
            assert dict(mine.validation) == pytest.approx(dict(theirs.validation), rel=1e-6)
        seconds = [epoch.seconds for epoch in one.epochs()]
        assert seconds == sorted(seconds)
    assert (run / "history.csv").read_text() == (whole / "history.csv").read_text()
    for mine, theirs in zip(weights(run), weights(whole), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)


def weights(run: Path) -> list[Any]:
    import keras

    return keras.saving.load_model(run / "predict.keras").get_weights()


def test_the_whole_run_ended_by_its_early_stopping(whole: Path):
    with contextlib.closing(History(whole)) as history:
        assert 15 < len(history.epochs()) < EPOCHS
        assert "ended early" in history.state.sentence


def test_stopped_and_resumed_is_the_same(desk: Desk, whole: Path):
    run = desk.folder(project())
    assert desk.interrupted(run, 3, wire.Stop()).status == "stopped"
    assert len(History(run).epochs()) < 10
    assert desk.resume(run).status == "done"
    assert_same(run, whole)


def test_stopped_and_resumed_again_and_again_is_the_same(desk: Desk, whole: Path):
    run = desk.folder(project())
    outcome = desk.interrupted(run, 1, wire.Stop())
    for epochs in (4, 8, 12):
        outcome = desk.train(run, resume=True, until=partial(stop_after, desk, epochs))
        assert outcome.status == "stopped"
    assert desk.resume(run).status == "done"
    assert_same(run, whole)


def test_means_of_a_part_of_an_epoch_are_given_to_nobody(desk: Desk):
    """Neither to the table nor to early stopping: `history.csv` has the epochs that are recorded, and no others."""
    run = desk.folder(project(epochs=400, early_stopping={"patience": 399}))
    for epochs in range(2, 14, 2):
        until = partial(stop_after, desk, epochs)
        outcome = desk.train(run, resume=epochs > 2, until=until)
        assert outcome.status == "stopped"
        with contextlib.closing(History(run)) as history:
            whole = {each.epoch - 1: each.logs for each in history.epochs() if each.validation}
        for row in csv.DictReader((run / "history.csv").read_text().splitlines()):
            logs = {key: value for key, value in row.items() if key.startswith("val_")}
            known = whole.get(int(row["epoch"]))
            assert logs == {key: str(known[key]) if known else "NA" for key in logs}


def stop_after(desk: Desk, epochs: int, message: Any) -> None:
    if isinstance(message, wire.More) and message.epochs >= epochs:
        desk.engine().send(wire.Stop())


def test_what_functions_of_the_project_remember_goes_on_as_well(desk: Desk):
    whole, run = desk.folder(remembering()), desk.folder(remembering())
    assert desk.train(whole).status == "done"
    assert desk.interrupted(run, 5, wire.Stop()).status == "stopped"
    assert desk.resume(run).status == "done"
    assert_same(run, whole)


@pytest.mark.fault
def test_killed_and_resumed_is_the_same(desk: Desk, whole: Path):
    run = desk.folder(project())
    assert desk.killed(run, 5).signal == "SIGKILL"
    with contextlib.closing(History(run)) as history:
        assert history.state.status == "killed"
    found = checkpoint.read_place(run)
    assert found is not None
    assert found.epoch >= 1
    assert desk.resume(run).status == "done"
    assert_same(run, whole)


def test_a_lost_checkpoint_means_to_begin_again(desk: Desk, whole: Path):
    run = desk.folder(project())
    desk.interrupted(run, 3, wire.Stop())
    checkpoint.remove(run)
    (run / "history.csv").unlink()
    assert desk.resume(run).status == "done"
    assert_same(run, whole)


def test_a_lost_table_is_written_again_from_the_record(desk: Desk, whole: Path):
    run = desk.folder(project())
    desk.interrupted(run, 4, wire.Stop())
    (run / "history.csv").write_text("epoch,loss\n0,torn")
    assert desk.resume(run).status == "done"
    assert_same(run, whole)


def test_more_epochs_are_those_of_a_longer_run(desk: Desk):
    """The rows are not split here, so the table has columns for a validation that is not done."""
    longer, run = (desk.folder(undivided(project(epochs=epochs, early_stopping=None))) for epochs in (5, 2))
    assert desk.train(longer).status == desk.train(run).status == "done"
    extend(plan(run, 5))
    (run / "history.csv").unlink()
    assert desk.resume(run).status == "done"
    assert_same(run, longer)
    assert (run / "train.py").read_text() == (longer / "train.py").read_text()


def test_what_was_changed_by_hand_is_changed_again_at_the_same_step(desk: Desk):
    """Weight and rate are set after the checkpoint that the run goes on from; the script proves the result."""
    run = desk.folder(project(epochs=400, early_stopping=None, optimizer={"class": "Adam"}))
    asked = [wire.SetWeight(term="mse", weight=2.0), wire.SetRate(rate=0.004)]
    early: list[bytes] = []

    def change(message: Any) -> None:
        if not isinstance(message, wire.More) or message.epochs < 2:
            return
        if not early:
            early.append((run / checkpoint.FILE).read_bytes())
        if asked:
            desk.engine().send(asked.pop(0))
        elif len(changed(run)) == 2:
            desk.engine().send(wire.Stop())

    assert desk.train(run, until=change).status == "stopped"
    before = changed(run)
    (run / checkpoint.FILE).write_bytes(early[0])
    assert checkpoint.read_place(run).step <= before[0][1]
    with contextlib.closing(History(run)) as history:
        steps, epochs = history.steps(), len(history.epochs())
    outcome = desk.train(run, resume=True, until=partial(stop_after, desk, epochs + 1))
    assert (outcome.status, changed(run)) == ("stopped", before)
    with contextlib.closing(History(run)) as history:
        again, whole_epochs = history.steps()[: len(steps)], len(history.epochs()) - 1
    np.testing.assert_allclose(again, steps, rtol=1e-6)
    assert verify(opened(str(run)), whole_epochs, True).difference <= 1e-6


def changed(run: Path) -> list[tuple[str, int]]:
    """The changes by hand in the record of a run, and their steps."""
    with contextlib.closing(History(run)) as history:
        events = history.events()
    return [(event.kind, event.body["step"]) for event in events if event.kind in ("weight", "rate")]


def test_a_pause_keeps_a_checkpoint_of_the_last_epoch_that_was_copied(desk: Desk):
    run = desk.folder(project(epochs=400, early_stopping=None))
    outcome = desk.interrupted(run, 2, wire.Pause(), wire.Stop())
    assert outcome.status == "stopped"
    assert checkpoint.read_place(run).epoch >= 1


def test_a_run_that_failed_goes_on_when_its_reason_is_gone(desk: Desk, whole: Path):
    run = desk.folder(project())
    text = (run / "train.py").read_text()
    broken = "batches.start(epoch) if epoch < 4 else 1 / 0)"
    assert text.count("batches.start(epoch))") == 1
    (run / "train.py").write_text(text.replace("batches.start(epoch))", broken))
    assert desk.train(run).status == "failed"
    assert checkpoint.read_place(run).epoch >= 1
    (run / "train.py").write_text(text)
    assert desk.resume(run).status == "done"
    assert_same(run, whole)


def test_a_checkpoint_of_another_model_is_refused_in_words(desk: Desk):
    run = desk.folder(project(epochs=400))
    desk.interrupted(run, 2, wire.Stop())
    text = (run / "train.py").read_text()
    assert text.count("Dense(32,") == 1
    (run / "train.py").write_text(text.replace("Dense(32,", "Dense(33,"))
    outcome = desk.resume(run)
    assert outcome.status == "failed"
    assert outcome.sentence.startswith("The checkpoint is of another model than train.py builds")


# ---- the state itself, without an engine


def small(optimizer: str) -> Any:
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(2, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1),
        ]
    )
    made = getattr(keras.optimizers, optimizer)
    made = made(keras.optimizers.Adam()) if optimizer == "LossScaleOptimizer" else made()
    model.compile(optimizer=made, loss="mse", run_eagerly=True)
    return model


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("optimizer", [*optimizers(), "LossScaleOptimizer"])
def test_every_optimizer_goes_on_exactly(optimizer: str):
    from core.engine import state

    random = np.random.default_rng(0)
    x, y = random.normal(size=(8, 3)), random.normal(size=(8, 1))
    fit = {"x": x, "y": y, "batch_size": 4, "shuffle": False, "verbose": 0}
    one, other = small(optimizer), small(optimizer)
    one.fit(**fit)
    place = Place(1, 2, 0.0, 0.0, state.facts(one, ()))
    kept = Checkpoint(place, dict(state.arrays(one, ())))
    one.fit(**fit)
    state.restore(other, (), kept)
    other.fit(**fit)
    for mine, theirs in zip(one.variables, other.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
