"""Says, while a run makes no step, for how long it has made none and what its code is at.

The socket thread asks, because it alone can speak then; it sees the frames of every thread, so it can name the line
of the script that does not return, also where TensorFlow calls it in a thread of its own.
"""

import contextlib
import faulthandler
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TextIO

from core.runs.crash import STALL, Remains
from core.runs.folder import SCRIPT
from core.runs.lines import OUTER, is_script, lines_of, part_at
from core.runs.wire import PhaseName, Silence

SILENT_AFTER, EVERY = 3.0, 1.0
"""Seconds without a step until it is said, and between two times that it is said."""
STALLED_AFTER = 4.0
"""Seconds without a word of the socket thread after which the stacks are written down."""
AT = {
    "building": "the script loads its data and builds the model",
    "tracing": "Keras compiles the model's step",
    "training": "the step that was begun has not ended",
    "stopping": "the step that was begun has not ended, and the run waits for it to stop",
}


COMPUTES = ("quick_execute", "call_function", "_numpy", "_numpy_internal")
"""Functions of TensorFlow that call native code for the time of a step, or wait for its numbers."""


class Silences:
    """Watches the run in the folder `run`. To be closed when it is over."""

    def __init__(self, run: Path):
        self._run, self._lines = run, lines_of(run)
        self._said = self._armed = 0.0
        self._stall = run / STALL
        self._out: TextIO | None = None
        self._lock = threading.Lock()
        with contextlib.suppress(OSError):  # the run says itself that its folder cannot be written
            self._out = self._stall.open("a", encoding="utf-8")
        self.arm()

    def arm(self) -> None:
        """Have the stacks of all threads written into `stall.txt` should this not be called again for a while.

        Code that never lets go of Python's lock silences the socket thread too; only this still works then.
        """
        now = time.monotonic()
        with self._lock:
            if self._out is not None and now - self._armed >= EVERY:
                self._armed = now
                # It would only say more of what is said anyhow; where memory is limited it gets no thread.
                with contextlib.suppress(OSError, RuntimeError, MemoryError):
                    self._out.truncate(0)
                    faulthandler.dump_traceback_later(STALLED_AFTER, file=self._out)

    def close(self) -> None:
        with self._lock:
            if self._out is not None:
                faulthandler.cancel_dump_traceback_later()
                with contextlib.suppress(OSError), self._out:
                    self._stall.unlink(missing_ok=True)
                self._out = None

    def due(self, silent: float, phase: PhaseName) -> Silence | None:
        """What is to be said now, when there was no step for `silent` seconds."""
        if silent < SILENT_AFTER or phase not in AT:
            self._said = 0.0
            return None
        if silent - self._said < EVERY:
            return None
        self._said = silent
        return self._silence(silent, phase)

    def at(self) -> Remains:
        """Where the code of the script is now; without a place where only others' code runs for it."""
        frame = self._frame()
        name = frame.f_code.co_name if frame else ""
        if frame is None or name in OUTER:
            return Remains()
        return Remains(where=part_at(frame.f_lineno, self._lines), line=frame.f_lineno, function=name)

    def _silence(self, silent: float, phase: PhaseName) -> Silence:
        at = self.at()
        computing = phase == "tracing" and self.computing
        what = (
            f"line {at.line} of {SCRIPT}, in {at.function}, has not ended"
            if at.line
            else AT["training" if computing else phase]
        )
        sentence = f"No step for {silent:.0f} s: {what}."
        return Silence(seconds=silent, sentence=sentence, where=at.where, line=at.line)

    @property
    def computing(self) -> bool:
        """Whether TensorFlow computes: then a step is what does not end, compiled by now."""
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        return frame is not None and frame.f_code.co_name in COMPUTES

    def _frame(self) -> FrameType | None:
        """The innermost frame of the script in any thread, the main one last: it may only wait for others."""
        main = threading.main_thread().ident
        threads = sorted(sys._current_frames().items(), key=lambda thread: thread[0] == main)
        found = [inner for _, frame in threads if (inner := self._inner(frame)) is not None]
        parts = [frame for frame in found if frame.f_code.co_name not in OUTER]
        return next(iter(parts or found), None)

    def _inner(self, frame: FrameType | None) -> FrameType | None:
        while frame is not None and not is_script(frame.f_code.co_filename, self._run):
            frame = frame.f_back
        return frame
