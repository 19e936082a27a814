"""What kind of text a table is: delimiter, encoding, decimal comma, and whether its first line names columns.

`read_options` is what pandas is told; the script prints the same options, so both read the same table.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from functools import lru_cache
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any, Literal, NamedTuple

from core.data.failures import UnreadableData, checked, ragged_line, reading, refuse_very_wide
from core.data.places import Stamp, resolve, stamp
from core.project.schema import CsvSource

SAMPLE = 256 * 1024
READ_WHOLE = 32 * 1024 * 1024
WINDOWS = 32
RECORDS = 60
LOOKED_AT = 2000
GAPS = ("?", "-", "--", ".", "*")
DELIMITERS = "\t;|,"
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins like the mark of UTF-16, so it comes first
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
NOT_TEXT = {
    b"PK": "a zip archive or workbook",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "compressed with gzip",
}
CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b")) + b"\x7f"
COMMA_NUMBER = re.compile(r"\s*[-+]?\d+,\d+\s*\Z")
POINT_NUMBER = re.compile(r"\s*[-+]?\d*\.\d+(e[-+]?\d+)?\s*\Z", re.IGNORECASE)
NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)(e[-+]?\d+)?\Z", re.IGNORECASE)
WHOLE_NUMBER = re.compile(r"\s*[-+]?\d+\s*\Z")

Decimal = Literal[".", ","]


class Dialect(NamedTuple):
    """How a table is written as text. `header`: the first line names the columns."""

    delimiter: str
    encoding: str
    decimal: Decimal
    header: bool
    spaced: bool
    """Blanks follow the delimiters, as in `a, b`."""
    gaps: tuple[str, ...] = ()
    """What stands for a missing value in columns of numbers, besides what pandas takes for one."""
    head_lines: int = 0
    """Lines up to the end of the one that names the columns: more where lines before it are blank, or a name holds a
    line end."""


def recognise(path: Path) -> CsvSource:
    """Return the source for a CSV or TSV file, with delimiter, encoding and decimal mark filled in.

    Looks at the first lines (and for the encoding at places all over the file), so it is quick for any size.
    Raises UnreadableData.
    """
    path = resolve(path, Path.cwd())
    found = dialect(stamp(CsvSource(path=str(path)), path.parent))
    return CsvSource(
        path=str(path), delimiter=found.delimiter, encoding=found.encoding, decimal=found.decimal
    )


def read_options(at: Stamp) -> dict[str, Any]:
    """Return the arguments that `pandas.read_csv` needs for this file, its own defaults left out."""
    found = dialect(at)
    options: dict[str, Any] = {}
    if found.delimiter != ",":
        options["sep"] = found.delimiter
    if found.encoding != "utf-8":
        options["encoding"] = found.encoding
    if found.decimal != ".":
        options["decimal"] = found.decimal
    if not found.header:
        options["header"] = None
    if found.spaced:
        options["skipinitialspace"] = True
    if found.gaps:
        options["na_values"] = list(found.gaps)
    if at.size > SAMPLE:
        options["low_memory"] = (
            False  # else pandas guesses types piece by piece, and one column holds 1 and "1"
        )
    return options


@lru_cache(maxsize=64)
def dialect(at: Stamp) -> Dialect:
    """Return the dialect of a text table, as its source says or as recognised; raises UnreadableData."""
    assert isinstance(at.source, CsvSource)
    path, source = checked(at.path), at.source
    with reading(path), path.open("rb") as file:
        head = file.read(SAMPLE)
    _refuse_what_is_no_text(path, head)
    _refuse_settings(path, source)
    encoding = source.encoding or _encoding(path, head, at.size)
    with reading(path):
        text = _decoded(head, encoding)
    delimiter = source.delimiter or _delimiter(text)
    records = _records(path, text, delimiter)
    refuse_very_wide(path.name, len(records[0][1]))
    _refuse_ragged(path, records)
    cells = [record for _, record in records]
    decimal = source.decimal or _decimal(cells, delimiter)
    header = _has_header(cells, decimal)
    lines = records[0][0] if header else 0
    return Dialect(delimiter, encoding, decimal, header, _is_spaced(cells), _gaps(cells), lines)


def _refuse_settings(path: Path, source: CsvSource) -> None:
    """A project file may hold anything here; a longer delimiter would be a pattern to pandas."""
    mark = source.delimiter
    if mark is not None and (len(mark) != 1 or mark in '\r\n"\0'):
        raise UnreadableData(f"{path.name} cannot be cut at {mark!r}: choose one character as delimiter.")
    if source.encoding is not None:
        with reading(path):
            "".encode(source.encoding)


def _refuse_what_is_no_text(path: Path, head: bytes) -> None:
    for magic, what in NOT_TEXT.items():
        if head.startswith(magic):
            raise UnreadableData(
                f"{path.name} is {what}, not a text table: save it as CSV or choose another file."
            )
    if not head.strip():
        raise UnreadableData(
            f"{path.name} is empty: choose a file with a line of column names and rows below it."
        )
    if _looks_like_utf16(head):
        return
    if len(head) - len(head.translate(None, CONTROL)) > len(head) / 1000:
        raise UnreadableData(f"{path.name} holds binary data, not a text table: choose a CSV or TSV file.")


def _looks_like_utf16(head: bytes) -> bool:
    return head.startswith(tuple(MARKS)) or _wide(head) is not None


def _wide(head: bytes) -> str | None:
    """Return the byte order of UTF-16 text without a mark: every other byte of Western text is zero."""
    even, odd = head[0:4000:2], head[1:4000:2]
    if odd and odd.count(0) > 0.7 * len(odd) and not even.count(0):
        return "utf-16-le"
    if even and even.count(0) > 0.7 * len(even) and not odd.count(0):
        return "utf-16-be"
    return None


def _encoding(path: Path, head: bytes, size: int) -> str:
    for mark, name in MARKS.items():
        if head.startswith(mark):
            return name
    if wide := _wide(head):
        return wide
    if _is_utf8(path, size):
        return "utf-8"
    try:
        head.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def _is_utf8(path: Path, size: int) -> bool:
    """Whether the file, or for a large one the many places looked at, is UTF-8."""
    with reading(path), path.open("rb") as file:
        if size <= READ_WHOLE:
            return _decodes(file.read(), whole=True)
        for window in range(WINDOWS):
            file.seek(size * window // WINDOWS)
            if not _decodes(file.read(SAMPLE).lstrip(bytes(range(0x80, 0xC0))), whole=False):
                return False
    return True


def _decodes(data: bytes, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError:
        return False
    return True


def _decoded(head: bytes, encoding: str) -> str:
    """Return the first lines as text, without the last one where it may be cut."""
    text = codecs.getincrementaldecoder(encoding)().decode(head, final=False)
    return text[: text.rfind("\n") + 1] or text if len(head) == SAMPLE else text


def _delimiter(text: str) -> str:
    """Return the delimiter that cuts the first lines most evenly; the comma, common in texts, comes last."""
    best, best_score = ",", 0.0
    for candidate in DELIMITERS:
        score = _evenness(text, candidate)
        if score > best_score + 1e-9:
            best, best_score = candidate, score
    return best


def _evenness(text: str, delimiter: str) -> float:
    """Return the share of lines with as many values as the first; 0 where the first line is not cut."""
    try:
        widths = [len(record) for _, record in _parsed(text, delimiter, RECORDS)]
    except csv.Error:
        return 0.0
    if not widths or widths[0] < 2:
        return 0.0
    return widths.count(widths[0]) / len(widths)


def _parsed(text: str, delimiter: str, most: int) -> list[tuple[int, list[str]]]:
    """Return the first records and the number of the line that each ends on, blank lines left out."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    records: list[tuple[int, list[str]]] = []
    for record in reader:
        if len(record) > 1 or any(record):
            records.append((reader.line_num, record))
        if len(records) == most:
            break
    return records


