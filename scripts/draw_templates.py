"""Draw the small pictures of the templates from their graphs, as SVG of 320 by 180.

For maintainers: `.venv/bin/python -P scripts/draw_templates.py` after a template changed.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core.project.schema import Project  # noqa: E402 (found only from here on)
from core.project.templates import templates  # noqa: E402

WIDTH, HEIGHT, MARGIN = 320, 180, 22
OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
GREY, INK, PAPER, LINE = "#8b95a3", "#1f2933", "#ffffff", "#b8c1cc"
NODE, TALL = 30.0, 17.0

Point = tuple[float, float]
Wire = tuple[str, str, str]


def picture(project: Project) -> str:
    """Return the SVG: wires under nodes, each head and its terms in the head's colour."""
    places = fitted(project.canvas.positions)
    colours = colours_of(project)
    drawn = [
        wire(places[a], places[b], colour)
        for a, b, colour in wires(project, colours)
        if places.keys() >= {a, b}
    ]
    drawn += [node(place, colours.get(name, GREY)) for name, place in places.items()]
    body = "\n  ".join(drawn)
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n  {body}\n</svg>\n'


def fitted(positions: dict[str, Point]) -> dict[str, Point]:
    """Scale the canvas positions into the picture."""
    columns = sorted({x for x, _ in positions.values()})
    lowest, highest = min(y for _, y in positions.values()), max(y for _, y in positions.values())
    across = (WIDTH - 2 * MARGIN - NODE) / max(1, len(columns) - 1)
    down = min(42.0 / 96.0, (HEIGHT - 2 * MARGIN - TALL) / max(1.0, highest - lowest))
    top = (HEIGHT - TALL - (highest - lowest) * down) / 2
    return {
        name: (MARGIN + columns.index(x) * across, top + (y - lowest) * down)
        for name, (x, y) in positions.items()
    }


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


def wire(start: Point, end: Point, colour: str) -> str:
    (x1, y1), (x2, y2) = start, end
    x1, y1, y2 = x1 + NODE, y1 + TALL / 2, y2 + TALL / 2
    bend = (x2 - x1) / 2
    dashes = ' stroke-dasharray="3 3"' if colour == LINE and bend > NODE else ""
    return (
        f'<path d="M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}" '
        f'fill="none" stroke="{colour}" stroke-width="1.5"{dashes}/>'
    )


def node(place: Point, colour: str) -> str:
    x, y = place
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{NODE}" height="{TALL}" rx="4" '
        f'fill="{PAPER}" stroke="{LINE}"/>'
        f'<rect x="{x:.1f}" y="{y + 3:.1f}" width="3" height="{TALL - 6}" rx="1.5" fill="{colour}"/>'
    )


if __name__ == "__main__":
    for one in templates():
        one.picture.write_text(picture(one.project()), "utf-8")
