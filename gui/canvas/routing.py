"""Leads wires round the nodes in their way, where somebody placed nodes by hand. Pure arithmetic on rectangles.

A wire whose plain curve would run behind a card takes a level stretch above or below it instead.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gui.canvas.layout import Point

TURN, ROOM, LANE = 52.0, 9.0, 10.0
SAMPLES = 14
HIT, SHARED = 4_000.0, 60.0
"""What it costs to run behind a card, and to run along another wire, in pixels of way."""
MANY = 120
"""Among more cards than these no way is looked for: trying them all would take longer than a glance."""


class Card(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float


class Stretch(NamedTuple):
    """The level part of a wire that is led round something, and where the wire comes from."""

    left: float
    right: float
    y: float
    source: str


class Cards:
    """Cards from left to right, so that those in the way of one wire are found among thousands at once."""

    def __init__(self, cards: Mapping[str, Card]):
        """`cards` by the reference of their nodes."""
        self._sorted = sorted((card, reference) for reference, card in cards.items())
        self._widest = max((card.right - card.left for card in cards.values()), default=0.0)

    def between(self, left: float, right: float, without: Sequence[str]) -> list[Card]:
        """Return the cards that reach into the upright strip from `left` to `right`, some left out."""
        first = bisect_left(self._sorted, left - self._widest, key=lambda each: each[0].left)
        last = bisect_left(self._sorted, right, lo=first, key=lambda each: each[0].left)
        inside = self._sorted[first:last]
        return [card for card, reference in inside if card.right > left and reference not in without]


def detour(
    start: Point, end: Point, cards: Sequence[Card], taken: Sequence[Stretch], source: str
) -> Stretch | None:
    """Return the level stretch a wire should take, or None where its plain curve is free.

    `cards` are the nodes other than its ends; `taken` the stretches of wires before it.
    """
    left, right = start[0] + TURN, end[0] - TURN
    near = [card for card in cards if card.right > start[0] and card.left < end[0]]
    if right - left < TURN or len(near) > MANY or not _hits_curve(start, end, near):
        return None
    found = [Stretch(left, right, y, source) for y in _lanes(start, end, near)]
    return min(found, key=lambda stretch: _cost(start, end, stretch, near, taken))


def _lanes(start: Point, end: Point, cards: Sequence[Card]) -> list[float]:
    """Return the heights worth trying: those of the ends, and some beside each card."""
    beside = [ROOM + LANE * step for step in range(3)]
    tops = [card.top - gap for card in cards for gap in beside]
    bottoms = [card.bottom + gap for card in cards for gap in beside]
    return [start[1], end[1], *tops, *bottoms]


def _cost(
    start: Point, end: Point, stretch: Stretch, cards: Sequence[Card], taken: Sequence[Stretch]
) -> float:
    """How long and how bad a way is."""
    along = Card(stretch.left, stretch.y - ROOM / 2, stretch.right, stretch.y + ROOM / 2)
    hits = sum(1 for card in cards if _overlap(card, along))
    hits += _hits_curve(start, (stretch.left, stretch.y), cards) + _hits_curve(
        (stretch.right, stretch.y), end, cards
    )
    shared = sum(
        1
        for other in taken
        if other.source != stretch.source
        and abs(other.y - stretch.y) < LANE - 2
        and other.left < stretch.right
        and other.right > stretch.left
    )
    return HIT * hits + SHARED * shared + abs(start[1] - stretch.y) + abs(stretch.y - end[1])


def _overlap(one: Card, other: Card) -> bool:
    across = one.left < other.right and one.right > other.left
    return across and one.top < other.bottom and one.bottom > other.top


def _hits_curve(start: Point, end: Point, cards: Sequence[Card]) -> int:
    """Count the cards behind which the smooth curve between two points runs."""
    low, high = min(start[1], end[1]), max(start[1], end[1])
    box = Card(start[0], low - 2, end[0], high + 2)
    crossed = [card for card in cards if _overlap(card, box)]
    points = [_on_curve(start, end, step / SAMPLES) for step in range(1, SAMPLES)] if crossed else []
    return sum(1 for card in crossed if any(_inside(point, card) for point in points))


def _on_curve(start: Point, end: Point, part: float) -> Point:
    """The point of the S-shaped Bézier curve whose handles are level and half as long as it is wide."""
    back, bend = 1 - part, (end[0] - start[0]) / 2
    first, second, third, fourth = back**3, 3 * back**2 * part, 3 * back * part**2, part**3
    x = first * start[0] + second * (start[0] + bend) + third * (end[0] - bend) + fourth * end[0]
    return (x, (first + second) * start[1] + (third + fourth) * end[1])


def _inside(point: Point, card: Card) -> bool:
    return card.left - 2 < point[0] < card.right + 2 and card.top - 2 < point[1] < card.bottom + 2
