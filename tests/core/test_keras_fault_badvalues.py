"""NaN and infinity in a run: it says where they began, keeps what was finite, and ends where its weights are lost."""

import contextlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.codegen.script import script
from core.project.badvalues import BadValues
from core.project.facts import Facts
from core.project.remedies import remedies
from core.project.schema import Project
from core.runs import checkpoint, wire
from core.runs.client import EngineClient, connect
from core.runs.folder import create_run
from core.runs.history import History
from core.runs.launch import start_engine

pytestmark = [pytest.mark.keras, pytest.mark.fault, pytest.mark.timeout(240)]

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

    def table(self, name: str, row: int = ODD, **values: Any) -> str:
        """Write a table; `values` stand in row number `row`."""
        random = np.random.default_rng(1)
        columns = {key: random.normal(size=ROWS) for key in "ab"}
        columns |= {"y": columns["a"] - columns["b"], "w": np.ones(ROWS)}
        for key, value in {"w": 0.0, **values}.items():
            columns[key][row - 1] = value
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


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with contextlib.closing(Desk(tmp_path_factory.mktemp("bad values"))) as made:
        yield made


def step_of_odd_row() -> int:
    """The step of the first epoch, from 1, whose batch has the odd row: without validation all rows train."""
    order = np.random.default_rng((SEED, 0)).permutation(ROWS)
    return int(np.flatnonzero(order == ODD - 1)[0]) // BATCH + 1


def dense(source: str = "drop", **config: Any) -> dict[str, Any]:
    return {"class": "Dense", "from": [source], "config": {"units": 1, **config}}


def steps_of(run: Path) -> np.ndarray:
    with contextlib.closing(History(run)) as history:
        return history.steps().copy()


def sgd(rate: float) -> dict[str, Any]:
    return {"class": "SGD", "config": {"learning_rate": rate}}


# ---- terms and heads


def test_a_division_by_zero_is_named_with_term_head_step_formula_and_row(desk: Desk) -> None:
    bad, outcome, _ = desk.bad(project("square(p - y) / w"))
    assert (bad.cause, bad.kind, bad.where) == ("term", "infinite", "term:odd")
    assert (bad.terms, bad.heads) == (("odd",), ("first",))
    assert (bad.step, bad.epoch, bad.formula) == (step_of_odd_row(), 1, "square(p - y) / w")
    assert (bad.rows, bad.row_count, bad.source) == ((ODD,), 1, "rows.csv")
    assert bad.values[0].startswith(f"row {ODD}: p = ")
    assert bad.values[0].endswith(", w = 0")
    assert len(bad.batch) == BATCH
    assert ODD in bad.batch
    assert outcome.where == "term:odd"
    assert f"At step {bad.step} (epoch 1) the term odd (head first)" in outcome.sentence


def test_the_log_of_a_head_that_is_zero_is_named(desk: Desk) -> None:
    bad, _, _ = desk.bad(project("p - y * log(p)", layers={"one": dense(activation="relu")}))
    assert (bad.cause, bad.where, bad.formula, bad.step) == ("term", "term:odd", "log(p)", 1)
    assert 0 < bad.row_count <= BATCH


def test_a_gradient_that_is_no_number_under_a_finite_loss_is_named_at_its_own_step(desk: Desk) -> None:
    bad, _, run = desk.bad(project("sqrt(square(p - y) * w)"))
    assert (bad.cause, bad.kind, bad.where) == ("gradient", "nan", "term:odd")
    assert (bad.step, bad.heads, bad.rows) == (step_of_odd_row(), ("first",), (ODD,))
    assert bad.formula == "sqrt(square(p - y) * w)"
    finite = np.isfinite(steps_of(run)).all(axis=1)
    assert finite[: bad.step].all()  # that step's own loss was finite, the next one was not
    assert not finite[bad.step]


def test_a_python_loss_is_named_with_its_line(desk: Desk) -> None:
    code = "def mine(p, y, w):\n    d = ops.square(p - y)\n    return ops.mean(ops.log(w * d), axis=-1)\n"
    bad, outcome, run = desk.bad(project(functions=code, loss={"kind": "python", "function": "mine"}))
    assert (bad.cause, bad.where, bad.rows) == ("term", "term:odd", (ODD,))
    assert "ops.log(w * d)" in (run / "train.py").read_text().splitlines()[(outcome.line or 0) - 1]


# ---- layers, inputs, targets, updates


