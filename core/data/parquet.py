"""Reading Parquet in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.data import unpacked
from core.data.blocks import Block, of_frame
from core.data.failures import UnreadableData, reading, refuse_very_wide
from core.data.places import Stamp

BUFFER = 2**20
"""Bytes of each column that are read from disk at a time."""


def opened(at: Stamp) -> pq.ParquetFile:
    """Open a file; of a row group, no more is in memory than is due, where pyarrow would take in all of it."""
    return pq.ParquetFile(at.path, buffer_size=BUFFER, pre_buffer=False)


def read(at: Stamp, rows: int | None, size: int | None) -> Iterator[Block]:
    """Yield the first `rows` rows (all if None) in blocks of `size` (one block if None)."""
    with reading(at.path), opened(at) as file:
        refuse_very_wide(at.path.name, len(file.schema_arrow.names))
        _refuse_same_names(at, file.schema_arrow.names)
        wanted = file.metadata.num_rows if rows is None else min(rows, file.metadata.num_rows)
        if size is None and wanted == file.metadata.num_rows:
            yield of_frame(named(file.read().to_pandas()))
            return
        left = wanted
        for batch in file.iter_batches(batch_size=max(1, min(size or wanted, wanted))):
            table = pa.Table.from_batches([batch.slice(0, left)], schema=file.schema_arrow)
            yield of_frame(named(table.to_pandas()))
            left -= batch.num_rows
            if left <= 0:
                return
        if not wanted:
            yield of_frame(named(file.schema_arrow.empty_table().to_pandas()))


def groups(at: Stamp, at_once: int, columns: Sequence[str] | None) -> Iterator[tuple[int, Block]]:
    """Yield the number of its row group and some rows of it, which take about `at_once` bytes."""
    with reading(at.path), opened(at) as file:
        refuse_very_wide(at.path.name, len(file.schema_arrow.names))
        _refuse_same_names(at, file.schema_arrow.names)
        chosen = None if columns is None else _physical(file, columns)
        for number, each in enumerate(unpacked.bytes_a_row(file)):
            size = max(1, int(at_once / each))
            for batch in file.iter_batches(size, row_groups=[number], columns=chosen):
                yield number, of_frame(named(batch.to_pandas()))
        if not file.metadata.num_rows:
            yield 0, of_frame(named(file.schema_arrow.empty_table().to_pandas()))


def _physical(file: pq.ParquetFile, columns: Sequence[str]) -> list[str] | None:
    """Return the columns that are to be read, None for all where a name in the table is another in the file."""
    return list(columns) if set(columns) <= set(file.schema_arrow.names) else None


def unpacked_size(at: Stamp) -> int:
    """Return about how many bytes the rows of the file take in memory."""
    with reading(at.path), opened(at) as file:
        return unpacked.size(file)


def row_groups(at: Stamp) -> int:
    """Return how many row groups the file has."""
    with reading(at.path):
        return int(pq.read_metadata(at.path).num_row_groups)


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """Make columns of an index with a name, which pandas hides on reading, and texts of numbers as names."""
    shown = frame if frame.index.names == [None] else frame.reset_index()
    return shown.rename(columns=str)


def oddities(at: Stamp) -> tuple[str, ...]:
    """Return which of "index" (hidden by pandas) and "numbers" (for names) `named` mends in this file."""
    with reading(at.path):
        frame = pq.read_schema(at.path).empty_table().to_pandas()
    index = () if frame.index.names == [None] else ("index",)
    numbers = () if all(isinstance(name, str) for name in frame.columns) else ("numbers",)
    return (*index, *numbers)


def _refuse_same_names(at: Stamp, names: list[str]) -> None:
    if twice := [name for name in names if names.count(name) > 1]:
        raise UnreadableData(
            f"{at.path.name} has two columns called {twice[0]}: rename one of them in the file."
        )
