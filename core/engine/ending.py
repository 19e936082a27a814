"""Writes how a run ended into its record. Imports nothing heavy: it must work while TensorFlow is still imported."""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from typing import Protocol

from core.runs.record import Record
from core.runs.wire import Outcome


def end(record: Record, outcome: Outcome) -> None:
    """Write an outcome into the record."""
    found = outcome.model_dump(include={"status", "sentence", "where", "line", "details"})
    record.set(ended=time.time(), **found)
    record.event("outcome", **found)
    record.commit()


class Patient(Protocol):
    """Writes what has to be written before a run may end, however long it takes."""

    def finish(self, attempt: Callable[[], None]) -> None: ...


def end_with_room(record: Record, outcome: Outcome, room: Patient) -> Outcome:
    """Write an outcome as soon as the disk takes it; return it, with what was given up where the user lost patience.

    Neither a full disk nor a damaged record must hide how a run ended.
    """
    with contextlib.suppress(sqlite3.Error):
        end(record, outcome)
    try:
        room.finish(record.commit)
        record.commit()
    except (OSError, sqlite3.Error) as error:
        return outcome.model_copy(update={"sentence": f"{outcome.sentence} {str(error).rstrip('.')}."})
    return outcome
