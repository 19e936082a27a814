"""Sentences for what goes wrong while reading: libraries raise many things, a user needs one sentence."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARY = (".parquet", ".pq", ".npz", ".npy")
NO_SOURCE = "No data is open: choose a file or one of the bundled sets."
MOST_COLUMNS = 20_000
"""Beyond, a list of columns helps nobody: such tables are arrays."""


class UnreadableData(Exception):
    """The data could not be read; `str(error)` is a sentence for the user."""


@contextmanager
def reading(path: Path, above: int = 0) -> Iterator[None]:
    """Turn whatever reading `path` raises into UnreadableData with one sentence.

    `above` lines of the file are left out above those that are read.
    """
    try:
        yield
    except UnreadableData:
        raise
    except (OSError, ValueError, EOFError, LookupError, MemoryError, csv.Error, zipfile.BadZipFile) as error:
        raise UnreadableData(_sentence(path, error, above)) from error


def shown(text: str, most: int = 200) -> str:
    """Return `text` for a sentence: on one line, and not too long."""
    plain = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return plain if len(plain) <= most else f"{plain[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def checked(path: Path) -> Path:
    """Return `path`, a file that can be opened; raises UnreadableData for anything else."""
    with reading(path):
        if path.is_dir():
            raise UnreadableData(f"{path.name} is a folder: choose a file in it.")
        if not path.exists():
            raise UnreadableData(f"There is no file {shown(str(path))}: choose it again, or put it back.")
        if not path.is_file():
            raise UnreadableData(f"{path.name} is not a regular file: choose another.")
        with path.open("rb"):
            return path


def _sentence(path: Path, error: BaseException, above: int) -> str:
    name, text = path.name, str(error)
    if isinstance(error, UnicodeDecodeError):
        return (
            f"{name} is not {error.encoding} text (byte 0x{error.object[error.start]:02x} cannot be read): "
            "choose another encoding, cp1252 for files from Windows."
        )
    if isinstance(error, PermissionError):
        return f"{name} may not be read: change its permissions or choose another file."
    if isinstance(error, LookupError) and "encoding" in text:
        return f"{name} cannot be read: {_brief(text)}; choose another encoding, utf-8 for example."
    if isinstance(error, OSError) and error.strerror:
        return f"{name} cannot be read: {error.strerror.lower()}."
    if isinstance(error, MemoryError):
        return f"{name} does not fit into memory: choose a smaller file."
    if path.suffix.lower() in BINARY and "null" not in text:
        why = f"{name} is damaged, cut short, or not what its name says ({_brief(text)})"
        return f"{why}: write it again or choose another file."
    return _of_content(name, text, above)


def _of_content(name: str, text: str, above: int) -> str:
    if "null byte" in text or "null character" in text:
        return "The path of the data holds a character that no path may hold: choose the file again."
    if "No columns to parse" in text:
        return f"{name} is empty: choose a file with a line of column names and rows below it."
    if "field larger than" in text:
        return f"{name} has a value of more than 131,072 characters in its first lines: shorten it."
    if ragged := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", text):
        expected, line, saw = ragged.groups()
        return ragged_line(name, above + int(line), int(saw), int(expected))
    if "EOF inside string" in text:
        row = re.search(r"row (\d+)", text)
        where = f", in row {above + int(row[1])}" if row else ""
        return f"{name} has a quotation mark that is never closed{where}: close it."
    return f"{name} cannot be read: {_brief(text)}."


def ragged_line(name: str, line: int, saw: int, expected: int) -> str:
    """Return the sentence for a line with more values than there are columns."""
    return (
        f"{name}, line {line}: {saw} values where the first line has {expected}; "
        "mend that line or choose another delimiter."
    )


def _brief(text: str) -> str:
    first = " ".join(text.split()) or "the file is damaged"
    return first[:160].rstrip(".")


def refuse_very_wide(name: str, columns: int) -> None:
    """Raise UnreadableData for a table of more columns than anybody wires one by one."""
    if columns > MOST_COLUMNS:
        raise UnreadableData(
            f"{name} has more than {MOST_COLUMNS:,} columns: leave out some, or save them as one array in an "
            ".npz file."
        )
