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

    def __init__(self, run: Path, commit: Callable[[], None], tell: Callable[[str], None]):
        self._run, self._commit, self._tell = run, commit, tell
        self._copies, self._writes = Allowance(SHARE_OF_COPIES), Allowance(SHARE_OF_WRITES, PAUSE)
        self._newest: tuple[Place, list[tuple[str, Any]]] | None = None
        self._told = False

    def epoch_ended(self, model: Any, callbacks: Sequence[Any], place: Place, last: bool) -> None:
        """Take the state at the end of a whole epoch, if it is time for it; of the `last` one in any case."""
        if not (last or self._copies):
            return
        with self._copies.spent():
            place = Place(**{**vars(place), "facts": state.facts(model, callbacks)})
            large = state.size(model) > LARGE
            if not large:
                self._newest = place, list(state.arrays(model, callbacks))
        if large and (last or self._writes):
            self._write(place, state.arrays(model, callbacks))
        elif self._writes:
            self.write()

    def write(self) -> None:
        """Write the newest copy, if it is not written yet."""
        if self._newest is not None:
            newest, self._newest = self._newest, None
            self._write(*newest)

    def _write(self, place: Place, arrays: checkpoint.Arrays) -> None:
        with self._writes.spent():
            self._commit()
            try:
                checkpoint.write(self._run, place, arrays)
                self._told = False
            except OSError as error:
                if not self._told:
                    self._tell(f"The run could not be resumed if it ended now: {error.strerror or error}.")
                self._told = True
