"""Where a step lies on the x axis: as a step, in epochs, or in seconds of the run.

Curves are kept by step. An epoch ends at a known step and a known second, and between two ends all three grow
evenly; so every axis is a rising, piecewise straight line over the steps, which turns either way in one
`interp`.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Unit = Literal["step", "epoch", "time"]
Floats = NDArray[np.float64]


class Clock:
    """Turns steps into `unit` and back. `ends` are the (step, seconds) at which each epoch ended, rising."""

    def __init__(self, unit: Unit, ends: Floats | Sequence[tuple[float, float]], steps_an_epoch: float = 0.0):
        self.unit = unit
        known = np.concatenate([np.zeros((1, 2)), np.asarray(ends, np.float64).reshape(-1, 2)])
        steps = known[:, 0]
        marks = known[:, 1] if unit == "time" else np.arange(len(steps), dtype=np.float64)
        if len(steps) == 1:  # no epoch is over yet: the plan says how long one is
            steps, marks = np.array([0.0, max(1.0, steps_an_epoch)]), np.array([0.0, 1.0])
        if unit == "step":
            steps, marks = np.array([0.0, 1.0]), np.array([0.0, 1.0])
        rising = np.concatenate(([True], np.diff(steps) > 0)) & np.concatenate(([True], np.diff(marks) > 0))
        self._steps, self._marks = steps[rising], marks[rising]

    def at(self, steps: Floats | float) -> Floats:
        """The places of `steps` on the axis; beyond the last known epoch the axis goes on as it last went."""
        return _turn(np.asarray(steps, np.float64), self._steps, self._marks)

    def step(self, places: Floats | float) -> Floats:
        """The steps at `places` on the axis."""
        return _turn(np.asarray(places, np.float64), self._marks, self._steps)


def _turn(values: Floats, source: Floats, result: Floats) -> Floats:
    inside: Floats = np.interp(values, source, result)
    if len(source) < 2:
        return inside
    slope = (result[-1] - result[-2]) / (source[-1] - source[-2])
    beyond: Floats = np.maximum(0.0, values - source[-1]) * slope
    return inside + beyond
