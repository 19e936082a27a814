"""Closes the records of runs whose engine died while nobody was there, so that they say how and can be resumed.

A window or a command line that comes later can no longer ask how the process ended; what it left behind tells.
"""

import contextlib
import sqlite3
from pathlib import Path

from core.runs import alive
from core.runs.crash import remains
from core.runs.folder import SCRIPT
from core.runs.group import end_orphans
from core.runs.launch import ENDPOINT, read_endpoint
from core.runs.outcome import death
from core.runs.record import DATABASE, close_killed


def bury_all(root: Path) -> None:
    """Close the record of every run in `root` that looks as if it were trained, and is not."""
    for script in root.glob(f"*/{SCRIPT}"):
        bury(script.parent)


def bury(run: Path) -> None:
    """Close the record of `run` if its engine is gone, and end what that engine has left running."""
    endpoint = read_endpoint(run)
    if endpoint is None or not (run / DATABASE).exists():
        return  # an engine leaves its endpoint there while it trains, and takes it away when it ends in order
    with contextlib.suppress(OSError, sqlite3.Error), alive.hold(run):
        found = remains(run)
        _, sentence = death(None, found)
        close_killed(run, sentence, where=found.where, line=found.line, details=found.details)
        end_orphans(endpoint.pid, endpoint.folder)
        (run / ENDPOINT).unlink(missing_ok=True)
