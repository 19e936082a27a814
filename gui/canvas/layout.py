"""Lays a graph out in columns from left to right: inputs, layers by depth, heads and targets, terms, total.

Wires that span several columns get a lane of their own through each, so that they pass between nodes, not
behind them. Pure arithmetic: no Qt, no project.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from gui.canvas.ordering import Columns, ordered
from gui.canvas.straightening import heights

GAP_X, GAP_Y, LANE, LANE_GAP = 60.0, 28.0, 4.0, 14.0
GRID = 4
MOST_LANES = 4_000
"""Wires that would need more get none and take their own way: a graph must not grow without bounds here."""

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
        room = MOST_LANES
        for edge in edges:
            room -= ranks[edge[1]] - ranks[edge[0]] - 1
            if room >= 0 or ranks[edge[1]] - ranks[edge[0]] == 1:
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
        """Return the middle of each node."""
        return heights(self.columns, self.before, self.after, lambda name: not self._is_node(name), self._gap)

    def _gap(self, upper: str, lower: str) -> float:
        """Return the least distance between the middles of two neighbours of a column."""
        between = GAP_Y if self._is_node(upper) and self._is_node(lower) else LANE_GAP
        return (self.boxes[upper].height + self.boxes[lower].height) / 2 + between


def _snapped(value: float) -> float:
    return float(round(value / GRID) * GRID)
