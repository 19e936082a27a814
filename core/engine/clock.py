"""How long a run has trained, pauses left out, and how fast it is."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

SHORTEST = 0.05
"""Seconds between two looks at the clock that say anything about speed."""


class Clock:
    """Times one run. `speed` is in steps a second, over about the last second."""

    def __init__(self) -> None:
        self.speed = 0.0
        self.start()

    def start(self, seconds: float = 0.0, made: int = 0) -> None:
        """Begin now, or go on after `seconds` of training and `made` steps."""
        self._first = time.monotonic()
        self._began = self._first - seconds
        self._base = made
        self._seen = (self._first, made)

    def first_step(self) -> None:
        """The step that was compiled just now says nothing about the others."""
        self._first = time.monotonic()
        self._seen = (self._first, self._base + 1)

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return time.monotonic() - self._began

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Leave out what happens meanwhile."""
        since = time.monotonic()
        try:
            yield
        finally:
            away = time.monotonic() - since
            self._began += away
            self._first += away
            self._seen = (self._seen[0] + away, self._seen[1])

    def read(self, made: int) -> None:
        """Note that the run has made `made` steps by now."""
        now, (then, before) = time.monotonic(), self._seen
        if now - then < SHORTEST or made <= before:
            return
        newest = (made - before) / (now - then)
        share = 1 - math.exp(-(now - then))
        self.speed = newest if not self.speed else self.speed + share * (newest - self.speed)
        self._seen = (now, made)

    def left(self, made: int, planned: int) -> float | None:
        """Seconds until `planned` steps are made at the pace so far, validation included."""
        spent, measured = time.monotonic() - self._first, made - self._base - 1
        return spent / measured * (planned - made) if measured > 0 and planned else None
