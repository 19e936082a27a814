"""Reads a run's record: a live run, one attached again and one of last year through the same code.

The reader asks the database only for what is new since it last asked, so that a plot can pull on its own
clock.
"""

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.runs import alive
from core.runs.record import DATABASE, LIVE, Status

Rows = NDArray[np.float64]
UNEXPLAINED = "The engine's process ended without a word; everything up to its last block is kept."


@dataclass(frozen=True)
class Epoch:
    """Means over one epoch, by `total`, `regularization`, `term:NAME`, `metric:NAME`; terms are unweighted.

    `epoch` counts from 1; `step` is how many steps the run had made by its end, `seconds` how long it had
    trained.
    """

    epoch: int
    step: int
    seconds: float
    train: Mapping[str, float]
    validation: Mapping[str, float]

    @property
    def logs(self) -> dict[str, float]:
        """The same means under the names that Keras gives them: `loss`, `mse`, `val_loss`, ..."""
        return {
            prefix + ("loss" if key == "total" else key.partition(":")[2] or key): value
            for prefix, means in (("", self.train), ("val_", self.validation))
            for key, value in means.items()
        }


@dataclass(frozen=True)
class Event:
    """Something that happened: `kind` is phase, weight, rate, warning, save, trouble, resume or outcome."""

    seq: int
    time: float
    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class RunState:
    """How a run stands. `where` is a reference and `line` a line of train.py when one part is to blame."""

    status: Status = "waiting"
    sentence: str = ""
    where: str | None = None
    line: int | None = None
    details: str = ""
    epochs: int = 0
    """Planned."""
    steps: int = 0
    """Of one epoch."""
    started: float | None = None
    ended: float | None = None
    idle: float = 0.0
    """Seconds between an interruption and going on, when nothing was done for the run."""

    @property
    def seconds(self) -> float | None:
        """How long the run has worked, where it has an end."""
        if self.started is None or self.ended is None:
            return None
        return self.ended - self.started - self.idle

    @property
    def live(self) -> bool:
        return self.status in LIVE


@dataclass
class _Cache:
    """What was decoded already: rows are never read twice, unless a resumed run has made them anew."""

    cuts: int = 0
    rows: Rows = field(default_factory=lambda: np.empty((0, 0)))
    count: int = 0
    epochs: list[Epoch] = field(default_factory=list)


class History:
    """The record of the run in folder `path`; empty until the engine has begun to write it.

    `damage` is a sentence when the record could be read only in part. Safe to use from several threads.
    """

    def __init__(self, path: Path):
        self.path = path
        self.damage: str | None = None
        self._db: sqlite3.Connection | None = None
        self._cache = _Cache()
        self._series: tuple[str, ...] = ()
        self._lock = threading.RLock()

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the columns of `steps`: total, regularization, then `term:NAME` and `weight:NAME` for each
        term."""
        if not self._series:
            self._series = tuple(self._meta().get("series", ()))
        return self._series

    @property
    def step_count(self) -> int:
        """How many steps are recorded."""
        rows = self._ask("SELECT first_step + count FROM blocks ORDER BY first_step DESC LIMIT 1")
        return int(rows[0][0]) if rows else 0

    def steps(self, first: int = 0) -> Rows:
        """Return a read-only view of the steps from `first` on: float64, (steps, len(series)), NaN where one
        is lost."""
        with self._lock:
            self._read_blocks()
            view = self._cache.rows[first : self._cache.count]
            view.flags.writeable = False
            return view

    def column(self, series: str, first: int = 0) -> Rows:
        """Return one series from step `first` on. Raises ValueError for a series this run does not have."""
        return self.steps(first)[:, self.series.index(series)]

    def epochs(self) -> list[Epoch]:
        """Return every finished epoch, oldest first."""
        with self._lock:
            self._notice_cuts()
            known = self._cache.epochs
            last = known[-1].epoch if known else 0
            rows = self._ask("SELECT * FROM epochs WHERE epoch > ? ORDER BY epoch", last)
            known += [Epoch(e, step, s, json.loads(t), json.loads(v)) for e, step, s, t, v in rows]
            return list(known)

    def events(self, after: int = 0) -> list[Event]:
        """Return the events with `seq` above `after`, oldest first."""
        rows = self._ask("SELECT seq, time, kind, body FROM events WHERE seq > ? ORDER BY seq", after)
        return [Event(seq, at, kind, json.loads(body)) for seq, at, kind, body in rows]

    @property
    def state(self) -> RunState:
        state = self._written_state()
        if state.live and not alive.held(self.path):
            state = self._written_state()  # it may have ended properly between the two looks
            if state.live:
                return RunState(**{**vars(state), "status": "killed", "sentence": UNEXPLAINED})
        return state

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _written_state(self) -> RunState:
        meta = self._meta()
        return RunState(**{key: meta[key] for key in RunState.__dataclass_fields__ if key in meta})

    def _meta(self) -> dict[str, Any]:
        return {key: json.loads(value) for key, value in self._ask("SELECT key, value FROM meta")}

    def _read_blocks(self) -> None:
        width = len(self.series)
        if not width:
            return
        self._notice_cuts()
        cache, end = self._cache, self.step_count
        if end > cache.count:
            self._make_room(end, width)
        rows = self._ask(
            "SELECT first_step, count, data FROM blocks WHERE first_step + count > ? ORDER BY first_step",
            cache.count,
        )
        for first, count, data in rows:
            block = np.frombuffer(data, "<f8").reshape(count, width)
            self._make_room(first + count, width)
            cache.rows[cache.count : first] = np.nan
            cache.rows[first : first + count] = block
            cache.count = first + count

    def _notice_cuts(self) -> None:
        """Forget what is known of a run that was resumed since: its end was cut off."""
        rows = self._ask("SELECT value FROM meta WHERE key = 'cuts'")
        cuts = int(rows[0][0]) if rows else 0
        if cuts != self._cache.cuts:
            self._cache = _Cache(cuts=cuts)

    def _make_room(self, count: int, width: int) -> None:
        rows = self._cache.rows
        if count <= len(rows) and rows.shape[1] == width:
            return
        # An old run is read at once and gets exactly its room; a growing one gets a fifth more.
        size = count if not len(rows) else count + count // 5
        self._cache.rows = np.empty((size, width))
        self._cache.rows[: self._cache.count] = rows[: self._cache.count].reshape(-1, width)

    def _ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                db = self._connection()
                return [] if db is None else db.execute(query, values).fetchall()
            except sqlite3.DatabaseError as error:
                if "no such table" not in str(error):
                    self.damage = f"{self.path / DATABASE} can be read only in part: {error}."
                return []

    def _connection(self) -> sqlite3.Connection | None:
        file = self.path / DATABASE
        if self._db is None and file.exists():
            self._db = _open(file)
        return self._db


def _open(file: Path) -> sqlite3.Connection:
    """Open read-only; where the folder cannot be written to, as a file that nobody changes."""
    uri = file.resolve().as_uri()
    for options in ("mode=ro", "mode=ro&immutable=1"):
        db = sqlite3.connect(f"{uri}?{options}", uri=True, check_same_thread=False, timeout=2)
        try:
            db.execute("SELECT 1 FROM sqlite_master").fetchall()
        except sqlite3.OperationalError:
            db.close()
            continue
        except sqlite3.DatabaseError:
            db.close()
            raise
        return db
    raise sqlite3.DatabaseError("it cannot be opened")
