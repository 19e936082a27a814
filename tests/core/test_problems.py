"""Every rule finds what it is about, says it in a sentence, and its fix mends it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from core.project import edits, storage
from core.project.facts import ColumnFacts, DataFacts, Facts, FieldFacts, ModelFacts
from core.project.problems import Problem, problems
from core.project.problems.report import LAST, RULES
from core.project.problems.view import View
from core.project.schema import Project

PROJECT: dict[str, Any] = {
    "lossmith": 1,
    "data": {
        "source": {"kind": "csv", "path": "reviews.csv"},
        "fields": {
            "features": {"columns": ["a", "b"]},
            "rating": {"columns": ["stars"]},
            "kind": {"kind": "category", "columns": ["kind"]},
        },
    },
    "model": {
        "inputs": {"features": {"field": "features"}},
        "layers": {
            "trunk": {"class": "Dense", "from": ["features"], "config": {"units": 8, "activation": "relu"}},
            "shift": {"class": "Dense", "from": ["trunk"], "config": {"units": 1}},
        },
        "heads": {"prediction": {"layer": "shift"}},
    },
    "terms": {"mse": {"bind": {"y_true": "target:rating", "y_pred": "head:prediction"}}},
}


def number(**values: Any) -> ColumnFacts:
    return ColumnFacts(kind="number", dtype="float64", count=100, missing=0, **values)


COLUMNS = {name: number() for name in ("a", "b", "stars")} | {
    "kind": ColumnFacts(kind="category", dtype="object", count=100, missing=0)
}
FIELDS = {
    "features": FieldFacts(shape=(2,), dtype="float32", minimum=0, maximum=1),
    "rating": FieldFacts(shape=(1,), dtype="float32", minimum=0, maximum=5),
    "kind": FieldFacts(shape=(1,), dtype="int32", classes=("bird", "cat", "dog"), minimum=0, maximum=2),
}
DATA = DataFacts(
    rows=100, columns=COLUMNS, fields=FIELDS, split={"train": 80, "validation": 20, "test": 0, "dropped": 0}
)
FACTS = Facts(data=DATA)


def changed(path: str, value: Any, base: Mapping[str, Any] = PROJECT) -> Any:
    """PROJECT with another value at a dotted path; a path that ends in + merges."""
    first, _, rest = path.partition(".")
    if first == "+":
        return {**base, **value}
    return {**base, first: changed(rest, value, base.get(first, {})) if rest else value}


def project(*changes: tuple[str, Any]) -> Project:
    raw: Any = PROJECT
    for path, value in changes:
        raw = changed(path, value, raw)
    return Project.model_validate(raw)


def find(code: str, made: Project, facts: Facts = FACTS) -> Problem:
    found = problems(made, facts)
    codes = [problem.code for problem in found]
    assert codes.count(code) == 1, found
    problem = found[codes.index(code)]
    assert problem.message[0].isalpha() or problem.message[0] == '"'
    assert problem.message.endswith((".", "!", "?"))
    assert "\n" not in problem.message
    return problem


def mended(code: str, made: Project, facts: Facts = FACTS) -> Project:
    """Apply the fix of a problem and see that the problem is gone."""
    problem = find(code, made, facts)
    assert problem.fix is not None, problem
    better = problem.fix.apply(made)
    assert code not in [one.code for one in problems(better, facts) if one.where == problem.where]
    return better


def test_a_finished_project_has_no_problems() -> None:
    assert problems(project(), FACTS) == ()
    assert problems(project(), Facts()) == ()


def test_an_empty_project_says_what_to_begin_with() -> None:
    codes = {problem.code for problem in problems(Project(), Facts())}
    assert codes == {"no-data", "no-inputs", "no-heads", "no-terms"}


def test_blocking_problems_come_first() -> None:
    made = project(
        ("terms", {}), ("model.heads", {"prediction": {"layer": "shift"}, "loose": {"layer": "trunk"}})
    )
    assert [problem.severity for problem in problems(made, FACTS)] == ["blocking", "warning", "warning"]


TERM = PROJECT["terms"]["mse"]
BIND = TERM["bind"]
SPARSE = {
    "loss": {"kind": "catalogue", "name": "SparseCategoricalCrossentropy"},
    "bind": {**BIND, "y_true": "target:kind"},
}
SOFTMAX3 = {"class": "Dense", "from": ["trunk"], "config": {"units": 3, "activation": "softmax"}}


def formula(code: str, **bind: str) -> dict[str, Any]:
    return {
        "loss": {"kind": "expression", "code": code},
        "bind": bind or {"y": "target:rating", "p": "head:prediction"},
    }


def python(function: str, **bind: str) -> dict[str, Any]:
    return {
        "loss": {"kind": "python", "function": function},
        "bind": bind or {"y": "target:rating", "p": "head:prediction"},
    }


CASES = json.loads((Path(__file__).parent / "problems.json").read_text(encoding="utf-8"))
"""A code, the changes to PROJECT that cause it, and words of its sentence."""
FIXABLE, WITHOUT_FIX = CASES["with a fix"], CASES["without a fix"]


@pytest.mark.parametrize(
    ("code", "changes", "says"), FIXABLE, ids=[f"{one[0]}-{i}" for i, one in enumerate(FIXABLE)]
)
def test_a_problem_is_said_and_its_fix_mends_it(code: str, changes: list[tuple[str, Any]], says: str) -> None:
    made = project(*changes)
    mended(code, made)
    assert says in find(code, made).message


@pytest.mark.parametrize(("code", "changes", "says"), WITHOUT_FIX, ids=[one[0] for one in WITHOUT_FIX])
def test_a_problem_without_a_fix_is_said(code: str, changes: list[tuple[str, Any]], says: str) -> None:
    assert says in find(code, project(*changes)).message


def test_a_gradient_through_the_branches_of_where_is_one() -> None:
    made = project(("terms.mse", formula("where(p > y, square(p - y), abs(p - y))")))
    assert problems(made, FACTS) == ()


def test_a_default_of_a_function_need_not_be_bound() -> None:
    made = project(("functions", "def f(y, p, scale=1.0):\n    return y - p\n"), ("terms.mse", python("f")))
    assert problems(made, FACTS) == ()


def test_a_head_without_a_loss_is_fine_where_it_is_meant() -> None:
    assert problems(project(("model.heads.extra", {"layer": "trunk", "no_loss": True})), FACTS) == ()


def test_a_shared_layer_needs_no_class_of_its_own() -> None:
    again = {"from": ["features"], "shares": "trunk"}
    joined = {"class": "Add", "from": ["trunk", "again"]}
    made = project(
        ("model.layers.again", again), ("model.layers.sum", joined), ("model.layers.shift.from", ["sum"])
    )
    assert problems(made, FACTS) == ()


def test_sparse_labels_go_with_one_output_a_class() -> None:
    made = project(("terms.mse", SPARSE), ("model.layers.shift", SOFTMAX3))
    assert problems(made, FACTS) == ()


def test_missing_values_in_an_input_block() -> None:
    fields = {**FIELDS, "features": FIELDS["features"].model_copy(update={"missing": 3})}
    facts = Facts(data=DATA.model_copy(update={"fields": fields}))
    made = project(("data.fields.features", {"columns": ["a", "b"], "missing": "keep"}))
    assert "3 missing values" in find("missing-in-input", made, facts).message
    assert mended("missing-in-input", made, facts).data.fields["features"].missing == "drop"


def test_a_target_may_keep_its_missing_values() -> None:
    assert problems(project(("data.fields.rating", {"columns": ["stars"], "missing": "keep"})), FACTS) == ()


def test_a_mean_over_everything_cannot_skip_missing_labels() -> None:
    made = project(
        ("data.fields.rating", {"columns": ["stars"], "missing": "keep"}),
        ("functions", "def f(y, p):\n    return ops.mean(y - p)\n"),
        ("terms.mse", python("f")),
    )
    assert "one a row" in find("scalar-loss", made).message


def with_field(name: str, **values: Any) -> Facts:
    fields = {**FIELDS, name: FIELDS[name].model_copy(update=values)}
    return Facts(data=DATA.model_copy(update={"fields": fields}))


def test_infinite_and_constant_values_are_named() -> None:
    assert (
        "infinite" in find("infinite-values", project(), with_field("features", maximum=float("inf"))).message
    )
    assert (
        "3 in every row"
        in find("constant-target", project(), with_field("rating", minimum=3, maximum=3)).message
    )


def test_a_negative_label_is_outside_the_classes() -> None:
    made = project(
        ("terms.mse", {**SPARSE, "bind": BIND}),
        ("model.layers.shift", {**SOFTMAX3, "config": {"units": 9, "activation": "softmax"}}),
    )
    assert "down to -1" in find("label-out-of-range", made, with_field("rating", minimum=-1)).message
    assert (
        mended("label-out-of-range", made, with_field("rating", minimum=-1)).data.fields["rating"].kind
        == "category"
    )


def test_what_reading_the_data_said_is_passed_on_once() -> None:
    broken = Facts(data=DataFacts(error="reviews.csv is not there.", errors={"field:rating": "x."}))
    assert [problem.message for problem in problems(project(), broken)] == ["reviews.csv is not there."]
    partly = Facts(
        data=DATA.model_copy(update={"errors": {"field:rating": "stars holds words.", "field:gone": "x."}})
    )
    assert find("data-error", project(), partly).where == "field:rating"


def test_what_keras_refused_is_passed_on_where_nothing_better_is_known() -> None:
    said = Facts(data=DATA, model=ModelFacts(errors={"layer:trunk": "Keras says no."}))
    assert find("keras-refuses", project(), said).where == "layer:trunk"
    made = project(("model.layers.trunk.config", {}))
    assert "keras-refuses" not in {problem.code for problem in problems(made, said)}


def test_shapes_that_only_keras_knows_are_compared_too() -> None:
    said = Facts(data=DATA, model=ModelFacts(shapes={"layer:shift": (7, 4)}))
    made = project(
        (
            "model.layers.shift",
            {
                "class": "EinsumDense",
                "from": ["trunk"],
                "config": {"equation": "ab,bc->ac", "output_shape": [4]},
            },
        )
    )
    assert "(B, 7, 4)" in find("shape-mismatch", made, said).message
    assert problems(made, FACTS) == ()


def test_rows_that_meet_every_other_row_are_noticed_by_the_trial_run() -> None:
    said = Facts(data=DATA, model=ModelFacts(term_shapes={"mse": (None,)}))
    assert (
        "every row with every other"
        in find("rows-broadcast", project(("terms.mse", formula("square(y - p)"))), said).message
    )


def test_empty_splits_and_dropped_rows_are_named() -> None:
    empty = Facts(data=DATA.model_copy(update={"split": {"train": 0, "validation": 20, "dropped": 80}}))
    codes = {problem.code for problem in problems(project(), empty)}
    assert {"no-training-rows", "many-rows-dropped"} <= codes
    few = Facts(data=DATA.model_copy(update={"split": {"train": 3, "validation": 0}}))
    assert "too few rows" in find("no-validation-rows", project(), few).message


CHANGES = st.lists(st.sampled_from([one[1] for one in (*FIXABLE, *WITHOUT_FIX)]), min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(
    CHANGES, st.sampled_from([Facts(), FACTS, Facts(data=DATA, model=ModelFacts(shapes={"layer:shift": ()}))])
)
def test_no_rule_raises_and_no_fix_either_whatever_is_wrong_at_once(changes: list[Any], facts: Facts) -> None:
    made = Project()
    try:
        made = project(*(change for several in changes for change in several))
    except (ValidationError, TypeError, AttributeError):
        return  # two changes that exclude each other
    view = View(made, facts)
    for rule in (*RULES, *LAST):
        for problem in rule(view):
            if problem.fix:
                Project.model_validate_json(storage.dumps(problem.fix.apply(made)))


def chain(length: int) -> Project:
    layers = {
        f"a{i}": {"class": "Dense", "from": [f"a{i - 1}" if i else "features"], "config": {"units": 8}}
        for i in range(length)
    }
    last = {"class": "Dense", "from": [f"a{length - 1}"], "config": {"units": 1}}
    return project(("model.layers", {**layers, "shift": last}))


def test_ten_thousand_nodes_are_checked() -> None:
    made = chain(9_999)
    assert problems(made, FACTS) == ()
    ring = edits.put(made, "layer:a0", made.model.layers["a0"].model_copy(update={"sources": ("a9998",)}))
    assert "a9998 -> a0" in find("cycle", ring).message
