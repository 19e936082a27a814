"""Makes steps of a run once more, from a state kept in memory: a run that goes bad shows where it began only when the
step it began with is made again, slowly and with everything looked at.

The states are copied between two steps, as often as that costs next to nothing, so that never many steps must be made
again.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.engine import state
from core.engine.batch import Batch, batch_at
from core.engine.changes import Changes
from core.engine.keeping import LARGE, Allowance
from core.engine.rereading import Reread
from core.engine.stepping import Stepping
from core.engine.telemetry import ROWS, Telemetry

SHARE, PAUSE = 0.005, 1.0
"""The most of the time that copies may take, and the seconds between two of them at the least."""
PATIENCE = 20.0
"""Seconds that looking for a step, or for a row that validates, may take."""
PARTS = 8

TOO_LARGE = "The state is too large to be kept twice, so the step could not be made again."

State = Mapping[str, NDArray[Any]]


class CannotReplay(Exception):
    """The steps cannot be made again; `str()` says why, as a sentence."""


def patient(go_on: Callable[[], None], what: str) -> Callable[[], None]:
    """Return `go_on` with a limit: PATIENCE seconds from now on it raises CannotReplay, because of `what`."""
    end = time.monotonic() + PATIENCE

    def may_go_on() -> None:
        go_on()
        if time.monotonic() > end:
            raise CannotReplay(f"{what} takes more than {PATIENCE:.0f} s, so it was given up.")

    return may_go_on


class Anchor:
    """The newest state of a training whose steps can be made again from there: finite, and `step` steps old."""

    def __init__(self, model: Any):
        self._model = model
        self._allowance = Allowance(SHARE, PAUSE)
        self._fits = state.size(model) <= LARGE
        self.step = 0
        self.arrays: State | None = None

    def due(self) -> bool:
        """Whether it is time for another copy."""
        return self._fits and bool(self._allowance)

    def drop(self, step: int) -> None:
        """Copy the state after `step` steps, which must be finite."""
        if self._fits:
            with self._allowance.spent():
                self.step, self.arrays = step, dict(state.arrays(self._model, ()))


class Replay:
    """Steps of one training, made again. `go_on()` is asked between them; it raises what is to end them."""

    def __init__(
        self,
        model: Any,
        stepping: Stepping,
        telemetry: Telemetry,
        changes: Changes,
        steps: int,
        go_on: Callable[[], None],
    ):
        self._model, self._stepping, self._telemetry, self._changes = model, stepping, telemetry, changes
        self._steps = steps
        self._may_go_on = patient(go_on, "Making the steps since the last state in memory again")
        self._known: tuple[int, Any] | None = None

    def find(self, anchor: Anchor, last: int) -> int:
        """Bring the model into the state before the first of the steps from the anchor's to `last` that leaves
        weights that are not finite, or before `last` where none does; return that step (0 is the run's first).

        Raises CannotReplay.
        """
        if anchor.arrays is None:
            raise CannotReplay(TOO_LARGE)
        if not self._steps:
            raise CannotReplay("How many steps an epoch has is not known, so none could be made again.")
        state.put(self._model, anchor.arrays)
        step, end = anchor.step, last + 1
        while end - step > 1:
            stride = max(1, (end - step) // PARTS)
            before = dict(state.arrays(self._model, ()))
            self._make(step, step + stride)
            if state.finite(self._model):
                step += stride
            else:
                state.put(self._model, before)
                end = step + stride
        self._changes.make_again(self._model, step)
        return step

    def batch(self, step: int) -> Batch:
        """What a step is given. Raises CannotReplay."""
        epoch, index = divmod(step, self._steps)
        return batch_at(self._batches(epoch), index, self._stepping.batch_size)

    def _batches(self, epoch: int) -> Any:
        if self._known is None or self._known[0] != epoch:
            self._known = epoch, self._stepping.batches(epoch)
            if isinstance(self._known[1], Reread):
                self._known[1].go_on = self._may_go_on
        if self._known[1] is None:
            raise CannotReplay(
                "The script reads its batches while it trains, or makes them in a way of its own, so none could be "
                "made again."
            )
        return self._known[1]

    def make(self, step: int) -> NDArray[np.float32]:
        """Make one step as the run did, and return what it records."""
        self._make(step, step + 1)
        return self._telemetry.take()[1][-1]

    def _make(self, step: int, end: int) -> None:
        self._telemetry.start(step)
        while step < end:
            self._may_go_on()
            self._changes.make_again(self._model, step)
            epoch, index = divmod(step, self._steps)
            until = min(end, step - index + self._steps, self._changes.next_again(step), step + ROWS // 8)
            self._stepping.make_again(self._batches(epoch), index, until - step)
            step = until
