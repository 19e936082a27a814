"""What the user asks of a run: left here by the socket thread, picked up by the training between two steps.

The training thread is the main thread, because only there can Python code that does not return be
interrupted.
"""

import _thread
import contextlib
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from types import FrameType
from typing import Literal

from core.runs.wire import Command, Pause, PhaseName, Resume, Stop

STEP_PATIENCE = 2.0
"""Seconds without a step after which a stop interrupts the Python code that runs."""
FORCE_PATIENCE = 5.0
"""Seconds without a step after which a stop ends the process, because native code does not return either."""
MOST_GRACE = 1.75
"""Seconds of more patience, at the most, with a run whose steps are known to last so long. With it the end by force
still comes before a window loses patience with the engine.
"""


class Interrupted(BaseException):
    """Raised in the main thread, in the middle of whatever it does, to end a run or a question for facts."""


class Controls:
    """The controls of one run."""

    def __init__(self) -> None:
        self.phase: PhaseName = "building"
        self.paused = False
        self.stopping = False
        self.waiting: deque[Command] = deque()
        self._changed = threading.Condition()
        self._beat = self._asked = time.monotonic()
        self._obeyed = self._writing = False
        self._longest = self._interrupted = 0.0

    def ask(self, command: Command) -> None:
        """Leave a command; called by the socket thread."""
        with self._changed:
            if isinstance(command, Stop) and not self.stopping:
                self.stopping, self._asked = True, time.monotonic()
            elif isinstance(command, Pause | Resume):
                self.paused = isinstance(command, Pause)
            else:
                self.waiting.append(command)
            self._changed.notify_all()

    @property
    def pressing(self) -> bool:
        """Whether there is anything to obey; cheap, asked after every step."""
        return bool(self.waiting) or self.paused or self.stopping

    def beat(self) -> None:
        """Say that something was done."""
        self._beat = time.monotonic()

    def stepped(self) -> None:
        """Say that a step was made; it had begun when something was done last."""
        self._longest = max(self._longest, self.silent)
        self.beat()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Let nobody lose patience meanwhile: a file is written that must not be torn, nor what follows be lost."""
        self._writing = True
        try:
            yield
        finally:
            self.beat()
            self._writing = False

    @property
    def held_up(self) -> bool:
        """Whether a stop waits for a file."""
        return self.stopping and self._writing

    @property
    def silent(self) -> float:
        """Seconds without a step."""
        return time.monotonic() - self._beat

    def obeyed(self) -> None:
        """Say that the training ends by itself now, so that nobody loses patience while it saves."""
        self._obeyed = True

    def wait(self) -> None:
        """Sleep until something is asked."""
        with self._changed:
            if not self.waiting and self.paused and not self.stopping:
                self._changed.wait(0.2)
        self.beat()

    def impatience(self) -> Literal["interrupt", "force"] | None:
        """What it takes by now to make a stop happen; asked by the socket thread a few times a second."""
        if not self.stopping or self._obeyed or self._writing:
            return None
        now = time.monotonic()
        grace = min(self._longest, MOST_GRACE)
        silent, patience = now - max(self._beat, self._asked), STEP_PATIENCE + grace
        if self.phase in ("building", "tracing"):
            silent, patience = now - self._asked, 0.0  # nothing to lose yet
        if silent > FORCE_PATIENCE + grace:
            return "force"
        if silent >= patience and now - self._interrupted > 0.5:
            # Once may not do: between two pieces of the script's code nobody listens.
            self._interrupted = now
            return "interrupt"
        return None


class Interrupter:
    """Turns SIGINT into Interrupted, raised in the main thread, while that is allowed."""

    def __init__(self) -> None:
        self.allowed = False
        self._listen()

    def __enter__(self) -> None:
        self._listen()
        self.allowed = True

    def interrupt(self) -> None:
        """Interrupt the main thread, also where it sleeps or waits for the system; called by another one."""
        if signal.getsignal(signal.SIGINT) != self._on_signal:
            return  # code of the run has taken it, to ignore it or to die of it: then it takes force
        if os.name == "nt":  # pragma: no cover
            _thread.interrupt_main()
        else:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _listen(self) -> None:
        signal.signal(signal.SIGINT, self._on_signal)

    def __exit__(self, *_: object) -> None:
        self.allowed = False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.allowed:
            self.allowed = False
            raise Interrupted
