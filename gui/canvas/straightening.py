"""Finds the height of each node of ordered columns, so that wires are level where they can be.

Nodes joined by their only wire, and the lanes of one long wire, form rows that stay level; how follows
Brandes and Köpf (https://doi.org/10.1007/3-540-45848-4_3). Rows are then pulled to the mean height of what
they are wired to, alone as far as their neighbours let them, and together with those that stand in their way.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from gui.canvas.ordering import Columns, Neighbours

SWEEPS, CLOSE = 24, 0.01
MANY = 500
"""More rows than these are not pushed in groups, which would take longer than a glance."""
Gap = Callable[[str, str], float]
"""The least distance between the middles of a node and the one below it."""


def heights(
    columns: Columns, before: Neighbours, after: Neighbours, is_lane: Callable[[str], bool], gap: Gap
) -> dict[str, float]:
    """Return the height of the middle of each node, from 0 downwards; the order of each column is kept."""
    row_of = _rows(columns, before, after, is_lane)
    under, over = _neighbours(columns, row_of, gap)
    wires = _wires(after, row_of)
    places = _packed(under, over)
    for sweep in range(SWEEPS):
        order = sorted(places, key=lambda row: places[row], reverse=sweep % 2 == 0)
        for row in order:
            places[row] = _pulled(row, places, wires, over, under)
        for row in order if len(order) <= MANY else ():
            _push(row, places, wires, *((under, 1) if sweep % 2 == 0 else (over, -1)))
    return {name: places[row] for name, row in row_of.items()}


def _rows(
    columns: Columns, before: Neighbours, after: Neighbours, is_lane: Callable[[str], bool]
) -> dict[str, str]:
    """Return the row of each node, called by its first node. Wires of rows do not cross each other."""
    row_of = {name: name for column in columns for name in column}
    for left, right in pairwise(columns):
        place = {name: index for index, name in enumerate(right)}
        lowest = -1
        for name in left:
            partner = _partner(name, before, after, is_lane)
            if partner is not None and place[partner] > lowest:
                row_of[partner], lowest = row_of[name], place[partner]
    return row_of


def _partner(name: str, before: Neighbours, after: Neighbours, is_lane: Callable[[str], bool]) -> str | None:
    """Return what continues the row of `name` to the right: the next lane, or a node joined by the only
    real wire.
    """
    same = [other for other in after[name] if is_lane(other) == is_lane(name)]
    if len(same) != 1:
        return None
    back = [other for other in before[same[0]] if is_lane(other) == is_lane(name)]
    return same[0] if back == [name] else None


Bounds = dict[str, dict[str, float]]
"""For each row its neighbours on one side and the least distance to them."""


def _neighbours(columns: Columns, row_of: dict[str, str], gap: Gap) -> tuple[Bounds, Bounds]:
    """Return what stands under each row and what stands over it."""
    under: Bounds = {row: {} for row in row_of.values()}
    over: Bounds = {row: {} for row in row_of.values()}
    for column in columns:
        for upper, lower in pairwise(column):
            one, other = row_of[upper], row_of[lower]
            distance = max(gap(upper, lower), under[one].get(other, 0.0))
            under[one][other] = over[other][one] = distance
    return under, over


def _wires(after: Neighbours, row_of: dict[str, str]) -> dict[str, list[str]]:
    """Return the rows that each row is wired to, once for each wire."""
    wires: dict[str, list[str]] = {row: [] for row in row_of.values()}
    for name, others in after.items():
        for other in others:
            one, two = row_of[name], row_of[other]
            if one != two:
                wires[one].append(two)
                wires[two].append(one)
    return wires


def _packed(under: Bounds, over: Bounds) -> dict[str, float]:
    """Return the highest place of every row that keeps all distances."""
    places = dict.fromkeys(under, 0.0)
    waiting = {row: len(neighbours) for row, neighbours in over.items()}
    ready = [row for row, count in waiting.items() if count == 0]
    for row in ready:
        for lower, distance in under[row].items():
            places[lower] = max(places[lower], places[row] + distance)
            waiting[lower] -= 1
            if waiting[lower] == 0:
                ready.append(lower)
    return places


def _pulled(
    row: str, places: dict[str, float], wires: dict[str, list[str]], over: Bounds, under: Bounds
) -> float:
    """Return the place nearest to the mean of what `row` is wired to that its neighbours leave free."""
    near: Sequence[str] = wires[row]
    wanted = sum(places[other] for other in near) / len(near) if near else places[row]
    least = max((places[upper] + distance for upper, distance in over[row].items()), default=-float("inf"))
    most = min((places[lower] - distance for lower, distance in under[row].items()), default=float("inf"))
    return min(max(wanted, least), max(most, least))


def _push(row: str, places: dict[str, float], wires: dict[str, list[str]], side: Bounds, sign: int) -> None:
    """Move `row` down (`sign` 1) or up (-1) with all that it touches there, where their wires ask for it."""
    group = _touching(row, places, side, sign)
    pulls = [places[other] - places[one] for one in group for other in wires[one] if other not in group]
    wanted = sign * sum(pulls) / len(pulls) if pulls else 0.0
    free = min(
        (
            sign * (places[other] - places[one]) - distance
            for one in group
            for other, distance in side[one].items()
            if other not in group
        ),
        default=float("inf"),
    )
    step = min(wanted, free)
    if step > CLOSE:
        for one in group:
            places[one] += sign * step


def _touching(row: str, places: dict[str, float], side: Bounds, sign: int) -> set[str]:
    """Return `row` and what it would push before it on one side."""
    group, waiting = {row}, [row]
    while waiting:
        one = waiting.pop()
        for other, distance in side[one].items():
            if other not in group and sign * (places[other] - places[one]) - distance < CLOSE:
                group.add(other)
                waiting.append(other)
    return group
