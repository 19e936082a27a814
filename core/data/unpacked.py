"""How much memory the rows of a Parquet file take once they are read.

The sizes that a file tells are those of values written to be small: of a column in which few values repeat, it is
hardly any, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow.parquet as pq

WIDTHS = {"FLOAT": 4, "BYTE_ARRAY": 50, "FIXED_LEN_BYTE_ARRAY": 50}
WIDTH = 8
"""Bytes of a number, a truth or a time in a table, and in WIDTHS, about, of what takes others."""
FEW = 20
"""Rows that show how long texts are: of those that repeat, the file holds but one, and does not say how long."""


def bytes_a_row(file: pq.ParquetFile) -> list[float]:
    """Return for each row group about how many bytes a row of it takes, never 0."""
    texts = _first_texts(file)
    return [max(texts, _values(group) / max(group.num_rows, 1), 1.0) for group in _groups(file)]


def size(file: pq.ParquetFile) -> int:
    """Return about how many bytes all rows take."""
    rows = (group.num_rows for group in _groups(file))
    return int(sum(count * each for count, each in zip(rows, bytes_a_row(file), strict=True)))


def _groups(file: pq.ParquetFile) -> Iterator[pq.RowGroupMetaData]:
    return (file.metadata.row_group(number) for number in range(file.num_row_groups))


def _chunks(group: pq.RowGroupMetaData) -> Iterator[pq.ColumnChunkMetaData]:
    return (group.column(number) for number in range(group.num_columns))


def _values(group: pq.RowGroupMetaData) -> int:
    """Return about how many bytes the values of a row group take; a list counts as often as it has values."""
    return sum(_size(chunk) for chunk in _chunks(group))


def _size(chunk: pq.ColumnChunkMetaData) -> int:
    return max(
        int(chunk.total_uncompressed_size),
        int(chunk.num_values) * WIDTHS.get(chunk.physical_type, WIDTH),
    )


def _first_texts(file: pq.ParquetFile) -> float:
    """Return the bytes a row of the first texts in the file."""
    if not file.num_row_groups:
        return 0.0
    first = file.metadata.row_group(0)
    texts = [chunk.path_in_schema for chunk in _chunks(first) if chunk.physical_type == "BYTE_ARRAY"]
    rows = next(file.iter_batches(FEW, columns=texts), None) if texts else None
    return rows.nbytes / rows.num_rows if rows else 0.0
