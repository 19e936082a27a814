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
            raw = np.quantile(raw, np.array([0.04, 0.96]))
        all_values = np.concatenate([raw, self.train.y, self.validation.y])
        return all_values[np.isfinite(all_values)]


def drawn(trace: Trace, view: View, width: int) -> Drawn:
    """What of `trace` a chart `width` pixels wide shows."""
    clock = trace.columns.clock(view.unit)
    validation = Points(*_by_epoch(trace, view, validation=True))
    if not trace.by_step:
        return Drawn(Points(NOTHING, NOTHING), Points(*_by_epoch(trace, view, validation=False)), validation)
    first, last = float(clock.step(view.first)), float(clock.step(view.last))
    buckets = trace.columns.pyramids[trace.series].buckets(first, last, max(50, width))
    x = clock.at(buckets.at + 1)
    band = np.column_stack([buckets.low, buckets.high]).ravel() if buckets.width > 1 else buckets.mean
    raw = Points(np.repeat(x, 2) if buckets.width > 1 else x, band.astype(np.float64))
    return Drawn(raw, Points(x, smooth(buckets.mean, view.smoothing).astype(np.float64)), validation)


def _by_epoch(trace: Trace, view: View, validation: bool) -> tuple[Floats, Floats]:
    """The epochs in sight and one beyond at either side, thinned to what can be told apart."""
    steps, values = trace.columns.by_epoch(trace.series, validation)
    x = trace.columns.clock(view.unit).at(steps)
    first = max(0, int(np.searchsorted(x, view.first)) - 1)
    last = int(np.searchsorted(x, view.last)) + 2
    stride = max(1, (last - first) // 2000)
    inside = slice(first, last, stride)
    return x[inside], values[inside]


def value_at(trace: Trace, view: View, place: float, validation: bool) -> float | None:
    """The value of the curve at `place` on the axis: of the nearest step (smoothed) or epoch; None beyond
    its ends.
    """
    columns, clock = trace.columns, trace.columns.clock(view.unit)
    step = float(clock.step(place))
    if trace.by_step and not validation:
        return _value_near(trace, view, step)
    steps, values = columns.by_epoch(trace.series, validation)
    if not len(steps) or step > steps[-1] + (columns.state.steps or 1) / 2:
        return None
    return float(values[int(np.abs(steps - step).argmin())])


def _value_near(trace: Trace, view: View, step: float) -> float | None:
    pyramid = trace.columns.pyramids[trace.series]
    if not 0 <= step - 1 <= pyramid.count:
        return None
    window = 30  # the smoothed line remembers no further
    buckets = pyramid.buckets(max(0.0, step - 1 - window), step - 1, window * 2)
    return float(smooth(buckets.mean, view.smoothing)[-1]) if len(buckets.mean) else None
