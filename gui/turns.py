"""Drawing that need not happen at once happens piece by piece, so that the window answers in between.

When a live run has grown, the curves, the legend, the balance sheet and the table of terms all have something to show.
Each takes a few milliseconds; one after the other in one go they would hold up what the user does.
"""

from collections import deque
from collections.abc import Callable

import shiboken6
from PySide6.QtCore import QObject, Qt, QTimer

PAUSE = 4
"""Milliseconds between two pieces."""


class _Queue(QObject):
    """Who waits for a turn, in the order of asking."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: deque[Turn] = deque()
        self._timer = QTimer(self, interval=PAUSE, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._next)

    def add(self, turn: "Turn") -> None:
        self.waiting.append(turn)
        if not self._timer.isActive():
            self._timer.start()

    def _next(self) -> None:
        while self.waiting:
            turn = self.waiting.popleft()
            if shiboken6.isValid(turn):
                turn.take()
                return
        self._timer.stop()


class Turn(QObject):
    """Does `work` soon after `ask`, once however often it was asked; never after `owner` is gone."""

    _queue: _Queue | None = None

    def __init__(self, owner: QObject, work: Callable[[], object]):
        super().__init__(owner)
        self._work, self._waits = work, False

    def ask(self) -> None:
        if not self._waits:
            self._waits = True
            Turn._queue = Turn._queue or _Queue()
            Turn._queue.add(self)

    def take(self) -> None:
        self._waits = False
        self._work()
