"""Two scripts compile alike if the code that their steps are made from is the same."""

import pytest

from core.engine.tracedcode import TracedCode, traced_code

SCRIPT = '''"""A project."""

import math
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

HERE = Path(__file__).parent
SEED = 7
EPOCHS = 20
BATCH_SIZE = 32
WEIGHTS = {
    "mse": 1.0,
    "own": 0.5,
}


def load_data():
    return read(HERE / "rows.csv")


def read(path):
    return open(path).read()


def build_model(train):
    x = keras.Input(train["x"].shape[1:], name="x")
    out = layers.Dense(1, name="out")(x)
    return TermModel({"x": x}, {"out": out})


SCALE = 2.0


def own(y, p):
    return ops.square(y - p) / SCALE


mse = keras.losses.MeanSquaredError()


class TermModel(keras.Model):
    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.term_weights = {
            term: keras.Variable(weight, trainable=False) for term, weight in WEIGHTS.items()
        }
        self.term_means = {name: keras.metrics.Mean(name=name) for name in (*WEIGHTS, "regularization")}

    def terms(self, x, y, y_pred):
        return {"mse": mse(y["y"], y_pred["out"]), "own": ops.mean(own(y["y"], y_pred["out"]))}


def compile_model(model):
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001))


def train(callbacks=()):
    keras.utils.set_random_seed(SEED)
    rows, validation, _, scaling = load_data()
    model = build_model(rows)
    compile_model(model)
    history = model.fit(Batches(rows), epochs=EPOCHS, callbacks=[*callbacks])
    return model, history


if __name__ == "__main__":
    train()
'''


def after(old: str, new: str, text: str = SCRIPT) -> TracedCode | None:
    assert text.count(old) == 1
    return traced_code(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"mse": 1.0', '"mse": 0.25'),
        ('"own": 0.5', '"own": -3.0'),
        ("learning_rate=0.001", "learning_rate=0.5"),
        ("EPOCHS = 20", "EPOCHS = 9"),
        ("SEED = 7", "SEED = 8"),
        ("A project.", "Another name."),
        ("rows.csv", "other.csv"),
        ("callbacks=[*callbacks]", "callbacks=[keras.callbacks.EarlyStopping(), *callbacks]"),
    ],
)
def test_what_is_in_no_compiled_step_does_not_count(old: str, new: str):
    assert after(old, new) == traced_code(SCRIPT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Dense(1,", "Dense(2,"),
        ("square(y - p)", "abs(y - p)"),
        ("SCALE = 2.0", "SCALE = 3.0"),
        ("MeanSquaredError", "MeanAbsoluteError"),
        ("Adam(learning_rate", "Nadam(learning_rate"),
        ("learning_rate=0.001)", "learning_rate=0.001, beta_1=0.8)"),
        ('"own": 0.5,', '"own": 0.5,\n    "third": 1.0,'),
        ("import math\n", "import math\n\n"),  # errors name lines
        (
            "    model = build_model(rows)\n",
            "    keras.config.set_floatx('float64')\n    model = build_model(rows)\n",
        ),
        ("SCALE = 2.0\n", "SCALE = 2.0\nkeras.config.disable_traceback_filtering()\n"),
    ],
)
def test_what_is_in_a_compiled_step_counts(old: str, new: str):
    changed = after(old, new)
    assert changed is not None
    assert changed != traced_code(SCRIPT)


@pytest.mark.parametrize(
    "code",
    [
        'np.load("scale.npy")',
        'float(open("scale").read())',
        "np.random.default_rng().normal()",
        "len(HERE.parts)",
        "float(__import__('os').environ['SCALE'])",
        "getattr(np, 'lo' + 'ad')('scale.npy')",
    ],
)
def test_code_that_looks_at_the_world_outside_is_never_known(code: str):
    assert after("SCALE = 2.0", f"SCALE = {code}") is None


def test_modules_that_are_not_known_may_do_anything():
    assert after("import math", "import secrets as SCALE_FROM\n", SCRIPT) is not None  # nothing names it
    assert after("SCALE = 2.0", "import secrets as SCALE") is None
    assert after("SCALE = 2.0", "from os import sep as SCALE") is None


@pytest.mark.parametrize(
    ("old", "new", "other"),
    [
        ("(y - p) / SCALE", "(y - p) * EPOCHS", ("EPOCHS = 20", "EPOCHS = 9")),
        ("(y - p) / SCALE", '(y - p) * WEIGHTS["mse"]', ('"mse": 1.0', '"mse": 2.0')),
        ("(weight, trainable", "(weight * 2, trainable", ('"mse": 1.0', '"mse": 2.0')),
    ],
)
def test_numbers_that_a_loss_takes_from_the_script_count(old: str, new: str, other: tuple[str, str]):
    text = SCRIPT.replace(old, new)
    assert text != SCRIPT
    assert after(*other, text) != traced_code(text)


def test_a_layer_that_adapts_looks_at_the_rows():
    before, now = (
        traced_code(SCRIPT),
        after("    out = ", "    layers.Normalization().adapt(train['x'])\n    out = "),
    )
    assert before is not None and not before.looks_at_rows  # noqa: PT018
    assert now is not None and now.looks_at_rows  # noqa: PT018


def test_text_that_is_no_python_is_not_known():
    assert traced_code("def build_model(:") is None
