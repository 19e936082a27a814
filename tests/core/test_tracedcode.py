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


def with_functions(functions: str) -> TracedCode | None:
    return after("SCALE = 2.0", f"SCALE = 2.0\n{functions}")


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
        'float(np.datetime64("now").astype(float))',
        "float(np.empty(()))",
        "np",  # whatever is taken from it later
        'float(open("scale").read())',
        "np.random.default_rng().normal()",
        "len(HERE.parts)",
        "float(__import__('os').environ['SCALE'])",
        "getattr(np, 'lo' + 'ad')('scale.npy')",
        "len(keras.utils.load_img('scale.png').size)",
        "keras.initializers.RandomNormal()(())",
        "float(keras.Variable('random_normal', shape=()))",
        "float(keras.Variable(initializer='random_normal', shape=()))",
        "float(layers.Dense(1)(ops.ones((1, 1))))",
    ],
)
def test_code_that_looks_at_the_world_outside_is_never_known(code: str):
    assert after("SCALE = 2.0", f"SCALE = {code}") is None


@pytest.mark.parametrize(
    ("imported", "code"),
    [
        ("import numpy.random as npr", "npr.normal()"),
        ("import numpy.random", "numpy.random.normal()"),
        ("from numpy.random import normal", "normal()"),
        ("from numpy.random import *", "normal()"),
        ("import tensorflow as tf", "len(tf.io.read_file('scale').numpy())"),
        ("import tensorflow as tf", "float(tf.io.gfile.GFile('scale').read())"),
        ("from tensorflow import io as files", "len(files.read_file('scale').numpy())"),
        ("import tensorflow as tf", "float(tf.timestamp())"),
        ("import tensorflow as tf", "tf.image.random_brightness(tf.ones((1, 1, 3)), 1.0)[0, 0, 0]"),
        ("from keras.initializers import RandomNormal", "RandomNormal()(())"),
        ("import time", "time.time()"),
    ],
)
def test_nor_is_code_that_takes_it_from_a_part_of_a_module(imported: str, code: str):
    assert with_functions(f"{imported}\nSCALE = {code}") is None
    assert with_functions(f"def scale():\n    {imported}\n    return {code}") is None or "*" in imported


def test_what_only_computes_is_known_wherever_it_is_from():
    names = "import tensorflow as tf\nfrom keras.ops import square\nimport numpy.linalg as la\nfrom math import pi"
    code = "SCALE = pi * np.sqrt(la.norm(np.ones(3))) + float(square(2.0)) + tf.math.log(tf.constant(2.0))"
    assert with_functions(f"{names}\n{code}") is not None


def test_modules_that_are_not_known_may_do_anything():
    assert after("import math", "import secrets as SCALE_FROM\n", SCRIPT) is not None  # nothing names it
    assert after("SCALE = 2.0", "import secrets as SCALE") is None
    assert after("SCALE = 2.0", "from os import sep as SCALE") is None
    assert with_functions("import secrets") is None  # it may change Keras


LOSSES = {
    "decorator": """
def register(function):
    return keras.saving.register_keras_serializable()(function)

@register
def scaled(y, p):
    return 1.0 * y
""",
    "table": """
def scaled(y, p):
    return 1.0 * y
TABLE = {}
_ = TABLE.update(scaled=scaled)
""",
    "item": """
TABLE = {}
def scaled(y, p):
    return 1.0 * y
TABLE["scaled"] = scaled
""",
    "dispatch": """
@functools.singledispatch
def total(y, p):
    return y
@total.register
def _(y: object, p):
    return 1.0 * y
""",
    "subclass": """
class Base:
    def __init_subclass__(cls):
        keras.saving.register_keras_serializable()(cls)
class Scaled(Base):
    def call(self, y, p):
        return 1.0 * y
""",
    "unnamed": """
def scaled(y, p):
    return 1.0 * y
""",
}


@pytest.mark.parametrize("functions", LOSSES.values(), ids=LOSSES)
def test_a_loss_that_is_found_in_a_table_counts_though_nothing_names_it(functions: str):
    first, other = (with_functions(functions.replace("1.0", factor)) for factor in ("1.0", "2.0"))
    assert first is not None
    assert first != other


def test_what_functions_do_when_a_script_is_imported_counts():
    first, other = (
        with_functions(f'if __name__ != "__main__":\n    SCALE = {scale}') for scale in ("1.0", "2.0")
    )
    assert first is None or first != other


@pytest.mark.parametrize(
    "functions",
    [
        "CALLS = []\ndef scaled(y, p):\n    CALLS.append(1)\n    return y * len(CALLS)",
        "CALLS = {}\ndef scaled(y, p):\n    calls = CALLS\n    calls['y'] = y\n    return y * len(calls)",
        "def scaled(y, p, calls=[]):\n    calls += [1]\n    return y * len(calls)",
        "class Scaled:\n    calls = 0\n    def __call__(self, y, p):\n        Scaled.calls += 1\n        return y",
        "class Scaled:\n    calls = 0\n    def __call__(self, y, p):\n        type(self).calls += 1\n        return y",
        "CALLS = []\ndef scaled(y, p):\n    note = CALLS.append\n    note(1)\n    return y * len(CALLS)",
        "LOSSES = {}\ndef register(function):\n    LOSSES[function.__name__] = function\n    return function",
        "FACTORS = zip((1.0, 2.0))\ndef scaled(y, p):\n    return y * sum(1 for _ in FACTORS)",
        "FACTORS = (n for n in (1.0, 2.0))\ndef scaled(y, p):\n    return y * sum(FACTORS)",
        "FACTORS = iter((1.0, 2.0))\ndef scaled(y, p):\n    return y * next(FACTORS)",
        "def made():\n    n = 0\n    def scaled(y, p):\n        nonlocal n\n        n += 1\n        return y * n",
    ],
)
def test_functions_that_remember_their_calls_are_never_known(functions: str):
    assert with_functions(functions) is None


def test_functions_may_change_what_they_have_made_themselves():
    functions = "def scaled(y, p):\n    parts = [y]\n    parts.append(ops.add(y, p))\n    return sum(parts)"
    assert with_functions(functions) is not None


@pytest.mark.parametrize(
    ("old", "new", "other"),
    [
        ("(y - p) / SCALE", "(y - p) * EPOCHS", ("EPOCHS = 20", "EPOCHS = 9")),
        ("(y - p) / SCALE", '(y - p) * WEIGHTS["mse"]', ('"mse": 1.0', '"mse": 2.0')),
        ("(weight, trainable", "(weight * 2, trainable", ('"mse": 1.0', '"mse": 2.0')),
        (
            "SCALE = 2.0",
            "OWN = {k: keras.Variable(v) for k, v in WEIGHTS.items()}\nSCALE = float(OWN['mse'])",
            ('"mse": 1.0', '"mse": 2.0'),
        ),
        ("SCALE = 2.0", "class Own:\n    SEED = SEED", ("SEED = 7", "SEED = 8")),
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
