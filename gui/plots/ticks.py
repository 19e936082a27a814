"""Round numbers for axes, with the fewest digits that tell them apart."""

import math
from typing import NamedTuple


class Tick(NamedTuple):
    """`at` is the place on the axis: the value, or its decimal logarithm on a logarithmic axis."""

    at: float
    label: str


def linear(low: float, high: float, most: int) -> list[Tick]:
    """At most about `most` round values in `low`..`high`."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return []
    rough = (high - low) / max(1, most)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [Tick(n * step, _label(n * step, step)) for n in range(first, last + 1)]


def logarithmic(low: float, high: float, most: int) -> list[Tick]:
    """Ticks between the logarithms `low` and `high`: decades, then 1-3, then 1-2-5, then as on a linear
    axis.
    """
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [
            (math.log10(factor) + power, factor * 10.0**power)
            for power in range(math.floor(low), math.ceil(high) + 1)
            for factor in factors
        ]
        inside = [Tick(at, plain(value)) for at, value in found if low - 1e-9 <= at <= high + 1e-9]
        if len(inside) <= most:
            break
    if len(inside) < 2:
        return [
            Tick(math.log10(tick.at), tick.label) for tick in linear(10**low, 10**high, most) if tick.at > 0
        ]
    return inside[:: max(1, -(-len(inside) // most))]


def plain(value: float, digits: int = 3) -> str:
    """`value` as people write it: `0.412`, `12,400`, `3.1e-07`; a dash where it is no number."""
    if not math.isfinite(value):
        return "—"
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{max(0, digits - 1)}e}".replace("e+0", "e").replace("e-0", "e-").replace(".00e", "e")
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def fixed(value: float | None) -> str:
    """A number that changes in place: as many digits after the point as six of them leave room for."""
    if value is None or not math.isfinite(value):
        return "—" if value is None else "NaN" if math.isnan(value) else "∞"
    if value and (abs(value) < 0.0005 or abs(value) >= 1e5):
        return f"{value:.2e}".replace("e+0", "e").replace("e-0", "e-")
    if 0 < abs(value) < 0.1:
        return f"{value:.4f}"
    places = next(places for places, most in ((3, 100), (2, 1000), (1, 1e4), (0, 1e5)) if abs(value) < most)
    return f"{value:,.{places}f}"


def percent(share: float) -> str:
    """A share of 0 to 1 in whole percent; a dash where it is no number."""
    return f"{share:.0%}" if math.isfinite(share) else "—"


def _label(value: float, step: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 1e6 or step < 1e-4:
        return f"{value:.3g}"
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    if round(step * 10**places, 6) % 1:  # a step of 2.5 needs one place more
        places += 1
    return f"{value:,.{places}f}"
