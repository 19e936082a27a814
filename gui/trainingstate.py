"""How the training stands and what it is asked, as plain values that travel between threads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.project.badvalues import BadValues
from core.project.facts import DataFacts
from core.project.schema import Project

BUSY = ("starting", "building", "tracing", "training", "paused", "stopping")


@dataclass(frozen=True)
class TrainingState:
    """How the training stands, in words for the user. Epochs count from 1, `step` is within the epoch.

    `phase`: "ready" (nothing trains yet), "starting", "building", "tracing", "training", "paused",
    "stopping", "done", "stopped", "failed". `engine`: "off", "starting", "ready", "training" or "gone".
    `where` is a reference and `line` a line of the run's train.py when one part is to blame; `details` is for
    the curious.
    """

    phase: str = "ready"
    engine: str = "off"
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    speed: float = 0.0
    seconds_left: float | None = None
    run: Path | None = None
    sentence: str = ""
    where: str | None = None
    line: int | None = None
    details: str = ""
    bad: BadValues | None = None
    """What went bad, where the run ended of NaN or infinity."""
    interrupted: bool = False
    """Whether the run failed because its engine died, so that it can go on with another one."""
    asked: str = ""
    """What the user asked for and the engine has not done yet: "pausing", "resuming", "saving"."""
    silent: float = 0.0
    """For how many seconds there was no step, once that is worth saying; `silence` says it with the place."""
    silence: str = ""
    way: str = ""
    """The sentence that says in which way the steps are made, and why; empty until that is known."""
    total: float | None = None
    """The total loss of the last steps, where curves are watched."""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def busy(self) -> bool:
        """Whether a run is on its way, from Train pressed to its end."""
        return self.phase in BUSY

    @property
    def renewed(self) -> "TrainingState":
        """The same, without what is outdated when something new happens."""
        return replace(self, asked="", silent=0.0, silence="", interrupted=False)

    @property
    def progress(self) -> float:
        """How much of the run is done, 0 to 1."""
        if not self.epochs or not self.epoch:
            return 0.0
        return min(1.0, (self.epoch - 1 + self.step / max(1, self.steps)) / self.epochs)


@dataclass(frozen=True)
class TrainOrder:
    """What Train was pressed on: `make_run` writes the run folder and returns it, or raises a sentence.

    With `resume` it returns one that is there, and the run goes on from its checkpoint.
    """

    epochs: int
    make_run: Callable[[], Path]
    resume: bool = False
    rate: float | None = None
    """Another learning rate for what is left."""


@dataclass(frozen=True)
class Question:
    """What Keras is asked about a project."""

    number: int
    project: Project
    data: DataFacts | None
    trusted: bool
