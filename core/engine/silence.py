"""Says, while a run makes no step, for how long it has made none and what its code is at.

The socket thread asks, because it alone can speak then; it sees the frames of every thread, so it can name the line
of the script that does not return, also where TensorFlow calls it in a thread of its own.
"""

import sys
import threading
from pathlib import Path
from types import FrameType

from core.engine.failure import OUTER, Lines, part_at
from core.runs.wire import PhaseName, Silence

SILENT_AFTER, EVERY = 3.0, 1.0
"""Seconds without a step until it is said, and between two times that it is said."""
AT = {
    "building": "the script loads its data and builds the model",
    "tracing": "Keras compiles the model's step",
    "training": "the step that was begun has not ended",
    "stopping": "the step that was begun has not ended, and the run waits for it to stop",
}


class Silences:
    """Watches one run with the script `script`; `lines` are the line ranges of its parts, by reference."""

    def __init__(self, script: Path, lines: Lines):
        self._script, self._lines = str(script), lines
        self._said = 0.0

    def due(self, silent: float, phase: PhaseName) -> Silence | None:
        """What is to be said now, when there was no step for `silent` seconds."""
        if silent < SILENT_AFTER or phase not in AT:
            self._said = 0.0
            return None
        if silent - self._said < EVERY:
            return None
        self._said = silent
        return self._silence(silent, phase)

    def _silence(self, silent: float, phase: PhaseName) -> Silence:
        frame = self._frame()
        line, name = (frame.f_lineno, frame.f_code.co_name) if frame else (None, "")
        inner = bool(frame) and name not in OUTER
        what = f"line {line} of {Path(self._script).name}, in {name}, has not ended" if inner else AT[phase]
        return Silence(
            seconds=silent,
            sentence=f"No step for {silent:.0f} s: {what}.",
            where=part_at(line, self._lines) if line and inner else None,
            line=line,
        )

    def _frame(self) -> FrameType | None:
        """The innermost frame of the script in any thread, the main one last: it may only wait for others."""
        main = threading.main_thread().ident
        threads = sorted(sys._current_frames().items(), key=lambda thread: thread[0] == main)
        found = [inner for _, frame in threads if (inner := self._inner(frame)) is not None]
        parts = [frame for frame in found if frame.f_code.co_name not in OUTER]
        return next(iter(parts or found), None)

    def _inner(self, frame: FrameType | None) -> FrameType | None:
        while frame is not None and frame.f_code.co_filename != self._script:
            frame = frame.f_back
        return frame
