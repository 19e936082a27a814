"""The graph of a project and its layout, without a window."""

import time
from itertools import pairwise

from core.project.facts import Facts
from core.project.schema import Project
from gui.canvas.graph import graph
from gui.canvas.layout import Box, arrange
from gui.canvas.placing import placed
from gui.canvas.routing import Card, detour
from tests.gui.canvas_bench import EXAMPLE, FACTS

PROJECT = Project.model_validate(EXAMPLE)


def boxes(names, stage=1):
    return {name: Box(100, 46, stage) for name in names}


def test_the_graph_reads_from_inputs_to_the_total():
    nodes = graph(PROJECT, FACTS).nodes
    assert next(iter(nodes)) == "input:features"
    assert list(nodes)[-2:] == ["regularization", "total"]
    assert "target:rating" in nodes


def test_second_lines_name_class_parameters_activation_and_penalty():
    nodes = graph(PROJECT, FACTS).nodes
    assert nodes["layer:trunk"].detail == "Dense 64 · relu · L2"
    assert nodes["layer:trunk"].shape == "(64)"
    assert nodes["head:prediction"].detail == "head · (1)"
    assert nodes["term:mse"].detail == "weight 0 · watched"
    assert nodes["regularization"].detail == "L2 on trunk"


def test_shapes_that_a_head_shows_are_not_repeated_on_its_layer():
    assert graph(PROJECT, FACTS).nodes["layer:shift"].shape == ""


def test_a_wire_from_what_is_not_there_is_left_out():
    broken = PROJECT.model_copy(deep=True)
    layers = dict(broken.model.layers)
    layers["trunk"] = layers["trunk"].model_copy(update={"sources": ("nobody",)})
    broken = broken.model_copy(update={"model": broken.model.model_copy(update={"layers": layers})})
    assert not [wire for wire in graph(broken, Facts()).wires.values() if wire.target == "layer:trunk"]


def test_columns_go_from_left_to_right():
    layout = arrange(boxes("abc"), [("a", "b"), ("b", "c")])
    assert layout.positions["a"][0] < layout.positions["b"][0] < layout.positions["c"][0]


def test_a_chain_is_straight():
    layout = arrange(boxes("abc"), [("a", "b"), ("b", "c")])
    assert len({y for _, y in layout.positions.values()}) == 1


def test_no_two_nodes_overlap():
    names = [f"n{i}" for i in range(60)]
    edges = [(names[i // 3], names[i]) for i in range(1, 60)]
    places = list(arrange(boxes(names), edges).positions.values())
    for index, (x, y) in enumerate(places):
        assert not [1 for (u, v) in places[index + 1 :] if abs(x - u) < 100 and abs(y - v) < 46]


def test_two_crossed_wires_are_uncrossed():
    layout = arrange(boxes("abcd"), [("a", "d"), ("b", "c")])
    (_, a), (_, b), (_, c), (_, d) = (layout.positions[name] for name in "abcd")
    assert (a - b) * (d - c) > 0


def test_a_long_wire_passes_between_the_nodes():
    layout = arrange(boxes("abc"), [("a", "b"), ("b", "c"), ("a", "c")])
    top = layout.positions["b"][1]
    assert all(not top <= y <= top + 46 for _, y in layout.routes[("a", "c")])


def test_a_circle_of_wires_is_laid_out_all_the_same():
    assert len(arrange(boxes("ab"), [("a", "b"), ("b", "a")]).positions) == 2


def test_a_thousand_layers_in_a_row_are_laid_out():
    names = [f"n{i}" for i in range(1000)]
    start = time.perf_counter()
    assert len(arrange(boxes(names), list(pairwise(names))).positions) == 1000
    assert time.perf_counter() - start < 5


def test_what_has_a_place_stays_and_what_is_new_stands_beside_it():
    layout = placed(boxes("ab"), [("a", "b")], {"a": (500.0, 300.0)})
    assert layout.positions["a"] == (500.0, 300.0)
    assert layout.positions["b"][0] > 600
    assert layout.positions["b"][1] == 300.0


def test_a_new_node_does_not_cover_another_one():
    layout = placed(boxes("abc"), [("a", "b"), ("a", "c")], {"a": (0.0, 0.0), "b": (160.0, 0.0)})
    assert layout.positions["c"][1] >= 46


CARDS = [Card(200, 0, 300, 46), Card(200, 74, 300, 120)]


def test_a_wire_with_a_free_way_stays_as_it_is():
    assert detour((0, 200), (600, 200), CARDS, [], "a") is None


def test_a_wire_goes_round_a_card_in_its_way():
    stretch = detour((0, 20), (600, 30), CARDS, [], "a")
    assert not [card for card in CARDS if card.top <= stretch.y <= card.bottom]


def test_wires_from_different_nodes_keep_apart():
    first = detour((0, 20), (600, 30), CARDS, [], "a")
    second = detour((0, 20), (600, 30), CARDS, [first], "b")
    assert abs(first.y - second.y) >= 8
