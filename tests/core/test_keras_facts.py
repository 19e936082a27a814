"""What Keras knows about a project: shapes, parameters, refusals with their node, and what terms return."""

import gc

import pytest

from core.engine.facts import model_facts
from core.project.facts import DataFacts, FieldFacts
from core.project.schema import (
    CatalogueLoss,
    Data,
    ExpressionLoss,
    Head,
    Input,
    Layer,
    Model,
    NumberField,
    Project,
    PythonLoss,
    Term,
    TextField,
)

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module", autouse=True)
def _quick_collections():
    """As in the engine: what TensorFlow's import made is never looked at again."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


DATA = DataFacts(
    fields={
        "features": FieldFacts(shape=(3,), dtype="float32"),
        "rating": FieldFacts(shape=(1,), dtype="float32"),
        "stars": FieldFacts(shape=(), dtype="float32"),
        "review": FieldFacts(shape=(1,), dtype="string"),
    }
)
BOUND = {"y_true": "target:rating", "y_pred": "head:prediction"}


def dense(*sources, **config):
    return Layer(class_name="Dense", sources=sources, config={"units": 4, **config})


def project(layers=None, terms=None, functions="", inputs=None, heads=None):
    fields = {name: NumberField(columns=(name,)) for name in DATA.fields}
    fields["review"] = TextField(columns=("review",))
    return Project(
        data=Data(fields=fields),
        model=Model(
            inputs=inputs or {"x": Input(field="features")},
            layers=layers or {"trunk": dense("x"), "shift": dense("trunk", units=1)},
            heads=heads or {"prediction": Head(layer="shift")},
        ),
        terms=terms or {},
        functions=functions,
    )


def facts(made, trusted=True):
    return model_facts(made, DATA, trusted)


def term(loss, **bind):
    return {"t": Term(loss=loss, bind=bind or BOUND)}


def python(code, **bind):
    return facts(project(terms=term(PythonLoss(function="f"), **bind), functions=code))


def test_shapes_and_parameters_of_every_node():
    found = facts(project())
    assert dict(found.shapes) == {
        "input:x": (3,),
        "layer:trunk": (4,),
        "layer:shift": (1,),
        "head:prediction": (1,),
    }
    assert found.parameters["layer:trunk"] == 16
    assert found.dtypes["layer:trunk"] == "float32"
    assert not found.errors


def test_without_data_nothing_is_claimed():
    assert not model_facts(project(), None, True).shapes


def test_what_keras_refuses_has_its_node_and_what_comes_before_is_known():
    conv = Layer(class_name="Conv2D", sources=("trunk",), config={"filters": 2, "kernel_size": 3})
    found = facts(project({"trunk": dense("x"), "conv": conv, "shift": dense("conv")}))
    assert "layer:trunk" in found.shapes
    assert list(found.errors) == ["layer:conv"]
    assert "ndim" in found.errors["layer:conv"]
    assert "\n" not in found.errors["layer:conv"]


def test_an_unfinished_layer_hides_no_other():
    found = facts(
        project({"trunk": dense("x"), "loose": dense(), "after": dense("loose"), "shift": dense("trunk")})
    )
    assert {"layer:trunk", "layer:shift"} <= found.shapes.keys()
    assert not found.errors


def test_an_input_without_a_field_hides_no_other():
    inputs = {"x": Input(field="features"), "z": Input()}
    found = facts(project({"a": dense("x"), "b": dense("z")}, inputs=inputs, heads={"p": Head(layer="a")}))
    assert found.shapes["layer:a"] == (4,)
    assert "layer:b" not in found.shapes


def test_a_text_input_goes_through_its_vectorization():
    layers = {
        "words": Layer(class_name="TextVectorization", sources=("x",), config={"output_sequence_length": 7}),
    }
    found = facts(project(layers, inputs={"x": Input(field="review")}, heads={"p": Head(layer="words")}))
    assert found.shapes["head:p"] == (7,)


def test_a_size_that_the_vocabulary_decides_is_not_claimed():
    words = Layer(class_name="TextVectorization", sources=("x",), config={"output_mode": "multi_hot"})
    layers = {"words": words, "trunk": dense("words"), "shift": dense("trunk")}
    found = facts(project(layers, inputs={"x": Input(field="review")}))
    assert (found.shapes["layer:words"], found.shapes["layer:trunk"]) == ((None,), (4,))
    assert "layer:trunk" not in found.parameters
    assert found.parameters["layer:shift"] == 20


def test_a_head_may_show_an_input():
    assert facts(project(heads={"same": Head(layer="x")})).shapes["head:same"] == (3,)


def test_a_loss_of_the_catalogue_gives_one_value_a_row():
    assert facts(project(terms=term(CatalogueLoss()))).term_shapes["t"] == ()


def test_an_expression_keeps_its_axis():
    found = facts(project(terms=term(ExpressionLoss(code="square(y_true - y_pred)"))))
    assert found.term_shapes["t"] == (1,)


def test_a_broadcast_over_the_rows_is_betrayed():
    bind = {"y_true": "target:stars", "y_pred": "head:prediction"}
    found = facts(project(terms=term(ExpressionLoss(code="square(y_true - y_pred)"), **bind)))
    assert found.term_shapes["t"] == (None,)


def test_a_function_with_a_mean_is_a_scalar():
    code = "def f(y_true, y_pred):\n    return keras.ops.mean(keras.ops.abs(y_true - y_pred))"
    found = python(code)
    assert not found.errors
    assert found.term_shapes["t"] == ()


def test_code_without_trust_does_not_run():
    made = project(terms=term(PythonLoss(function="f")), functions="raise SystemError('ran')")
    found = facts(made, trusted=False)
    assert not found.errors
    assert not found.term_shapes


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("pass", "The function f returned nothing (None)"),
        ("return 3.0", "nothing can be learnt"),
        ("return 'a'", "returned a str"),
        ("raise ValueError('no')", "no (line 2 of the functions, in f)."),
        ("return y_true + keras.ops.ones((4, 4, 4))", "line 2 of the functions"),
    ],
)
def test_a_function_that_fails_is_named(body, words):
    found = python(f"def f(y_true, y_pred):\n    {body}")
    assert words in found.errors["term:t"]
    assert found.details["term:t"]


def test_functions_that_do_not_even_define_are_named():
    assert "line 1 of the functions" in python("import nothing_like_this").errors["functions"]


def test_a_wrong_argument_is_said():
    assert "y_pred" in python("def f(y_true):\n    return y_true").errors["term:t"]


def test_a_term_that_is_not_wired_yet_is_left_alone():
    found = facts(project(terms={"t": Term(bind={"y_pred": "head:prediction"})}))
    assert not found.errors
