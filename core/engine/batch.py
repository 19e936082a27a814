"""One batch of a script, and which rows it has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Batch:
    """Inputs and targets by name, and the positions of the rows among the `count` rows of their part of the data, which
    is 0 where the positions are not known.
    """

    x: Mapping[str, Any]
    y: Mapping[str, Any]
    rows: NDArray[np.int64]
    count: int


def batch_at(batches: Any, index: int, size: int) -> Batch:
    """Return batch number `index` of the `Batches` of a script, whose whole ones have `size` rows."""
    x, y = batches[index]
    rows = len(next(iter(x.values())))
    order = getattr(batches, "order", None)
    first = index * size
    found = np.arange(first, first + rows) if order is None else np.asarray(order[first : first + rows])
    return Batch(x, y, found, int(getattr(batches, "count", 0)))
