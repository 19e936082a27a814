"""What is known of one run's curves: its steps as pyramids, its epochs, and the marks of what changed on the
way.

It is fed with pieces of the run's history and knows neither where they come from nor who draws them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.runs.history import Epoch, Event, RunState
from gui.plots.clock import Clock, Unit
from gui.plots.epochs import Epochs
from gui.plots.pyramid import Pyramid, Pyramids

Steps = NDArray[np.float64]
MOST_CHANGES = 20
"""More changes of one weight in one piece are a weight that moves all the time, which marks would hide."""
TAIL = 32
"""So many of the last steps make a value "now": single steps are too restless to read."""


class Piece(NamedTuple):
    """What a run's record holds beyond what was known: `steps` has a row a step and a column a series.

    Epochs that are known already do no harm.
    """

    series: tuple[str, ...]
    steps: Steps
    epochs: Sequence[Epoch]
    events: Sequence[Event]
    state: RunState
    more: bool
    damage: str | None = None


class Sorted(NamedTuple):
    """A piece whose steps lie in the pyramids, and what was seen of them on the way there."""

    piece: Piece
    known: int
    marks: "list[Mark]"
    residual: float
    tail: Steps


class Mark(NamedTuple):
    """Something that happened to `series` ("" for all) at `step`."""

    step: int
    series: str
    words: str


@dataclass(frozen=True)
class Sheet:
    """The balance sheet of some steps, their means: terms unweighted and weighted, in the run's order."""

    terms: dict[str, float]
    weighted: dict[str, float]
    regularization: float
    total: float

    @property
    def residual(self) -> float:
        """How far the sum is from the total, relative to the size of what is added.

        Not to the total's own: where terms of both signs cancel, that is as small as one likes.
        """
        gap = abs(sum(self.weighted.values()) + self.regularization - self.total)
        return gap / max(abs(self.total), self._size, 1e-12)

    @property
    def _size(self) -> float:
        return sum(map(abs, self.weighted.values())) + abs(self.regularization)

    def share(self, series: str) -> float:
        """How much `series` (`term:NAME` or `regularization`) adds, relative to all that is added."""
        own = (
            self.regularization if series == "regularization" else self.weighted[series.removeprefix("term:")]
        )
        return abs(own) / self._size if self._size else 0.0


