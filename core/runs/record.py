"""Writes a run's record, `run.db`: every step in blocks, every epoch, every event, and how the run stands.

SQLite in WAL mode: readers never wait, a killed process loses nothing that was committed. Steps are float64
rows, little endian, one block a commit; small neighbouring blocks are joined so that long slow runs stay
quick to open.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

DATABASE = "run.db"
JOIN_AFTER = 256
"""Blocks are joined once this many have been written one by one."""

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
        """UPDATE blocks SET count = ? - first_step, data = substr(data, 1, (? - first_step) * (length(data) / count))
        WHERE first_step + count > ?""",
        3,
    ),
    ("DELETE FROM epochs WHERE step > ?", 1),
    ("DELETE FROM events WHERE kind = 'warning' AND json_extract(body, '$.step') >= ?", 1),
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
    and what it could not write is written by the next one that works.
    """

    def __init__(self, run: Path):
        self._lock = threading.RLock()
        self._db = sqlite3.connect(run / DATABASE, check_same_thread=False, timeout=5, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(SCHEMA)
        self._waiting: list[tuple[str, tuple[Any, ...]]] = []
        self._small: list[int] = []

    def set(self, **values: Any) -> None:
        """Note facts about the run (JSON values): `series`, `epochs`, `steps`, `status`, `started`, ..."""
        for key, value in values.items():
            self._add("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def steps(self, first: int, rows: NDArray[Any]) -> None:
        """Add one row a step, starting with step `first` (0 is the first of the run), one column a series."""
        data = np.ascontiguousarray(rows, "<f8").tobytes()
        self._add("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?)", (first, len(rows), data))
        with self._lock:
            self._small.append(first)

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
        row = (epoch, step, seconds, json.dumps(dict(train)), json.dumps(dict(validation)))
        self._add("INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?, ?)", row)

    def event(self, kind: str, **body: Any) -> None:
        """Note that something happened now."""
        row = (time.time(), kind, json.dumps(body))
        self._add("INSERT INTO events (time, kind, body) VALUES (?, ?, ?)", row)

    def cut(self, step: int) -> None:
        """Forget what was recorded after `step` steps, because the run goes on from there."""
        for statement, values in CUT:
            self._add(statement, (step,) * values)

    def commit(self) -> None:
        """Write what waits, all of it or nothing. Raises sqlite3.OperationalError."""
        with self._lock:
            if not self._waiting:
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for statement, row in self._waiting:
                    self._db.execute(statement, row)
                if len(self._small) >= JOIN_AFTER:
                    self._join()
                self._db.execute("COMMIT")
            except sqlite3.Error:
                self._db.rollback()
                raise
            self._waiting.clear()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _add(self, statement: str, row: Sequence[Any]) -> None:
        with self._lock:
            self._waiting.append((statement, tuple(row)))

    def _join(self) -> None:
        first, last = self._small[0], self._small[-1]
        found = self._db.execute(
            "SELECT count, data FROM blocks WHERE first_step BETWEEN ? AND ? ORDER BY first_step",
            (first, last),
        ).fetchall()
        self._db.execute("DELETE FROM blocks WHERE first_step BETWEEN ? AND ?", (first, last))
        joined = (first, sum(count for count, _ in found), b"".join(data for _, data in found))
        self._db.execute("INSERT INTO blocks VALUES (?, ?, ?)", joined)
        self._small.clear()


def close_killed(run: Path, sentence: str, details: str = "") -> None:
    """Write the end of a run whose process died without one, unless it is written already."""
    record = Record(run)
    try:
        with record._lock:
            found = record._db.execute("SELECT value FROM meta WHERE key = 'status'").fetchone()
            if found is not None and json.loads(found[0]) not in LIVE:
                return
            record.set(status="killed", sentence=sentence, details=details, ended=time.time())
            record.event("outcome", status="killed", sentence=sentence)
            record.commit()
    finally:
        record.close()
