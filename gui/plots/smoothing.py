"""Smoothing of what is on the screen: an exponential mean over buckets, the same to the eye at every zoom.

The mean is unbiased from its first point on, and a gap (NaN) neither counts nor spreads.
"""

import numpy as np
from numpy.typing import NDArray

from gui.plots.pyramid import Floats

SMALLEST_WEIGHT = 1e-3


def smooth(values: Floats, amount: float) -> Floats:
    """The exponential mean of `values`; NaN stays NaN.

    `amount` in 0..1 is how much of a value is left eight buckets later: 0 changes nothing.
    """
    if amount <= 0 or len(values) < 2:
        return values
    kernel = _kernel(min(amount, 0.99) ** (1 / 8), len(values))
    known = ~np.isnan(values)
    total = np.convolve(np.where(known, values, 0).astype(np.float64), kernel)[: len(values)]
    weight = np.convolve(known.astype(np.float64), kernel)[: len(values)]
    result = np.full(len(values), np.nan, np.float32)
    np.divide(total, weight, out=result, where=known, casting="unsafe")
    return result


def _kernel(amount: float, most: int) -> NDArray[np.float64]:
    length = int(np.ceil(np.log(SMALLEST_WEIGHT) / np.log(amount)))
    return np.power(amount, np.arange(max(1, min(length, most))))
