"""The catalogue says what the installed Keras has: every name, every parameter, every default; and all of it builds."""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

keras = pytest.importorskip("keras")

from core import catalogue  # noqa: E402
from core.catalogue import Entry, Parameter  # noqa: E402
from core.project.problems.inference import ELEMENTWISE, RECURRENT, RULES, UNCHANGED, output_shape  # noqa: E402

pytestmark = pytest.mark.keras

TABLES: dict[str, tuple[Any, Mapping[str, Entry]]] = {
    "layers": (keras.layers, catalogue.layers()),
    "cells": (keras.layers, catalogue.cells()),
    "initializers": (keras.initializers, catalogue.initializers()),
    "regularizers": (keras.regularizers, catalogue.regularizers()),
    "constraints": (keras.constraints, catalogue.constraints()),
    "losses": (keras.losses, catalogue.losses()),
    "metrics": (keras.metrics, catalogue.metrics()),
    "optimizers": (keras.optimizers, catalogue.optimizers()),
    "schedules": (keras.optimizers.schedules, catalogue.schedules()),
}
LEFT_OUT = {
    *("Layer", "Wrapper", "InputLayer", "InputSpec", "Lambda", "JaxLayer", "FlaxLayer", "TFSMLayer"),
    *("TorchModuleWrapper", "GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells", "Pipeline", "CutMix"),
    *("MixUp", "MaxNumBoundingBoxes", "Initializer", "Regularizer", "Constraint", "Loss", "Metric", "Mean"),
    *("Sum", "MeanMetricWrapper", "Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"),
    "LearningRateSchedule",
}
# Right only together with another parameter: a frame length, `multi_label`.
NEEDS_MORE = {"STFTSpectrogram.fft_length", "AUC.num_labels"}


def every(wanted: str | None = None) -> Iterator[tuple[str, type, Entry]]:
    for table, (module, entries) in TABLES.items():
        if wanted in (None, table):
            for name, entry in entries.items():
                yield table, getattr(module, name), entry


def built(value: Any) -> Any:
    """A nested object of a config as Keras makes it."""
    if not isinstance(value, dict):
        return value
    return getattr(keras.layers, value["class"])(**value["config"])


def construct(made: type, entry: Entry, **values: Any) -> Any:
    config = {**entry.example, **values}
    return made(**{name: built(value) for name, value in config.items()})


@pytest.mark.parametrize("table", sorted(TABLES.keys() - {"cells"}))
def test_every_class_of_keras_is_in_the_table_or_left_out_on_purpose(table: str) -> None:
    module, entries = TABLES[table]
    exported = {name: getattr(module, name) for name in dir(module) if inspect.isclass(getattr(module, name))}
    known = {id(exported[name]) for name in (*entries, *LEFT_OUT) if name in exported}
    assert [name for name, made in exported.items() if id(made) not in known] == []
    assert entries.keys() <= exported.keys()
    assert not entries.keys() & LEFT_OUT


def test_defaults_and_requirements_are_those_of_the_signatures() -> None:
    for table, made, entry in every():
        given = inspect.signature(made).parameters
        for parameter in entry.parameters:
            if parameter.name == "trainable":
                continue
            default = given[parameter.name].default
            place = f"{table}.{entry.name}.{parameter.name}"
            if default is inspect.Parameter.empty or entry.name == "CategoryEncoding":
                assert parameter.required or parameter.default == default, place
            elif parameter.type == "initializer":
                assert parameter.default == type(keras.initializers.get(default)).__name__, place
            else:
                assert parameter.default == _as_json(default), place


def test_everything_is_made_from_its_defaults_and_example_values() -> None:
    assert list(refusals((entry, made, {}) for _, made, entry in every())) == []


def test_every_default_may_be_written_out() -> None:
    written = (
        (entry, made, {one.name: one.default for one in entry.parameters if one.default is not None})
        for _, made, entry in every()
    )
    assert list(refusals(written)) == []


def test_every_choice_is_one() -> None:
    choices = (
        (entry, made, {one.name: choice})
        for _, made, entry in every()
        for one in entry.parameters
        for choice in (one.choices if one.type == "choice" else ())
    )
    assert list(refusals(choices)) == []


