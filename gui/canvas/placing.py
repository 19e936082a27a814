"""Where nodes stand: laid out as a whole until somebody moves one, then each new node beside what feeds
it.
"""

from collections.abc import Mapping, Sequence

from gui.canvas.layout import GAP_X, GAP_Y, Box, Edge, Layout, Point, arrange


def placed(boxes: Mapping[str, Box], edges: Sequence[Edge], stored: Mapping[str, Point]) -> Layout:
    """Return a place for every box. Without stored places all are laid out; else the stored ones stay as
    they are.
    """
    layout = arrange(boxes, edges)
    kept = {name: stored[name] for name in boxes if name in stored}
    if not kept:
        return layout
    places = dict(kept)
    for name in sorted(boxes, key=lambda name: layout.positions[name]):
        if name not in places:
            wanted = _beside(name, boxes, edges, places) or layout.positions[name]
            places[name] = _free(wanted, boxes[name], [(places[other], boxes[other]) for other in places])
    routes = {
        edge: route
        for edge, route in layout.routes.items()
        if all(places[end] == layout.positions[end] for end in edge)
    }
    return Layout(places, routes)


def _beside(
    name: str, boxes: Mapping[str, Box], edges: Sequence[Edge], places: Mapping[str, Point]
) -> Point | None:
    """Right of what feeds it, or left of what it feeds, at their mean height; None where it has no
    neighbours.
    """
    before = [source for source, target in edges if target == name and source in places]
    after = [target for source, target in edges if source == name and target in places]
    box = boxes[name]
    if before:
        x = max(places[other][0] + boxes[other].width for other in before) + GAP_X
    elif after:
        x = min(places[other][0] for other in after) - GAP_X - box.width
    else:
        return None
    near = before or after
    middle = sum(places[other][1] + boxes[other].height / 2 for other in near) / len(near)
    return (x, middle - box.height / 2)


def _free(wanted: Point, box: Box, others: Sequence[tuple[Point, Box]]) -> Point:
    """Return the first place at or below `wanted` that touches none of the others."""
    x, y = wanted
    for (left, top), other in sorted(others, key=lambda item: item[0][1]):
        beside = left >= x + box.width or left + other.width <= x
        if not beside and top < y + box.height + GAP_Y / 2 and top + other.height + GAP_Y / 2 > y:
            y = top + other.height + GAP_Y
    return (x, y)
