"""Draws growth as one SVG: steps a second of the engine and of the script, both axes logarithmic.

Colours and text are readable on a light and on a dark page, because a README is shown on both.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, GAP = 250, 170, 52, 34, 30, 20
INK = "#7d8590"
LINES = (("engine_steps_a_second", "engine", "#2f81f7"), ("script_steps_a_second", "script", "#d4762c"))
SUFFIXES = ((1e6, "M"), (1e3, "k"), (1, ""))


def growth_svg(growth: dict[str, list[dict[str, Any]]]) -> str:
    """Return the picture as text; `growth` is what `scripts.measures.growth.measure` gives."""
    width = len(growth) * (LEFT + WIDTH + GAP)
    height = TOP + HEIGHT + BOTTOM
    charts = "\n".join(
        f'<g transform="translate({number * (LEFT + WIDTH + GAP) + LEFT} {TOP})">{_chart(name, points)}</g>'
        for number, (name, points) in enumerate(growth.items())
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
    style = f'font-family="sans-serif" font-size="11" fill="{INK}"'
    return f'{head} height="{height}" {style}>\n{charts}\n</svg>\n'


def _chart(name: str, points: Sequence[dict[str, Any]]) -> str:
    across = [math.log10(point["at"]) for point in points]
    values = [math.log10(point[key]) for key, _, _ in LINES for point in points]
    low, high = math.floor(min(values)), math.ceil(max(values))
    place = _placing(min(across), max(across), low, high)
    parts = [_text(0, -14, f"steps a second by {name}", "start"), *_legend()]
    parts += [_level(place(across[0], level)[1], _short(10**level)) for level in range(low, high + 1)]
    parts += [
        _text(place(x, low)[0], HEIGHT + 16, _short(point["at"]), "middle")
        for x, point in _spaced(across, points)
    ]
    parts += [_line(points, across, place, key, colour) for key, _, colour in LINES]
    return "\n".join(parts)


def _legend() -> Iterable[str]:
    for number, (_, label, colour) in enumerate(LINES):
        yield f'<g fill="{colour}">{_text(WIDTH - 40 * (1 - number), -14, label, "end")}</g>'


def _placing(left: float, right: float, low: float, high: float) -> Any:
    def place(x: float, y: float) -> tuple[float, float]:
        return WIDTH * (x - left) / (right - left), HEIGHT * (high - y) / (high - low)

    return place


def _spaced(across: Sequence[float], points: Sequence[dict[str, Any]]) -> Iterable[tuple[float, Any]]:
    """Labels that have room: at most five of them, the first and the last among them."""
    every = max(1, (len(across) - 1) // 4)
    return [pair for number, pair in enumerate(zip(across, points, strict=True)) if number % every == 0]


def _line(
    points: Sequence[dict[str, Any]], across: Sequence[float], place: Any, key: str, colour: str
) -> str:
    spots = [place(x, math.log10(point[key])) for x, point in zip(across, points, strict=True)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in spots)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>{dots}'


def _level(y: float, label: str) -> str:
    return (
        f'<path d="M0 {y:.1f}H{WIDTH}" stroke="{INK}" stroke-opacity="0.25"/>{_text(-6, y + 4, label, "end")}'
    )


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _short(value: float) -> str:
    """`1.2M`, `10k`, `64`."""
    size, suffix = next((pair for pair in SUFFIXES if value >= pair[0]), SUFFIXES[-1])
    return f"{value / size:.3g}{suffix}"
