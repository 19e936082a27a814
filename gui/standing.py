"""How the training stands after what an engine said or what became of it: one state in, the next one out."""

from dataclasses import replace
from pathlib import Path

from core.runs import wire
from gui.trainingstate import TrainingState, TrainOrder

STEADY = ("paused", "stopping")
"""Phases that a step does not end."""


def begun(state: TrainingState, order: TrainOrder) -> TrainingState:
    """A run is about to begin."""
    words = "Starting: reading the checkpoint." if order.resume else "Starting: writing the script."
    return TrainingState(
        "starting", state.engine, sentence=words, epochs=order.epochs, versions=state.versions
    )


def found(state: TrainingState, run: Path, way: str) -> TrainingState:
    """A run goes on that was begun by somebody else."""
    words = "Found a run that went on without the window."
    return replace(state, phase="training", engine="training", run=run, sentence=words, way=way)


def after_phase(state: TrainingState, message: wire.Phase) -> TrainingState:
    stopping = state.phase == "stopping"
    if stopping and message.phase not in ("stopping", "saving"):
        return state
    phases = {"ready": state.phase, "saving": "stopping" if stopping else "training"}
    engine = "starting" if message.phase == "starting" else "training"
    phase = phases.get(message.phase, message.phase)
    # "Training. In compiled blocks of steps.": what follows the first sentence stays true until the run is over.
    way = message.sentence.partition(". ")[2] if message.phase == "training" else ""
    return replace(state.renewed, phase=phase, engine=engine, sentence=message.sentence, way=way or state.way)


def after_progress(state: TrainingState, message: wire.Progress) -> TrainingState:
    numbers = message.model_dump(exclude={"kind"})
    phase = state.phase if state.phase in STEADY else "training"
    return replace(state, **numbers, phase=phase, engine="training", silent=0.0, silence="")


def after_outcome(state: TrainingState, message: wire.Outcome) -> TrainingState:
    phase = "failed" if message.status == "killed" else message.status
    told = {name: getattr(message, name) for name in ("sentence", "where", "line", "details", "bad")}
    return replace(state.renewed, phase=phase, engine="ready", seconds_left=None, **told)


def stopped_by_force(state: TrainingState, engine: str, sentence: str) -> TrainingState:
    return replace(state.renewed, phase="stopped", engine=engine, sentence=sentence, seconds_left=None)
