"""The compiled loop gives the same bits in one thread, in several, and in Keras's own train function."""

from typing import Any

import numpy as np
import pytest

from core.codegen.fitting import BEGIN_FROM_WEIGHTS

pytestmark = [pytest.mark.keras, pytest.mark.timeout(120)]

ROWS, SIZE, STEPS = 410, 20, 21


class Alone:
    """Compiles every loop anew."""

    def loop(self, _name: str, make: Any, *_owners: object) -> tuple[Any, bool]:
        return make(), False


class Batches:
    """Rows and their order, as a script has them; the last of 21 batches is short."""

    def __init__(self) -> None:
        random = np.random.default_rng(5)
        self.x = {"x": random.normal(size=(ROWS, 3)).astype("float32")}
        self.y = {"y": random.normal(size=(ROWS, 3)).astype("float32")}
        self.order = random.permutation(ROWS)

    def __len__(self) -> int:
        return STEPS

    def __getitem__(self, index: int) -> tuple[dict[str, Any], dict[str, Any]]:
        rows = self.order[index * SIZE : (index + 1) * SIZE]
        return {"x": self.x["x"][rows]}, {"y": self.y["y"][rows]}


OPTIMIZERS: dict[str, dict[str, Any]] = {
    "Adam": {"amsgrad": True},
    "AdamW": {"weight_decay": 0.01, "clipnorm": 1.0, "use_ema": True, "ema_overwrite_frequency": 3},
    "Nadam": {"gradient_accumulation_steps": 3},
    "Adamax": {"decay_steps": 15},
    "SGD": {"momentum": 0.9, "nesterov": True},
    "Lamb": {},
    "Adafactor": {},
    "Ftrl": {},
    "Muon": {},
    "ScheduleFreeAdamW": {"warmup_steps": 4},
}
"""Each with settings of which some are in no other; `decay_steps` are those of a schedule."""


def model(optimizer: str = "Adam", *, built: bool = True, **settings: Any) -> Any:
    """A model; where its optimizer is not `built`, Keras does that while it traces the first step."""
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    x = keras.Input((3,), name="x")
    inner = keras.layers.Dense(24, "relu", kernel_regularizer=keras.regularizers.L2(0.01))(x)
    if settings.pop("recurrent", False):
        inner = keras.layers.SimpleRNN(8, activation="relu")(keras.layers.Reshape((3, 8))(inner))
    inner = keras.layers.Dropout(0.3)(keras.layers.BatchNormalization()(inner))
    made = keras.Model({"x": x}, {"y": keras.layers.Dense(3)(inner)})
    steps = settings.pop("decay_steps", 0)
    rate = keras.optimizers.schedules.CosineDecay(0.02, steps) if steps else 0.01
    chosen = getattr(keras.optimizers, optimizer)(rate, **settings)
    made.compile(chosen, loss={"y": "mse"}, jit_compile=False)
    if built:
        made.optimizer.build(made.trainable_variables)
    return made


def values(made: Any) -> list[Any]:
    return [each.value.numpy() for each in (*made.variables, *made.optimizer.variables)]


def by_keras(made: Any) -> list[Any]:
    """The state after an epoch of Keras's own steps."""
    import tensorflow as tf

    batches = Batches()
    made.make_train_function()
    spec = ({"x": tf.TensorSpec((None, 3))}, {"y": tf.TensorSpec((None, 3))})
    data = tf.data.Dataset.from_generator(lambda: (batches[i] for i in range(STEPS)), output_signature=spec)
    iterator = iter(data)
    for _ in range(STEPS):
        made.train_function(iterator)
    return values(made)


def by_loop(made: Any) -> Any:
    """The loop that has made an epoch, in two calls of which neither ends with a turn of the loop."""
    from core.engine import loops
    from core.engine.blocks import Rows

    way = loops.Exact(made, made.train_step, Rows(Batches(), SIZE), "steps", Alone())
    way.prepare()
    way(0, 6)
    way(6, STEPS - 6)
    return way._loops[0]


@pytest.fixture(scope="module")
def expected() -> list[Any]:
    return by_keras(model())


@pytest.mark.parametrize("threads", [False, True], ids=["one thread", "threads"])
def test_a_loop_has_the_bits_of_keras(expected: list[Any], threads: bool, monkeypatch: Any) -> None:
    from core.engine import loops

    if threads:
        monkeypatch.setattr(loops, "_one_device", lambda _model: False)
    made = model()
    assert by_loop(made).in_threads is threads
    assert_same(values(made), expected)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_has_the_bits_of_keras_though_it_reads_rate_and_step_once(name: str) -> None:
    made = model(name, **OPTIMIZERS[name])
    by_loop(made)
    built = name in BEGIN_FROM_WEIGHTS
    assert_same(values(made), by_keras(model(name, built=built, **OPTIMIZERS[name])))
    assert "update_step" not in vars(made.optimizer)


def test_a_step_with_a_loop_of_its_own_has_the_bits_of_keras() -> None:
    settings = {"recurrent": True, "weight_decay": 0.01}
    made = model("AdamW", **settings)
    assert by_loop(made).in_threads
    assert_same(values(made), by_keras(model("AdamW", **settings)))


def assert_same(ours: list[Any], theirs: list[Any]) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_loop_with_branches_is_not_run_in_one_thread() -> None:
    import tensorflow as tf

    from core.engine import loops
    from core.engine.blocks import Rows

    made = model()

    def step(batch: Any) -> Any:
        return tf.cond(tf.reduce_sum(batch[0]["x"]) > 0, lambda: 1.0, lambda: 2.0)

    way = loops.Exact(made, step, Rows(Batches(), SIZE), "steps", Alone())
    way.prepare()
    assert way._loops[0].in_threads


def test_what_one_thread_refuses_to_begin_is_made_in_threads() -> None:
    """As TensorFlow makes of large sums by itself, when memory may become short."""
    import tensorflow as tf

    from core.engine import loops
    from core.engine.blocks import Rows

    made, sums = model(), tf.Variable(0.0)

    def step(batch: Any) -> Any:
        place = tf.raw_ops.TemporaryVariable(shape=[], dtype=tf.float32, var_name="place")
        filled = tf.raw_ops.Assign(ref=place, value=tf.reduce_sum(batch[0]["x"]))
        sums.assign_add(tf.raw_ops.DestroyTemporaryVariable(ref=filled, var_name="place"))

    batches = Batches()
    way = loops.Exact(made, step, Rows(batches, SIZE), "steps", Alone())
    way.prepare()
    assert not way._loops[0].in_threads
    way(0, STEPS)
    assert way._loops[0].in_threads
    assert float(sums) == pytest.approx(batches.x["x"].sum(), rel=1e-4)
