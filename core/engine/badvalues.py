"""Watches over a run that its numbers stay finite. When they do not, it goes back to the last state that was, makes the
steps since then again up to the one that went wrong, and looks where in it that began.

A run whose weights are lost by it ends there: every further number would be a NaN. What was recorded before is what the
script computes, and the last finite states are kept.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from core.engine import state
from core.engine.blame import Step, glance
from core.engine.changes import Changes
from core.engine.controls import Controls
from core.engine.diagnosis import Diagnosis
from core.engine.failure import details, reason
from core.engine.replaying import TOO_LARGE, Anchor, CannotReplay, Replay, patient
from core.engine.saving import save_now
from core.engine.stepping import Stepping
from core.engine.telemetry import Telemetry
from core.project.badvalues import BadValues, advice, sentence
from core.runs import wire
from core.runs.record import Record

LAST_FINITE = "last-finite.keras"
DIVERGED, LARGE_WEIGHT = 1e3, 1e6
"""A total so many times its smallest, or a weight so large, betrays a training that diverged."""

Rows = NDArray[np.float32]


class WeightsLost(Exception):
    """The weights are no finite numbers any more, so the run ends; `bad` says where that began."""

    def __init__(self, bad: BadValues, told: str):
        super().__init__(f"{sentence(bad)} {advice(bad)}")
        self.bad, self.details = bad, told


class Finiteness:
    """Watches one run in folder `run`. `warned` are the series that were found bad before it was resumed.

    `kept` says after how many whole epochs the newest checkpoint is, None where there is none.
    """

    def __init__(
        self,
        run: Path,
        record: Record,
        controls: Controls,
        publish: Callable[[wire.Frame], None],
        kept: Callable[[], int | None],
        warned: frozenset[str],
    ):
        self._run, self._record, self._controls, self._publish = run, record, controls, publish
        self._kept = kept
        self._warned = set(warned)
        self._smallest = self._last = np.inf
        self.found: BadValues | None = None
        """What went bad first, None while all is well."""
        self._found_in_validation: BadValues | None = None

    def begin(
        self, model: Any, telemetry: Telemetry, stepping: Stepping, changes: Changes, steps: int, made: int
    ) -> None:
        """Start to watch, when `made` steps of the run are made; an epoch has `steps`, 0 where that is not known."""
        self._model, self._telemetry, self._stepping, self._changes = model, telemetry, stepping, changes
        self._steps = steps
        self._anchor = Anchor(model)
        self._anchor.drop(made)

    def look(self, first: int, rows: Rows) -> None:
        """Look at the recorded rows of steps from `first` on. Raises WeightsLost."""
        finite = np.isfinite(rows)
        if finite.all():
            self._note_total(rows[:, 0])
            return
        self._warn(first, rows, finite)
        step = int(np.argmin(finite.all(axis=1)))
        self._note_total(rows[:step, 0])
        series = self._telemetry.series
        bad = [name for name, fine in zip(series, finite[step], strict=True) if not fine]
        terms = tuple(name[5:] for name in bad if name.startswith("term:"))
        self._find(first + step, terms, bool(np.isnan(rows[step]).any()))

    def remember(self, made: int) -> None:
        """Copy the state after `made` steps if it is time for it, to go back to. Raises WeightsLost."""
        if not self._anchor.due():
            return
        if state.finite(self._model):
            self._anchor.drop(made)
        elif made > self._anchor.step:  # the losses have not shown it yet
            self._find(made - 1, (), True)

    def validated(self, epoch: int, made: int, means: Mapping[str, float]) -> None:
        """Warn once of means of validation rows that are not finite, after `made` steps and `epoch` whole epochs."""
        bad = [
            key for key, value in means.items() if not np.isfinite(value) and not key.startswith("metric:")
        ]
        if not bad or self.found is not None or self._found_in_validation is not None:
            return
        self._say(SEARCHING)
        terms = tuple(key[5:] for key in bad if key.startswith("term:"))
        diagnosis = Diagnosis(self._run, self._stepping.module, "validation_rows")
        nan = any(np.isnan(means[key]) for key in bad)
        kind: Literal["nan", "infinite"] = "nan" if nan else "infinite"
        found = diagnosis.of_record(BadValues(step=made, epoch=epoch, validation=True, kind=kind), terms)
        self._found_in_validation, told = self._looked(
            lambda: self._seen_in_validation(found, diagnosis), found
        )
        self._tell(self._found_in_validation, told)

    def _seen_in_validation(self, bad: BadValues, diagnosis: Diagnosis) -> BadValues:
        may_go_on = patient(self._may_go_on, "Looking through the validation rows")
        goes_bad = glance(self._model)
        for batch in self._stepping.validation_batches():
            may_go_on()
            if not goes_bad(batch.x, batch.y):
                continue
            found = diagnosis.of_step(bad, Step(self._model, batch.x, batch.y, training=False), batch)
            if found.cause != "unknown":
                return found
        return bad

    @property
    def first_bad(self) -> str:
        """What was no finite number first, and what helps; empty while all is well."""
        found = self.found or self._found_in_validation
        return f"{sentence(found)} {advice(found)}" if found else ""

    # ---- the series

    def _warn(self, first: int, rows: Rows, finite: NDArray[np.bool_]) -> None:
        """Warn once a series, so that curves can mark it."""
        for column, series in enumerate(self._telemetry.series):
            if series not in self._warned and not finite[:, column].all():
                self._warned.add(series)
                step = int(np.argmin(finite[:, column]))
                self._warn_of(series, first + step, float(rows[step, column]))

    def _warn_of(self, series: str, step: int, value: float) -> None:
        what = f"The term {series[5:]}" if series.startswith("term:") else f"The {series}"
        word = "not a number (NaN)" if np.isnan(value) else "infinite"
        epoch = f" (epoch {step // self._steps + 1})" if self._steps else ""
        told = f"{what} became {word} at step {step + 1}{epoch}."
        self._record.event("warning", sentence=told, where=series, step=step)

    def _note_total(self, totals: Rows) -> None:
        if len(totals):
            self._smallest = min(self._smallest, float(np.abs(totals).min()))
            self._last = float(np.abs(totals[-1]))

    # ---- where it ends

    def _end_if_lost(self, last: int) -> None:
        """End a run that went on with bad values, once its weights are lost too: before, or in, step `last`."""
        if self.found is None or state.finite(self._model):
            return
        self._say(SEARCHING)
        try:
            step = self._replay().find(self._anchor, last)
        except Exception:  # whatever it is, the run ends because its weights are lost
            step = self._back_to_anchor()
        ended = self.found.model_copy(update={"ended": True, "kept_epoch": self._kept()})
        self.found = self._saved(ended, step)
        self._tell(self.found)

    def _back_to_anchor(self) -> int:
        """Put the model into the newest state in memory, if there is one; return after how many steps that was."""
        if self._anchor.arrays is not None:
            state.put(self._model, self._anchor.arrays)
        return self._anchor.step

    def _saved(self, bad: BadValues, step: int) -> BadValues:
        """Save the model as it is after `step` steps, for a run that has ended."""
        if not bad.ended:
            return bad
        kept = state.finite(self._model) and self._save()
        return bad.model_copy(update={"kept_step": step if kept else None})

    # ---- where it began

    def _find(self, last: int, terms: tuple[str, ...], nan: bool) -> None:
        """Find out what made a number of step `last` (0 is the first), or the weights after it, bad."""
        if self.found is not None:
            self._end_if_lost(last)
            return
        self._say(SEARCHING)
        lost = not state.finite(self._model)
        began = BadValues(
            step=last + 1,
            epoch=last // self._steps + 1 if self._steps else None,
            kind="nan" if nan else "infinite",
            ended=lost,
            kept_epoch=self._kept(),
        )
        self.found, told = self._examined(began, last, terms)
        self._tell(self.found, told)

    def _tell(self, bad: BadValues, told: str = "") -> None:
        told = "\n\n".join(part for part in (particulars(bad), told) if part)
        body = bad.model_dump(mode="json")
        self._record.event("bad", step=bad.step - 1, sentence=sentence(bad), where=bad.where, bad=body)
        if bad.ended:
            raise WeightsLost(bad, told)
        words = f"{sentence(bad)} {advice(bad)}"
        self._publish(wire.Trouble(sentence=words, where=bad.where, details=told, bad=bad))
        self._say(GOES_ON)

    def _say(self, words: str) -> None:
        """Say what the run is at, unless the user has ended it."""
        if not self._controls.stopping:
            self._publish(wire.Phase(phase=self._controls.phase, sentence=words, run=str(self._run)))

    def _examined(self, bad: BadValues, last: int, terms: tuple[str, ...]) -> tuple[BadValues, str]:
        """Return what is known of it, and the traceback where looking for more failed."""
        model, made = self._model, self._telemetry.read
        diagnosis = Diagnosis(self._run, self._stepping.module)
        bad = diagnosis.of_record(bad, terms).model_copy(update={"diverged": self._diverged()})
        if self._anchor.arrays is None:
            return bad.model_copy(update={"note": TOO_LARGE}), ""
        metrics = [np.array(keras.ops.convert_to_numpy(each)) for each in model.metrics_variables]
        now = dict(state.arrays(model, ())), metrics
        try:
            return self._replayed(bad, last, diagnosis)
        finally:
            state.put(model, now[0])
            for variable, value in zip(model.metrics_variables, now[1], strict=True):
                variable.assign(value)
            self._telemetry.start(made)

    def _looked(self, look: Callable[[], BadValues], bad: BadValues) -> tuple[BadValues, str]:
        """What `look` finds; where it fails, `bad` with the reason, and the traceback."""
        try:
            return look(), ""
        except CannotReplay as why:
            return bad.model_copy(update={"note": str(why)}), ""
        except Exception as error:  # whatever it is, it must not hide what the record tells
            note = f"Where it began could not be found: {reason(error)}."
            return bad.model_copy(update={"note": note}), details(error)

    def _replayed(self, bad: BadValues, last: int, diagnosis: Diagnosis) -> tuple[BadValues, str]:
        """Find the step, save the model before it, and diagnose it; what is known by then stays where that fails."""
        replay = self._replay()
        found, told = self._looked(lambda: self._placed(bad, last, replay), bad)
        if found.note:
            return self._saved(found, self._back_to_anchor()), told
        return self._looked(lambda: self._diagnosed(found, replay, diagnosis), found)

    def _placed(self, bad: BadValues, last: int, replay: Replay) -> BadValues:
        """Bring the model into the state before the step that began it, and say which that is."""
        step = replay.find(self._anchor, last)
        if step != last:  # a step before has spoilt the weights, and the last one only shows it
            bad = bad.model_copy(update={"step": step + 1, "epoch": step // self._steps + 1})
        bad = bad.model_copy(update={"diverged": bad.diverged or self._has_large_weights()})
        return self._saved(bad, step)

    def _diagnosed(self, bad: BadValues, replay: Replay, diagnosis: Diagnosis) -> BadValues:
        step, before = bad.step - 1, dict(state.arrays(self._model, ()))
        batch = replay.batch(step)
        found = diagnosis.of_step(bad, Step(self._model, batch.x, batch.y), batch)
        if found.cause == "unknown":
            state.put(self._model, before)
            replay.make(step)
            found = diagnosis.of_update(found, self._model)
        return found

    def _replay(self) -> Replay:
        return Replay(
            self._model, self._stepping, self._telemetry, self._changes, self._steps, self._may_go_on
        )

    def _save(self) -> bool:
        try:
            save_now(self._model, self._run / LAST_FINITE)
        except Exception:  # a full disk, or a model that Keras cannot write: then the checkpoint must do
            return False
        return True

    def _may_go_on(self) -> None:
        self._controls.beat()
        if self._controls.stopping:
            raise CannotReplay("The run was stopped before it was found where it began.")

    def _diverged(self) -> bool:
        return np.isfinite(self._smallest) and self._last > DIVERGED * max(self._smallest, 1.0)

    def _has_large_weights(self) -> bool:
        weights = (np.abs(np.asarray(each.value, np.float32)) for each in self._model.trainable_variables)
        return any(bool((each > LARGE_WEIGHT).any()) for each in weights)


def particulars(bad: BadValues) -> str:
    """What else is known, a line each, for who wants to see it."""
    what = "rows of " + (bad.source or "the training data, counted from 1 after the split")
    lines = [
        bad.note,
        *bad.values,
        f"Saved before that step: {LAST_FINITE}, after {bad.kept_step:,} steps."
        if bad.kept_step is not None
        else "",
        f"The batch had {bad.batch_size} {what}: {_listed(bad.batch)}" if bad.batch else "",
    ]
    return "\n".join(line for line in lines if line)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


SEARCHING = "A value was not finite: looking for the layer, the rows and the term where that began."
GOES_ON = "Training goes on, though a value was not finite."
