"""The engine's callback: reads the telemetry out on a clock, writes the record, and obeys the controls.

It has no batch hooks of its own, because Keras turns every step's logs into Python numbers for those; what
happens between two steps goes through `Stepping`.
"""

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from core.engine import state
from core.engine.badvalues import Finiteness
from core.engine.blocks import LONGEST_BLOCK, Captured
from core.engine.changes import Changes
from core.engine.clock import Clock
from core.engine.controls import Controls, Interrupted
from core.engine.keeping import Keeper
from core.engine.resuming import Start
from core.engine.reuse import Compiled
from core.engine.room import Room
from core.engine.saving import save_now
from core.engine.sharing import telemetry_of
from core.engine.stepping import Stepping
from core.engine.telemetry import ROWS, Telemetry
from core.project.writing import why
from core.runs import wire
from core.runs.checkpoint import Place
from core.runs.record import Record

INTERVAL = 0.1
"""Seconds between two read-outs; each tells clients two things, so they hear at most 20 a second."""
CHECKPOINT = "checkpoint.keras"

Publish = Callable[[wire.Frame], None]


class Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Watches one run, whose work began at `began` (seconds since 1970, times of rest left out)."""

    def __init__(
        self, run: Path, record: Record, controls: Controls, publish: Publish, start: Start, began: float
    ):
        super().__init__()
        self._run, self._record, self._controls, self._publish = run, record, controls, publish
        self.room = Room(run, record, controls, publish)
        self._start, self._began = start, began
        self.captured: Captured | None = None
        """The batches that the script makes, known once it has been imported."""
        self.compiled: Compiled | None = None
        """The loops of this run, known once the script has been imported."""
        self.companions: Sequence[Any] = ()
        """The callbacks of the script, known once it has called `fit`."""
        self._telemetry: Telemetry | None = None
        self._stepping: Stepping | None = None
        self._clock = Clock()
        self._changes = Changes(record, self.trouble, start.changes)
        self._keeper = Keeper(run, self._commit, self.trouble)
        self._made = self._stepped = self._epoch_began = start.step
        self._epoch = self._epochs_done = start.epoch
        self._whole = False
        self._finiteness = Finiteness(run, record, controls, publish, self._kept_epochs, start.warned)
        self._way = ""
        self._unread = 0
        self._last_told = 0.0

    @property
    def made(self) -> tuple[int, int]:
        """Steps made and epochs finished."""
        return self._made, self._epochs_done

    @property
    def planned(self) -> int:
        """The epochs that were to be made."""
        return int((self.params or {}).get("epochs", 0))

    @property
    def first_bad(self) -> str:
        """What was no finite number first, and what helps; empty while all is well."""
        return self._finiteness.first_bad

    def _kept_epochs(self) -> int | None:
        return self._keeper.epoch or self._start.epoch or None

    def keep(self) -> None:
        """Write the newest checkpoint, if it is not written yet."""
        with self._controls.writing():
            self._keeper.write()

    def phase(self, phase: wire.PhaseName, sentence: str) -> None:
        """Enter a phase and tell everybody."""
        self._controls.phase = phase
        self._controls.beat()
        status = {"paused": "paused", "building": "preparing", "tracing": "preparing"}.get(phase, "running")
        self._record.set(status=status)
        self._record.event("phase", phase=phase, sentence=sentence, step=self._made)
        self._commit()
        self._publish(wire.Phase(phase=phase, sentence=sentence, run=str(self._run)))

    # ---- what Keras calls

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._telemetry = telemetry_of(model)
        self._telemetry.install()
        assert self.compiled is not None
        self._stepping = Stepping(model, self._after, self._room, self.captured, self.compiled)
        self._record.set(series=self._telemetry.series)

    def on_train_begin(self, logs: Any = None) -> None:
        assert self._stepping is not None
        assert self._telemetry is not None
        self._record.set(epochs=self.params["epochs"], steps=self.params["steps"] or 0)
        if not self._stepping.knows(self._telemetry):
            self.phase("tracing", "Keras compiles the model's step.")
        way = self._stepping.drive_training(self.companions, self._start.turbo)
        self._controls.beat()
        self._record.event("way", sentence=way, turbo=self._stepping.turbo)
        self._record.set(way=way, turbo=self._stepping.turbo)
        self._way = way
        self._take_up()

    def _take_up(self) -> None:
        """Go on where the run was interrupted, if it was. The other callbacks have begun anew before this."""
        assert self._telemetry is not None
        assert self._stepping is not None
        found = self._start.checkpoint
        self._clock.start(found.place.seconds if found else 0.0, self._made)
        if found:
            if self not in self.companions:
                raise state.DoesNotFit("train.py gives its callbacks to fit in another way than a list")
            state.restore(self.model, self.companions, found)
            self._telemetry.start(self._made)
        steps = self.params["steps"] or 0
        self._finiteness.begin(self.model, self._telemetry, self._stepping, self._changes, steps, self._made)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch, self._epoch_began = epoch + 1, self._made
        self._stepped, self._whole = self._made, True
        self._change()
        assert self._stepping is not None
        self._stepping.begin_epoch()

    def on_test_begin(self, logs: Any = None) -> None:
        assert self._stepping is not None
        self._controls.beat()
        if not self._controls.stopping:
            with contextlib.suppress(Interrupted):  # a stop: what was trained is saved all the same
                self._stepping.drive_validation()
                self._stepping.begin_validation()
        if self._controls.stopping:
            self._stepping.skip_validation()
        self._controls.beat()

    def on_test_end(self, logs: Any = None) -> None:
        assert self._stepping is not None
        self._whole = self._stepping.validated
        if self._controls.stopping:
            self._obey()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._read()
        if self._made - self._epoch_began == (self.params["steps"] or self._made - self._epoch_began):
            self._note_epoch(epoch + 1, logs or {})
            if self._whole and self.params["steps"]:
                self._checkpoint()
        if self._due():
            self._tell()

    def _checkpoint(self) -> None:
        worked = time.time() - self._began
        place = Place(self._epochs_done, self._made, self._clock.seconds, worked, {})
        last = self._epochs_done == self.planned or self.model.stop_training
        with self._controls.writing():
            self._keeper.epoch_ended(self.model, self.companions, place, last)

    def on_train_end(self, logs: Any = None) -> None:
        assert self._telemetry is not None
        assert self._stepping is not None
        self._read()
        self._tell()
        self._controls.obeyed()
        self.phase("saving", "The model is being saved.")
        self.keep()
        self._telemetry.remove()
        self._stepping.remove()

    # ---- between two steps

    def _after(self, steps: int) -> None:
        controls = self._controls
        controls.stepped()
        self._unread += steps
        self._stepped += steps
        if controls.phase in ("building", "tracing"):
            self._clock.first_step()
            self.phase("training", f"Training. {self._way}")
        if controls.pressing:
            self._obey()
        if steps and not self._last_of_epoch:
            self._change()
        if self._due() or self._unread > ROWS - LONGEST_BLOCK:
            self._read()
            self._finiteness.remember(self._made)
            self._tell()
        elif steps and self._last_of_epoch:
            self._read()  # an epoch that went bad is none, and is not written into the script's own table

    def _room(self) -> int:
        return self._changes.room(self._stepped)

    @property
    def _last_of_epoch(self) -> bool:
        return self._stepped - self._epoch_began >= (self.params["steps"] or math.inf)

    def _change(self) -> None:
        """Make the changes that were asked for, before the next step."""
        if self._changes.due(self._stepped):
            self._changes.make(self.model, self._stepped)
            self._commit()

    def _due(self) -> bool:
        return time.monotonic() - self._last_told >= INTERVAL

    def _obey(self) -> None:
        controls = self._controls
        self._obey_waiting()
        if controls.paused and not controls.stopping:
            self._pause()
        if controls.stopping and not self.model.stop_training:
            self.model.stop_training = True
            self.phase("stopping", "The training stops after this step.")
        if controls.stopping and self._stepping is not None:
            self._stepping.leave(whole=self._last_of_epoch)

    def _pause(self) -> None:
        controls, before = self._controls, self._controls.phase
        self._read()
        self._tell()
        self.phase("paused", "Paused.")
        with self._clock.stopped():
            self.keep()
            while controls.paused and not controls.stopping:
                controls.wait()
                self._obey_waiting()
        if not controls.stopping:
            self.phase(before, f"Training goes on. {self._way}")

    def _obey_waiting(self) -> None:
        while self._controls.waiting:
            command = self._controls.waiting.popleft()
            if isinstance(command, wire.SetWeight | wire.SetRate):
                self._changes.ask(command)
            elif isinstance(command, wire.Save):
                self._save()

    def _save(self) -> None:
        path = self._run / CHECKPOINT
        try:
            with self._controls.writing():
                save_now(self.model, path)
        except (OSError, RuntimeError) as error:
            self.trouble(f"{path} cannot be written: {why(path, error)}. The run goes on.")
            return
        self._record.event("save", path=CHECKPOINT, step=self._stepped)
        self._commit()

    # ---- telemetry -> record -> clients

    def _read(self) -> None:
        assert self._telemetry is not None
        self._unread = 0
        first, rows = self._telemetry.take()
        if len(rows):
            self._made = first + len(rows)
            self._record.steps(first, rows)
            self._finiteness.look(first, rows)
        self._clock.read(self._made)

    def _tell(self) -> None:
        self._last_told = time.monotonic()
        self._commit()
        steps, epochs = self.params["steps"] or 0, self.params["epochs"]
        self._publish(wire.More(step=self._made, epochs=self._epochs_done))
        self._publish(
            wire.Progress(
                epoch=max(self._epoch, 1),
                epochs=epochs,
                step=self._made - self._epoch_began,
                steps=steps,
                speed=self._clock.speed,
                seconds_left=self._clock.left(self._made, steps * epochs),
            )
        )

    def _note_epoch(self, epoch: int, logs: Mapping[str, float]) -> None:
        assert self._telemetry is not None
        self._epochs_done = epoch
        names = dict.fromkeys((*self._telemetry.names, *(metric.name for metric in self.model.metrics)))
        keys = {name: self._key(name) for name in names}
        train = {key: logs[name] for name, key in keys.items() if name in logs}
        validation = {key: logs[f"val_{name}"] for name, key in keys.items() if f"val_{name}" in logs}
        if not self._whole:
            validation = {}
        self._finiteness.validated(epoch, self._made, validation)
        self._record.epoch(epoch, self._made, self._clock.seconds, train, validation)

    def _key(self, name: str) -> str:
        assert self._telemetry is not None
        if name in ("loss", "regularization"):
            return "total" if name == "loss" else name
        return f"{'term' if name in self._telemetry.names else 'metric'}:{name}"

    def trouble(self, sentence: str) -> None:
        """Tell the user that something is not as it should be; the run goes on."""
        self._record.event("trouble", sentence=sentence, step=self._stepped)
        self._publish(wire.Trouble(sentence=sentence))

    def _commit(self) -> bool:
        """Write what waits, if there is room for it; whether all of it is written."""
        return self.room.commit()
