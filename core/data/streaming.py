"""Going through a table block by block, as a script does that reads its rows from disk while it trains.

A block is a row group of a Parquet file; of a CSV it is some whole lines, BLOCK bytes or a little more, and is read
below the first line, so that names and dialect are those of the file. Which rows of a block validate is drawn from the
seed and the number of the block alone, so memory stays the same for a file of any size. The script prints the same
rules (`core.codegen.streaming`); a test holds the two together.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.data import parquet
from core.data.blocks import Block, of_frame
from core.data.delimited import PREFIX, named
from core.data.dialect import Dialect, dialect, read_options
from core.data.failures import UnreadableData, reading
from core.data.places import Stamp
from core.data.splits import WORDS, by_words
from core.project.schema import CsvSource, Split

BLOCK = 4 * 2**20
MOST_BLOCK = 32 * BLOCK
"""A block this large holds no end of a line: most probably a quotation mark is not closed."""
AT_ONCE = 8 * 2**20
"""Bytes of the rows of a Parquet file that are read at a time."""

Dtypes = Mapping[str, str]


def through(at: Stamp, dtypes: Dtypes, columns: Sequence[str] | None = None) -> Iterator[tuple[int, Block]]:
    """Yield the number of its block and some rows, until all rows were seen; `columns` None means all of them.

    `dtypes` are types of columns of a CSV that single blocks would not show. Raises UnreadableData.
    """
    if isinstance(at.source, CsvSource):
        return _through_lines(at, dtypes, columns)
    return parquet.groups(at, AT_ONCE, columns)


def _through_lines(at: Stamp, dtypes: Dtypes, columns: Sequence[str] | None) -> Iterator[tuple[int, Block]]:
    found = dialect(at)
    options = read_options(at) | {"low_memory": False} | chosen(columns, dtypes, found.header)
    with reading(at.path), at.path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        head = b"".join(file.readline() for _ in range(found.head_lines))
        for number, (above, lines) in enumerate(_blocks_of_lines(at, file, found)):
            with reading(at.path, above):
                frame = pd.read_csv(io.BytesIO(head + lines), **options)
            yield number, of_frame(named(frame, at, start=0))


def chosen(columns: Sequence[str] | None, dtypes: Dtypes, header: bool) -> dict[str, Any]:
    """Return what pandas is told to read only `columns`, with these types; unnamed ones go by their numbers."""

    def key(name: str) -> str | int:
        return name if header else int(name.removeprefix(PREFIX))

    types = {key(name): dtype for name, dtype in dtypes.items() if columns is None or name in columns}
    usecols = {} if columns is None else {"usecols": [key(name) for name in columns]}
    return usecols | ({"dtype": types} if types else {})


def _blocks_of_lines(at: Stamp, file: io.BufferedReader, found: Dialect) -> Iterator[tuple[int, bytes]]:
    """Yield lines after those that were read already, and how many of these lie above them.

    Lines that are all blank are no block, unless the file has no others: then one is empty.
    """
    quotes, blanks = quoted(found.delimiter, found.spaced), blank(found.delimiter)
    text, above, empty = b"", 0, True
    while more := file.read(BLOCK):
        text += more
        end = quotes.sub(lambda value: bytes(len(value[0])), text).rfind(b"\n") + 1
        if text[:end].strip(blanks):
            yield above, text[:end]
            empty = False
        above, text = above + text.count(b"\n", 0, end), text[end:]
        if len(text) > MOST_BLOCK:
            raise UnreadableData(
                f"{at.path.name} holds a value of more than {MOST_BLOCK // 2**20} MiB: "
                "most probably a quotation mark is not closed."
            )
    if text.strip(blanks) or empty:
        yield above, text


def blank(delimiter: str) -> bytes:
    """Return what a line that is no row is made of; one of delimiters is a row of gaps."""
    return b" \t\r\n".replace(delimiter.encode("ascii"), b"")


def quoted(delimiter: str, spaced: bool) -> re.Pattern[bytes]:
    """Return what matches a quoted value, in which line ends and delimiters are text."""
    before = re.escape(delimiter) + r"\r\n" + (" " if spaced else "")
    return re.compile(rf'"(?<![^{before}]")[^"]*(?:""[^"]*)*"?'.encode("ascii"))


class Draws:
    """Draws which rows train, validate and test, going through the blocks in the order of the file."""

    def __init__(self, split: Split, seed: int):
        self._split, self._seed = split, seed
        self._block = -1
        self._random = np.random.default_rng(seed)

    def counts(self, number: int, rows: int, by: pd.Series | None) -> dict[str, int]:
        """Return how many of the next complete rows of block `number` are in each part. Raises UnclearSplit."""
        if self._split.kind == "column":
            assert by is not None
            return by_words(self._split, by).counts()
        if number != self._block:
            self._block, self._random = number, np.random.default_rng((self._seed, number))
        drawn = self._random.random(rows)
        validation, test = self._split.validation, self._split.test
        ends = np.searchsorted(np.sort(drawn), (validation, validation + test))
        return dict(zip(WORDS, (rows - int(ends[1]), int(ends[0]), int(ends[1] - ends[0])), strict=True))
