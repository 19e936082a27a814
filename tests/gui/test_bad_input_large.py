"""A project of thousands of nodes is drawn without going through all of them for each."""

from itertools import pairwise

from gui.canvas.layout import MOST_LANES, Box, arrange
from gui.canvas.routing import MANY, Card, Cards, detour


def test_the_cards_in_the_way_of_a_wire_are_those_between_its_ends():
    cards = Cards({f"n{i}": Card(100 * i, 0, 100 * i + 60, 40) for i in range(1000)})
    found = cards.between(4970, 5250, ("n51",))
    assert [card.left for card in found] == [5000, 5200]


def test_a_wide_card_is_found_where_only_its_end_reaches():
    cards = Cards({"wide": Card(0, 0, 900, 40), "small": Card(100, 0, 120, 40)})
    assert [card.right for card in cards.between(800, 850, ())] == [900]


def test_wires_that_cross_too_many_columns_get_no_lanes():
    names = [f"n{i}" for i in range(300)]
    boxes = {name: Box(100, 40, 1) for name in names}
    chain = list(pairwise(names))
    found = arrange(boxes, [*chain, *((names[0], name) for name in names[2:])])
    assert set(found.positions) == set(names)
    assert sum(len(route) // 2 for route in found.routes.values()) <= MOST_LANES


def test_no_way_is_looked_for_among_very_many_cards():
    cards = [Card(100 * i, 0, 100 * i + 60, 40) for i in range(MANY + 1)]
    assert detour((0, 20), (100 * len(cards) + 200, 20), cards, [], "a") is None
