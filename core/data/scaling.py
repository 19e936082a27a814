"""What scaling and filling do to the range of a number field; both are fitted on training rows only."""

from __future__ import annotations

import warnings

import numpy as np

from core.project.schema import NumberField


def fitted_range(
    field: NumberField, values: np.ndarray, train: np.ndarray, axis: int | None
) -> tuple[float, float]:
    """Return the lowest and highest number after filling and scaling `values` (complete rows first)."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # a column without any value is NaN, and is said elsewhere
        values = filled(field, values, train)
        if field.scaling != "none":
            offset, scale = fit(field, values[train], axis)
            values = (values - offset) / scale
        return float(np.nanmin(values)), float(np.nanmax(values))


def filled(field: NumberField, values: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return `values` with gaps filled as the field says."""
    if field.missing != "fill":
        return values
    if isinstance(field.fill, float | int):
        fill = np.asarray(field.fill)
    else:
        fill = (np.nanmean if field.fill == "mean" else np.nanmedian)(values[train], axis=0)
    return np.where(np.isnan(values), fill, values).astype("float32")


def fit(field: NumberField, known: np.ndarray, axis: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return offset and scale of the training rows `known`; a constant column has scale 1."""
    if field.scaling == "minmax":
        offset = np.nanmin(known, axis=axis)
        scale = np.nanmax(known, axis=axis) - offset
    else:
        offset = np.nanmean(known, axis=axis, dtype="float64")
        scale = np.nanstd(known, axis=axis, dtype="float64")
    return offset.astype("float32"), np.where(scale > 0, scale, 1).astype("float32")
