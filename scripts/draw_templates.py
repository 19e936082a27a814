"""Draw the small pictures of the templates from their graphs, as SVG of 320 by 180.

For maintainers: `.venv/bin/python -P scripts/draw_templates.py` after a template changed.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core.project.schema import Project  # noqa: E402 (found only from here on)
from core.project.templates import templates  # noqa: E402

WIDTH, HEIGHT, MARGIN = 320, 180, 20
OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
GREY, INK, PAPER, LINE = "#8b95a3", "#1f2933", "#ffffff", "#b8c1cc"
WIDEST, TALL = 36.0, 20.0

Point = tuple[float, float]
Wire = tuple[str, str, str]


def picture(project: Project) -> str:
    """Return the SVG: wires under nodes, each head and its terms in the head's colour."""
    places, wide = fitted(project.canvas.positions)
    colours = colours_of(project)
    ends = [
        (places[a], places[b], colour) for a, b, colour in wires(project, colours) if {a, b} <= places.keys()
    ]
    drawn = [wire(start, end, colour, wide) for start, end, colour in ends]
    drawn += [node(place, colours.get(name, GREY), wide) for name, place in places.items()]
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n  ' + "\n  ".join(drawn) + "\n</svg>\n"


def fitted(positions: Mapping[str, Point]) -> tuple[dict[str, Point], float]:
    """Scale the canvas positions into the picture; also return how wide its nodes may be."""
    columns = sorted({x for x, _ in positions.values()})
    lowest, highest = min(y for _, y in positions.values()), max(y for _, y in positions.values())
    wide = min(WIDEST, 0.6 * (WIDTH - 2 * MARGIN) / (len(columns) - 0.4))
    across = (WIDTH - 2 * MARGIN - wide) / max(1, len(columns) - 1)
    down = min(0.55, (HEIGHT - 2 * MARGIN - TALL) / max(1.0, highest - lowest))
    top = (HEIGHT - TALL - (highest - lowest) * down) / 2
    placed = {
        name: (MARGIN + columns.index(x) * across, top + (y - lowest) * down)
        for name, (x, y) in positions.items()
    }
    return placed, wide


def colours_of(project: Project) -> dict[str, str]:
    heads = {f"head:{name}": OKABE_ITO[i % len(OKABE_ITO)] for i, name in enumerate(project.model.heads)}
    terms = {
        f"term:{name}": next((heads[at] for at in reversed(term.bind.values()) if at in heads), GREY)
        for name, term in project.terms.items()
    }
    return {**heads, **terms, "total": INK}


def wires(project: Project, colours: dict[str, str]) -> list[Wire]:
    names = {name: f"input:{name}" for name in project.model.inputs}
    names |= {name: f"layer:{name}" for name in project.model.layers}
    found = [
        (names[a], f"layer:{b}", LINE) for b, layer in project.model.layers.items() for a in layer.sources
    ]
    found += [
        (names[head.layer], f"head:{b}", colours[f"head:{b}"]) for b, head in project.model.heads.items()
    ]
    for name, term in project.terms.items():
        found += [(at, f"term:{name}", colours.get(at, LINE)) for at in term.bind.values()]
        if term.weight:
            found.append((f"term:{name}", "total", colours[f"term:{name}"]))
    return [*found, ("regularization", "total", GREY)]


def wire(start: Point, end: Point, colour: str, wide: float) -> str:
    (x1, y1), (x2, y2) = start, end
    x1, y1, y2 = x1 + wide, y1 + TALL / 2, y2 + TALL / 2
    bend = (x2 - x1) / 2
    dashes = ' stroke-dasharray="3 3"' if colour == LINE and bend > wide else ""
    return (
        f'<path d="M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}" '
        f'fill="none" stroke="{colour}" stroke-width="1.5"{dashes}/>'
    )


def node(place: Point, colour: str, wide: float) -> str:
    x, y = place
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{TALL}" rx="4" '
        f'fill="{PAPER}" stroke="{LINE}"/>'
        f'<rect x="{x:.1f}" y="{y + 3:.1f}" width="3" height="{TALL - 6}" rx="1.5" fill="{colour}"/>'
    )


if __name__ == "__main__":
    for one in templates():
        one.picture.write_text(picture(one.project()), "utf-8")
