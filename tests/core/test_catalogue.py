"""The catalogue's tables are whole, agree with the rules that judge values, and cost no Keras."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from core import catalogue
from core.catalogue import Entry
from core.project.problems.parameters import judge

TABLES = (
    *(
        catalogue.layers,
        catalogue.cells,
        catalogue.activations,
        catalogue.initializers,
        catalogue.regularizers,
    ),
    *(catalogue.constraints, catalogue.losses, catalogue.metrics, catalogue.optimizers, catalogue.schedules),
)


def every() -> Iterator[Entry]:
    return (entry for table in TABLES for entry in table().values())


def test_everything_has_one_line_of_help() -> None:
    for entry in every():
        for text in (entry.help, *(parameter.help for parameter in entry.parameters)):
            assert text.endswith("."), entry.name
            assert "\n" not in text
            assert len(text) <= 100, (entry.name, text)


def test_every_required_parameter_has_an_example() -> None:
    for entry in every():
        required = {parameter.name for parameter in entry.parameters if parameter.required}
        assert required <= entry.example.keys(), entry.name
        assert None not in entry.example.values(), entry.name


def test_every_default_and_every_example_is_judged_right() -> None:
    for entry in every():
        for parameter in entry.parameters:
            if not parameter.required:
                assert judge(parameter, parameter.default)[0] == "", (entry.name, parameter)
            if parameter.name in entry.example:
                assert judge(parameter, entry.example[parameter.name])[0] == "", (entry.name, parameter)


def test_choices_have_choices_and_ranges_have_an_order() -> None:
    for entry in every():
        for parameter in entry.parameters:
            assert bool(parameter.choices) or parameter.type != "choice", (entry.name, parameter.name)
            if parameter.minimum is not None and parameter.maximum is not None:
                assert parameter.minimum < parameter.maximum


def test_inputs_agree_with_the_way_they_are_given() -> None:
    for entry in catalogue.layers().values():
        expected = (1, 1) if entry.call == "one" else (2, entry.inputs_max)
        assert (entry.inputs_min, entry.inputs_max) == expected, entry.name


@pytest.mark.parametrize("name", ["Lambda", "InputLayer", "Layer", "LSTMCell"])
def test_what_is_no_node_of_a_graph_is_no_layer_here(name: str) -> None:
    assert name not in catalogue.layers()


@pytest.mark.parametrize(
    "name", ["cast", "zeros", "map", "while_loop", "convert_to_numpy", "custom_gradient"]
)
def test_what_could_do_harm_is_no_operation_of_formulas(name: str) -> None:
    assert name not in catalogue.ops()


def test_the_tables_are_read_without_keras_and_only_when_asked_for() -> None:
    code = (
        "import sys; from core import catalogue; assert catalogue.layers.cache_info().currsize == 0;"
        "catalogue.layers(); catalogue.losses(); assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