def test_a_layer_that_overflows_is_named(desk: Desk) -> None:
    wide = {"trunk": dense("x", units=8, activation="exponential")}
    bad, _, _ = desk.bad(project(layers=wide, file=desk.table("large.csv", a=900.0)))
    assert (bad.cause, bad.kind, bad.layer, bad.where) == ("layer", "infinite", "trunk", "layer:trunk")
    assert (bad.step, bad.rows, bad.heads) == (step_of_odd_row(), (ODD,), ("first", "second"))


def test_a_layer_whose_gradient_is_infinite_is_named_though_all_values_are_finite(desk: Desk) -> None:
    rooted = "(ops.sqrt(ops.relu(trunk)))"
    bad, _, _ = desk.bad(project(), lambda text: text.replace('name="drop")(trunk)', f'name="drop"){rooted}'))
    assert (bad.cause, bad.layer, bad.step, bad.where) == ("gradient", "sqrt", 1, None)


def test_an_infinite_value_in_the_data_is_named_with_its_row_and_column(desk: Desk) -> None:
    bad, _, _ = desk.bad(project(file=desk.table("infinite.csv", a=np.inf)))
    assert (bad.cause, bad.kind, bad.where) == ("input", "infinite", "input:x")
    assert (bad.step, bad.rows, bad.values) == (step_of_odd_row(), (ODD,), (f"row {ODD}: a = inf",))


def test_a_label_that_is_missing_where_none_may_be_is_named(desk: Desk) -> None:
    kept = partial(re.sub, r"\n    table = table.dropna\(.*\)", "")
    bad, _, _ = desk.bad(project(file=desk.table("gap.csv", y=np.nan)), kept)
    assert (bad.cause, bad.kind, bad.where) == ("target", "nan", "target:y")
    assert (bad.step, bad.values) == (step_of_odd_row(), (f"row {ODD}: y = nan",))


def test_a_rate_that_is_far_too_large_diverges(desk: Desk) -> None:
    bad, outcome, _ = desk.bad(project(optimizer=sgd(1000.0)))
    assert bad.diverged
    assert "smaller learning rate" in outcome.sentence


def test_weights_that_the_optimizer_itself_makes_infinite_are_named(desk: Desk) -> None:
    bad, _, _ = desk.bad(project(optimizer=sgd(3e38)))
    assert (bad.cause, bad.layer, bad.step) == ("update", "trunk", 1)


def test_values_that_are_bad_in_the_validation_alone_are_named_and_the_run_goes_on(desk: Desk) -> None:
    row = int(np.random.default_rng(SEED).permutation(ROWS)[0]) + 1  # the first of those that validate
    run = desk.folder(project("square(p - y) / w", validation=0.2, file=desk.table("seen.csv", row)))
    outcome, heard = desk.train(run)
    (found,) = [message.bad for message in heard if isinstance(message, wire.Trouble)]
    assert outcome.status == "done"
    assert (found.validation, found.epoch, found.where, found.rows) == (True, 1, "term:odd", (row,))


# ---- what is kept


def test_a_run_whose_weights_stay_finite_goes_on_as_if_nobody_had_looked(desk: Desk) -> None:
    """The log of a target has no gradient: without it the weights, and the other term, are the same."""
    run, fine = desk.folder(project("square(p - y) - log(w)", epochs=3)), desk.folder(project(epochs=3))
    outcome, heard = desk.train(run)
    (found,) = [message.bad for message in heard if isinstance(message, wire.Trouble)]
    assert (outcome.status, found.ended) == ("done", False)
    assert (found.step, found.formula, found.rows) == (step_of_odd_row(), "log(w)", (ODD,))
    assert "log(w) is infinite" in outcome.sentence
    desk.train(fine)
    np.testing.assert_array_equal(steps_of(run)[:, 3], steps_of(fine)[:, 3])
    with contextlib.closing(History(run)) as looked, contextlib.closing(History(fine)) as plain:
        assert looked.series[3] == "term:mse"
        means = [[epoch.train["metric:mae"] for epoch in history.epochs()] for history in (looked, plain)]
        assert means[0] == means[1]


def test_steps_before_the_bad_one_are_those_of_a_run_without_it(desk: Desk) -> None:
    _, _, run = desk.bad(project("square(p - y) / w"))
    fine = desk.folder(project("square(p - y) / maximum(w, 0.5)"))
    desk.train(fine)
    before = step_of_odd_row() - 1
    np.testing.assert_array_equal(steps_of(run)[:before], steps_of(fine)[:before])


