"""Columns of numbers that grow side by side without filling the memory: what is old lies in a file, out of the way.

One thread writes and others read, without a lock: what is written once never changes, and `count` grows last. The file
has no name and is gone with this object; where none can be made, everything stays in memory.
"""

import os
import tempfile
import weakref
from typing import IO

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

PIECE = 4096
"""So many columns go to the file at once; up to twice as many stay in memory."""
ITEM = 4


class Strips:
    """`rows` strips of float32, all of length `count`. With `on_disk` their older part lies in a file."""

    def __init__(self, rows: int, on_disk: bool):
        self._rows = rows
        self._on_disk = on_disk and hasattr(os, "pread")
        self._file: IO[bytes] | None = None
        self._held = (0, np.empty((rows, 256), np.float32))  # where the part in memory begins, and that part
        self.count = 0

    def append(self, block: Floats) -> None:
        """Add `block`, shape (rows, n), to the ends of the strips."""
        for start in range(0, block.shape[1], PIECE):
            self._append(block[:, start : start + PIECE])

    def read(self, row: int, start: int, stop: int) -> Floats:
        """Return the values `start` to `stop` of one strip; not to be written to."""
        begin, room = self._held
        start, stop = max(0, start), min(stop, self.count)
        if start >= begin:
            return room[row, start - begin : max(start, stop) - begin]
        parts = [
            self._fetch(row, at, min(stop, at - at % PIECE + PIECE)) for at in _cuts(start, min(stop, begin))
        ]
        return np.concatenate([*parts, room[row, : max(0, stop - begin)]])[: max(0, stop - start)]

    def all(self, start: int, stop: int) -> Floats:
        """Return the values `start` to `stop` of every strip, shape (rows, stop - start)."""
        begin, room = self._held
        if start >= begin:
            return room[:, start - begin : stop - begin]
        return np.stack([self.read(row, start, stop) for row in range(self._rows)])

    def _append(self, block: Floats) -> None:
        begin, room = self._held
        place, more = self.count - begin, block.shape[1]
        if self._on_disk and place + more > 2 * PIECE:
            self._put_away()
            begin, room = self._held
            place = self.count - begin
        if place + more > room.shape[1]:
            room = self._larger(room, place, place + more)
            self._held = begin, room
        room[:, place : place + more] = block
        self.count += more

    def _larger(self, room: Floats, used: int, needed: int) -> Floats:
        larger = np.empty((self._rows, max(needed, room.shape[1] * 3 // 2)), np.float32)
        larger[:, :used] = room[:, :used]
        return larger

    def _put_away(self) -> None:
        """Write the oldest piece in memory to the file; on a full disk, keep everything in memory from now on."""
        begin, room = self._held
        place = begin * self._rows * ITEM
        data = np.ascontiguousarray(room[:, :PIECE]).tobytes()
        try:
            self._file = self._file or self._nameless()
            if os.pwrite(self._file.fileno(), data, place) != len(data):
                raise OSError("the disk is full")
        except OSError:
            self._on_disk = False
            return
        self._held = begin + PIECE, room[:, PIECE:].copy()

    def _nameless(self) -> IO[bytes]:
        file = tempfile.TemporaryFile(prefix="lossmith-curves-", buffering=0)  # noqa: SIM115
        weakref.finalize(self, file.close)
        return file

    def _fetch(self, row: int, start: int, stop: int) -> Floats:
        """Values of one strip within one piece of the file."""
        assert self._file is not None
        piece, inside = divmod(start, PIECE)
        place = (piece * self._rows * PIECE + row * PIECE + inside) * ITEM
        return np.frombuffer(os.pread(self._file.fileno(), (stop - start) * ITEM, place), np.float32)


def _cuts(start: int, stop: int) -> list[int]:
    """`start` and every multiple of PIECE between it and `stop`."""
    return [start, *range(start - start % PIECE + PIECE, stop, PIECE)]
