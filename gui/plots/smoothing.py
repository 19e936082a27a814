"""Smoothing of what is on the screen: an exponential mean over buckets, the same to the eye at every zoom.

The mean looks both ways, so that the line lies in the middle of what it smooths instead of behind it. At the
ends it looks where there is something to see, and a gap (NaN) neither counts nor spreads.
"""

import numpy as np
from numpy.typing import NDArray

from gui.plots.strips import Floats

SMALLEST_WEIGHT = 1e-3


def smooth(values: Floats, amount: float) -> Floats:
    """The exponential mean of `values`; NaN stays NaN.

    `amount` in 0..1 is how much of a value is left six buckets away: 0 changes nothing.
    """
    if amount <= 0 or len(values) < 2:
        return values
    half = _half(min(amount, 0.99) ** (1 / 6), len(values))
    kernel, reach = np.concatenate([half[:0:-1], half]), len(half) - 1
    known = ~np.isnan(values)
    inside = slice(reach, reach + len(values))
    total = np.convolve(np.where(known, values, 0).astype(np.float64), kernel)[inside]
    weight = np.convolve(known.astype(np.float64), kernel)[inside]
    result = np.full(len(values), np.nan, np.float32)
    np.divide(total, weight, out=result, where=known, casting="unsafe")
    return result


def _half(amount: float, most: int) -> NDArray[np.float64]:
    length = int(np.ceil(np.log(SMALLEST_WEIGHT) / np.log(amount)))
    return np.power(amount, np.arange(max(1, min(length, most))))
