"""What the worker thread tells the window, and how often: never more than a window can show.

A change of phase travels at once, unless phases change faster than anybody could see; everything else at most twenty
times a second, and of what did not travel only the newest.
"""

import time
import traceback
from collections import deque
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from core.runs import wire
from core.runs.folder import no_place
from gui.trainingstate import TrainingState

PAUSE_BETWEEN_STATES = 0.05
"""Seconds: states travel home at most twenty times a second."""
MOST_URGENT = 10
"""So many changes of phase travel at once within a second; a run has about five in all."""
MOST_WAITING, BETWEEN_TROUBLES = 3, 0.25
"""Warnings of the engine that wait to be told, and the seconds between two of them."""


def sentence_of(error: Exception) -> str:
    """Our own errors are sentences; the system's are made one."""
    if isinstance(error, OSError) and error.filename:
        return no_place(Path(str(error.filename)), error)
    return str(error) or type(error).__name__


def traceback_of(error: Exception) -> str:
    return "".join(traceback.format_exception(error))


class Telling(QObject):
    """Keeps the state of the training and tells it. Lives in the worker thread; `start()` and `stop()` there."""

    state_changed = Signal(object)
    trouble = Signal(object)

    def __init__(self, parent: QObject):
        super().__init__(parent)
        self.state = self._told = TrainingState()
        self._told_at = 0.0
        self._urgent: deque[float] = deque(maxlen=MOST_URGENT)
        self._troubles: deque[wire.Trouble] = deque(maxlen=MOST_WAITING)

    def start(self) -> None:
        """Make the timers of this thread."""
        self._later = QTimer(self, singleShot=True)
        self._later.timeout.connect(self.now)
        self._next = QTimer(self, singleShot=True, interval=int(BETWEEN_TROUBLES * 1000))
        self._next.timeout.connect(self._tell_trouble)

    def stop(self) -> None:
        for timer in (self._later, self._next):
            timer.stop()  # here: Qt stops no timer from another thread

    def say(self, state: TrainingState) -> None:
        """Let the window know, at once where there is time, else when the pause is over."""
        if state == self.state:
            return
        urgent = state.phase != self.state.phase and self._may_hurry()
        self.state = state
        wait = PAUSE_BETWEEN_STATES - (time.monotonic() - self._told_at)
        if urgent or wait <= 0:
            self.now()
        elif not self._later.isActive():
            self._later.start(int(wait * 1000) + 1)

    def now(self) -> None:
        """Tell the state as it is."""
        self._later.stop()
        if self.state != self._told:
            self._told, self._told_at = self.state, time.monotonic()
            self.state_changed.emit(self.state)

    def warn(self, trouble: wire.Trouble) -> None:
        """Pass a warning on; of many at once the newest few."""
        if not self._troubles or trouble != self._troubles[-1]:
            self._troubles.append(trouble)
        if not self._next.isActive():
            self._tell_trouble()

    def _tell_trouble(self) -> None:
        if self._troubles:
            self.trouble.emit(self._troubles.popleft())
            self._next.start()

    def _may_hurry(self) -> bool:
        now = time.monotonic()
        if len(self._urgent) == MOST_URGENT and now - self._urgent[0] < 1:
            return False
        self._urgent.append(now)
        return True
