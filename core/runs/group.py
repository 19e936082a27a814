"""Ends what the code of a run has started: other programs, and copies of the engine, all in the engine's process group.

Nobody would miss them when the engine is gone, and they could hold memory, files and a processor for ever.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

MARK = "LOSSMITH_ENGINE"
"""The environment variable that names the engine's folder to everything that is started in it."""
PROCESSES = Path("/proc")
SOON = 1.0


def end_children() -> None:
    """End everything in this process's group but this process, if the group is its own."""
    if os.name == "nt" or os.getpgrp() != os.getpid():
        return
    for process in members(os.getpid()):
        _kill(process)
        _take_leave_of(process)


def end_orphans(leader: int, folder: Path) -> None:
    """End what the engine of `folder` has left in its group; `leader`, its process id, may be another's by now."""
    mark = f"{MARK}={folder}".encode()
    orphans = {process for process in members(leader) if _bears(process, mark)}
    for process in orphans:
        _kill(process)
    end = time.monotonic() + SOON
    while orphans.intersection(members(leader)) and time.monotonic() < end:
        time.sleep(0.005)


def _bears(process: int, mark: bytes) -> bool:
    """Whether `mark` is in the environment of a process; that of one that is gone has nothing."""
    with contextlib.suppress(OSError):
        return mark in (PROCESSES / str(process) / "environ").read_bytes().split(b"\0")
    return False


def members(leader: int) -> Iterator[int]:
    """The processes in the group of `leader` without itself; where there is no /proc nobody knows them."""
    for stat in PROCESSES.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The name of a program may hold blanks and brackets, so what counts begins after the last one.
            state, _parent, group, *_ = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
            process = int(stat.parent.name)
            if int(group) == leader and process != leader and state not in "ZX":
                yield process


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(process, signal.SIGKILL)


def _take_leave_of(process: int) -> None:
    """Let a child that was killed go; one that is no child of this process has its own parent."""
    end = time.monotonic() + SOON
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(process, os.WNOHANG)[0] == 0 and time.monotonic() < end:
            time.sleep(0.005)
