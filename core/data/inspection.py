"""Inspection: what a source holds and what fields and split make of it, for preview and problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from core.data import fields, images
from core.data.blocks import Block
from core.data.blocks import rows as rows_of
from core.data.columns import ColumnSummary, gaps
from core.data.failures import NO_SOURCE, UnreadableData, shown
from core.data.giving_up import while_wanted
from core.data.loading import loading
from core.data.places import Stamp, stamp
from core.data.scaling import fitted_range
from core.data.sources import BLOCK, blocks, is_small, whole
from core.data.splits import WORDS, Parts, UnclearSplit, parts, words
from core.data.streaming import Draws, through
from core.data.times import day_first
from core.project.facts import ColumnFacts, DataFacts, FieldFacts
from core.project.schema import CsvSource, Data, Field, ImageField, NumberField, Split

Fields = tuple[tuple[str, Field], ...]


def inspect(data: Data, folder: Path, seed: int, rows: int | None = None) -> DataFacts:
    """Return the facts of `data`, whose path is relative to `folder`; what is wrong with it is said in them.

    `rows` limits the reading of a large file to its first rows; the facts then say that they are not exact.
    A large file is read in blocks, a small one once for as long as it stays the same. Where rows stream from disk,
    the split is that of the blocks of the file.
    """
    if data.source is None:
        return DataFacts(error=NO_SOURCE)
    try:
        at, how = stamp(data.source, folder), loading(data, folder)
        limit = None if is_small(at) else rows
        survey = _survey(at, limit, how.streams and limit is None)
        return _facts(data, at, survey, seed).model_copy(update={"loading": how})
    except UnreadableData as error:
        return DataFacts(error=str(error))


@dataclass(frozen=True)
class Survey:
    """What was seen of a source: all of it, or its first `limit` rows."""

    columns: Mapping[str, ColumnFacts]
    rows: int
    exact: bool
    limit: int | None
    streams: bool
    dtypes: tuple[tuple[str, str], ...] = ()
    """The types of columns of which single blocks show others."""


Summaries = dict[str, ColumnSummary]


@lru_cache(maxsize=8)
def _survey(at: Stamp, limit: int | None, streams: bool) -> Survey:
    if streams:
        return _streamed_survey(at)
    summaries, rows = _summaries(_blocks(at, limit))
    columns = {name: summary.facts() for name, summary in summaries.items()}
    return Survey(columns, rows, limit is None or rows < limit, limit, streams=False)


def _streamed_survey(at: Stamp) -> Survey:
    """Read all of a table in blocks; once more where a column is text as a whole, but not in every block."""
    summaries, rows = _summaries(block for _, block in while_wanted(through(at, {})))
    odd = {name: "str" for name, summary in summaries.items() if summary.is_mixed}
    if odd and isinstance(at.source, CsvSource):
        summaries, rows = _summaries(block for _, block in while_wanted(through(at, odd)))
    columns = {name: summary.facts() for name, summary in summaries.items()}
    return Survey(columns, rows, exact=True, limit=None, streams=True, dtypes=tuple(odd.items()))


def _summaries(table: Iterable[Block]) -> tuple[Summaries, int]:
    """Return the summary of each column, and the number of rows."""
    summaries: Summaries = {}
    rows = 0
    for block in table:
        for name, values in block.items():
            summaries.setdefault(name, ColumnSummary()).add(values)
        rows += rows_of(block)
    return summaries, rows


def _blocks(at: Stamp, limit: int | None) -> Iterator[Block]:
    return iter([whole(at)]) if is_small(at) else while_wanted(blocks(at, limit, BLOCK))


def _facts(data: Data, at: Stamp, survey: Survey, seed: int) -> DataFacts:
    if not survey.rows:
        has = "names columns but has no rows" if survey.columns else "has no columns"
        error = f"{at.path.name} {has}: choose a file with rows."
        return DataFacts(columns=survey.columns, error=error)
    chosen = {name: field for name, field in data.fields.items() if field.columns}
    errors = {
        f"field:{name}": why
        for name, field in chosen.items()
        if (why := fields.why_not(field, survey.columns))
    }
    usable = {name: field for name, field in chosen.items() if f"field:{name}" not in errors}
    errors |= _uneven(usable, survey.columns)
    usable = {name: field for name, field in usable.items() if f"field:{name}" not in errors}
    why_no_split = _why_no_split(data.split, usable, survey.columns)
    split = data.split if why_no_split is None else Split(kind="random", validation=0.0)
    if survey.streams:
        tally = _streamed_tally(at, survey.dtypes, tuple(usable.items()), split, seed)
    else:
        tally = _tally(at, survey.limit, tuple(usable.items()), split, seed)
    errors |= _missing_images(at, usable)
    if why_no_split := why_no_split or tally.why_no_split:
        errors["split"] = why_no_split
    return DataFacts(
        rows=tally.rows if usable else survey.rows,
        exact=survey.exact,
        columns=survey.columns,
        fields={
            name: _ranged(
                fields.facts(field, survey.columns, tally.missing[name]), tally.ranges.get(name), field
            )
            for name, field in usable.items()
        },
        split={"dropped": tally.dropped} if why_no_split else {**tally.split, "dropped": tally.dropped},
        errors=errors,
    )


def _missing_images(at: Stamp, usable: Mapping[str, Field]) -> dict[str, str]:
    """Look for the images listed in the table: anew each time, since images come and go by themselves."""
    chosen = {name: field for name, field in usable.items() if isinstance(field, ImageField)}
    if not chosen:
        return {}
    block = whole(at) if is_small(at) else next(blocks(at, rows=images.LISTED))
    found = {
        f"field:{name}": images.why_not(pd.Series(block[field.columns[0]]).dropna(), at.path.parent)
        for name, field in chosen.items()
    }
    return {reference: why for reference, why in found.items() if why}


def _uneven(usable: Mapping[str, Field], columns: Mapping[str, ColumnFacts]) -> dict[str, str]:
    """Arrays of one file may differ in rows (training and test images, say); those of the fields must not."""
    lengths = {name: _length(columns[name]) for field in usable.values() for name in field.columns}
    if len(set(lengths.values())) < 2:
        return {}
    usual = Counter(lengths.values()).most_common(1)[0][0]
    return {
        f"field:{name}": f'Column "{shown(odd, 60)}" has {lengths[odd]:,} rows where others have {usual:,}: '
        "use columns of equal length."
        for name, field in usable.items()
        for odd in field.columns
        if lengths[odd] != usual
    }


def _length(column: ColumnFacts) -> int:
    return column.count + column.missing


def _why_no_split(
    split: Split, usable: Mapping[str, Field], columns: Mapping[str, ColumnFacts]
) -> str | None:
    if split.kind == "random":
        return None
    if split.by is None:
        return "The split goes by a column, and none is chosen: choose one."
    if split.by not in columns:
        return f'The split goes by column "{shown(split.by, 60)}", which is not in the data: choose another.'
    if columns[split.by].shape:
        return f'The split goes by column "{shown(split.by, 60)}", which holds arrays: choose a plain column.'
    lengths = {_length(columns[name]) for field in usable.values() for name in field.columns}
    if lengths and lengths != {_length(columns[split.by])}:
        return (
            f'The split goes by column "{shown(split.by, 60)}", with other rows than the fields: change it.'
        )
    return None


@dataclass
class Tally:
    """What counting the rows gave."""

    rows: int = 0
    dropped: int = 0
    split: dict[str, int] = default(default_factory=dict)
    missing: dict[str, int] = default(default_factory=dict)
    ranges: dict[str, tuple[float, float] | None] = default(default_factory=dict)
    why_no_split: str | None = None


@lru_cache(maxsize=32)
def _tally(at: Stamp, limit: int | None, chosen: Fields, split: Split, seed: int) -> Tally:
    tally = Tally(missing={name: 0 for name, _ in chosen})
    by: list[pd.Series] = []
    dayfirst = False
    complete = np.empty(0, bool)
    for block in _blocks(at, limit):
        if not _holds(block, chosen, split):
            break
        if split.kind == "time" and not tally.rows:
            dayfirst = day_first(block[split.by])  # type: ignore[index,arg-type]
        complete = _count(tally, block, chosen, split)
        if split.kind != "random":
            by.append(_reduced(split, block[split.by][complete]))  # type: ignore[index,arg-type]
    kept = tally.rows - tally.dropped
    try:
        made = parts(split, kept, seed, pd.concat(by, ignore_index=True) if by else None, dayfirst)
    except UnclearSplit as error:
        tally.why_no_split = str(error)
        return tally
    tally.split = made.counts()
    tally.why_no_split = _why_no_rows(tally)
    if is_small(at) and len(made.train):
        tally.ranges = _ranges(whole(at), complete, chosen, made)
    return tally


@lru_cache(maxsize=32)
def _streamed_tally(
    at: Stamp, dtypes: tuple[tuple[str, str], ...], chosen: Fields, split: Split, seed: int
) -> Tally:
    """Count rows block by block; only columns that matter are read, and nothing of a block is kept."""
    tally = Tally(missing={name: 0 for name, _ in chosen}, split=dict.fromkeys(WORDS, 0))
    draws = Draws(split, seed)
    table = through(at, dict(dtypes), sorted(_used(chosen, split)) or None)
    for number, block in while_wanted(table):
        complete = _count(tally, block, chosen, split)
        by = None if split.kind == "random" else block[split.by][complete]  # type: ignore[index]
        try:
            counts = draws.counts(number, int(complete.sum()), by)
        except UnclearSplit as error:
            tally.why_no_split = str(error)
            return tally
        for part, count in counts.items():
            tally.split[part] += count
    tally.why_no_split = _why_no_rows(tally)
    return tally


def _used(chosen: Fields, split: Split) -> set[str]:
    """Return the columns that decide how many rows there are of each part."""
    by = {split.by} if split.kind != "random" and split.by is not None else set()
    return {name for _, field in chosen for name in field.columns} | by


def _holds(block: Block, chosen: Fields, split: Split) -> bool:
    return _used(chosen, split) <= set(block)


def _count(tally: Tally, block: Block, chosen: Fields, split: Split) -> np.ndarray:
    """Add the rows of `block` to the tally and return which of them are complete."""
    length = len(block[chosen[0][1].columns[0]]) if chosen else rows_of(block)
    incomplete = np.zeros(length, bool)
    for name, field in chosen:
        missing = fields.missing_rows(field, block)
        tally.missing[name] += int(missing.sum())
        if field.missing == "drop":
            incomplete |= missing
    if split.kind != "random":
        incomplete |= gaps(block[split.by])  # type: ignore[index]
    tally.rows += length
    tally.dropped += int(incomplete.sum())
    return ~incomplete


def _reduced(split: Split, by: pd.Series) -> pd.Series:
    """Keep of a split's column what takes little memory: it alone is kept whole of a large file."""
    return pd.Series(pd.Categorical(words(by))) if split.kind == "column" else by


