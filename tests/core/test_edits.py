"""Edits keep every reference of a project right, and touch nothing else."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.project import edits
from core.project.names import RESERVED
from core.project.schema import (
    CategoryField,
    Data,
    EarlyStopping,
    ExpressionLoss,
    Head,
    Input,
    Layer,
    Metric,
    Model,
    NumberField,
    Project,
    PythonLoss,
    Split,
    Term,
    Training,
)

TRUTH = {"y_true": "target:rating", "y_pred": "head:prediction"}


@pytest.fixture
def project() -> Project:
    fields = {"features": NumberField(columns=("a", "b")), "rating": NumberField(columns=("stars",))}
    layers = {
        "trunk": Layer(class_name="Dense", sources=("features",), config={"units": 8}),
        "shift": Layer(class_name="Dense", sources=("trunk",), config={"units": 1}),
    }
    heads = {"prediction": Head(layer="shift", unscale="rating")}
    model = Model(inputs={"features": Input(field="features")}, layers=layers, heads=heads)
    stopping = EarlyStopping(monitor="mse")
    made = Project(
        data=Data(fields=fields),
        model=model,
        functions="def nll(y, p, scale=1.0):\n    return y - p\n",
        terms={"mse": Term(bind=TRUTH)},
        metrics={"mae": Metric(bind=TRUTH)},
        training=Training(early_stopping=stopping),
    )
    places = {"layer:trunk": (1, 2), "head:prediction": (3, 4), "target:rating": (5, 6)}
    return edits.move(made, places)


def test_put_keeps_the_place_of_a_replaced_part(project: Project) -> None:
    changed = edits.put(project, "layer:trunk", Layer(class_name="Flatten"))
    assert list(changed.model.layers) == ["trunk", "shift"]
    assert changed.model.layers["trunk"].class_name == "Flatten"
    assert changed.model.layers["shift"] is project.model.layers["shift"]


def test_put_appends_a_new_part(project: Project) -> None:
    assert list(edits.put(project, "layer:third", Layer()).model.layers) == ["trunk", "shift", "third"]


@pytest.mark.parametrize(
    ("reference", "part", "says"),
    [
        ("layer:a b", Layer(), "no name"),
        ("layer:größe", Layer(), "no name"),
        ("layer:", Layer(), "needs a name"),
        ("layer:features", Layer(), "taken"),
        ("term:mae", Term(), "taken"),
        ("term:loss", Term(), "history"),
        ("metric:val_x", Metric(), "val_"),
        ("layer:x", Term(), "no layer"),
        ("nonsense:x", Term(), "names no part"),
        ("total", Term(), "no total"),
    ],
)
def test_put_refuses_what_cannot_be(project: Project, reference: str, part: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        edits.put(project, reference, part)


def test_put_takes_what_exists_once(project: Project) -> None:
    assert edits.put(project, "functions", "x = 1").functions == "x = 1"
    assert edits.put(project, "split", Split(validation=0.5)).data.split.validation == 0.5
    assert edits.put(project, "training", Training(epochs=3)).training.epochs == 3


def test_a_renamed_layer_is_renamed_wherever_it_is_named(project: Project) -> None:
    changed = edits.rename(project, "layer:trunk", "body")
    assert list(changed.model.layers) == ["body", "shift"]
    assert changed.model.layers["shift"].sources == ("body",)
    assert changed.canvas.positions["layer:body"] == (1.0, 2.0)
    assert edits.rename(changed, "layer:shift", "out").model.heads["prediction"].layer == "out"


def test_a_renamed_field_is_renamed_in_inputs_heads_and_terms(project: Project) -> None:
    changed = edits.rename(edits.rename(project, "target:rating", "stars"), "field:features", "numbers")
    assert changed.terms["mse"].bind["y_true"] == changed.metrics["mae"].bind["y_true"] == "target:stars"
    assert changed.model.heads["prediction"].unscale == "stars"
    assert changed.model.inputs["features"].field == "numbers"
    assert "target:stars" in changed.canvas.positions


def test_a_renamed_term_is_still_what_early_stopping_watches(project: Project) -> None:
    changed = edits.rename(project, "term:mse", "error")
    assert changed.training.early_stopping is not None
    assert changed.training.early_stopping.monitor == "error"


def test_a_name_that_is_taken_or_none_is_refused(project: Project) -> None:
    for name, says in (("shift", "taken"), ("features", "taken"), ("1st", "no name"), ("x" * 81, "longer")):
        with pytest.raises(ValueError, match=says):
            edits.rename(project, "layer:trunk", name)
    with pytest.raises(ValueError, match="no layer called gone"):
        edits.rename(project, "layer:gone", "x")


def test_a_removed_head_is_bound_nowhere(project: Project) -> None:
    changed = edits.remove(project, ["head:prediction"])
    assert changed.terms["mse"].bind == changed.metrics["mae"].bind == {"y_true": "target:rating"}
    assert "head:prediction" not in changed.canvas.positions


def test_a_removed_layer_feeds_nothing(project: Project) -> None:
    changed = edits.remove(project, ["layer:trunk", "layer:shift", "layer:not_there"])
    assert not changed.model.layers
    assert changed.model.heads["prediction"].layer == ""


def test_a_removed_field_feeds_nothing(project: Project) -> None:
    changed = edits.remove(project, ["field:features", "field:rating"])
    assert changed.model.inputs["features"].field == ""
    assert changed.model.heads["prediction"].unscale is None
    assert changed.terms["mse"].bind == {"y_pred": "head:prediction"}


def test_a_removed_term_is_no_longer_watched(project: Project) -> None:
    stopping = edits.remove(project, ["term:mse"]).training.early_stopping
    assert stopping is not None
    assert stopping.monitor == "total"


def test_a_layer_that_shared_a_removed_one_takes_over_its_settings(project: Project) -> None:
    for name in ("second", "third"):
        project = edits.put(project, f"layer:{name}", Layer(sources=("features",), shares="trunk"))
    layers = edits.remove(project, ["layer:trunk"]).model.layers
    assert (layers["second"].class_name, layers["second"].config, layers["second"].shares) == (
        "Dense",
        {"units": 8},
        None,
    )
    assert layers["third"].shares == "second"


def test_a_layer_of_one_input_takes_the_new_wire_in_place_of_the_old(project: Project) -> None:
    assert edits.connect(project, "input:features", "layer:shift").model.layers["shift"].sources == (
        "features",
    )


def test_a_merging_layer_collects_wires(project: Project) -> None:
    project = edits.put(project, "layer:both", Layer(class_name="Concatenate"))
    project = edits.connect(
        edits.connect(project, "layer:trunk", "layer:both"), "input:features", "layer:both"
    )
    assert project.model.layers["both"].sources == ("trunk", "features")
    assert edits.can_connect(project, "layer:trunk", "layer:both") == "trunk feeds both already."


def test_attention_takes_the_same_tensor_twice(project: Project) -> None:
    project = edits.put(project, "layer:attend", Layer(class_name="MultiHeadAttention"))
    for _ in range(3):
        project = edits.connect(project, "layer:trunk", "layer:attend")
    assert project.model.layers["attend"].sources == ("trunk",) * 3
    assert "at most 3" in str(edits.can_connect(project, "layer:trunk", "layer:attend"))


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        ("layer:shift", "layer:trunk", "cycle"),
        ("layer:trunk", "layer:trunk", "itself"),
        ("layer:trunk", "layer:shift", "already"),
        ("head:prediction", "layer:trunk", "wire the layer"),
        ("target:rating", "layer:trunk", "use an input"),
        ("layer:trunk", "input:features", "field"),
        ("layer:trunk", "field:rating", "Nothing can be wired"),
        ("layer:gone", "layer:trunk", "not in the project"),
        ("rubbish", "layer:trunk", "not in the project"),
        ("term:mse", "metric:mae", "cannot be compared"),
    ],
)
def test_a_wire_that_cannot_work_says_why(project: Project, source: str, target: str, says: str) -> None:
    assert says in str(edits.can_connect(project, source, target))
    with pytest.raises(ValueError, match=says):
        edits.connect(project, source, target)


def test_wires_find_the_argument_they_mean(project: Project) -> None:
    project = edits.put(project, "term:new", Term())
    project = edits.connect(project, "head:prediction", "term:new")
    project = edits.connect(project, "field:rating", "term:new")
    assert project.terms["new"].bind == {"y_pred": "head:prediction", "y_true": "target:rating"}
    assert (
        edits.connect(project, "layer:trunk", "term:new", "y_true").terms["new"].bind["y_true"]
        == "layer:trunk"
    )


def test_an_expression_names_its_own_arguments(project: Project) -> None:
    loss = ExpressionLoss(code="exp(-s) * square(y - p) + s")
    project = edits.put(project, "term:nll", Term(loss=loss))
    assert edits.arguments(project, "nll") == ("s", "y", "p")
    project = edits.connect(project, "target:rating", "term:nll")
    assert project.terms["nll"].bind == {"y": "target:rating"}
    with pytest.raises(ValueError, match="no argument z"):
        edits.connect(project, "head:prediction", "term:nll", "z")


def test_a_function_names_its_own_arguments(project: Project) -> None:
    project = edits.put(
        project, "term:own", Term(loss=PythonLoss(function="nll"), bind={"q": "head:prediction"})
    )
    assert edits.arguments(project, "own") == ("y", "p", "scale")
    assert edits.arguments(edits.put(project, "functions", "def ("), "own") == ("q",)


def test_a_term_without_a_formula_cannot_be_wired(project: Project) -> None:
    project = edits.put(project, "term:empty", Term(loss=ExpressionLoss()))
    with pytest.raises(ValueError, match="write its formula"):
        edits.connect(project, "head:prediction", "term:empty")


def test_cut_wires_are_gone(project: Project) -> None:
    assert edits.disconnect(project, "layer:trunk", "layer:shift").model.layers["shift"].sources == ()
    assert edits.disconnect(project, "layer:shift", "head:prediction").model.heads["prediction"].layer == ""
    assert edits.disconnect(project, "field:features", "input:features").model.inputs["features"].field == ""
    assert edits.disconnect(project, "target:rating", "term:mse").terms["mse"].bind == {
        "y_pred": "head:prediction"
    }
    assert edits.disconnect(project, "target:rating", "term:mse", "y_pred") == project


def test_weights_and_switches_are_set(project: Project) -> None:
    project = edits.set_on(edits.set_weight(project, "mse", 0.25), "mse", False)
    assert (project.terms["mse"].weight, project.terms["mse"].on) == (0.25, False)
    with pytest.raises(ValueError, match="finite"):
        edits.set_weight(project, "mse", math.nan)


def test_parameters_are_set_and_taken_back(project: Project) -> None:
    project = edits.set_config(project, "layer:trunk", "activation", "relu")
    assert project.model.layers["trunk"].config == {"units": 8, "activation": "relu"}
    assert edits.set_config(project, "layer:trunk", "activation", None).model.layers["trunk"].config == {
        "units": 8
    }
    assert edits.set_config(project, "metric:mae", "k", 3).metrics["mae"].config == {"k": 3}
    project = edits.set_config(project, "term:mse", "axis", 0)
    assert project.terms["mse"].loss.model_dump()["config"] == {"axis": 0}
    assert edits.set_config(project, "training", "beta_1", 0.8).training.optimizer.config["beta_1"] == 0.8
    with pytest.raises(ValueError, match="takes no parameters"):
        edits.set_config(project, "head:prediction", "units", 3)


def test_fresh_names_are_free_and_allowed(project: Project) -> None:
    assert edits.fresh_name(project, "layer", "LayerNormalization") == "layer_normalization"
    assert edits.fresh_name(project, "layer", "Trunk") == "trunk_2"
    assert edits.fresh_name(project, "term", "loss") == "term_loss"
    assert edits.fresh_name(project, "field", "Größe (cm)") == "gr_e_cm"
    assert edits.fresh_name(project, "field", "2021") == "field_2021"


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["field", "input", "layer", "head", "term", "metric"]),
    st.text(max_size=90) | st.sampled_from(sorted(RESERVED)),
)
def test_a_fresh_name_can_always_be_put(kind: str, base: str) -> None:
    part = {
        "field": CategoryField(),
        "input": Input(),
        "layer": Layer(),
        "head": Head(),
        "term": Term(),
        "metric": Metric(),
    }
    project = Project()
    for _ in range(3):
        project = edits.put(project, f"{kind}:{edits.fresh_name(project, kind, base)}", part[kind])


def test_ten_thousand_layers_are_edited_without_a_pause(project: Project) -> None:
    chain = {
        f"a{i}": Layer(class_name="Dense", sources=(f"a{i - 1}",) if i else ("features",))
        for i in range(10_000)
    }
    project = project.model_copy(update={"model": project.model.model_copy(update={"layers": chain})})
    assert edits.can_connect(project, "layer:a9999", "layer:a0")
    assert edits.rename(project, "layer:a5000", "middle").model.layers["a5001"].sources == ("middle",)
