"""Takes up a run where its checkpoint is: cuts its record there, and lets the script's `fit` go on from there."""

import contextlib
import csv
import inspect
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import keras

from core.engine.blocks import Captured
from core.engine.feeding import late
from core.engine.room import Room
from core.engine.state import COUNTERS
from core.engine.tables import keep_whole
from core.runs import checkpoint
from core.runs.checkpoint import Checkpoint
from core.runs.folder import write_whole
from core.runs.history import Epoch, Event, History
from core.runs.record import Record


@dataclass(frozen=True)
class Start:
    """Where a training begins: at its very start, or at a checkpoint.

    `epochs` are those that the run has made already, `changes` what was changed by hand later than that,
    `warned` the series that were found to be no numbers, and `turbo` whether it was trained in Turbo.
    """

    checkpoint: Checkpoint | None = None
    epochs: Sequence[Epoch] = ()
    changes: Sequence[Event] = ()
    warned: frozenset[str] = field(default_factory=frozenset)
    turbo: bool | None = None

    @property
    def epoch(self) -> int:
        """Whole epochs made."""
        return self.checkpoint.place.epoch if self.checkpoint else 0

    @property
    def step(self) -> int:
        """Steps made."""
        return self.checkpoint.place.step if self.checkpoint else 0

    @property
    def worked(self) -> float:
        """Seconds of work that the steps so far took."""
        return self.checkpoint.place.worked if self.checkpoint else 0.0

    @property
    def over(self) -> bool:
        """Whether early stopping has ended the training already, so that no epoch is left to be made."""
        counted = self.checkpoint.place.facts.get("stopping", ()) if self.checkpoint else ()
        return any(counters[COUNTERS.index("stopped_epoch")] for counters in counted)


def take_up(run: Path, record: Record, rate: float | None = None) -> Start:
    """Cut the record of `run` where it goes on, and return that place; without a checkpoint, at its start.

    With another learning `rate`, those that were set by hand later than that place are not set again.

    Raises UnreadableCheckpoint.
    """
    with contextlib.suppress(OSError):  # leftovers harm nobody
        checkpoint.sweep(run)
    found = checkpoint.read(run)
    history = History(run)
    epochs, events, steps = history.epochs(), history.events(), history.step_count
    history.close()
    if found and (steps < found.place.step or len(epochs) < found.place.epoch):
        found = None  # after a power failure: what the record lacks must be trained again
    start = Start(found)
    record.cut(start.step)
    record.event("resume", step=start.step, epoch=start.epoch)
    if rate is not None:
        events = [each for each in events if each.kind != "rate"]
        events.append(Event(0, 0.0, "rate", {"rate": rate, "step": start.step}))
        record.forget_rates(start.step)
        record.event("rate", rate=rate, step=start.step)
    record.commit()
    changes = [each for each in events if each.kind in ("weight", "rate") and each.body["step"] >= start.step]
    warnings = [each for each in events if each.kind == "warning" and each.body["step"] < start.step]
    warned = frozenset(str(each.body["where"]) for each in warnings)
    ways = [each.body.get("turbo") for each in events if each.kind == "way"] if found else []
    return Start(found, epochs[: start.epoch], changes, warned, ways[-1] if ways else None)


class Fitting(Protocol):
    """The callback that learns what it is called together with."""

    companions: Sequence[Any]
    room: Room
    captured: Captured | None

    def trouble(self, sentence: str) -> None: ...


@contextlib.contextmanager
def fitting(watch: Fitting, start: Start) -> Iterator[None]:
    """Let `watch` know the callbacks that the script gives to `fit`, and let `fit` begin at `start`.

    Scripts stay as a user would write them: what only the engine needs is not in them.
    """
    fit = keras.Model.fit
    signature = inspect.signature(fit)

    def begun(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        callbacks = given.arguments.get("callbacks")
        if isinstance(callbacks, list | tuple) and watch in callbacks:
            watch.companions = tuple(callbacks)
            if start.epoch:
                given.apply_defaults()
                given.arguments["initial_epoch"] = given.arguments["epochs"] if start.over else start.epoch
                _append_tables(callbacks, start.epochs)
            keep_whole(callbacks, watch.room, watch.trouble)
            late(given.args[0], given.arguments, watch.captured.made if watch.captured else ())
        return fit(*given.args, **given.kwargs)

    keras.Model.fit = begun
    try:
        yield
    finally:
        keras.Model.fit = fit


def _append_tables(callbacks: Sequence[Any], epochs: Sequence[Epoch]) -> None:
    """Cut the tables that the script writes, and let it write on."""
    for logger in callbacks:
        if isinstance(logger, keras.callbacks.CSVLogger):
            _cut_table(Path(logger.filename), logger.sep, epochs)
            logger.append = True


def _cut_table(file: Path, separator: str, epochs: Sequence[Epoch]) -> None:
    """Leave the rows of `epochs` in a table of Keras; where it lacks one, write it anew from the record."""
    heading, rows = _rows(file, separator)
    kept = rows[: len(epochs)]
    if len(kept) < len(epochs) or not all(map(_holds, kept, epochs)):
        heading = ["epoch", *_keys(epochs[0].logs)]
        kept = [{"epoch": str(each.epoch - 1)} | {key: str(value) for key, value in each.logs.items()}
                for each in epochs]  # fmt: skip
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, heading, restval="NA", delimiter=separator)
    table.writeheader()
    table.writerows(kept)
    write_whole(file, text.getvalue())


def _holds(row: dict[str, str], epoch: Epoch) -> bool:
    """Whether a row of a table of Keras is the row of `epoch`, and whole."""
    values = {"epoch": epoch.epoch - 1} | epoch.logs
    return None not in row and all(row.get(key) == str(value) for key, value in values.items())


def _rows(file: Path, separator: str) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with file.open(encoding="utf-8", newline="") as table:
            reader = csv.DictReader(table, delimiter=separator)
            return list(reader.fieldnames or ()), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error):
        return [], []


def _keys(logs: dict[str, float]) -> list[str]:
    """The columns as Keras orders them; without validation it leaves room for one."""
    keys = sorted(logs)
    return keys if any(key.startswith("val_") for key in keys) else [*keys, *(f"val_{key}" for key in keys)]
