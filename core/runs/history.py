"""Reads a run's record: a live run, one attached again and one of last year through the same code.

The reader asks the database only for what is new since it last asked, so that a plot can pull on its own
clock. Of a damaged record it gives what can be read, says so, and never raises.
"""

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from core.runs import alive, seals
from core.runs.reading import Reading
from core.runs.record import LIVE, Status

Rows = NDArray[np.float64]
MOST_STEPS, MOST_LOST = 2**40, 2**24
"""More steps than any run has; more than are ever lost in one piece. A record that says so is damaged."""
FAR_FUTURE = 2e11
"""Seconds since 1970: no clock says more."""
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
    way: str = ""
    """The sentence that says in which way the steps are made, and why; empty until that is known."""
    turbo: bool | None = None
    """Whether they are made in Turbo; None until that is known."""

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
        self._reading = Reading(path)
        self._cache = _Cache()
        self._series: tuple[str, ...] = ()
        self._lock = threading.RLock()

    @property
    def damage(self) -> str | None:
        return self._reading.damage

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the columns of `steps`: total, regularization, then `term:NAME` and `weight:NAME` for each
        term."""
        if not self._series:
            found = self._meta().get("series")
            if isinstance(found, list) and found and all(isinstance(name, str) for name in found):
                self._series = tuple(found)
            elif found:
                self._reading.note("the names of its curves cannot be read")
        return self._series

    @property
    def step_count(self) -> int:
        """How many steps are recorded."""
        end = self._end()
        return self._read_count() if self.damage or end is None else end

    def steps(self, first: int = 0) -> Rows:
        """Return a read-only view of the steps from `first` on: float64, (steps, len(series)), NaN where one
        is lost."""
        with self._lock:
            self._read_blocks()
            view = self._cache.rows[first : self._cache.count]
            view.flags.writeable = False
            return view

    def read(self, first: int, most: int) -> Rows:
        """Return at most `most` steps from `first` on, as `steps` does, but read anew and kept nowhere: for who goes
        through a long run piece by piece."""
        end, width = self._end(), len(self.series)
        if end is None or not width or self.damage:
            return self.steps(first)[:most]
        rows = np.full((max(0, min(end - first, most)), width), np.nan)
        if not len(rows):
            return rows
        found = self._ask(
            """SELECT first_step, count, data FROM blocks WHERE first_step < ? AND first_step >=
            coalesce((SELECT max(first_step) FROM blocks WHERE first_step <= ?), 0) ORDER BY first_step""",
            first + len(rows),
            first,
        )
        try:
            for begin, count, data in found:
                block = np.frombuffer(seals.open_rows(begin, count, data, 8 * width), "<f8")
                part = block.reshape(count, width)[max(0, first - begin) : first + len(rows) - begin]
                rows[max(0, begin - first) :][: len(part)] = part
        except (seals.Broken, TypeError) as error:
            self._reading.note(str(error))
        return self.steps(first)[:most] if self.damage else rows  # which reads around the damage

    def epochs_after(self, epoch: int) -> list[Epoch]:
        """Return the finished epochs after number `epoch`, oldest first, read anew."""
        columns = "epoch, step, seconds, train, validation"
        return self._decoded_epochs(self._reading.table(columns, "epochs", epoch + 1))

    def column(self, series: str, first: int = 0) -> Rows:
        """Return one series from step `first` on. Raises ValueError for a series this run does not have."""
        return self.steps(first)[:, self.series.index(series)]

    def epochs(self) -> list[Epoch]:
        """Return every finished epoch, oldest first."""
        with self._lock:
            self._notice_cuts()
            known = self._cache.epochs
            known += self.epochs_after(known[-1].epoch if known else 0)
            return list(known)

    def events(self, after: int = 0) -> list[Event]:
        """Return the events with `seq` above `after`, oldest first."""
        rows = self._reading.table("seq, time, kind, body", "events", after + 1)
        decoded = ((seq, at, kind, self._decoded(body, f"event {seq}")) for seq, at, kind, body in rows)
        return [
            Event(seq, at, str(kind), body)
            for seq, at, kind, body in decoded
            if isinstance(body, dict) and isinstance(at, float)
        ]

    @property
    def state(self) -> RunState:
        """How the run stands; of a damaged record `sentence` says so too."""
        state = self._written_state()
        if state.live and not alive.held(self.path):
            state = self._written_state()  # it may have ended properly between the two looks
            if state.live:
                state = replace(state, status="killed", sentence=UNEXPLAINED)
        return replace(state, sentence=f"{state.sentence} {self.damage}".strip()) if self.damage else state

    def check(self) -> str | None:
        """Look at all of the record, not only at what was asked for; return the sentence about its damage."""
        self._reading.check()
        return self.damage

    def close(self) -> None:
        self._reading.close()

    def _written_state(self) -> RunState:
        meta, names = self._meta(), [each.name for each in fields(RunState)]
        return RunState(**{key: meta[key] for key in names if key in meta and _fits(key, meta[key])})

    def _meta(self) -> dict[str, Any]:
        rows = self._ask("SELECT key, value FROM meta")
        return {str(key): self._decoded(value, f'its note "{key}"') for key, value in rows}

    def _decoded(self, text: Any, what: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, TypeError, RecursionError):
            self._reading.note(f"{what} cannot be read")
            return None

    def _decoded_epochs(self, rows: Iterable[tuple[Any, ...]]) -> list[Epoch]:
        found = []
        for row in rows:
            try:
                train, validation = seals.read_means(*row)
                found.append(Epoch(row[0], row[1], row[2], train, validation))
            except seals.Broken as error:
                self._reading.note(str(error))
        return found

    def _end(self) -> int | None:
        """Where the last block ends, without reading it; None where that cannot be believed."""
        query = "SELECT first_step, count, length(data) FROM blocks ORDER BY first_step DESC LIMIT 1"
        rows, width = self._ask(query), 8 * len(self.series)
        if not rows or not width:
            return 0
        first, count, size = rows[0]
        whole = _plausible(first, count) and size in (count * width, count * width + seals.SEAL.size)
        return int(first + count) if whole else None

    def _read_count(self) -> int:
        self.steps()
        return self._cache.count

    def _read_blocks(self) -> None:
        width = len(self.series)
        if not width:
            return
        self._notice_cuts()
        known, end = self._cache.count, self._end() or 0
        if known < end < known + MOST_LOST:
            self._make_room(end, width)
        columns, newer = "first_step, count, data", "AND first_step + count > ?"
        self._take_blocks(self._reading.table(columns, "blocks", 0, newer, known), width)

    def _take_blocks(self, blocks: Iterable[tuple[Any, ...]], width: int) -> None:
        cache = self._cache
        for first, count, data in blocks:
            try:
                block = np.frombuffer(seals.open_rows(first, count, data, 8 * width), "<f8")
            except (seals.Broken, TypeError) as error:
                self._reading.note(str(error))
                continue
            if not _plausible(first, count) or first > cache.count + MOST_LOST:
                self._reading.note(f"a block says that it begins with step {first + 1:,}")
                continue
            self._make_room(first + count, width)
            cache.rows[cache.count : first] = np.nan
            cache.rows[first : first + count] = block.reshape(count, width)
            cache.count = max(cache.count, first + count)

    def _notice_cuts(self) -> None:
        """Forget what is known of a run that was resumed since, as its end was cut off, or of a record that is
        another file now."""
        rows = self._ask("SELECT value FROM meta WHERE key = 'cuts'")
        cuts = int(rows[0][0]) if rows and str(rows[0][0]).isdigit() else 0
        cuts += self._reading.replaced << 32
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
        return list(self._reading.rows(query, *values))


def _plausible(first: Any, count: Any) -> bool:
    return isinstance(first, int) and isinstance(count, int) and first >= 0 and 0 < first + count < MOST_STEPS


def _fits(key: str, value: Any) -> bool:
    """Whether a note of the record is what `RunState` takes."""
    if key == "status":
        return value in get_args(Status)
    if key == "turbo":
        return value is None or isinstance(value, bool)
    if key in ("sentence", "details", "way"):
        return isinstance(value, str)
    if key == "where":
        return value is None or isinstance(value, str)
    if key in ("epochs", "steps"):
        return isinstance(value, int)
    return (value is None and key != "idle") or (isinstance(value, int | float) and abs(value) < FAR_FUTURE)
