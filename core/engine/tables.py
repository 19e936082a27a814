"""Keeps the table of a script, `history.csv`, whole while its disk is full: Keras's own logger would end the run.

A row that cannot be written waits in memory; what was written of it in part is cut off again.
"""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

import keras

from core.engine.room import Room
from core.project.writing import why


class Table:
    """The file of a logger: takes text, and writes it whenever it can. `tell` says once that it cannot."""

    def __init__(self, path: Path, append: bool, tell: Callable[[str], None]):
        self._path, self._append, self._tell = path, append, tell
        self._file: BinaryIO | None = None
        self._whole = 0
        self._waiting = bytearray()
        self._told = self.closed = False

    @property
    def empty(self) -> bool:
        """Whether nothing is in the file that is to be gone on with."""
        with contextlib.suppress(OSError):
            return not (self._append and self._path.stat().st_size)
        return True

    def write(self, text: str) -> None:
        self._waiting += text.encode()

    def flush(self) -> None:
        """Write what waits, if that can be done."""
        try:
            self.write_out()
            self._told = False
        except OSError as error:
            if not self._told:
                reason = why(self._path, error)
                self._tell(
                    f"{self._path} cannot be written: {reason}. Its rows are kept in memory until it can."
                )
            self._told = True

    def close(self) -> None:
        self.flush()
        self.closed = True

    def write_out(self) -> None:
        """Write what waits. Raises OSError, and then the file ends with a whole row as before."""
        if self._waiting:
            self._write_out(self._opened())

    def finish(self) -> None:
        """Write what waits and let go of the file. Raises OSError."""
        self.write_out()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write_out(self, file: BinaryIO) -> None:
        try:
            while self._waiting:
                written = file.write(self._waiting)
                del self._waiting[: written or 0]
        except OSError:
            self._undo(file)
            raise
        self._whole = file.tell()

    def reopen(self) -> None:
        """Write all of it into a new file, because the folder was made again. Raises OSError."""
        before, self._file = self._file, None
        if before is not None:
            with before:
                before.seek(0)
                self._waiting[:0] = before.read(self._whole)
            self._append = False
            self.flush()

    def _undo(self, file: BinaryIO) -> None:
        """Take back what was written of a row in part."""
        end = file.tell()
        file.seek(self._whole)
        self._waiting[:0] = file.read(end - self._whole)
        file.truncate(self._whole)
        file.seek(self._whole)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            mode = "r+b" if self._append and self._path.exists() else "w+b"
            self._file = self._path.open(mode, buffering=0)  # type: ignore[assignment]
            assert self._file is not None
            self._whole, self._append = self._file.seek(0, 2), True
        return self._file


def keep_whole(callbacks: Iterable[Any], room: Room, tell: Callable[[str], None]) -> None:
    """Give the loggers among `callbacks` files that wait for room. What still waits at the end is left to `room`."""
    for logger in callbacks:
        if isinstance(logger, keras.callbacks.CSVLogger):
            logger.on_train_begin = _beginning(logger, room, tell)
            logger.on_epoch_end = _ending(logger.on_epoch_end)


def _beginning(logger: Any, room: Room, tell: Callable[[str], None]) -> Callable[[Any], None]:
    def begin(logs: Any = None) -> None:
        table = Table(Path(logger.filename), logger.append, tell)
        logger.append_header = table.empty
        logger.csv_file, logger.writer, logger.keys = table, None, None
        room.again.append(table.reopen)
        room.later.append(table.finish)

    return begin


def _ending(note: Callable[[int, Any], None]) -> Callable[[int, Any], None]:
    """Note no epoch that was left in the middle: it has no means."""

    def end(epoch: int, logs: Any = None) -> None:
        if logs:
            note(epoch, logs)

    return end
