"""What Stop means while a run stops already, and how long that may take.

Ending an engine by force loses the model, so it never happens by accident: a double click is one order, and while the
model is saved the first new order only reminds the engine, which may be waiting for room on the disk.
"""

import time
from typing import Literal

from gui.engine import Engine

SAME_ORDER = 1.0
"""Seconds within which two orders to stop are one."""
PATIENCE_WITH_STOP, MOST_PATIENCE, PATIENCE_WITH_START = 3.0, 7.0, 1.0
"""Seconds after Stop: until it is said that it takes long, until the engine is ended by force, and until one is that
has not even begun."""
STUBBORN = (
    f"Still stopping; after {MOST_PATIENCE:.0f} s the engine is ended by force. Stop now does so at once."
)
SAVING = (
    "The model is still being saved; Stop now, once more, ends the engine by force and the model is lost."
)

Answer = Literal["", "remind", "warn", "force"]


class Stopping:
    """The stopping of one run. `begin()` when it was ordered; the others say what is to be done then."""

    def __init__(self) -> None:
        self._began = self._ordered = 0.0
        self._reminded = False

    def begin(self) -> None:
        self._began = self._ordered = time.monotonic()
        self._reminded = False

    def again(self, engine: Engine) -> Answer:
        """What to do because it was ordered once more."""
        now = time.monotonic()
        if now - self._ordered < SAME_ORDER:
            return ""
        self._ordered = now
        if engine.saving and not self._reminded:
            self._reminded = True
            return "remind"
        return "force"

    def overdue(self, engine: Engine) -> Answer:
        """What to do because it takes long. An engine that saves has all the time it needs."""
        if engine.saving:
            return ""
        waited = time.monotonic() - self._began
        if engine.client.stuck or waited > (MOST_PATIENCE if engine.ready else PATIENCE_WITH_START):
            return "force"
        return "warn" if waited > PATIENCE_WITH_STOP and engine.ready else ""
