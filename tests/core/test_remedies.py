"""What is said of bad values in a run, and the edits that are offered against them."""

import numpy as np
import pytest

from core.project.badvalues import BadValues, advice, sentence
from core.project.facts import Facts
from core.project.remedies import lower_rate, remedies
from core.project.remedies.formulas import stable
from core.project.schema import ExpressionLoss, Project

FOUND = BadValues(step=312, epoch=4, cause="term", where="term:odd", terms=("odd",), heads=("first",))


def project(code: str = "log(p)", **config: object) -> Project:
    optimizer = {"class": "Adam", "config": {"learning_rate": 0.01, **config}}
    return Project.model_validate(
        {
            "lossmith": 1,
            "data": {"fields": {"x": {"columns": ["a"], "missing": "keep"}, "y": {"columns": ["y"]}}},
            "model": {
                "inputs": {"x": {"field": "x"}},
                "layers": {"one": {"class": "Dense", "from": ["x"], "config": {"activation": "exponential"}}},
                "heads": {"first": {"layer": "one"}},
            },
            "terms": {"odd": {"loss": {"kind": "expression", "code": code}, "bind": {"p": "head:first"}}},
            "training": {"optimizer": optimizer},
        }
    )


def labels(made: Project, **found: object) -> list[str]:
    return [fix.label for fix in remedies(made, Facts(), FOUND.model_copy(update=found))]


# ---- stable formulas


@pytest.mark.parametrize(
    ("code", "part", "better"),
    [
        ("p - y * log(p)", "log(p)", "p - y * log(maximum(p, 1e-07))"),
        ("a / b", "a / b", "a / where(abs(b) > 1e-07, b, 1e-07)"),
        ("sqrt(p)+log(p)", "sqrt(p)", "sqrt(maximum(p, 1e-07)) + log(p)"),
        ("exp(-s) * p", "exp(-s)", "exp(minimum(-s, 50.0)) * p"),
        ("cosh(p)", "cosh(p)", "cosh(clip(p, -50.0, 50.0))"),
        ("p ** 0.5", "p ** 0.5", "maximum(p, 1e-07) ** 0.5"),
        ("p ** (1 / 3)", "p ** (1 / 3)", "maximum(p, 1e-07) ** (1 / 3)"),
        ("p ** (-0.5)", "p ** (-0.5)", "maximum(p, 1e-07) ** (-0.5)"),
        ("p ** (-2)", "p ** (-2)", "where(abs(p) > 1e-07, p, 1e-07) ** (-2)"),
        ("p ** (-1.0)", "p ** (-1.0)", "where(abs(p) > 1e-07, p, 1e-07) ** (-1.0)"),
        ("log1p(p)", "", "log1p(maximum(p, -0.9999999))"),
    ],
)
def test_the_part_to_blame_is_kept_away_from_where_it_fails(code: str, part: str, better: str) -> None:
    found = stable(code, part)
    assert found is not None
    assert found[0] == better


@pytest.mark.parametrize("code", ["square(p - y)", "log(maximum(p, 0.1))", "a / 2", "p ** 2", "log(", ""])
def test_what_is_stable_or_no_formula_is_left_as_it_is(code: str) -> None:
    assert stable(code) is None


@pytest.mark.parametrize(
    "code", ["p ** q", "p ** -q", "p ** (q - 2)", "p ** (1 / 0)", "p ** None", "p ** True"]
)
def test_a_power_whose_exponent_is_not_written_out_has_no_stable_form(code: str) -> None:
    assert stable(code) is None


def test_a_power_that_is_infinite_near_zero_anyhow_has_no_stable_form() -> None:
    assert stable("p ** -60") is None


@pytest.mark.parametrize("code", ["p ** -2", "p ** -3.0", "1 / p", "p ** 0.5", "p ** -0.5"])
def test_the_stable_form_has_the_same_numbers_wherever_the_formula_was_fine(code: str) -> None:
    found = stable(code)
    assert found is not None
    for value in np.array([-3.0, -0.01, 0.01, 3.0]):
        names = {"p": value, "maximum": np.maximum, "where": np.where, "abs": np.abs}
        with np.errstate(invalid="ignore"):
            before = eval(code, names)
            assert np.isnan(before) or eval(found[0], names) == before


# ---- remedies


def test_a_formula_that_fails_is_mended_first() -> None:
    made = project()
    fix = remedies(made, Facts(), FOUND.model_copy(update={"formula": "log(p)"}))[0]
    assert fix.label == "Write log(p) as log(maximum(p, 1e-07))"
    assert fix.apply(made).terms["odd"].loss == ExpressionLoss(code="log(maximum(p, 1e-07))")


def test_a_training_that_diverged_gets_a_lower_rate_first_then_clipping() -> None:
    assert labels(project(), diverged=True)[:2] == [
        "Lower the learning rate to 0.001",
        "Clip gradients to a length of 1",
    ]
    assert "Clip gradients to a length of 1" not in labels(project(clipnorm=2.0), diverged=True)


def test_a_schedule_begins_lower() -> None:
    schedule = {"class": "CosineDecay", "config": {"initial_learning_rate": 0.5, "decay_steps": 10}}
    made = project(learning_rate=schedule)
    fix = remedies(made, Facts(), FOUND.model_copy(update={"diverged": True}))[0]
    assert fix.label == "Begin with a learning rate of 0.05"
    changed = fix.apply(made).training.optimizer.config["learning_rate"]
    assert isinstance(changed, dict)
    assert changed["config"] == {"initial_learning_rate": 0.05, "decay_steps": 10}
    assert lower_rate(made) is None


def test_a_layer_that_overflows_gets_an_activation_with_bounds_and_inputs_of_one_size() -> None:
    found = labels(project(), cause="layer", layer="one", where="layer:one")
    assert found[:2] == ["Give one a softplus activation", "Standardize x"]


def test_rows_without_a_value_can_be_left_out() -> None:
    made = project()
    (fix,) = [
        fix
        for fix in remedies(made, Facts(), FOUND.model_copy(update={"cause": "input", "where": "input:x"}))
        if fix.apply(made).data.fields["x"].missing == "drop"
    ][:1]
    assert "rows" in fix.label


def test_parts_that_are_gone_are_no_reason_to_fail() -> None:
    for cause in ("input", "target", "layer", "term", "gradient", "update", "regularization", "unknown"):
        gone = {
            "cause": cause,
            "where": f"{cause}:gone",
            "layer": "gone",
            "heads": ("gone",),
            "terms": ("gone",),
        }
        remedies(project(), Facts(), FOUND.model_copy(update=gone))


# ---- sentences


def test_the_sentence_names_step_term_head_formula_row_and_what_is_kept() -> None:
    found = {"formula": "log(p)", "kind": "infinite", "rows": (17,), "row_count": 1, "batch_size": 32,
             "source": "rows.csv", "ended": True, "kept_epoch": 3, "kept_step": 311}  # fmt: skip
    assert sentence(FOUND.model_copy(update=found)) == (
        "At step 312 (epoch 4) the term odd (head first): log(p) is infinite in row 17 of rows.csv. "
        "The weights were lost with it, so the run ended; epoch 3 is kept to go on from, "
        "and last-finite.keras has the model before that."
    )


def test_every_cause_has_a_sentence_and_advice() -> None:
    for cause in ("input", "target", "layer", "term", "gradient", "update", "regularization", "unknown"):
        found = FOUND.model_copy(update={"cause": cause, "where": f"{cause}:one", "layer": None})
        assert sentence(found).startswith("At step 312 (epoch 4) the ")
        assert "None" not in sentence(found)
        assert advice(found).endswith(".")
