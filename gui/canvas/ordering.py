"""Orders the nodes of each column so that few wires cross: barycentres, swept to and fro, the best order
kept.

The method is that of Sugiyama, Tagawa and Toda (https://doi.org/10.1109/TSMC.1981.4308636).
"""

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from itertools import pairwise

SWEEPS = 12
Columns = list[list[str]]
Neighbours = Mapping[str, Sequence[str]]


def ordered(columns: Columns, before: Neighbours, after: Neighbours) -> Columns:
    """Return the columns with their nodes reordered; `before` and `after` are neighbours one column away."""
    best, fewest = columns, crossings(columns, after)
    current = columns
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        current = _rightwards(current, before) if sweep % 2 == 0 else _leftwards(current, after)
        count = crossings(current, after)
        if count < fewest:
            best, fewest = current, count
    return best


def _rightwards(columns: Columns, before: Neighbours) -> Columns:
    swept = [list(columns[0])]
    for column in columns[1:]:
        swept.append(_by_barycentre(column, swept[-1], before))
    return swept


def _leftwards(columns: Columns, after: Neighbours) -> Columns:
    swept = [list(columns[-1])]
    for column in reversed(columns[:-1]):
        swept.append(_by_barycentre(column, swept[-1], after))
    return swept[::-1]


def _by_barycentre(column: Sequence[str], fixed: Sequence[str], neighbours: Neighbours) -> list[str]:
    """Sort by the mean place of the neighbours in `fixed`; who has none keeps its place."""
    place = {node: float(index) for index, node in enumerate(fixed)}
    scale = len(fixed) / max(1, len(column))

    def key(item: tuple[int, str]) -> float:
        found = [place[other] for other in neighbours.get(item[1], ()) if other in place]
        return sum(found) / len(found) if found else item[0] * scale

    return [node for _, node in sorted(enumerate(column), key=key)]


def crossings(columns: Columns, after: Neighbours) -> int:
    """Count the pairs of wires between neighbouring columns that cross."""
    return sum(_between(left, right, after) for left, right in pairwise(columns))


def _between(left: Sequence[str], right: Sequence[str], after: Neighbours) -> int:
    place = {node: index for index, node in enumerate(right)}
    seen: list[int] = []
    count = 0
    for node in left:
        ends = sorted(place[other] for other in after.get(node, ()) if other in place)
        count += sum(len(seen) - bisect_right(seen, end) for end in ends)
        for end in ends:
            insort(seen, end)
    return count
