"""What a command is given: a project file or a run, read whole or refused with one sentence."""

from dataclasses import dataclass
from pathlib import Path

from core.project import storage
from core.project.schema import Project
from core.runs.burying import bury
from core.runs.folder import PROJECT, SCRIPT, facts_of, runs_root


class Refused(Exception):
    """The command cannot do what it was asked for; `str()` is the sentence and `code` the exit code."""

    def __init__(self, sentence: str, code: int = 2):
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Opened:
    """A project, the folder its relative paths start from, and the run it was read from, if any."""

    project: Project
    folder: Path
    run: Path | None = None

    def with_epochs(self, epochs: int | None) -> "Opened":
        """The same with another number of epochs, where one is given."""
        if epochs is None:
            return self
        training = self.project.training.model_copy(update={"epochs": epochs})
        return Opened(self.project.model_copy(update={"training": training}), self.folder, self.run)


def opened(name: str) -> Opened:
    """Read a project file, or the project of a run. Raises Refused (code 2)."""
    path = Path(name)
    run = None if path.is_file() else _run(path)
    try:
        if run is None:
            return Opened(storage.load(path), path.resolve().parent)
        return Opened(storage.load(run / PROJECT), Path(facts_of(run)["folder"]), run)
    except storage.UnreadableProject as error:
        raise Refused(str(error)) from error


def run_folder(name: str) -> Path:
    """Return the folder of a run, named by its path or its name alone. Raises Refused (code 2).

    Where its engine has died alone, that is recorded now.
    """
    found = _run(Path(name))
    if found is None:
        raise Refused(f"{name} is no run: give a run folder, or the name of one in {runs_root()}.")
    bury(found)
    return found


def _run(path: Path) -> Path | None:
    """The run folder that `path` means: itself, or one of that name where runs are kept."""
    candidates = [path] if len(path.parts) > 1 else [path, runs_root() / path]
    return next((one.resolve() for one in candidates if (one / SCRIPT).is_file()), None)
