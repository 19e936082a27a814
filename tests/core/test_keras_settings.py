"""Code of a project may set what it likes: the next run, and the next question, find Keras as it was."""

import pytest

pytestmark = [pytest.mark.keras, pytest.mark.timeout(120)]


def test_settings_of_keras_and_tensorflow_are_put_back() -> None:
    import keras
    import tensorflow as tf

    from core.engine.settings import PAIRS, settings_kept

    before = [ask() for ask, _ in PAIRS]
    with settings_kept():
        keras.config.set_floatx("float64")
        keras.config.set_epsilon(0.5)
        keras.config.set_image_data_format("channels_first")
        keras.config.set_dtype_policy("mixed_bfloat16")
        keras.config.set_max_epochs(3)
        keras.config.set_max_steps_per_epoch(3)
        tf.config.run_functions_eagerly(True)
        changed = [ask() for ask, _ in PAIRS]
    assert all(now != then for now, then in zip(changed, before, strict=True))
    assert [ask() for ask, _ in PAIRS] == before


def test_they_are_put_back_where_the_code_fails() -> None:
    import keras

    from core.engine.settings import settings_kept

    before = keras.config.epsilon()
    with pytest.raises(ZeroDivisionError), settings_kept():
        keras.config.set_epsilon(1 / 0 if keras.config.set_epsilon(0.5) is None else 0.1)
    assert keras.config.epsilon() == before