def test_the_ends_of_every_range_are_allowed() -> None:
    ends = (
        (entry, made, {one.name: end})
        for _, made, entry in every()
        for one in entry.parameters
        for end in _ends(one)
        if f"{entry.name}.{one.name}" not in NEEDS_MORE
    )
    assert list(refusals(ends)) == []


def refusals(given: Iterable[tuple[Entry, type, dict[str, Any]]]) -> Iterator[str]:
    for entry, made, values in given:
        try:
            construct(made, entry, **values)
        except Exception as error:
            yield f"{entry.name} {values}: {error}"


def test_every_activation_keeps_the_shape() -> None:
    data = keras.ops.ones((2, 3))
    for name in catalogue.activations():
        assert keras.layers.Dense(4, activation=name)(data).shape == (2, 4), name


def test_losses_and_metrics_compare_truth_and_prediction() -> None:
    for table in ("losses", "metrics"):
        for _, made, entry in every(table):
            method = made.call if table == "losses" else made.update_state
            assert list(inspect.signature(method).parameters)[1:3] == ["y_true", "y_pred"], entry.name


def test_layers_that_adapt_are_marked() -> None:
    for _, made, entry in every("layers"):
        assert entry.adapts == hasattr(made, "adapt"), entry.name


def test_layers_take_their_inputs_as_the_table_says() -> None:
    data = keras.ops.ones((2, 4, 3))
    for name in ("Add", "Concatenate", "Dot", "Subtract", "Attention", "AdditiveAttention"):
        entry = catalogue.layers()[name]
        assert construct(getattr(keras.layers, name), entry)([data] * entry.inputs_min) is not None
    for name in ("MultiHeadAttention", "GroupQueryAttention"):
        entry = catalogue.layers()[name]
        assert construct(getattr(keras.layers, name), entry)(*[data] * entry.inputs_min).shape == data.shape


SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    "Add": ((3,), (3,)),
    "Concatenate": ((2, 3), (2, 4)),
    "Conv2D": ((8, 8, 3),),
    "SpatialDropout1D": ((4, 3),),
    "SpatialDropout2D": ((4, 4, 3),),
    "SpatialDropout3D": ((4, 4, 4, 3),),
    "GroupNormalization": ((32,),),
    "GlobalAveragePooling1D": ((4, 3),),
    "GlobalMaxPooling1D": ((4, 3),),
    "GlobalAveragePooling2D": ((4, 4, 3),),
    "GlobalMaxPooling2D": ((4, 4, 3),),
    "LSTM": ((4, 3),),
    "GRU": ((4, 3),),
    "SimpleRNN": ((4, 3),),
    "Embedding": ((5,),),
    "Masking": ((4, 3),),
}


@pytest.mark.parametrize(
    "name", sorted({*UNCHANGED, *ELEMENTWISE, *RECURRENT, *RULES} - {"recurrent", "Reshape"})
)
def test_shapes_that_are_inferred_are_those_of_keras(name: str) -> None:
    shapes = SHAPES.get(name, ((3,), (3,)) if name in ELEMENTWISE else ((2, 6),))
    entry = catalogue.layers()[name]
    inputs = [keras.Input(shape) for shape in shapes]
    made = construct(getattr(keras.layers, name), entry)
    said = made(inputs if entry.call == "list" else inputs[0]).shape[1:]
    assert output_shape(name, entry.example, shapes) == said


def test_dropout_and_its_kin_are_marked_random() -> None:
    random = {entry.name for entry in catalogue.layers().values() if entry.random}
    seeded = {
        entry.name
        for entry in catalogue.layers().values()
        if entry.parameter("seed") and entry.parameter("factor")
    }
    assert {"Dropout", "GaussianNoise", "SpatialDropout1D", "AlphaDropout"} | seeded <= random


def test_the_operations_of_formulas_are_functions_of_keras() -> None:
    for name in catalogue.ops():
        assert callable(getattr(keras.ops, name)), name


def _ends(parameter: Parameter) -> list[Any]:
    whole = parameter.type in ("int", "ints")
    ends = [parameter.minimum, parameter.maximum] if parameter.type in ("int", "ints", "float") else []
    return [int(end) if whole else float(end) for end in ends if end is not None]


def _as_json(value: Any) -> Any:
    return [_as_json(item) for item in value] if isinstance(value, (tuple, list)) else value
