"""The connection through which a record is read: opened when there is something, again when it is another file.

Whatever the disk or a stranger has done to the file, reading gives the rows up to there and notes what is wrong.
"""

import contextlib
import os
import sqlite3
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.runs.record import DATABASE

Identity = tuple[int, ...]
Row = tuple[Any, ...]
LAST, LEAST_SIZE = 2**62, 2**20
MOST_QUESTIONS = 400
"""So often the rows around damaged pages are looked for; enough for a few dozen such pages."""
PASSING = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_SCHEMA,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,  # of files beside the record, which a full disk does not let grow
)
UNREADABLE = (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ)
"""What says nothing about the file: the next time it may be read."""
READS_WRONG = (sqlite3.Error, OSError, MemoryError, ValueError)
"""What a damaged file brings about; SQLite's own words about it may be no text, which is a ValueError."""


class Reading:
    """Reads `run.db` of the run in folder `run`. `damage` is a sentence once something could not be read.

    `faults` counts what SQLite could not read, `replaced` how often another file took the place of the record.
    """

    def __init__(self, run: Path):
        self.file = run / DATABASE
        self.damage: str | None = None
        self.faults = self.replaced = 0
        self._db: sqlite3.Connection | None = None
        self._is: Identity = ()
        self._immutable = False
        self._lock = threading.RLock()

    def rows(self, query: str, *values: object) -> Iterator[Row]:
        """Yield the rows that `query` finds, as far as they can be read."""
        with self._lock:
            found: list[Row] = []
            try:
                db = self._connection()
                if db is not None:
                    found.extend(row for row in db.execute(query, values))
            except READS_WRONG as error:
                self._take(error)
            yield from found

    def table(self, columns: str, name: str, first: int, where: str = "", *values: object) -> list[Row]:
        """Return the rows of a table in the order of its key from `first` on; where pages are damaged, those around.

        `columns` begin with the key, a whole number; `where` is a further condition that takes `values`.
        """
        key = columns.partition(",")[0]
        query = f"SELECT {columns} FROM {name} WHERE {key} BETWEEN ? AND ? {where} ORDER BY {key}"
        found, whole = self._span(query, (first, LAST, *values))
        return found if whole else self._around(query, values, found, first)

    def _around(self, query: str, values: tuple[object, ...], found: list[Row], first: int) -> list[Row]:
        """Read from both ends of what is not read yet up to the damage, and halve what is left between them."""
        kept = {row[0]: row for row in found if isinstance(row[0], int)}
        spans = [(max(kept, default=first - 1) + 1, first + self._size())]
        for _ in range(MOST_QUESTIONS):
            if not spans:
                break
            low, high = spans.pop()
            before, whole = self._span(query, (low, high, *values))
            after, whole = ([], True) if whole else self._span(f"{query} DESC", (low, high, *values))
            kept |= {row[0]: row for row in before + after if isinstance(row[0], int)}
            low = max([low - 1, *(row[0] for row in before)]) + 1
            high = min([high + 1, *(row[0] for row in after)]) - 1
            if not whole and low < high:
                middle = (low + high) // 2
                spans += [(middle + 1, high), (low, middle)]
        return [kept[each] for each in sorted(kept)]

    def _span(self, query: str, values: tuple[object, ...]) -> tuple[list[Row], bool]:
        before = self.faults
        return list(self.rows(query, *values)), self.faults == before

    def _size(self) -> int:
        """Bytes of the record: it has fewer rows than that."""
        with contextlib.suppress(OSError):
            return self.file.stat().st_size
        return LEAST_SIZE

    def check(self) -> None:
        """Look at every page of the file, and note what is wrong with it; the steps are not read for that."""
        for (found,) in self.rows("PRAGMA quick_check(1)"):
            if found != "ok":
                self.faults += 1
                self.note(" ".join(str(found).split()))

    def note(self, why: str) -> None:
        """Note that the record is damaged; the first reason is kept."""
        self.damage = self.damage or (
            f"The record {self.file} is damaged ({why}) and can be read only in part."
        )

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _take(self, error: Exception) -> None:
        text, code = str(error), getattr(error, "sqlite_errorcode", None)
        text = "its tables cannot be read" if isinstance(error, ValueError | MemoryError) else text
        if "no such table" in text or (
            code is not None and code & 0xFF in PASSING and code not in UNREADABLE
        ):
            return
        self.faults += 1
        self.note(text.rstrip("."))

    def _connection(self) -> sqlite3.Connection | None:
        now = self._identity()
        if now and now != self._is:  # a file that is gone is still read through the old connection
            if self._db is not None:
                self.close()
                self.replaced += 1
                self.damage = None
            self._db, self._immutable = _open(self.file)
            self._is = self._identity()
            if self._immutable and _needs_its_log(self.file):
                self.damage = self.damage or (
                    f"The record {self.file} can be read only in part: its last steps are in {DATABASE}-wal, "
                    "which can be read only where you may write. Copy the folder to such a place."
                )
            if _ends_early(self.file):
                self.faults += 1
                self.note("it breaks off")
        return self._db

    def _identity(self) -> Identity:
        with contextlib.suppress(OSError):
            found = os.stat(self.file)
            changes = (found.st_mtime_ns, found.st_size) if self._immutable else ()
            return found.st_dev, found.st_ino, *changes
        return ()


def _ends_early(file: Path) -> bool:
    """Whether the file is shorter than it says; one with a log beside it may be about to grow."""
    log = file.with_name(f"{file.name}-wal")
    with contextlib.suppress(OSError):
        if log.exists() and log.stat().st_size:
            return False
        with file.open("rb") as start:
            head = start.read(100)
        if len(head) < 100:
            return len(head) > 0
        size, pages = struct.unpack(">H", head[16:18])[0], struct.unpack(">I", head[28:32])[0]
        return bool((size if size > 1 else 2**16) * pages > file.stat().st_size)
    return False


def _needs_its_log(file: Path) -> bool:
    """Whether there is more in the log than in the file, and no index of the log to read it by."""
    log, index = (file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm"))
    with contextlib.suppress(OSError):
        return log.stat().st_size > 0 and not index.exists()
    return False


def _open(file: Path) -> tuple[sqlite3.Connection, bool]:
    """Open read-only; where the folder cannot be written to, as a file that nobody changes (True)."""
    uri = file.absolute().as_uri()
    for immutable in (False, True):
        options = "mode=ro&immutable=1" if immutable else "mode=ro"
        db = sqlite3.connect(f"{uri}?{options}", uri=True, check_same_thread=False, timeout=2)
        try:
            # So that a file that was cut off is read as far as it goes; nothing is written through this connection.
            db.execute("PRAGMA writable_schema=ON")
            db.execute("SELECT 1 FROM sqlite_master").fetchall()
        except sqlite3.OperationalError:
            db.close()
            continue
        except BaseException:
            db.close()
            raise
        return db, immutable
    raise sqlite3.DatabaseError("it cannot be opened")
