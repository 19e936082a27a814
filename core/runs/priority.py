"""Lets an engine stand back behind the window where both want the processor: training takes what is left.

On a machine that has nothing else to do this costs the training nothing, because the window works for a fraction of the
time; without it the window waits up to a tenth of a second for its turn whenever every core trains.
"""

import contextlib
import os
from pathlib import Path

NICENESS = 10
"""Nine of the engine's turns weigh as much as one of the window's: then the window is hardly ever kept waiting."""


def stand_back(pid: int) -> None:
    """Lower the priority of the process group that `pid` leads; where the system does not let us, it stays."""
    if not hasattr(os, "setpriority"):  # pragma: no cover
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PGRP, pid, NICENESS)
    # Linux may schedule a session as one, and then looks at its members' priorities only among themselves:
    # https://man7.org/linux/man-pages/man7/sched.7.html, "The autogroup feature".
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICENESS))