def _records(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    with reading(path):
        records = _parsed(text, delimiter, LOOKED_AT)
    if not records:
        raise UnreadableData(
            f"{path.name} is empty: choose a file with a line of column names and rows below it."
        )
    return records


def _refuse_ragged(path: Path, records: list[tuple[int, list[str]]]) -> None:
    """pandas would take the surplus first values of every row for an index, without a word."""
    width = len(records[0][1])
    for line, record in records[1:]:
        if len(record) > width:
            raise UnreadableData(ragged_line(path.name, line, len(record), width))


def _decimal(cells: list[list[str]], delimiter: str) -> Decimal:
    if delimiter == ",":
        return "."
    values = [value for record in cells[1:] or cells for value in record]
    with_comma = sum(1 for value in values if COMMA_NUMBER.match(value))
    with_point = sum(1 for value in values if POINT_NUMBER.match(value))
    return "," if with_comma > with_point else "."


def _has_header(cells: list[list[str]], decimal: Decimal) -> bool:
    """Whether the first line names columns: no fractions in it, and not all numbers unless these count up."""
    first = [value for value in cells[0] if value.strip()]
    if not first:
        return True
    fraction = COMMA_NUMBER if decimal == "," else POINT_NUMBER
    if any(fraction.match(value) for value in first):
        return False
    if all(WHOLE_NUMBER.match(value) for value in first):
        return _names_numbered([int(value) for value in first])
    return True


def _names_numbered(first: list[int]) -> bool:
    """Whether whole numbers in the first line are names: 0, 1, 2 as pandas numbers columns, or years."""
    return first == list(range(len(first))) or (
        len(first) > 1 and all(1800 <= a < b <= 2200 for a, b in pairwise(first))
    )


def _is_spaced(cells: list[list[str]]) -> bool:
    """Whether every delimiter of the first lines is followed by a blank."""
    rest = [value for record in cells for value in record[1:]]
    return (
        bool(rest) and all(value.startswith(" ") or not value for value in rest) and any(map(str.strip, rest))
    )


def _gaps(cells: list[list[str]]) -> tuple[str, ...]:
    """Return the marks that stand between numbers in some column, as ? does in many public data sets."""
    found: set[str] = set()
    for column in zip_longest(*cells[1:], fillvalue=""):
        values = {value.strip() for value in column} - {""}
        marks = values & set(GAPS)
        numbers = values - marks
        if marks and numbers and all(NUMBER.match(value) for value in numbers):
            found |= marks
    return tuple(mark for mark in GAPS if mark in found)
