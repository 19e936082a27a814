"""Keeps the checkpoint of a run fresh without slowing it down.

The state is copied at the end of an epoch, as often as the copies cost no more than a small share of the time,
and the newest copy is written every few seconds, under the same rule; whenever the training halts or ends, the
newest copy is written at once.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.engine import state
from core.project.writing import why
from core.runs import checkpoint
from core.runs.checkpoint import Place

SHARE_OF_COPIES, SHARE_OF_WRITES = 0.01, 0.015
"""The most of the time that copying and writing may take."""
PAUSE = 2.0
"""Seconds between two writes, at the least."""
LARGE = 2**30
"""Bytes from which a state is not copied but written right away, so that it is not twice in memory."""


class Allowance:
    """Lets something be done again only when its last cost has become a small share of the time."""

    def __init__(self, share: float, pause: float = 0.0):
        self._share, self._pause = share, pause
        self._next = 0.0

    def __bool__(self) -> bool:
        return time.monotonic() >= self._next

    @contextmanager
    def spent(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        ended = time.monotonic()
        self._next = ended + max(self._pause, (ended - began) / self._share)


class Keeper:
    """Keeps the checkpoint of one run, never ahead of its record, which `commit` writes.

    `tell` says to the user why the checkpoint cannot be written.
    """

    def __init__(self, run: Path, commit: Callable[[], bool], tell: Callable[[str], None]):
        self._run, self._commit, self._tell = run, commit, tell
        self._copies, self._writes = Allowance(SHARE_OF_COPIES), Allowance(SHARE_OF_WRITES, PAUSE)
        self._newest: tuple[Place, list[tuple[str, Any]]] | None = None
        self._told = False
        self.epoch = 0
        """After how many whole epochs the newest state is that is kept or waits to be written, 0 for none."""

    def epoch_ended(self, model: Any, callbacks: Sequence[Any], place: Place, last: bool) -> None:
        """Take the state at the end of a whole epoch, if it is time for it; of the `last` one in any case.

        A state with weights that are no finite numbers is of no use, and replaces none that is.
        """
        if not (last or self._copies) or not state.finite(model):
            return
        with self._copies.spent():
            place = Place(**{**vars(place), "facts": state.facts(model, callbacks)})
            large = state.size(model) > LARGE
            if not large:
                self._newest = place, list(state.arrays(model, callbacks))
                self.epoch = place.epoch
        if large and (last or self._writes):
            self._write(place, state.arrays(model, callbacks))
        elif self._writes:
            self.write()

    def write(self) -> None:
        """Write the newest copy, if it is not written yet."""
        if self._newest is not None and self._write(*self._newest):
            self._newest = None

    def _write(self, place: Place, arrays: checkpoint.Arrays) -> bool:
        """Replace the checkpoint; where that cannot be done the old one stays, which the record reaches to as well."""
        with self._writes.spent():
            if not self._commit():
                return False
            try:
                checkpoint.write(self._run, place, arrays)
            except OSError as error:
                if not self._told:
                    path = self._run / checkpoint.FILE
                    lost = "If the run ended now, it would be resumed from an earlier epoch"
                    self._tell(f"{path} cannot be written: {why(path, error)}. {lost}.")
                self._told = True
                return False
            self._told = False
            self.epoch = place.epoch
            return True