def _why_no_rows(tally: Tally) -> str | None:
    if tally.split["train"]:
        return None
    if tally.dropped == tally.rows:
        return "Every row misses a value of some field: fill or keep missing values instead of dropping rows."
    return "No rows are left to train on: make the shares for validation and test smaller."


def _ranges(
    block: Block, complete: np.ndarray, chosen: Fields, made: Parts
) -> dict[str, tuple[float, float] | None]:
    """Return the ranges of fields that are filled or scaled, as the model will see them."""
    ranges: dict[str, tuple[float, float] | None] = {}
    for name, field in chosen:
        if isinstance(field, NumberField) and (field.scaling != "none" or field.missing == "fill"):
            used = {column: block[column][complete] for column in field.columns}
            axis = None if any(values.ndim > 2 for values in used.values()) else 0
            ranges[name] = fitted_range(field, fields.numbers(field, used), made.train, axis)
    return ranges


def _ranged(facts: FieldFacts, found: tuple[float, float] | None, field: Field) -> FieldFacts:
    """Put the range after filling and scaling into the facts; not known is None."""
    if not isinstance(field, NumberField):
        return facts
    if found is None and field.scaling == "none":
        return facts
    low, high = found or (None, None)
    return facts.model_copy(update={"minimum": low, "maximum": high})
