"""What can be said about one column, gathered block by block: a file of any size takes the same memory."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api import types

from core.data.blocks import Column
from core.data.classes import Value, in_order
from core.data.times import day_first, look_like_times, parsed
from core.project.facts import ColumnFacts

MOST_VALUES = 1000
"""Up to how many distinct values are listed; a category field can have no more."""

BINS = 24
SAMPLE = 40_000
LONG_TEXT = 60
Kind = Literal["number", "category", "text", "time", "array"]


class Spread:
    """Range, mean and an evenly thinned sample of numbers."""

    def __init__(self) -> None:
        self.low, self.high, self.total, self.count = np.inf, -np.inf, 0.0, 0
        self.sample = np.empty(0)
        self.stride = 1

    def add(self, numbers: np.ndarray) -> None:
        """Take in finite or infinite numbers, none missing."""
        if not len(numbers):
            return
        self.low, self.high = min(self.low, float(numbers.min())), max(self.high, float(numbers.max()))
        with np.errstate(all="ignore"):
            self.total += float(numbers.sum(dtype="float64"))
        first = -self.count % self.stride
        self.sample = np.concatenate([self.sample, numbers[first :: self.stride].astype("float64")])
        self.count += len(numbers)
        while len(self.sample) > SAMPLE:
            self.sample, self.stride = self.sample[::2], self.stride * 2

    def histogram(self) -> tuple[int, ...]:
        """Return counts in BINS equal steps from the lowest to the highest finite number of the sample.

        They are counted as shares of the way between the two: large numbers leave no room for edges between them.
        """
        finite = self.sample[np.isfinite(self.sample)]
        if not len(finite) or not np.isfinite(finite.max() - finite.min()):
            return ()
        way = finite - finite.min()
        return tuple(np.histogram(way / (way.max() or 1.0), bins=BINS)[0].tolist())


class Values:
    """Distinct values and how often each was seen, given up beyond MOST_VALUES."""

    def __init__(self) -> None:
        self.counts: Counter[Any] | None = Counter()
        self.distinct: int | None = 0

    def add(self, present: pd.Series) -> None:
        if self.counts is None:
            self.distinct = None
            return
        counted = _counts(present)
        first = not self.counts
        if len(counted) <= MOST_VALUES:
            self.counts.update(counted)
            self.distinct = len(self.counts)
        if len(counted) > MOST_VALUES or len(self.counts) > MOST_VALUES:
            self.counts, self.distinct = None, len(counted) if first else None


class ColumnSummary:
    """The facts of one column in the making."""

    def __init__(self) -> None:
        self.dtype, self.shape = "", ()
        self.count = self.missing = self.text_length = self.texts = 0
        self.kinds: set[Kind] = set()
        self.spread, self.values = Spread(), Values()

    def add(self, values: Column) -> None:
        """Take in the next rows of the column."""
        self.dtype = str(values.dtype) if self.dtype in ("", str(values.dtype)) else "mixed"
        if isinstance(values, np.ndarray):
            self._add_array(values)
            return
        present = plain(values.dropna())
        self.count += len(present)
        self.missing += len(values) - len(present)
        self._add_plain(present)

    def _add_array(self, values: np.ndarray) -> None:
        self.kinds.add("array")
        self.shape = values.shape[1:]
        empty = gaps(values)
        self.count += int((~empty).sum())
        self.missing += int(empty.sum())
        if values.dtype.kind in "biuf":
            self.spread.add(values[~empty].reshape(-1).astype("float64"))

    def _add_plain(self, present: pd.Series) -> None:
        if not len(present):
            return
        if types.is_bool_dtype(present.dtype):
            self.kinds.add("category")
        elif types.is_numeric_dtype(present.dtype):
            self.kinds.add("number")
            self.spread.add(present.to_numpy("float64"))
        elif types.is_datetime64_any_dtype(present.dtype):
            self.kinds.add("time")
            self.spread.add(_nanoseconds(present))
        else:
            self._add_text(present)
        self.values.add(present)

    def _add_text(self, present: pd.Series) -> None:
        self.texts += len(present)
        self.text_length += int(present.str.len().sum())
        if not look_like_times(present):
            self.kinds.add("text")
            return
        times = parsed(present, day_first(present), errors="coerce")
        self.kinds.add("time" if times.notna().all() else "text")
        self.spread.add(_nanoseconds(times.dropna()))

    @property
    def is_mixed(self) -> bool:
        """Whether blocks of a CSV look like different types: read whole, all of such a column is text."""
        return self.dtype == "mixed" and len(self.kinds) > 1

    def facts(self) -> ColumnFacts:
        """Return what is known by now."""
        kind = self._kind()
        counts = self._counts(kind)
        ordered = in_order(list(counts)) if counts else []
        return ColumnFacts(
            kind=kind,
            dtype=self.dtype,
            count=self.count,
            missing=self.missing,
            distinct=None if kind == "array" else self.values.distinct,
            values=tuple(_plainly(ordered)),
            histogram=self._histogram(kind, counts, ordered),
            shape=self.shape,
            length=self.text_length / self.texts if self.texts else None,
            **self._range(kind),
        )

    def _counts(self, kind: Kind) -> Counter[Any] | None:
        """Return the distinct values; where some blocks are text, pandas reads the whole column as text."""
        counts = None if kind == "array" else self.values.counts
        if counts is None or len(self.kinds) < 2 or "text" not in self.kinds:
            return counts
        written: Counter[Any] = Counter()
        for value, count in counts.items():
            written[str(value)] += count
        return written

    def _kind(self) -> Kind:
        if len(self.kinds) == 1 and "text" not in self.kinds:
            return next(iter(self.kinds))
        if not self.kinds:
            return "text" if self.dtype in ("str", "string") else "number"
        counts = self.values.counts
        few = counts is not None and len(counts) <= max(2, self.count / 2)
        return "category" if few and self.text_length <= LONG_TEXT * max(self.texts, 1) else "text"

    def _histogram(self, kind: Kind, counts: Counter[Any] | None, ordered: list[Any]) -> tuple[int, ...]:
        if kind == "category" and counts:
            return tuple(counts[value] for value in ordered)
        return self.spread.histogram() if kind in ("number", "array", "time") else ()

    def _range(self, kind: Kind) -> dict[str, Any]:
        spread = self.spread
        if kind not in ("number", "array", "time") or not spread.count:
            return {}
        if kind == "time":
            return {"minimum": _written(spread.low), "maximum": _written(spread.high)}
        return {"minimum": spread.low, "maximum": spread.high, "mean": spread.total / spread.count}


def gaps(values: Column) -> np.ndarray:
    """Return for each row whether its value, or any number of its array, is missing."""
    if isinstance(values, pd.Series):
        return values.isna().to_numpy()
    if values.dtype.kind not in "fc":
        return np.zeros(len(values), bool)
    return np.asarray(np.isnan(values).any(axis=tuple(range(1, values.ndim))))


def plain(present: pd.Series) -> pd.Series:
    """Return values of mixed Python objects as the type they have in common: bool, number, time or text."""
    if present.dtype != object or present.empty:
        return present
    kind = types.infer_dtype(present)
    if kind == "boolean":
        return present.astype(bool)
    if kind in ("integer", "floating", "mixed-integer-float", "decimal"):
        return present.astype("float64")
    if kind in ("date", "datetime", "datetime64"):
        return pd.Series(pd.to_datetime(present))
    return present.astype(str)


def _plainly(ordered: list[Any]) -> list[Value]:
    """Return values as Python's own; whole numbers as int, since a gap makes floats of a whole column."""
    values = [value.item() if isinstance(value, np.generic) else value for value in ordered]
    if values and all(isinstance(value, float) and value.is_integer() for value in values):
        return [int(value) for value in values]
    return [value if isinstance(value, Value) else str(value) for value in values]


def _counts(present: pd.Series) -> dict[Any, int]:
    counted = present.value_counts(sort=False)
    return dict(zip(counted.index.tolist(), counted.tolist(), strict=True))


def _nanoseconds(times: pd.Series) -> np.ndarray:
    return times.to_numpy("datetime64[ns]").astype("int64").astype("float64")


def _written(nanoseconds: float) -> str:
    time = pd.Timestamp(round(nanoseconds / 1e6), unit="ms")
    return time.isoformat(sep=" ").removesuffix(" 00:00:00")
