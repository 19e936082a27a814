"""Which part of a project has which colour: a head keeps its colour in every node, term, curve and table.

A project is known here by its shape only, so that widgets can use the theme and still know nothing of ours.
"""

from collections.abc import Mapping
from colorsys import hls_to_rgb, rgb_to_hls
from itertools import count
from typing import Protocol

Bind = Mapping[str, str]
LIGHTNESS = {"light": (0.22, 0.36), "dark": (0.5, 0.36)}
"""The lightness of shades begins here and goes up by so much."""
STRIDE, MOST_SHADES = 0.14, 24


class Bound(Protocol):
    """A term or metric."""

    @property
    def bind(self) -> Bind: ...


class Headed(Protocol):
    """A model."""

    @property
    def heads(self) -> Mapping[str, object]: ...


class Composed(Protocol):
    """A project."""

    @property
    def model(self) -> Headed: ...
    @property
    def terms(self) -> Mapping[str, Bound]: ...
    @property
    def metrics(self) -> Mapping[str, Bound]: ...


_last: tuple[object, object, object, str] | None = None
_last_colours: Mapping[str, str] = {}


def colours(project: Composed, palette: tuple[str, ...], theme: str) -> Mapping[str, str]:
    """Colours of heads, terms and metrics by reference. The last answer is kept: painting asks often."""
    global _last, _last_colours
    key = (project.model.heads, project.terms, project.metrics, theme)
    if _last is None or any(a is not b for a, b in zip(key, _last, strict=True)):
        _last, _last_colours = key, _assigned(project, palette, theme)
    return _last_colours


def _assigned(project: Composed, palette: tuple[str, ...], theme: str) -> dict[str, str]:
    result = {f"head:{name}": palette[i % len(palette)] for i, name in enumerate(project.model.heads)}
    taken: set[str] = set()
    spare = (palette[i % len(palette)] for i in count(len(project.model.heads)))
    for name, term in project.terms.items():
        result[f"term:{name}"] = colour = _of_term(term.bind, result, taken, theme) or next(spare)
        taken.add(colour)
    for name, metric in project.metrics.items():
        heads = _heads(metric.bind, result)
        if heads:
            result[f"metric:{name}"] = heads[0]
    return result


def _heads(bind: Bind, known: Mapping[str, str]) -> list[str]:
    return [known[value] for value in bind.values() if value.startswith("head:") and value in known]


def _of_term(bind: Bind, known: Mapping[str, str], taken: set[str], theme: str) -> str | None:
    """The first colour of its heads that is free, or the first free shade of its first head."""
    heads = _heads(bind, known)
    if not heads:
        return None
    free = next((colour for colour in heads if colour not in taken), None)
    shades = (shade(heads[0], step, theme) for step in range(1, MOST_SHADES))
    return free or next((colour for colour in shades if colour not in taken), heads[0])


def shade(colour: str, step: int, theme: str) -> str:
    """The `step`-th relative of `colour`: the same hue at a lightness that stands out from the theme's ground."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, light, saturation = rgb_to_hls(red, green, blue)
    low, room = LIGHTNESS[theme]
    light = low + (light - low + STRIDE * step) % room
    parts = hls_to_rgb(hue, light, saturation * max(0.4, 1 - 0.05 * step))
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)
