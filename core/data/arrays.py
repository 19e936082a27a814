"""Reading .npy and .npz in blocks, straight from the file: no pickled object is ever loaded."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, NamedTuple

import numpy as np
from numpy.lib import format as npy

from core.data.blocks import Block, of_array
from core.data.failures import UnreadableData, reading
from core.data.places import Stamp, is_archive

ONLY = "array"
"""What the one array of a .npy is called."""

READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
KINDS = "biufUMm"


class Member(NamedTuple):
    """An open array: its header is read, its values come next in `file`."""

    name: str
    shape: tuple[int, ...]
    column_major: bool
    dtype: np.dtype
    file: IO[bytes]

    @property
    def row_bytes(self) -> int:
        return int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize

    def take(self, count: int) -> np.ndarray:
        """Return the next `count` rows."""
        return self._values(count * self.row_bytes).reshape(count, *self.shape[1:])

    def all_by_column(self) -> np.ndarray:
        """Return all of an array whose file runs down the columns: its rows lie spread over the whole."""
        return self._values(self.shape[0] * self.row_bytes).reshape(self.shape, order="F")

    def _values(self, size: int) -> np.ndarray:
        data = self.file.read(size)
        if len(data) < size:
            raise UnreadableData(
                f"Array {self.name} ends before its last row: the file is damaged or cut short."
            )
        values = np.frombuffer(data, self.dtype) if size else np.empty(0, self.dtype)
        return values.astype(self.dtype.newbyteorder("="), copy=False)


def read(at: Stamp, rows: int | None, size: int | None) -> Iterator[Block]:
    """Yield the first `rows` rows (all if None) in blocks of `size`; a shorter array ends before others."""
    with reading(at.path), ExitStack() as stack:
        members = _open(at, stack)
        longest = max(member.shape[0] for member in members)
        end = longest if rows is None else min(rows, longest)
        by_column = {member.name: member.all_by_column() for member in members if member.column_major}
        step = size or end or 1
        for start in range(0, max(end, 1), step):
            stop = min(start + step, end)
            yield {
                member.name: of_array(_rows(member, by_column, start, stop))
                for member in members
                if start < member.shape[0] or start == 0
            }


def _rows(member: Member, by_column: dict[str, np.ndarray], start: int, stop: int) -> np.ndarray:
    if member.name in by_column:
        return by_column[member.name][start:stop]
    return member.take(min(stop, member.shape[0]) - start)


def _open(at: Stamp, stack: ExitStack) -> list[Member]:
    if not is_archive(at.path):
        return [_member(ONLY, stack.enter_context(at.path.open("rb")), at)]
    archive = stack.enter_context(zipfile.ZipFile(at.path))
    names = [name for name in archive.namelist() if name.endswith(".npy")]
    if not names:
        raise UnreadableData(f"{at.path.name} holds no arrays: choose a file written by numpy.savez.")
    opened = [
        _member(name[:-4], stack.enter_context(archive.open(name)), at) for name in dict.fromkeys(names)
    ]
    return [member for member in opened if member.shape] or _refuse_no_rows(at)


def _member(name: str, file: IO[bytes], at: Stamp) -> Member:
    version = npy.read_magic(file)
    if version not in READERS:
        raise UnreadableData(
            f"{at.path.name}: array {name} is of an unknown kind: save it again with numpy.save."
        )
    shape, column_major, dtype = READERS[version](file)
    if dtype.hasobject:
        raise UnreadableData(
            f"{at.path.name}: array {name} holds Python objects, which could run code when opened: "
            "save it as numbers or as text."
        )
    if dtype.kind not in KINDS:
        raise UnreadableData(
            f"{at.path.name}: array {name} is of type {dtype}: save it as numbers or as text."
        )
    if not shape and name == ONLY:
        _refuse_no_rows(at)
    return Member(name, shape, column_major and len(shape) > 1, dtype, file)


def _refuse_no_rows(at: Stamp) -> list[Member]:
    raise UnreadableData(
        f"{at.path.name} holds a single number, no rows: choose an array whose first axis is rows."
    )
