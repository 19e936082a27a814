"""Every rule finds what it is about, says it in a sentence, and its fix mends it."""

import time
from collections.abc import Mapping
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
LINEAR3 = {"class": "Dense", "from": ["trunk"], "config": {"units": 3}}
DENSE = {"class": "Dense", "from": ["trunk"], "config": {"units": 4}}


def loss(name: str, **config: Any) -> dict[str, Any]:
    return {"loss": {"name": name, "config": config, "kind": "catalogue"}, "bind": BIND}


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


FIXABLE: list[tuple[str, list[tuple[str, Any]], str]] = [
    # data
    ("no-column", [("data.fields.stars", {"columns": []})], "stars"),
    ("missing-column", [("data.fields.rating", {"columns": ["star"]})], "column star,"),
    ("missing-column", [("data.fields.rating", {"columns": ["stars", "zzz"]})], "column zzz"),
    ("column-twice", [("data.fields.rating", {"columns": ["stars", "stars"]})], "rating"),
    (
        "too-many-columns",
        [("data.fields.rating", {"kind": "text", "columns": ["a", "b"]})],
        "takes one column",
    ),
    ("no-training-rows", [("data.split", {"validation": 0.6, "test": 0.5})], "0.6"),
    ("split-column", [("data.split", {"kind": "time"})], "time split"),
    ("split-column", [("data.split", {"kind": "stratified", "by": "zzz"})], "zzz"),
    ("large-batch", [("training.batch_size", 500)], "80"),
    ("leak", [("data.fields.features", {"columns": ["a", "stars"]})], "stars"),
    ("text-target", [("data.fields.rating", {"kind": "text", "columns": ["stars"]})], "rating"),
    ("text-as-number", [("data.fields.features", {"kind": "text", "columns": ["a"]})], "TextVectorization"),
    ("codes-as-numbers", [("model.inputs.features.field", "kind")], "kind"),
    (
        "scaled-prediction",
        [("data.fields.rating", {"columns": ["stars"], "scaling": "standardize"})],
        "rating",
    ),
    ("unscale-unknown", [("model.heads.prediction.unscale", "rating")], "not scaled"),
    (
        "pixel-range",
        [
            ("data.fields.features", {"kind": "image", "columns": ["a"]}),
            (
                "model.layers.trunk",
                {"class": "RandomBrightness", "from": ["features"], "config": {"factor": 0.1}},
            ),
        ],
        "0 to 255",
    ),
    # names
    ("reserved-name", [("terms", {"loss": TERM})], "history"),
    ("reserved-name", [("terms", {"regularization": TERM})], "history"),
    ("reserved-name", [("metrics", {"val_mae": {"bind": BIND}})], "val_"),
    ("name-taken", [("metrics", {"mse": {"bind": BIND}})], "both called mse"),
    (
        "name-taken",
        [("model.layers.features", {"class": "Dense", "from": ["trunk"], "config": {"units": 1}})],
        "both called",
    ),
    # graph
    ("no-inputs", [("model.inputs", {})], "no input"),
    ("no-heads", [("model.heads", {})], "no head"),
    ("input-without-field", [("model.inputs.features.field", "")], "no field"),
    ("input-without-field", [("model.inputs.features.field", "feature")], "feature, which"),
    ("unknown-source", [("model.layers.shift.from", ["trunk", "gone"])], "gone"),
    ("head-without-layer", [("model.heads.prediction.layer", "shifd")], "shifd"),
    ("cycle", [("model.layers.trunk.from", ["shift"])], "shift"),
    ("layer-without-input", [("model.layers.trunk.from", [])], "trunk"),
    ("disconnected-layer", [("model.layers.extra", DENSE)], "extra"),
    ("unused-input", [("model.inputs.other", {"field": "features"})], "other"),
    ("unknown-shared-layer", [("model.layers.shift", {"from": ["trunk"], "shares": "gone"})], "gone"),
    # classes and parameters
    ("unknown-layer", [("model.layers.trunk.class", "Dens")], "Dens"),
    ("unknown-loss", [("terms.mse", loss("MeanSquareError"))], "MeanSquareError"),
    ("unknown-metric", [("metrics.m", {"metric": "MeanAbsolutError", "bind": BIND})], "MeanAbsolutError"),
    ("unknown-optimizer", [("training.optimizer", {"class": "Adm", "config": {}})], "Adm"),
    ("unknown-parameter", [("model.layers.shift.config", {"units": 1, "unit": 3})], "unit"),
    ("missing-parameter", [("model.layers.trunk.config", {})], "units"),
    ("bad-parameter", [("model.layers.trunk.config", {"units": 0})], "at least 1, not 0"),
    ("bad-parameter", [("model.layers.trunk.config", {"units": "many"})], "units"),
    ("bad-parameter", [("model.layers.shift.config", {"units": 1, "activation": "reluu"})], "reluu"),
    ("bad-parameter", [("model.layers.shift.config", {"units": 1, "use_bias": "yes"})], "true or false"),
    (
        "bad-parameter",
        [("model.layers.shift.config", {"units": 1, "kernel_regularizer": {"class": "L3"}})],
        "L3",
    ),
    ("bad-parameter", [("training.optimizer", {"config": {"learning_rate": -1}})], "at least 0"),
    ("too-many-inputs", [("model.layers.shift.from", ["trunk", "features"])], "Dense"),
    (
        "too-few-inputs",
        [
            (
                "model.layers.shift",
                {"class": "MultiHeadAttention", "from": ["trunk"], "config": {"num_heads": 1, "key_dim": 1}},
            )
        ],
        "at least 2",
    ),
    (
        "wrong-axes",
        [
            ("data.fields.features", {"kind": "image", "columns": ["a"]}),
            (
                "model.layers.trunk",
                {"class": "Conv3D", "from": ["features"], "config": {"filters": 1, "kernel_size": 1}},
            ),
        ],
        "(B, 32, 32, 3)",
    ),
    (
        "shapes-differ",
        [
            ("model.layers.side", {"class": "Dense", "from": ["features"], "config": {"units": 5}}),
            ("model.layers.shift", {"class": "Add", "from": ["trunk", "side"]}),
        ],
        "(B, 8)",
    ),
    # terms
    (
        "term-without-target",
        [
            ("terms.mse.bind", {"y_pred": "head:prediction"}),
            ("data.fields", {k: PROJECT["data"]["fields"][k] for k in ("features", "rating")}),
        ],
        "y_true",
    ),
    ("term-without-head", [("terms.mse.bind", {"y_true": "target:rating"})], "y_pred"),
    ("unknown-argument", [("terms.mse.bind", {**BIND, "z": "head:prediction"})], "argument z"),
    ("dangling-binding", [("terms.mse.bind.y_true", "target:gone")], "gone"),
    ("dangling-binding", [("terms.mse.bind.y_true", "field:rating")], "as a target"),
    ("head-without-term", [("model.heads.extra", {"layer": "trunk"})], "extra"),
    ("head-without-term", [("terms.mse.weight", 0), ("terms.b", {"bind": {}, "on": True})], "weigh 0"),
    ("no-loss-with-term", [("model.heads.prediction.no_loss", True)], "prediction"),
    ("no-terms", [("terms.mse.on", False)], "switched off"),
    ("all-weights-zero", [("terms.mse.weight", 0)], "weighs 0"),
    ("negative-weight", [("terms.mse.weight", -2)], "-2"),
    (
        "unknown-function",
        [("functions", "def nll(y, p):\n    return y - p\n"), ("terms.mse", python("nl"))],
        "nl",
    ),
    # shapes
    (
        "shape-mismatch",
        [("model.layers.shift", LINEAR3)],
        "(B, 1) with the head prediction of shape (B, 3): they would broadcast",
    ),
    ("shape-mismatch", [("data.fields.rating", {"columns": ["stars", "c", "d"]})], "would broadcast"),
    (
        "shape-mismatch",
        [
            ("model.layers.shift", {"class": "Reshape", "from": ["one"], "config": {"target_shape": []}}),
            ("model.layers.one", {"class": "Dense", "from": ["trunk"], "config": {"units": 1}}),
        ],
        "(B, B)",
    ),
    (
        "formula-broadcast",
        [("model.layers.shift", LINEAR3), ("terms.mse", formula("square(y - p)"))],
        "broadcast",
    ),
    # labels and activations
    (
        "labels-not-one-hot",
        [
            ("terms.mse", {**loss("CategoricalCrossentropy"), "bind": SPARSE["bind"]}),
            ("model.layers.shift", SOFTMAX3),
        ],
        "one-hot",
    ),
    (
        "labels-one-hot",
        [("terms.mse", SPARSE), ("model.layers.shift", SOFTMAX3), ("data.fields.kind.encoding", "onehot")],
        "class numbers",
    ),
    (
        "label-out-of-range",
        [
            ("terms.mse", SPARSE),
            ("model.layers.shift", {**SOFTMAX3, "config": {"units": 2, "activation": "softmax"}}),
        ],
        "up to 2",
    ),
    ("codes-as-quantities", [("terms.mse.bind.y_true", "target:kind")], "3 class numbers"),
    (
        "probabilities-as-logits",
        [
            (
                "terms.mse",
                {
                    **SPARSE,
                    "loss": {
                        "kind": "catalogue",
                        "name": "SparseCategoricalCrossentropy",
                        "config": {"from_logits": True},
                    },
                },
            ),
            ("model.layers.shift", SOFTMAX3),
        ],
        "softmax",
    ),
    ("logits-as-probabilities", [("terms.mse", SPARSE), ("model.layers.shift", LINEAR3)], "raw values"),
    (
        "not-probabilities",
        [
            ("terms.mse", SPARSE),
            ("model.layers.shift", {**LINEAR3, "config": {"units": 3, "activation": "relu"}}),
        ],
        "relu",
    ),
    ("softmax-over-one", [("model.layers.shift.config", {"units": 1, "activation": "softmax"})], "always 1"),
    (
        "sigmoid-for-classes",
        [
            ("terms.mse", SPARSE),
            ("model.layers.shift", {**LINEAR3, "config": {"units": 3, "activation": "sigmoid"}}),
        ],
        "one of several",
    ),
    ("may-be-negative", [("terms.mse", loss("Poisson"))], "above zero"),
    (
        "exact-accuracy",
        [
            ("metrics.acc", {"metric": "Accuracy", "bind": SPARSE["bind"]}),
            ("model.layers.shift", SOFTMAX3),
            ("terms.mse", SPARSE),
        ],
        "exactly",
    ),
    # training
    ("zero-rate", [("training.optimizer", {"config": {"learning_rate": 0}})], "rate is 0"),
    ("large-rate", [("training.optimizer", {"config": {"learning_rate": 5}})], "diverge"),
    ("unknown-monitor", [("training.early_stopping", {"monitor": "gone"})], "gone"),
    (
        "wrong-direction",
        [("metrics.r2", {"metric": "R2Score", "bind": BIND}), ("training.early_stopping", {"monitor": "r2"})],
        "higher is better",
    ),
    ("wrong-direction", [("training.early_stopping", {"mode": "max"})], "lower is better"),
    ("no-validation", [("data.split", {"validation": 0.0}), ("training.early_stopping", {})], "validation"),
]


