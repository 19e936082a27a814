"""Pieces of a table on their way through a reader: some rows of every column, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd

from core.data.failures import UnreadableData

Column = pd.Series | np.ndarray
"""A plain column is a Series; a column with an array in every row is one array, rows first."""

Block = Mapping[str, Column]


def of_frame(frame: pd.DataFrame) -> dict[str, Column]:
    """Return the columns of `frame` by name; cells that are arrays of one shape become one array."""
    columns = {str(name): stacked(values) for name, values in frame.items()}
    if len(columns) != frame.shape[1]:
        raise UnreadableData(
            f"Two columns are called {_twice(list(frame.columns))}: rename one of them in the file."
        )
    return columns


def stacked(values: pd.Series) -> Column:
    """Return a column of lists or arrays of one shape as an array, any other column as it is."""
    if values.dtype != object or values.empty or not isinstance(values.iloc[0], list | tuple | np.ndarray):
        return values
    try:
        array = np.stack([np.asarray(value) for value in values])
    except (ValueError, TypeError):
        return values
    return array if array.dtype.kind in "biuf" else values


def of_array(array: np.ndarray) -> Column:
    """Return an array as a column: a Series where a row is one value."""
    return pd.Series(array) if array.ndim == 1 else array


def to_frame(block: Block) -> pd.DataFrame:
    """Return the rows of `block` for a preview; a cell of an array column holds an array."""
    series = {
        name: values if isinstance(values, pd.Series) else pd.Series(list(values))
        for name, values in block.items()
    }
    return pd.DataFrame({name: values.reset_index(drop=True) for name, values in series.items()})


def rows(block: Block) -> int:
    """Return the number of rows of the longest column."""
    return max((len(values) for values in block.values()), default=0)


def _twice(names: list[Hashable]) -> str:
    words = [str(name) for name in names]
    return next((word for word in words if words.count(word) > 1), "the same")