class Columns:
    """The curves of the run in folder `path`."""

    def __init__(self, path: Path, name: str = ""):
        self.path, self.name = path, name or path.name
        self.series: tuple[str, ...] = ()
        self.pyramids: dict[str, Pyramid] = {}
        self.epochs = Epochs()
        self.marks: list[Mark] = []
        self.state = RunState()
        self.version = 0
        self.worst_residual = 0.0
        self.count = 0
        """How many steps are known."""
        self._sorted: Pyramids | None = None
        self._tail: Steps = np.empty((0, 0))
        self._events = 0
        self._clocks: dict[Unit, Clock] = {}
        self._now: tuple[int, Sheet | None] = (-1, None)
        self._means: tuple[int, list[float]] = (-1, [])

    # ---- being fed

    @property
    def wanted(self) -> tuple[int, int]:
        """The first step and the first event that are not known yet."""
        return self.count, self._events

    def add(self, piece: Piece) -> bool:
        """Take in a piece; return whether there was anything new in it."""
        return self.take(self.sort_in(piece))

    def sort_in(self, piece: Piece) -> Sorted:
        """Sort the steps of the next piece into the pyramids. In any thread, one piece after the other; nothing
        else is changed before `take`.
        """
        if piece.series and self._sorted is None:
            self._sorted = Pyramids(len(piece.series))
        if self._sorted is None or not len(piece.steps):
            return Sorted(piece, self.count, [], 0.0, self._tail)
        steps, before = piece.steps, self._tail if len(self._tail) else piece.steps[:0]
        marks = self._changes(piece.series, before[-1:], steps)
        self._sorted.append(steps)
        residual = _largest_residual(piece.series, steps)
        tail = np.concatenate([before, steps[-TAIL:]])[-TAIL:]
        return Sorted(piece, self._sorted.count, marks, residual, tail)

    def take(self, found: Sorted) -> bool:
        """Show a piece that was sorted in; return whether there was anything new in it."""
        piece = found.piece
        if piece.series and not self.series and self._sorted is not None:
            self.series = piece.series
            self.pyramids = {name: self._sorted.column(place) for place, name in enumerate(piece.series)}
        grown = self.epochs.add(piece.epochs) or found.known > self.count or bool(piece.events)
        changed = grown or piece.state != self.state
        self.count, self._tail, self.state = found.known, found.tail, piece.state
        self.marks += found.marks
        self.marks += [_rate_mark(event) for event in piece.events if event.kind == "rate"]
        self.worst_residual = max(self.worst_residual, found.residual)
        self._events = piece.events[-1].seq if piece.events else self._events
        if changed:
            self._clocks.clear()
            self.version += 1
        return changed

    def _changes(self, series: Sequence[str], before: Steps, steps: Steps) -> list[Mark]:
        """Mark where a weight became another one, and where a series first was not a number."""
        assert self._sorted is not None
        marks = []
        for index, name in enumerate(series):
            column = np.concatenate([(before if len(before) else steps[:1])[:, index], steps[:, index]])
            if name.startswith("weight:"):
                changes = np.flatnonzero(np.diff(column))
                for at in changes if len(changes) <= MOST_CHANGES else ():
                    words = f"weight {column[at]:.3g} → {column[at + 1]:.3g}"
                    marks.append(Mark(self.count + int(at), f"term:{name[7:]}", words))
            elif self._sorted.first_bad[index] is None and not np.isfinite(steps[:, index]).all():
                first = int(np.flatnonzero(~np.isfinite(steps[:, index]))[0])
                marks.append(Mark(self.count + first, name, "not a number"))
        return marks

    # ---- being asked

    @property
    def empty(self) -> bool:
        return not self.count and not self.epochs.count

    @property
    def terms(self) -> tuple[str, ...]:
        return tuple(name.removeprefix("term:") for name in self.series if name.startswith("term:"))

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(key.removeprefix("metric:") for key in self.epochs.keys if key.startswith("metric:"))

    @property
    def regularized(self) -> bool:
        """Whether the regularization ever was anything but nothing."""
        pyramid, last = self.pyramids.get("regularization"), max(0, self.count - 1)
        by_step = pyramid is not None and bool(
            pyramid.steps(0, 1).any() or pyramid.steps(last, last + 1).any()
        )
        return by_step or bool(self.epochs.latest("regularization", validation=False))

    @property
    def last_step(self) -> int:
        return max(self.count, self.epochs.last_step)

    def clock(self, unit: Unit) -> Clock:
        """Where steps lie on an axis in `unit`."""
        if unit not in self._clocks:
            self._clocks[unit] = Clock(unit, self.epochs.ends, self.state.steps)
        return self._clocks[unit]

    def by_epoch(self, series: str, validation: bool) -> tuple[Steps, Steps]:
        """The steps at which epochs ended, and the mean of `series` over each epoch."""
        return self.epochs.means(series, validation)

    def now(self) -> Sheet | None:
        """The balance sheet of the last steps; None while there is none."""
        if self._now[0] != self.version:
            self._now = self.version, self._sheet()
        return self._now[1]

    def _sheet(self) -> Sheet | None:
        if not len(self._tail):
            return None
        means = dict(zip(self.series, self._tail_means(), strict=True))
        weighted = {name: float(self._weighted_tail(name).mean()) for name in self.terms}
        terms = {name: means[f"term:{name}"] for name in self.terms}
        return Sheet(terms, weighted, means.get("regularization", 0.0), means["total"])

    def _tail_means(self) -> list[float]:
        if self._means[0] != self.version:
            self._means = self.version, self._tail.mean(axis=0).tolist()
        return self._means[1]

    def _weighted_tail(self, name: str) -> Steps:
        return _weighted(self.series, self._tail, name)

    def latest(self, series: str, validation: bool = False) -> float | None:
        """The newest value of `series`: the mean of the last steps, or of the last epoch."""
        if not validation and series in self.series and len(self._tail):
            return self._tail_means()[self.series.index(series)]
        return self.epochs.latest(series, validation)


def _largest_residual(series: Sequence[str], steps: Steps) -> float:
    """How far the sum is from the total at the worst of `steps`, relative to the size of what is added."""
    parts = [steps[:, series.index("regularization")]] if "regularization" in series else []
    parts += [_weighted(series, steps, name[5:]) for name in series if name.startswith("term:")]
    total, summands = steps[:, series.index("total")], np.array(parts or [np.zeros(len(steps))])
    size = np.maximum(np.abs(total), np.abs(summands).sum(axis=0))
    with np.errstate(invalid="ignore", over="ignore"):  # of what is no number nothing is known
        gap = np.abs(summands.sum(axis=0) - total) / np.maximum(size, 1e-12)
    known = gap[np.isfinite(gap)]
    return float(known.max()) if len(known) else 0.0


def _weighted(series: Sequence[str], steps: Steps, name: str) -> Steps:
    """What the term called `name` adds at each step."""
    value = steps[:, series.index(f"term:{name}")]
    weight = steps[:, series.index(f"weight:{name}")] if f"weight:{name}" in series else np.ones(len(steps))
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(weight == 0, 0.0, weight * value)


def _rate_mark(event: Event) -> Mark:
    return Mark(int(event.body.get("step", 0)), "", f"rate {float(event.body.get('rate', 0)):.3g}")