@pytest.mark.parametrize(
    ("code", "changes", "says"), FIXABLE, ids=[f"{one[0]}-{i}" for i, one in enumerate(FIXABLE)]
)
def test_a_problem_is_said_and_its_fix_mends_it(code: str, changes: list[tuple[str, Any]], says: str) -> None:
    made = project(*changes)
    mended(code, made)
    assert says in find(code, made).message


WITHOUT_FIX: list[tuple[str, list[tuple[str, Any]], str]] = [
    ("bad-expression", [("terms.mse", formula("square(y - "))], "formula of mse"),
    ("bad-expression", [("terms.mse", formula("__import__('os')"))], "formula of mse"),
    ("bad-functions", [("functions", "def f(:\n")], "Line 1"),
    (
        "unusable-function",
        [("functions", "def f(*x):\n    return x\n"), ("terms.mse", python("f"))],
        "f takes",
    ),
    ("no-gradient", [("terms.mse", formula("abs(y - round(p))"))], "p only meets"),
    ("term-without-head", [("terms.mse", formula("square(y)", y="target:rating"))], "no gradient"),
    ("label-out-of-range", [("terms.mse", loss("BinaryCrossentropy", from_logits=True))], "from 0 to 5"),
]


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


def test_fifty_nodes_are_checked_within_twenty_milliseconds() -> None:
    made = chain(50)
    problems(made, FACTS)  # reads the catalogue
    best = min(_seconds(made) for _ in range(5))
    assert best < 0.02, best


def test_ten_thousand_nodes_are_checked_without_a_pause() -> None:
    made = chain(9_999)
    assert problems(made, FACTS) == ()
    assert _seconds(made) < 5
    ring = edits.put(made, "layer:a0", made.model.layers["a0"].model_copy(update={"sources": ("a9998",)}))
    assert "a9998 -> a0" in find("cycle", ring).message


def _seconds(made: Project) -> float:
    start = time.perf_counter()
    problems(made, FACTS)
    return time.perf_counter() - start
