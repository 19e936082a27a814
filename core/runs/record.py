"""Writes a run's record, `run.db`: every step in blocks, every epoch, every event, and how the run stands.

SQLite in WAL mode: readers never wait, a killed process loses nothing that was committed. Steps are float64
rows, little endian, one sealed block a commit; small neighbouring blocks are joined so that long slow runs stay
quick to open.
"""

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.runs import seals

DATABASE = "run.db"
JOIN_AFTER = 256
"""Blocks are joined once this many have been written one by one."""
LARGE = 2**16
"""Bytes of a block that is joined with no other one: what a disk damages costs no more than one block."""

Status = Literal["waiting", "preparing", "running", "paused", "done", "stopped", "failed", "killed"]
LIVE: tuple[Status, ...] = ("preparing", "running", "paused")

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY AUTOINCREMENT, time REAL, kind TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS epochs
    (epoch INTEGER PRIMARY KEY, step INTEGER, seconds REAL, train TEXT, validation TEXT);
CREATE TABLE IF NOT EXISTS blocks (first_step INTEGER PRIMARY KEY, count INTEGER, data BLOB);
"""
CUT = (
    ("DELETE FROM blocks WHERE first_step >= ?", 1),
    (
        """UPDATE blocks SET count = ? - first_step, data = shorten(first_step, count, data, ? - first_step)
        WHERE first_step + count > ?""",
        3,
    ),
    ("DELETE FROM epochs WHERE step > ?", 1),
    ("DELETE FROM events WHERE kind IN ('warning', 'bad') AND json_extract(body, '$.step') >= ?", 1),
    # Readers that run see by this number that what they know may be gone.
    (
        "INSERT OR REPLACE INTO meta SELECT 'cuts', 1 + coalesce((SELECT value FROM meta WHERE key = 'cuts'), 0)",
        0,
    ),
)
"""What forgets everything after a step, each statement with how many times it names the step."""


class Record:
    """The one writer of a run folder's `run.db`; safe to use from several threads.

    Rows and epochs are kept until `commit`. When the disk is full `commit` raises sqlite3.OperationalError
    and what it could not write is written by the next one that works; `waiting` is how many bytes of steps that are.
    Raises sqlite3.DatabaseError where the file is damaged.
    """

    def __init__(self, run: Path):
        self._lock = threading.RLock()
        self._file = run / DATABASE
        self._db = _connected(self._file)
        self._is = _identity(self._file)
        self._waiting: list[tuple[str, tuple[Any, ...]]] = []
        self._small: list[int] = []
        self.waiting = 0

    def set(self, **values: Any) -> None:
        """Note facts about the run (JSON values): `series`, `epochs`, `steps`, `status`, `started`, ..."""
        for key, value in values.items():
            self._add("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def steps(self, first: int, rows: NDArray[Any]) -> None:
        """Add one row a step, starting with step `first` (0 is the first of the run), one column a series."""
        if not len(rows):
            return
        data = seals.seal_rows(first, len(rows), np.ascontiguousarray(rows, "<f8").tobytes())
        with self._lock:
            self._add("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?)", (first, len(rows), data))
            if len(data) < LARGE:
                self._small.append(first)
            self.waiting += len(data)

    def epoch(
        self,
        epoch: int,
        step: int,
        seconds: float,
        train: Mapping[str, float],
        validation: Mapping[str, float],
    ) -> None:
        """Add the means of an epoch: `epoch` counts from 1, `step` is how many steps the run has made by
        then."""
        row = seals.write_means(epoch, step, seconds, train, validation)
        self._add("INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?, ?)", row)

    def event(self, kind: str, **body: Any) -> None:
        """Note that something happened now."""
        row = (time.time(), kind, json.dumps(body))
        self._add("INSERT INTO events (time, kind, body) VALUES (?, ?, ?)", row)

    def cut(self, step: int) -> None:
        """Forget what was recorded after `step` steps, because the run goes on from there."""
        for statement, values in CUT:
            self._add(statement, (step,) * values)

    def forget_rates(self, step: int) -> None:
        """Forget the learning rates that were set by hand before `step` or a later step."""
        self._add("DELETE FROM events WHERE kind = 'rate' AND json_extract(body, '$.step') >= ?", (step,))

    def commit(self) -> None:
        """Write what waits, all of it or nothing. Raises sqlite3.OperationalError."""
        with self._lock:
            if not self._waiting:
                return
            try:
                self._db.execute("BEGIN IMMEDIATE")
                for statement, row in self._waiting:
                    self._db.execute(statement, row)
                joined = len(self._small) >= JOIN_AFTER
                if joined:
                    self._join(self._small)
                self._db.execute("COMMIT")
            except BaseException:  # a stop that interrupts it must leave no transaction open either
                with contextlib.suppress(sqlite3.Error):  # a disk that fails may have undone it by itself
                    self._db.rollback()
                raise
            self._waiting.clear()
            self.waiting = 0
            if joined:
                self._small.clear()

    @property
    def lost(self) -> bool:
        """Whether the file is not where it was opened any more."""
        return _identity(self._file) != self._is

    def copy(self, run: Path) -> None:
        """Write all that is committed into a new record in `run`, and go on there.

        Works also when the folder that this record was opened in is gone. Raises OSError or sqlite3.Error.
        """
        with self._lock:
            fresh = _connected(run / DATABASE)
            try:
                self._db.backup(fresh)
            except BaseException:
                fresh.close()
                raise
            self._db.close()
            self._db, self._file = fresh, run / DATABASE
            self._is = _identity(self._file)

    def close(self) -> None:
        with self._lock:
            with contextlib.suppress(
                sqlite3.Error
            ):  # so that run.db alone holds all, also while it is being read
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._db.close()

    def _add(self, statement: str, row: Sequence[Any]) -> None:
        with self._lock:
            self._waiting.append((statement, tuple(row)))

    def _join(self, small: Sequence[int]) -> None:
        """Make one block of those that follow upon each other; where steps are lost, another one begins."""
        found = self._db.execute(
            "SELECT first_step, count, length(data) FROM blocks WHERE first_step BETWEEN ? AND ?"
            " ORDER BY first_step",
            (small[0], small[-1]),
        ).fetchall()
        for span in _neighbours(found):  # a few at a time: all of them together may be megabytes
            blocks = self._db.execute(
                "SELECT count, data FROM blocks WHERE first_step BETWEEN ? AND ? ORDER BY first_step", span
            ).fetchall()
            self._db.execute("DELETE FROM blocks WHERE first_step BETWEEN ? AND ?", span)
            count = sum(length for length, _ in blocks)
            rows = b"".join(block[: len(block) - len(block) % 8] for _, block in blocks)
            self._db.execute(
                "INSERT INTO blocks VALUES (?, ?, ?)", (span[0], count, seals.seal_rows(span[0], count, rows))
            )


def _connected(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file, check_same_thread=False, timeout=5, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(SCHEMA)
        db.create_function("shorten", 4, seals.shorten, deterministic=True)
    except BaseException:
        db.close()
        raise
    return db


def _identity(file: Path) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        found = file.stat()
        return found.st_dev, found.st_ino
    return None


def _neighbours(blocks: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, int]]:
    """Find blocks (first step, count, bytes) that follow upon each other, up to a size: the first and the last of them,
    by their first steps.
    """
    first = last = end = size = 0
    for start, count, length in blocks:
        if size and (start != end or size > LARGE):
            yield first, last
            size = 0
        first = first if size else start
        last, end, size = start, start + count, size + length
    if size:
        yield first, last


def close_killed(run: Path, sentence: str, status: Status = "killed", **told: Any) -> None:
    """Write the end of a run whose process died without one, unless it is written already.

    `told` may hold `where`, `line` and `details`. Raises sqlite3.Error where the record cannot be written.
    """
    record = Record(run)
    try:
        with record._lock:
            found = record._db.execute("SELECT value FROM meta WHERE key = 'status'").fetchone()
            if found is not None and found[0] not in [json.dumps(each) for each in LIVE]:
                return
            record.set(status=status, sentence=sentence, ended=time.time(), **told)
            record.event("outcome", status=status, sentence=sentence, **told)
            record.commit()
    finally:
        record.close()
