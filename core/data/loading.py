"""Whether the rows are kept in memory while training, or read from disk as they are needed.

Rows in memory train fastest, so small files are read whole. A file that takes more than MOST_IN_MEMORY as text is read
in blocks, again in every epoch, so that memory stays as it is however large the file. A project may say either.
"""

from __future__ import annotations

import codecs
from functools import lru_cache
from pathlib import Path

from core.data.dialect import dialect
from core.data.failures import UnreadableData, reading
from core.data.places import Stamp, stamp
from core.project.facts import Loading
from core.project.schema import CsvSource, Data, ImageField, ParquetSource

GIB = 2**30
MOST_IN_MEMORY = GIB
"""Bytes of text, or of rows in a Parquet file, up to which they are kept in memory unless a project says more."""
LARGE_GROUP = 48 * 2**20
"""Bytes of a row group from which on the rows that are shuffled together come from few places of the file."""
ASCII_LIKE = ("utf-8", "ascii", "cp125", "iso8859", "koi8")
"""Encodings in which a byte that looks like a line end or a quotation mark is one."""
SAMPLE = 2**20
SAYS_SO = "as the project says"


def loading(data: Data, folder: Path) -> Loading:
    """Return how `data`, whose path is relative to `folder`, is loaded and why. Raises UnreadableData."""
    if data.source is None:
        return Loading(streams=False, sentence="There is no data yet.")
    at = stamp(data.source, folder)
    large = size(at) > MOST_IN_MEMORY
    wanted = data.loading == "stream" or (data.loading == "auto" and large)
    reason = f": {_measured(at)}" if data.loading == "auto" else f", {SAYS_SO}"
    if not wanted:
        return Loading(streams=False, sentence=f"All rows are kept in memory{reason}.")
    obstacle = why_not(data, at)
    if obstacle is None:
        return Loading(streams=True, sentence=f"The rows stream from disk{reason}.{_how_shuffled(at)}")
    sentence = f"All rows are kept in memory, because {obstacle}."
    return Loading(streams=False, sentence=sentence, too_large=large, why_not=obstacle)


def streams(data: Data, folder: Path) -> bool:
    """Whether rows are read from disk as they are needed; False where the data cannot be opened."""
    try:
        return loading(data, folder).streams
    except UnreadableData:
        return False


def why_not(data: Data, at: Stamp) -> str | None:
    """Return why the rows cannot be read from disk as they are needed, a clause without a full stop, or None."""
    if not isinstance(data.source, CsvSource | ParquetSource):
        return "only CSV and Parquet files can be read in blocks of rows"
    images = [name for name, field in data.fields.items() if isinstance(field, ImageField)]
    if images:
        return f"the images of the field {images[0]} are read whole at the start"
    if data.split.kind in ("time", "stratified"):
        kind = "by time" if data.split.kind == "time" else "by shares of each class"
        return f"the split {kind} must see every row before the first is trained on"
    return _why_no_blocks(at) if isinstance(data.source, CsvSource) else None


def size(at: Stamp) -> int:
    """Return the bytes that decide: of a CSV the file's, of Parquet those that its rows take in memory."""
    return _unpacked(at) if isinstance(at.source, ParquetSource) else at.size


@lru_cache(maxsize=16)
def _unpacked(at: Stamp) -> int:
    from core.data.parquet import unpacked_size  # brings pyarrow along, which most projects need not

    return unpacked_size(at)


@lru_cache(maxsize=16)
def _why_no_blocks(at: Stamp) -> str | None:
    """Blocks are cut at line ends, which must be found among the bytes without decoding them."""
    found = dialect(at)
    with reading(at.path):
        encoding = codecs.lookup(found.encoding).name
    if not encoding.startswith(ASCII_LIKE) or not found.delimiter.isascii():
        return f"lines cannot be told apart in text of the encoding {found.encoding}"
    with reading(at.path), at.path.open("rb") as file:
        head = file.read(SAMPLE)
    if b"\n" not in head and (b"\r" in head or at.size > SAMPLE):
        return "its lines do not end with a line feed, as those of other tables do"
    return None


def _how_shuffled(at: Stamp) -> str:
    """Return a sentence, after a blank, where large row groups keep rows from being shuffled all over the file."""
    if not isinstance(at.source, ParquetSource) or size(at) <= LARGE_GROUP * _row_groups(at):
        return ""
    return (
        f" The row groups of {at.path.name} are large, so rows from few places of it are shuffled together: "
        "where it is sorted, shuffle it first or write it in smaller row groups."
    )


@lru_cache(maxsize=16)
def _row_groups(at: Stamp) -> int:
    from core.data.parquet import row_groups  # brings pyarrow along, which most projects need not

    return row_groups(at)


def _measured(at: Stamp) -> str:
    bound = f"{MOST_IN_MEMORY / GIB:g} GiB"
    found = size(at)
    what = " unpacked" if isinstance(at.source, ParquetSource) else ""
    if found > MOST_IN_MEMORY:
        return f"{at.path.name} has {found / GIB:.1f} GiB{what}, more than {bound}"
    return f"{at.path.name} has no more than {bound}{what}" if at.size else "they come with scikit-learn"
