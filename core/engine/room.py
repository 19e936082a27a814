"""What a run does when its disk is full or its folder is gone: it goes on, and nothing of it is lost.

What cannot be written is kept in memory and written when there is room again; the user hears of it once, in one
sentence, and once more when it is over. Only what has to be on the disk before the run may end is waited for: the
model, and the rest of the record.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.engine.controls import Controls
from core.project.writing import free, is_full, may_pass, why
from core.runs import alive, wire
from core.runs.folder import FACTS, PROJECT, SCRIPT
from core.runs.launch import ENDPOINT
from core.runs.record import Record

PAUSE = 2.0
"""Seconds between two tries to write, at the least; what a try costs is at most a twentieth of the time."""
LOOK = 1.0
"""Seconds between two looks whether the folder is still there."""
TICK = 0.1
MOST_WAITING = 256 * 2**20
"""Bytes of steps that are kept in memory; a run that has made more waits for room."""
KEPT = (SCRIPT, PROJECT, FACTS, ENDPOINT)
"""The small files of a run's folder that nobody could write again but who has read them."""

Publish = Callable[[wire.Frame], None]


class NoRoom(OSError):
    """What has to be written was given up, as the user asked; `str()` is a sentence."""


class Room:
    """Writes the record of one run, and what else must not end it. `publish` tells the user."""

    def __init__(self, run: Path, record: Record, controls: Controls, publish: Publish):
        self._run, self._record, self._controls, self._publish = run, record, controls, publish
        self._short = self._gone = self._given_up = False
        self._next = self._looked = 0.0
        self._files = {name: (run / name).read_bytes() for name in KEPT if (run / name).is_file()}
        self._lock: Any = None
        self.again: list[Callable[[], None]] = []
        """What else is to be opened anew once the folder has been made again."""
        self.later: list[Callable[[], None]] = []
        """What is still to be written before the run may end; each raises OSError while it cannot be."""

    def commit(self) -> bool:
        """Write what the record holds back, if it is time for it; whether all of it is written now."""
        if time.monotonic() < self._next:
            return self._wait_if_too_much()
        self.look()
        began = time.monotonic()
        try:
            self._record.commit()
        except sqlite3.DatabaseError as error:  # also one that somebody has damaged meanwhile
            ended = time.monotonic()
            self._next = ended + max(PAUSE, 20 * (ended - began))
            self._tell_short(error)
            return self._wait_if_too_much()
        self._tell_room()
        return True

    def look(self) -> None:
        """See whether the folder is still there; if not, make it again with all that is known."""
        if time.monotonic() - self._looked >= LOOK:
            self._look()

    def _look(self) -> None:
        self._looked = time.monotonic()
        if not self._record.lost:
            self._gone = False
            return
        what = f"The folder of the run, {self._run}, has vanished while it trained"
        try:
            self._make_again()
        except (OSError, sqlite3.Error) as error:
            if not self._gone:
                why_not = why(self._run, error)
                self._say(
                    f"{what} and cannot be made again: {why_not}. The run goes on and is kept in memory."
                )
            self._gone = True
            return
        self._gone = False
        self._say(f"{what}; it was made again with everything that was recorded, and the run goes on.")

    def patiently(self, attempt: Callable[[], None], path: Path) -> None:
        """Do `attempt` again and again until there is room. Raises NoRoom when the user stops the run meanwhile, and
        whatever else goes wrong.
        """
        stopping, told = self._controls.stopping, False
        while True:
            self.look()
            try:
                attempt()
                break
            except (OSError, RuntimeError, sqlite3.OperationalError) as error:
                if self._came_back():
                    continue
                if not (may_pass(error) or self._gone):
                    raise
                reason = f"{path} cannot be written: {why(path, error)}"
                hint = "Free some space: it" if is_full(error) else "It"
            if not told and not self._given_up:
                self._say_waiting(f"{reason}. {hint} is tried again every few seconds; Stop gives it up.")
            told = True
            self._given_up = self._given_up or not self._sleep(PAUSE, stopping)
            if self._given_up:
                raise NoRoom(f"{reason}. Resume the run when it can be, to have it written.")
        if told:
            self._next = 0.0
            self._say_waiting("There is room again; what waited is written.")

    def _came_back(self) -> bool:
        """Whether the folder had vanished since it was looked at, and is there again."""
        lost = self._record.lost
        if lost:
            self._look()
        return lost and not self._gone

    def finish(self, attempt: Callable[[], None]) -> None:
        """Do `attempt` and write all that still waits, however long it takes. Raises NoRoom and sqlite3.Error."""
        for write in (*self.later, attempt):
            self.patiently(write, self._run)

    def close(self) -> None:
        """Let go of the folder."""
        if self._lock is not None:
            self._lock.close()

    def _make_again(self) -> None:
        self._run.mkdir(parents=True, exist_ok=True)
        for name, data in self._files.items():
            if not (self._run / name).exists():
                (self._run / name).write_bytes(data)
        if not alive.held(self._run):
            self._lock = alive.hold(self._run)
        self._record.copy(self._run)
        for reopen in self.again:
            reopen()

    def _wait_if_too_much(self) -> bool:
        """Hold the training up when too much of it waits in memory."""
        if self._record.waiting < MOST_WAITING or self._controls.stopping:
            return False
        before = self._controls.phase
        self._controls.phase = "paused"
        amount = f"{self._record.waiting / 1e6:,.0f} MB of steps"
        words = f"The training waits, because {amount} are in memory and {self._run} has no room ({free(self._run)})"
        self._publish(wire.Phase(phase="paused", sentence=f"{words}.", run=str(self._run)))
        written = False
        while not written and self._sleep(PAUSE, False):
            with contextlib.suppress(sqlite3.OperationalError):
                self._record.commit()
                written = True
        self._controls.phase = before
        self._publish(wire.Phase(phase=before, sentence="Training goes on.", run=str(self._run)))
        if written:
            self._tell_room()
        return written

    def _sleep(self, seconds: float, stopping: bool) -> bool:
        """Wait; False as soon as the user asks to stop, once more where `stopping` says that it was asked before."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._controls.beat()
            asked = any(isinstance(each, wire.Stop) for each in self._controls.waiting)
            if asked or (self._controls.stopping and not stopping):
                return False
            time.sleep(TICK)
        return True

    def _tell_short(self, error: Exception) -> None:
        if not self._short:
            reason = why(self._run, error)
            rest = "The run goes on and is kept in memory until it can be written"
            self._publish(
                wire.Trouble(sentence=f"The record in {self._run} cannot be written: {reason}. {rest}.")
            )
        self._short = True

    def _tell_room(self) -> None:
        self._next = 0.0
        if self._short:
            self._short = False
            self._say(f"The record in {self._run} is written again, with everything that was kept in memory.")

    def _say(self, sentence: str) -> None:
        self._record.event("trouble", sentence=sentence)
        self._publish(wire.Trouble(sentence=sentence))

    def _say_waiting(self, sentence: str) -> None:
        self._say(sentence)
        self._publish(wire.Phase(phase=self._controls.phase, sentence=sentence, run=str(self._run)))
