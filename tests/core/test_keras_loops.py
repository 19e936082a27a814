"""The compiled loop gives the same bits in one thread, in several, and in Keras's own train function."""

from typing import Any

import numpy as np
import pytest

pytestmark = [pytest.mark.keras, pytest.mark.timeout(120)]

ROWS, SIZE, STEPS = 130, 20, 7


class Alone:
    """Compiles every loop anew."""

    def loop(self, _name: str, make: Any, *_owners: object) -> tuple[Any, bool]:
        return make(), False


class Batches:
    """Rows and their order, as a script has them; the last of 7 batches is short."""

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


def model() -> Any:
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    x = keras.Input((3,), name="x")
    inner = keras.layers.Dense(24, "relu", kernel_regularizer=keras.regularizers.L2(0.01))(x)
    inner = keras.layers.Dropout(0.3)(keras.layers.BatchNormalization()(inner))
    made = keras.Model({"x": x}, {"y": keras.layers.Dense(3)(inner)})
    made.compile(keras.optimizers.Adam(0.01), loss={"y": "mse"}, jit_compile=False)
    made.optimizer.build(made.trainable_variables)
    return made


def values(made: Any) -> list[Any]:
    return [each.value.numpy() for each in (*made.variables, *made.optimizer.variables)]


@pytest.fixture(scope="module")
def by_keras() -> list[Any]:
    """The state after an epoch of Keras's own steps."""
    import tensorflow as tf

    made, batches = model(), Batches()
    made.make_train_function()
    spec = ({"x": tf.TensorSpec((None, 3))}, {"y": tf.TensorSpec((None, 3))})
    data = tf.data.Dataset.from_generator(lambda: (batches[i] for i in range(STEPS)), output_signature=spec)
    iterator = iter(data)
    for _ in range(STEPS):
        made.train_function(iterator)
    return values(made)


@pytest.mark.parametrize("threads", [False, True], ids=["one thread", "threads"])
def test_a_loop_has_the_bits_of_keras(by_keras: list[Any], threads: bool, monkeypatch: Any) -> None:
    from core.engine import loops
    from core.engine.blocks import Rows

    if threads:
        monkeypatch.setattr(loops, "_one_device", lambda _model: False)
    made = model()
    way = loops.Exact(made, made.train_step, Rows(Batches(), SIZE), "steps", Alone())
    way.prepare()
    assert way._loops[0].in_threads is threads
    way(0, 3)
    way(3, 4)
    for ours, theirs in zip(values(made), by_keras, strict=True):
        np.testing.assert_array_equal(ours, theirs)


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
