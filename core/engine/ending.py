"""Writes how a run ended into its record. Imports nothing heavy: it must work while TensorFlow is still imported."""

import time

from core.runs.record import Record
from core.runs.wire import Outcome


def end(record: Record, outcome: Outcome) -> None:
    """Write an outcome into the record."""
    found = outcome.model_dump(include={"status", "sentence", "where", "line", "details"})
    record.set(ended=time.time(), **found)
    record.event("outcome", **found)
    record.commit()
