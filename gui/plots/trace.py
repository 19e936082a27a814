"""One curve of one run, and what of it a chart of some width draws."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gui.plots.columns import Columns
from gui.plots.smoothing import smooth
from gui.plots.view import View

Floats = NDArray[np.float64]
NOTHING = np.empty(0)
SMOOTH_ENOUGH, BUCKETS_A_PIXEL = 0.2, 0.75


@dataclass(frozen=True, eq=False)
class Trace:
    """`series` of the run in `columns`. `main` is the run that is shown; the others lie behind it."""

    columns: Columns
    series: str
    colour: str
    label: str
    main: bool = True

    @property
    def by_step(self) -> bool:
        return self.series in self.columns.pyramids


class Points(NamedTuple):
    x: Floats
    y: Floats


class Drawn(NamedTuple):
    """What to draw, places in the unit of the view: the restless `raw` band, the smoothed `train`,
    `validation`.
    """

    raw: Points
    train: Points
    validation: Points

    def values(self) -> Floats:
        """The values that the chart must have room for; of the restless band not quite the outermost."""
        raw = self.raw.y[np.isfinite(self.raw.y)]
        if len(raw) > 8:
            some = np.sort(raw[:: max(1, len(raw) // 200) | 1])  # odd, to meet lows and highs alike
            raw = some[[len(some) // 25, -1 - len(some) // 25]]
        values: Floats = np.concatenate([raw, self.train.y, self.validation.y])
        return values[np.isfinite(values)]


def drawn(trace: Trace, view: View, width: int) -> Drawn:
    """What of `trace` a chart `width` pixels wide shows."""
    clock = trace.columns.clock(view.unit)
    validation = Points(*_by_epoch(trace, view, validation=True))
    if not trace.by_step:
        return Drawn(Points(NOTHING, NOTHING), Points(*_by_epoch(trace, view, validation=False)), validation)
    first, last = float(clock.step(view.first)), float(clock.step(view.last))
    buckets = trace.columns.pyramids[trace.series].buckets(first, last, max(50, int(width * BUCKETS_A_PIXEL)))
    x = clock.at(buckets.at + 1)
    band = np.column_stack([buckets.low, buckets.high]).ravel() if buckets.width > 1 else buckets.mean
    raw = Points(np.repeat(x, 2) if buckets.width > 1 else x, band.astype(np.float64))
    line = smooth(buckets.mean, view.smoothing).astype(np.float64)
    return Drawn(raw, _thinned(x, line) if view.smoothing > SMOOTH_ENOUGH else Points(x, line), validation)


def _thinned(x: Floats, y: Floats) -> Points:
    """Every second point and the last: a smoothed line loses nothing by it, and draws in half the time."""
    if len(x) < 100:
        return Points(x, y)
    kept = np.arange((len(x) - 1) % 2, len(x), 2)
    return Points(x[kept], y[kept])


def _by_epoch(trace: Trace, view: View, validation: bool) -> tuple[Floats, Floats]:
    """The epochs in sight and one beyond at either side, thinned to what can be told apart."""
    steps, values = trace.columns.by_epoch(trace.series, validation)
    x = trace.columns.clock(view.unit).at(steps)
    first = max(0, int(np.searchsorted(x, view.first)) - 1)
    last = int(np.searchsorted(x, view.last)) + 2
    stride = max(1, (last - first) // 2000)
    inside = slice(first, last, stride)
    return x[inside], values[inside]


def value_at(trace: Trace, shown: Drawn, place: float, validation: bool) -> float | None:
    """The value that the curve has on the screen at `place`, or that of the nearest epoch; None beyond its
    ends.
    """
    x, y = shown.validation if validation else shown.train
    known = np.isfinite(y)
    x, y = x[known], y[known]
    if not len(x) or not x[0] - _reach(x) <= place <= x[-1] + _reach(x):
        return None
    if validation or not trace.by_step:
        return float(y[int(np.abs(x - place).argmin())])
    return float(np.interp(place, x, y))


def _reach(x: Floats) -> float:
    """Half the way from one point to the next."""
    return float(x[-1] - x[0]) / (len(x) - 1) / 2 if len(x) > 1 else np.inf
