"""Lays a graph out in columns from left to right: inputs, layers by depth, heads and targets, terms, total.

Wires that span several columns get a lane of their own through each, so that they pass between nodes, not
behind them. Pure arithmetic: no Qt, no project.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from gui.canvas.ordering import Columns, ordered

GAP_X, GAP_Y, LANE, LANE_GAP = 60.0, 28.0, 4.0, 14.0
SWEEPS, STRAIGHTENING = 8, 24
"""Sweeps that follow one side, which place whole branches; then sweeps that weigh both sides, which
smooth.
"""
GRID = 4

Point = tuple[float, float]
Edge = tuple[str, str]


@dataclass(frozen=True)
class Box:
    """A node to place: its size, and the stage it belongs to (0 inputs, 1 layers, 2 heads, 3 terms, 4
    total).
    """

    width: float
    height: float
    stage: int


@dataclass(frozen=True)
class Layout:
    """Where each node's upper left corner stands, and the points that long wires pass through."""

    positions: dict[str, Point] = field(default_factory=dict)
    routes: dict[Edge, tuple[Point, ...]] = field(default_factory=dict)


def arrange(boxes: Mapping[str, Box], edges: Iterable[Edge]) -> Layout:
    """Return where nodes stand. Edges to unknown nodes and edges that close a circle are ignored."""
    known = [
        edge for edge in dict.fromkeys(edges) if edge[0] in boxes and edge[1] in boxes and edge[0] != edge[1]
    ]
    if not boxes:
        return Layout()
    ranks = ranked(boxes, known)
    grid = _Grid(boxes, ranks, [edge for edge in known if ranks[edge[0]] < ranks[edge[1]]])
    return grid.layout()


def ranked(boxes: Mapping[str, Box], edges: Sequence[Edge]) -> dict[str, int]:
    """Return the column of each node: the longest way to it, with heads, terms and the total each in one
    column.
    """
    depth = _depths(boxes, edges)
    ranks: dict[str, int] = {}
    start = 0
    for stage in range(5):
        members = {name: depth[name] for name, box in boxes.items() if box.stage == stage}
        if not members:
            continue
        least = min(members.values())
        spread = (lambda value, least=least: value - least) if stage == 1 else (lambda value, least=least: 0)
        ranks |= {name: start + spread(value) for name, value in members.items()}
        start = max(ranks.values()) + 1
    return ranks


def _depths(boxes: Mapping[str, Box], edges: Sequence[Edge]) -> dict[str, int]:
    """Return the longest way to each node; without recursion, as chains may be thousands long."""
    after: dict[str, list[str]] = {name: [] for name in boxes}
    waiting = dict.fromkeys(boxes, 0)
    for source, target in edges:
        after[source].append(target)
        waiting[target] += 1
    depth = {name: 1 if box.stage == 1 else 0 for name, box in boxes.items()}
    ready = [name for name, count in waiting.items() if count == 0]
    for name in ready:
        for target in after[name]:
            depth[target] = max(depth[target], depth[name] + 1)
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    return depth


