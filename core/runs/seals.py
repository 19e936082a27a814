"""Checksums in a run's record: SQLite notices a torn page, but not a number that a disk has changed.

A block of steps ends with four bytes that seal its rows and its place; the means of an epoch end with a `#` and eight
digits. Records of earlier versions have neither, and are believed.
"""

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

SEAL = struct.Struct("<I")
PLACE = struct.Struct("<qq")
DIGITS = 8


class Broken(ValueError):
    """What was read is not what was written."""


def seal_rows(first: int, count: int, rows: bytes) -> bytes:
    """Return the block of `count` rows that begins with step `first`, with its seal."""
    return rows + SEAL.pack(zlib.crc32(rows, zlib.crc32(PLACE.pack(first, count))))


def open_rows(first: int, count: int, block: bytes, width: int) -> bytes:
    """Return the rows of a block, `width` bytes each. Raises Broken."""
    size = count * width
    if count < 1 or first < 0 or len(block) not in (size, size + SEAL.size):
        raise Broken(f"the block of step {first + 1} has another length than was written")
    if len(block) > size and seal_rows(first, count, block[:size]) != block:
        raise Broken(f"the block of step {first + 1} is not what was written")
    return block[:size]


def shorten(first: int, count: int, block: bytes, keep: int) -> bytes:
    """Return a block with its first `keep` rows only."""
    width = len(block) // count & ~7  # rows are of float64; a seal never adds another one of them
    return seal_rows(first, keep, block[: keep * width])


def write_means(
    epoch: int, step: int, seconds: float, train: Mapping[str, float], validation: Mapping[str, float]
) -> tuple[Any, ...]:
    """Return the row of an epoch as it is kept."""
    first, second = json.dumps(dict(train)), json.dumps(dict(validation))
    return epoch, step, seconds, first, f"{second} #{_digits(epoch, step, seconds, first, second)}"


def read_means(
    epoch: int, step: int, seconds: float, train: str, validation: str
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the means of an epoch over its training and its validation rows. Raises Broken."""
    try:
        second, mark, digits = validation.rpartition(" #")
        if mark and digits != _digits(epoch, step, seconds, train, second):
            raise Broken(f"epoch {epoch} is not what was written")
        found = json.loads(train), json.loads(second if mark else validation)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Broken(f"epoch {epoch} is not what was written") from error
    if not all(isinstance(means, dict) for means in found):
        raise Broken(f"epoch {epoch} is not what was written")
    return found


def _digits(epoch: int, step: int, seconds: float, train: str, validation: str) -> str:
    text = f"{epoch} {step} {float(seconds)!r} {train} {validation}"
    return f"{zlib.crc32(text.encode('utf-8', 'replace')):0{DIGITS}x}"
