"""Whether a run that has ended can go on, and from where: asked before an engine is given it.

A run goes on from its checkpoint, which is the end of a whole epoch; what came after is trained again, with the
same batches and the same random numbers, so the result is that of a run that was never interrupted.
"""

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.project import storage
from core.project.schema import Project
from core.project.stamps import data_path, stamp
from core.runs import alive, checkpoint
from core.runs.folder import FACTS, PROJECT, SCRIPT, changed_data, facts_of, write_whole
from core.runs.history import History, RunState
from core.runs.record import DATABASE

AGAIN = "train its project once more, or the run itself by lossmith resume {} --afresh"
AFRESH = f"It can only begin again: {AGAIN}."
EPOCHS = re.compile(r"(?m)^EPOCHS = [0-9_]+$")
"""The line of a script that says for how long to train."""


class CannotResume(Exception):
    """The run cannot go on; `str()` is a sentence that says why and what can be done."""


@dataclass(frozen=True)
class Plan:
    """A run that can go on: `epoch` whole epochs are kept, and it ends after `epochs`."""

    run: Path
    project: Project
    epoch: int
    epochs: int

    @property
    def longer(self) -> bool:
        """Whether the run is to train for other epochs than it was made for."""
        return self.epochs != self.project.training.epochs


def plan(run: Path, epochs: int | None = None, rate: float | None = None) -> Plan:
    """Return how `run` goes on, for `epochs` in all or as many as were planned, at another learning `rate` where one
    is given. Raises CannotResume.
    """
    if alive.held(run):
        raise CannotResume(f"{run.name} is being trained right now.")
    project = _project_of(run)
    try:
        place = checkpoint.read_place(run)
    except checkpoint.UnreadableCheckpoint as error:
        raise CannotResume(f"{error} {AFRESH.format(run.name)}") from error
    if changed := changed_data(run, project):
        way = "Bring the old file back, or let it begin again"
        raise CannotResume(
            f"{changed} {run.name} would go on with other rows. {way}: {AGAIN.format(run.name)}."
        )
    history = History(run)
    state, trained = history.state, len(history.epochs())
    damage = history.check()
    history.close()
    if damage:
        raise CannotResume(f"{damage} {AFRESH.format(run.name)}")
    if rate is not None and isinstance(project.training.optimizer.config.get("learning_rate"), Mapping):
        raise CannotResume(
            f"{run.name} follows a schedule of learning rates: train its project again with another."
        )
    wanted, done = epochs or project.training.epochs, place.epoch if place else 0
    if state.status == "done":
        _refuse_done(run, state, trained, wanted)
    if wanted < done:
        raise CannotResume(f"{run.name} has {done} epochs already: give it more than that.")
    return Plan(run, project, done, wanted)


def begin_again(run: Path) -> None:
    """Let `run` begin anew, with the data as they are now. What is damaged of it is kept under another name, the rest
    goes when it is trained. Raises CannotResume or OSError.
    """
    if alive.held(run):
        raise CannotResume(f"{run.name} is being trained right now.")
    with contextlib.closing(History(run)) as history:
        files = [run / DATABASE, run / f"{DATABASE}-wal"] if history.check() else []
    for file in (run / checkpoint.FILE, *files):
        if file.exists():
            file.replace(file.with_name(f"{file.name}.damaged"))
    (run / f"{DATABASE}-shm").unlink(missing_ok=True)
    known = facts_of(run) | {"data": stamp(data_path(_project_of(run), Path(facts_of(run)["folder"])))}
    write_whole(run / FACTS, json.dumps(known, indent=1) + "\n")


def extend(planned: Plan) -> None:
    """Let the run's script and project train for the epochs of the plan. Raises CannotResume or OSError."""
    script, project = planned.run / SCRIPT, planned.run / PROJECT
    text, found = EPOCHS.subn(f"EPOCHS = {planned.epochs}", script.read_text("utf-8"))
    if found != 1:
        raise CannotResume(f"{script} has no single line that says EPOCHS = ..., so it cannot train longer.")
    training = planned.project.training.model_copy(update={"epochs": planned.epochs})
    write_whole(project, storage.dumps(planned.project.model_copy(update={"training": training})))
    write_whole(script, text)


def _project_of(run: Path) -> Project:
    try:
        return storage.load(run / PROJECT)
    except storage.UnreadableProject as error:
        raise CannotResume(str(error)) from error


def _refuse_done(run: Path, state: RunState, trained: int, wanted: int) -> None:
    if trained < state.epochs:
        raise CannotResume(
            f"{run.name} was ended by its early stopping after {trained} of {state.epochs} epochs, "
            "so there is nothing left to train; train its project again with more patience."
        )
    if wanted <= trained:
        raise CannotResume(
            f"{run.name} is done with all of its {trained} epochs; "
            f"to go on, ask for more of them (lossmith resume {run.name} --epochs {2 * trained})."
        )