class _Grid:
    """The columns, with a lane (a place holder) in each column that a long wire crosses."""

    def __init__(self, boxes: Mapping[str, Box], ranks: Mapping[str, int], edges: Sequence[Edge]):
        self.boxes = dict(boxes)
        self.columns: Columns = [[] for _ in range(max(ranks.values()) + 1)]
        self.before: dict[str, list[str]] = {name: [] for name in boxes}
        self.after: dict[str, list[str]] = {name: [] for name in boxes}
        self.lanes: dict[Edge, list[str]] = {}
        for name in boxes:
            self.columns[ranks[name]].append(name)
        for edge in edges:
            self._thread(edge, ranks)
        self.columns = ordered(self.columns, self.before, self.after)

    def _thread(self, edge: Edge, ranks: Mapping[str, int]) -> None:
        """Lead an edge through the columns between its ends."""
        chain = [edge[0]]
        for rank in range(ranks[edge[0]] + 1, ranks[edge[1]]):
            lane = f"{edge[0]} {edge[1]} {rank}"
            self.boxes[lane] = Box(0.0, LANE, -1)
            self.before[lane], self.after[lane] = [], []
            self.columns[rank].append(lane)
            chain.append(lane)
        self.lanes[edge] = chain[1:]
        for left, right in pairwise([*chain, edge[1]]):
            self.after[left].append(right)
            self.before[right].append(left)

    def layout(self) -> Layout:
        lefts, widths = self._across()
        middles = self._down()
        real = [
            (name, rank) for rank, column in enumerate(self.columns) for name in column if self._is_node(name)
        ]
        tops = {name: middles[name] - self.boxes[name].height / 2 for name, _ in real}
        highest = min(tops.values())
        positions = {name: (lefts[rank], _snapped(tops[name] - highest)) for name, rank in real}
        rank_of = {name: rank for rank, column in enumerate(self.columns) for name in column}
        routes = {
            edge: tuple(
                (lefts[rank_of[lane]] + side * widths[rank_of[lane]], middles[lane] - highest)
                for lane in lanes
                for side in (0, 1)
            )
            for edge, lanes in self.lanes.items()
            if lanes
        }
        return Layout(positions, routes)

    def _is_node(self, name: str) -> bool:
        return self.boxes[name].stage >= 0

    def _across(self) -> tuple[list[float], list[float]]:
        """Return the left edge and the width of each column."""
        widths = [max(self.boxes[name].width for name in column) for column in self.columns]
        lefts, x = [], 0.0
        for width in widths:
            lefts.append(_snapped(x))
            x += width + GAP_X
        return lefts, widths

    def _down(self) -> dict[str, float]:
        """Return the middle of each node: as close to its neighbours' as order and gaps allow."""
        middles: dict[str, float] = {}
        for column in self.columns:
            middles |= _spaced(column, [0.0] * len(column), self._gaps(column))
        for sweep in range(SWEEPS + STRAIGHTENING):
            columns = self.columns if sweep % 2 == 0 else self.columns[::-1]
            for column in columns:
                wanted = [self._wanted(name, middles, sweep) for name in column]
                middles |= _spaced(column, wanted, self._gaps(column))
        return middles

    def _wanted(self, name: str, middles: Mapping[str, float], sweep: int) -> float:
        """The mean of the neighbours on the side the sweep comes from; of both near the end."""
        sides = (
            (self.before, self.after) if sweep >= SWEEPS else (self.before if sweep % 2 == 0 else self.after,)
        )
        near = [(middles[other], self._pull(name, other)) for side in sides for other in side[name]]
        weight = sum(pull for _, pull in near)
        return sum(middle * pull for middle, pull in near) / weight if near else middles[name]

    def _pull(self, one: str, other: str) -> float:
        """How much a wire wants to be straight: a lot where it is the only one between its ends, or a
        lane.
        """
        left, right = (one, other) if other in self.after[one] else (other, one)
        lanes = 2 - self._is_node(left) - self._is_node(right)
        if lanes:
            return 4.0 * lanes
        return 8.0 if len(self.after[left]) == 1 and len(self.before[right]) == 1 else 1.0

    def _gaps(self, column: Sequence[str]) -> list[float]:
        """Return the least distance between the middles of each two neighbours of a column."""
        gaps = []
        for upper, lower in pairwise(column):
            between = GAP_Y if self._is_node(upper) and self._is_node(lower) else LANE_GAP
            gaps.append((self.boxes[upper].height + self.boxes[lower].height) / 2 + between)
        return gaps


def _spaced(names: Sequence[str], wanted: Sequence[float], gaps: Sequence[float]) -> dict[str, float]:
    """Return the places closest to `wanted` (least squares) that keep the order and the `gaps`.

    With the gaps subtracted this is isotonic regression, solved by pooling adjacent violators.
    """
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    pools: list[tuple[float, int]] = []
    for value, offset in zip(wanted, offsets, strict=False):
        mean, count = value - offset, 1
        while pools and pools[-1][0] > mean:
            other, size = pools.pop()
            mean, count = (mean * count + other * size) / (count + size), count + size
        pools.append((mean, count))
    flat = [mean for mean, count in pools for _ in range(count)]
    return {name: place + offset for name, place, offset in zip(names, flat, offsets, strict=False)}


def _snapped(value: float) -> float:
    return float(round(value / GRID) * GRID)
