"""Which rows train, validate and test. The script prints the same rule; a test holds the two together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from core.data.classes import in_order
from core.data.failures import shown
from core.data.times import parsed
from core.project.schema import Split

WORDS = ("train", "validation", "test")


class UnclearSplit(Exception):
    """The rows cannot be split; `str(error)` is a sentence for the user."""


class Parts(NamedTuple):
    """Positions of rows, ascending in all but a split by time."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def counts(self) -> dict[str, int]:
        return {word: len(rows) for word, rows in zip(WORDS, self, strict=True)}


def sizes(split: Split, rows: int) -> tuple[int, int]:
    """Return how many of `rows` validate and test, by share."""
    validation = min(round(split.validation * rows), rows)
    return validation, min(round(split.test * rows), rows - validation)


def parts(split: Split, rows: int, seed: int, by: pd.Series | None, dayfirst: bool = False) -> Parts:
    """Split `rows` complete rows; `by` is the split's column, in which none is missing.

    `dayfirst` says how its dates are written. Raises UnclearSplit.
    """
    if split.kind == "random":
        return _cut(np.random.default_rng(seed).permutation(rows), *sizes(split, rows))
    assert by is not None
    if split.kind == "stratified":
        return _stratified(split, by, seed)
    return _in_time(split, by, dayfirst) if split.kind == "time" else by_words(split, by)


def _cut(order: np.ndarray, validation: int, test: int) -> Parts:
    pieces = np.split(order, [validation, validation + test])
    return Parts(np.sort(pieces[2]), np.sort(pieces[0]), np.sort(pieces[1]))


def _stratified(split: Split, by: pd.Series, seed: int) -> Parts:
    """Rows are shuffled and grouped by value; taking them evenly spaced gives every value its share."""
    order = np.random.default_rng(seed).permutation(len(by))
    order = order[np.argsort(pd.factorize(by)[0][order], kind="stable")]
    validation_count, test_count = sizes(split, len(by))
    validation, rest = _evenly(order, validation_count)
    test, train = _evenly(rest, test_count)
    return Parts(np.sort(train), np.sort(validation), np.sort(test))


def _evenly(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    chosen = np.diff(np.rint(np.arange(len(rows) + 1) * count / max(len(rows), 1))) > 0
    return rows[chosen], rows[~chosen]


def _in_time(split: Split, by: pd.Series, dayfirst: bool) -> Parts:
    order = np.argsort(moments(split, by, dayfirst).to_numpy(), kind="stable")
    validation, test = sizes(split, len(by))
    pieces = np.split(order, [len(by) - validation - test, len(by) - test])
    return Parts(*pieces)


def moments(split: Split, by: pd.Series, dayfirst: bool) -> pd.Series:
    """Return the values of a time split's column as numbers or times. Raises UnclearSplit."""
    if pd.api.types.is_numeric_dtype(by.dtype) or pd.api.types.is_datetime64_any_dtype(by.dtype):
        return by
    try:
        return parsed(by, dayfirst)
    except ValueError as error:
        raise UnclearSplit(
            f'The split by time needs dates, but column "{shown(str(split.by), 60)}" also holds '
            f'"{shown(_odd(by, dayfirst), 40)}": '
            "choose another column or another split."
        ) from error


def _odd(by: pd.Series, dayfirst: bool) -> str:
    unread = by[parsed(by, dayfirst, errors="coerce").isna()]
    return str(unread.iloc[0] if len(unread) else by.iloc[0])


def words(by: pd.Series) -> pd.Series:
    """Return the words of a split's column as they are compared: without blanks around, in small letters."""
    return by.astype(str).str.strip().str.lower()


def by_words(split: Split, by: pd.Series) -> Parts:
    """Split by the words of a column. Raises UnclearSplit for other words."""
    said = words(by)
    if other := set(said) - set(WORDS):
        raise UnclearSplit(
            f'Column "{shown(str(split.by), 60)}" splits by the words train, validation and test, '
            f'but also says "{shown(in_order(list(other))[0], 40)}": change the word or choose another split.'
        )
    return Parts(*(np.flatnonzero((said == word).to_numpy()) for word in WORDS))
