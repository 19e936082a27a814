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
from gui.plots.pyramid import Pyramid

Steps = NDArray[np.float64]
MOST_CHANGES = 20
"""More changes of one weight in one piece are a weight that moves all the time, which marks would hide."""
TAIL = 32
"""So many of the last steps make a value "now": single steps are too restless to read."""


class Piece(NamedTuple):
    """What a run's record holds beyond what was known: `steps` has a row a step and a column a series."""

    series: tuple[str, ...]
    steps: Steps
    epochs: Sequence[Epoch]
    events: Sequence[Event]
    state: RunState
    more: bool


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
        self.epochs: list[Epoch] = []
        self.marks: list[Mark] = []
        self.state = RunState()
        self.version = 0
        self.worst_residual = 0.0
        self._tail: Steps = np.empty((0, 0))
        self._events = 0
        self._clocks: dict[Unit, Clock] = {}

    # ---- being fed

    @property
    def wanted(self) -> tuple[int, int]:
        """The first step and the first event that are not known yet."""
        return self.count, self._events

    def add(self, piece: Piece) -> bool:
        """Take in a piece; return whether there was anything new in it."""
        grown = bool(len(piece.steps) or len(piece.epochs) > len(self.epochs) or piece.events)
        changed = grown or piece.state != self.state
        if piece.series and not self.series:
            self.series = piece.series
            self.pyramids = {name: Pyramid() for name in piece.series}
        self._add_steps(piece.steps)
        self.marks += [_rate_mark(event) for event in piece.events if event.kind == "rate"]
        self.epochs, self.state = list(piece.epochs), piece.state
        self._events = piece.events[-1].seq if piece.events else self._events
        self._clocks.clear()
        self.version += changed
        return changed

    def _add_steps(self, steps: Steps) -> None:
        if not len(steps):
            return
        self._note_changes(steps)
        self.worst_residual = max(self.worst_residual, self._largest_residual(steps))
        for column, pyramid in zip(steps.T, self.pyramids.values(), strict=True):
            pyramid.append(column)
        self._tail = np.concatenate([self._tail.reshape(-1, steps.shape[1]), steps[-TAIL:]])[-TAIL:]

    def _note_changes(self, steps: Steps) -> None:
        """Mark where a weight became another one, and where a series first was not a number."""
        before = self._tail[-1:] if len(self._tail) else steps[:1]
        for index, name in enumerate(self.series):
            column = np.concatenate([before[:, index], steps[:, index]])
            if name.startswith("weight:"):
                changes = np.flatnonzero(np.diff(column))
                for at in changes if len(changes) <= MOST_CHANGES else ():
                    words = f"weight {column[at]:.3g} → {column[at + 1]:.3g}"
                    self.marks.append(Mark(self.count + int(at), f"term:{name[7:]}", words))
            elif self.pyramids[name].first_bad is None and not np.isfinite(steps[:, index]).all():
                first = int(np.flatnonzero(~np.isfinite(steps[:, index]))[0])
                self.marks.append(Mark(self.count + first, name, "not a number"))

    def _largest_residual(self, steps: Steps) -> float:
        total, parts = steps[:, self.series.index("total")], self._parts(steps)
        size = np.maximum(np.abs(total), np.abs(parts).sum(axis=0))
        with np.errstate(invalid="ignore", over="ignore"):  # of what is no number nothing is known
            gap = np.abs(parts.sum(axis=0) - total) / np.maximum(size, 1e-12)
        known = gap[np.isfinite(gap)]
        return float(known.max()) if len(known) else 0.0

    def _parts(self, steps: Steps) -> Steps:
        """What is added at each step, one row a summand."""
        parts = [steps[:, self.series.index("regularization")]] if "regularization" in self.series else []
        for name in self.terms:
            weight, value = self._column(steps, f"weight:{name}"), self._column(steps, f"term:{name}")
            parts.append(np.where(weight == 0, 0.0, weight * value))
        return np.array(parts) if parts else np.zeros((1, len(steps)))

    def _column(self, steps: Steps, series: str) -> Steps:
        return steps[:, self.series.index(series)] if series in self.series else np.ones(len(steps))

    # ---- being asked

    @property
    def count(self) -> int:
        """How many steps are known."""
        return next(iter(self.pyramids.values())).count if self.pyramids else 0

    @property
    def empty(self) -> bool:
        return not self.count and not self.epochs

    @property
    def terms(self) -> tuple[str, ...]:
        return tuple(name.removeprefix("term:") for name in self.series if name.startswith("term:"))

    @property
    def metrics(self) -> tuple[str, ...]:
        last = self.epochs[-1] if self.epochs else None
        return (
            tuple(name.removeprefix("metric:") for name in last.train if name.startswith("metric:"))
            if last
            else ()
        )

    @property
    def regularized(self) -> bool:
        """Whether the regularization ever was anything but nothing."""
        pyramid = self.pyramids.get("regularization")
        by_step = pyramid is not None and bool(pyramid.values[:1].any() or pyramid.values[-1:].any())
        return by_step or any(epoch.train.get("regularization") for epoch in self.epochs[-1:])

    @property
    def last_step(self) -> int:
        return max(self.count, self.epochs[-1].step if self.epochs else 0)

    def clock(self, unit: Unit) -> Clock:
        """Where steps lie on an axis in `unit`."""
        if unit not in self._clocks:
            ends = [(epoch.step, epoch.seconds) for epoch in self.epochs]
            self._clocks[unit] = Clock(unit, ends, self.state.steps)
        return self._clocks[unit]

    def by_epoch(self, series: str, validation: bool) -> tuple[Steps, Steps]:
        """The steps at which epochs ended, and the mean of `series` over each epoch."""
        sides = [(epoch.step, epoch.validation if validation else epoch.train) for epoch in self.epochs]
        found = [(step, side[series]) for step, side in sides if series in side]
        values = np.array([value for _, value in found], np.float64)
        values[~np.isfinite(values)] = np.nan
        return np.array([step for step, _ in found], np.float64), values

    def now(self) -> Sheet | None:
        """The balance sheet of the last steps; None while there is none."""
        if not len(self._tail):
            return None
        means = dict(zip(self.series, self._tail.mean(axis=0).tolist(), strict=True))
        weighted = {name: float(self._weighted_tail(name).mean()) for name in self.terms}
        terms = {name: means[f"term:{name}"] for name in self.terms}
        return Sheet(terms, weighted, means.get("regularization", 0.0), means["total"])

    def _weighted_tail(self, name: str) -> Steps:
        weight, value = self._column(self._tail, f"weight:{name}"), self._column(self._tail, f"term:{name}")
        return np.where(weight == 0, 0.0, weight * value)

    def latest(self, series: str, validation: bool = False) -> float | None:
        """The newest value of `series`: the mean of the last steps, or of the last epoch."""
        if not validation and series in self.series and len(self._tail):
            return float(self._tail[:, self.series.index(series)].mean())
        values = self.by_epoch(series, validation)[1]
        return float(values[-1]) if len(values) else None


def _rate_mark(event: Event) -> Mark:
    return Mark(int(event.body.get("step", 0)), "", f"rate {float(event.body.get('rate', 0)):.3g}")