def test_the_model_before_the_bad_step_is_kept_and_finite(desk: Desk) -> None:
    import keras

    bad, _, run = desk.bad(project("square(p - y) / w"))
    assert bad.kept_step == bad.step - 1
    scope: dict[str, Any] = {"__name__": "script", "__file__": str(run / "train.py")}
    exec(compile((run / "train.py").read_text(), "train.py", "exec"), scope)
    model = keras.saving.load_model(
        run / "last-finite.keras", custom_objects={"TermModel": scope["TermModel"]}
    )
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert not (run / "model.keras").exists()


def test_a_run_that_diverged_goes_on_from_its_last_finite_epoch_at_a_lower_rate(desk: Desk) -> None:
    bad, outcome, run = desk.bad(project(optimizer=sgd(0.9), epochs=60, validation=0.2))
    kept = checkpoint.read(run)
    assert kept is not None
    assert kept.place.epoch == bad.kept_epoch
    assert all(np.isfinite(array).all() for array in kept.arrays.values())
    assert f"epoch {bad.kept_epoch} is kept" in outcome.sentence
    before = steps_of(run)[: kept.place.step]
    outcome, _ = desk.train(run, resume=True, rate=0.001)
    assert outcome.status == "done", outcome
    after = steps_of(run)
    np.testing.assert_array_equal(after[: kept.place.step], before)
    assert np.isfinite(after).all()
    with contextlib.closing(History(run)) as history:
        rates = [event.body for event in history.events() if event.kind == "rate"]
        assert rates == [{"rate": 0.001, "step": kept.place.step}]
        assert not [event for event in history.events() if event.kind in ("bad", "warning")]


@pytest.mark.parametrize("way", [{"turbo": True}, {"devices": "all"}, {"shuffle": False}], ids=str)
def test_it_is_found_whichever_way_the_steps_are_made(desk: Desk, way: dict[str, Any]) -> None:
    bad, _, _ = desk.bad(project("sqrt(square(p - y) * w)", training=way))
    step = (ODD - 1) // BATCH + 1 if "shuffle" in way else step_of_odd_row()
    assert (bad.cause, bad.step, bad.rows, bad.note) == ("gradient", step, (ODD,), "")


def test_it_is_found_where_rows_stream_from_disk(desk: Desk) -> None:
    bad, _, _ = desk.bad(project("sqrt(square(p - y) * w)", loading="stream"))
    assert (bad.cause, bad.where, bad.formula, bad.note) == (
        "gradient",
        "term:odd",
        "sqrt(square(p - y) * w)",
        "",
    )
    assert (bad.row_count, bad.batch_size) == (1, BATCH)
    assert bad.values[0].endswith(", w = 0")


def test_half_precision_overflows_and_the_scaled_step_is_left_out(desk: Desk) -> None:
    wide = {"trunk": dense("x", units=8, activation="exponential")}
    half = project(layers=wide, file=desk.table("half.csv", a=60.0), training={"precision": "mixed_float16"})
    outcome, heard = desk.train(desk.folder(half))
    (found,) = [message.bad for message in heard if isinstance(message, wire.Trouble)]
    assert outcome.status == "done"
    assert (found.cause, found.layer, found.rows, found.ended) == ("layer", "trunk", (ODD,), False)
    assert "Compute in float32" in [fix.label for fix in remedies(half, Facts(), found)]


def test_plain_steps_are_made_again_as_well(desk: Desk) -> None:
    looking = "callbacks=[\n            keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None),"
    bad, _, _ = desk.bad(
        project("sqrt(square(p - y) * w)"), lambda text: text.replace("callbacks=[", looking)
    )
    assert (bad.cause, bad.step, bad.rows) == ("gradient", step_of_odd_row(), (ODD,))


def test_a_rate_set_by_hand_many_epochs_later_is_part_of_what_is_made_again(desk: Desk) -> None:
    run = desk.folder(project(optimizer=sgd(0.001), epochs=100_000))
    desk.client.send(wire.Train(run=str(run)))
    told = 0
    while not isinstance(message := desk.client.receive(60), wire.Outcome):
        assert message is not None
        if isinstance(message, wire.More) and message.epochs > 20 and not told:
            told = message.step
            desk.client.send(wire.SetRate(rate=1000.0))
    assert message.bad is not None
    assert (message.bad.diverged, message.bad.note) == (True, "")
    assert message.bad.cause != "unknown"
    assert message.bad.step > told
    assert np.isfinite(steps_of(run)[: message.bad.step - 1]).all()
    assert message.bad.kept_epoch is not None
