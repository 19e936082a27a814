"""NaN and infinity in a run: it says where they began, keeps what was finite, and ends where its weights are lost."""

import contextlib
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from core.project.facts import Facts
from core.project.remedies import remedies
from core.runs import checkpoint, wire
from core.runs.history import History
from tests.core.odd_rows import (
    BATCH,
    ODD,
    ROWS,
    Desk,
    dense,
    project,
    rows_that_validate,
    sgd,
    step_of_odd_row,
    steps_of,
    weights_kept,
)

pytestmark = [pytest.mark.keras, pytest.mark.fault, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with contextlib.closing(Desk(tmp_path_factory.mktemp("bad values"))) as made:
        yield made


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


def test_of_many_rows_with_such_values_those_of_the_batch_are_named(desk: Desk) -> None:
    odd = range(1, ROWS, 13)
    bad, _, _ = desk.bad(project(file=desk.table("many.csv", odd, a=np.inf)))
    guilty = [row for row in bad.batch if row in odd]
    assert (bad.cause, bad.rows, bad.row_count) == ("input", tuple(guilty), len(guilty))
    assert bad.values == tuple(f"row {row}: a = inf" for row in guilty)


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
    row = int(rows_that_validate()[0])
    run = desk.folder(project("square(p - y) / w", validation=0.2, file=desk.table("seen.csv", row)))
    outcome, heard = desk.train(run)
    (found,) = [message.bad for message in heard if isinstance(message, wire.Trouble)]
    assert outcome.status == "done"
    assert (found.validation, found.epoch, found.where, found.rows) == (True, 1, "term:odd", (row,))
    said = [message.sentence for message in heard if isinstance(message, wire.Phase)]
    searching = next(place for place, sentence in enumerate(said) if "looking for the layer" in sentence)
    assert "Training goes on" in said[searching + 1]


def test_a_gradient_that_would_be_bad_is_no_fault_of_a_validation(desk: Desk) -> None:
    """The root of 0 in its first batch is fine, but for a gradient that nobody computes."""
    first, *_, last = (int(row) for row in rows_that_validate())
    seen = desk.table("roots.csv", (first, last), w=(0.0, -1.0))
    run = desk.folder(project("sqrt(square(p - y) * w)", validation=0.2, file=seen))
    _, heard = desk.train(run)
    (found,) = [message.bad for message in heard if isinstance(message, wire.Trouble)]
    assert (found.cause, found.kind, found.where, found.rows) == ("term", "nan", "term:odd", (last,))


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
    bad, _, run = desk.bad(project("square(p - y) / w"))
    assert bad.kept_step == bad.step - 1
    assert all(np.isfinite(weight).all() for weight in weights_kept(run))
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


@pytest.mark.parametrize("shuffle", [True, False])
def test_it_is_found_where_rows_stream_from_disk(desk: Desk, shuffle: bool) -> None:
    streaming = project("sqrt(square(p - y) * w)", loading="stream", training={"shuffle": shuffle})
    bad, _, _ = desk.bad(streaming)
    assert (bad.cause, bad.where, bad.formula, bad.note) == (
        "gradient",
        "term:odd",
        "sqrt(square(p - y) * w)",
        "",
    )
    assert (bad.row_count, bad.batch_size, bad.kept_step) == (1, BATCH, bad.step - 1)
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
