"""Sources as blocks of columns, whatever kind of file they are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pandas as pd

from core.data import arrays, delimited, parquet
from core.data.blocks import Block, to_frame
from core.data.dialect import recognise
from core.data.failures import UnreadableData
from core.data.places import Stamp, resolve, stamp
from core.project.schema import CsvSource, NumpySource, ParquetSource, SklearnSource, Source

SMALL = {"csv": 24, "parquet": 8, "numpy": 48, "sklearn": 1}
"""Up to how many MiB a source is kept in memory after the first reading."""

KEPT_AT_ONCE = 1024 * 1024
BLOCK = 50_000
MIB = 1024 * 1024
SUFFIXES: dict[str, type[ParquetSource] | type[NumpySource]] = {
    ".parquet": ParquetSource,
    ".pq": ParquetSource,
    ".npz": NumpySource,
    ".npy": NumpySource,
}
WORKBOOKS = (".xls", ".xlsx", ".ods")


def source_for(path: Path, folder: Path) -> Source:
    """Return the source that reads `path`; the path is kept relative to `folder` where it lies inside.

    Raises UnreadableData for a file that no source reads, or that is damaged at its beginning.
    """
    path = resolve(path, folder)
    inside = path.is_relative_to(resolve(folder, Path.cwd()))
    written = path.relative_to(resolve(folder, Path.cwd())).as_posix() if inside else str(path)
    suffix = path.suffix.lower()
    if suffix in WORKBOOKS:
        raise UnreadableData(f"{path.name} is a workbook: save the sheet as CSV and open that.")
    if suffix in SUFFIXES:
        source: Source = SUFFIXES[suffix](path=written)
        next(blocks(stamp(source, folder), rows=1))
        return source
    return recognise(path).model_copy(update={"path": written})


def first_rows(source: Source, folder: Path, count: int = 100) -> pd.DataFrame:
    """Return the first `count` rows, at once for files of any size; raises UnreadableData.

    A cell of an array column holds an array.
    """
    at = stamp(source, folder)
    block = whole(at) if at.size <= KEPT_AT_ONCE else next(blocks(at, rows=count))
    return to_frame({name: values[:count] for name, values in block.items()})


def is_small(at: Stamp) -> bool:
    """Whether the source is kept in memory once it was read."""
    return at.size <= SMALL[at.source.kind] * MIB


def blocks(at: Stamp, rows: int | None = None, size: int | None = None) -> Iterator[Block]:
    """Yield the columns, `size` rows at a time (all in one block if None), `rows` in total (all if None)."""
    match at.source:
        case SklearnSource(name=name):
            from core.data import (
                bundled,
            )  # scikit-learn takes a second to import, and most projects need none

            yield bundled.columns(name)
        case CsvSource():
            yield from delimited.read(at, rows, size)
        case ParquetSource():
            yield from parquet.read(at, rows, size)
        case NumpySource():
            yield from arrays.read(at, rows, size)


@lru_cache(maxsize=3)
def whole(at: Stamp) -> Block:
    """Return a small source as one block, read once for as long as the file stays the same."""
    return next(blocks(at))
