"""Batches that nobody takes are never made, and those that are taken are Keras's own."""

from typing import Any

import numpy as np
import pytest

pytestmark = [pytest.mark.keras, pytest.mark.timeout(120)]

STEPS, SIZE = 6, 5
LOOKED_AT = 2
"""Batches that Keras looks at before it trains, to know their shapes."""


def batches() -> Any:
    """Batches of one column, which count how many of them were made."""
    import keras

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        made = 0

        def __len__(self) -> int:
            return STEPS

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            self.made += 1
            x = np.arange(SIZE, dtype="float32")[:, None] + index
            return x / 10, 2 * x

    return Batches()


def fitted(train_function: Any, **arguments: Any) -> Any:
    """The history of two epochs; `train_function` makes one of Keras's own."""
    import keras

    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    model.make_train_function()
    object.__setattr__(model, "train_function", train_function(model.train_function))
    return model.fit(**given(model, **arguments), epochs=2, verbose=0).history


def given(model: Any, **arguments: Any) -> dict[str, Any]:
    from core.engine.feeding import late

    late(model, arguments, [arguments["x"]])
    return arguments


def test_batches_are_not_made_where_nobody_takes_them() -> None:
    made = batches()
    fitted(lambda _: lambda _iterator: {}, x=made, shuffle=False)
    assert made.made == LOOKED_AT


def test_steps_that_take_them_have_those_of_keras() -> None:
    from core.engine.feeding import opened

    ours = fitted(lambda step: lambda iterator: step(opened(iterator)), x=batches(), shuffle=False)
    assert ours == plainly_fitted()


def plainly_fitted() -> Any:
    import keras

    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    return model.fit(batches(), epochs=2, shuffle=False, verbose=0).history


@pytest.mark.parametrize(
    "more", [{"shuffle": True}, {}, {"shuffle": False, "class_weight": {0: 2.0}}], ids=str
)
def test_what_keras_does_more_with_batches_is_left_to_it(more: dict[str, Any]) -> None:
    import keras

    made = batches()
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    assert given(model, x=made, **more)["x"] is made
