"""Run folders: where they are, how one is made, and a list of them.

A run folder holds `project.json`, `train.py`, `run.json` (what else is known at its start), then what the
engine adds: `run.db`, `history.csv`, `output.txt`, `errors.txt`, the model.
"""

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import platformdirs

from core.project.schema import Project
from core.project.stamps import data_path, difference, stamp
from core.project.writing import refuse_what_is_no_file, unwritable
from core.runs.history import History
from core.runs.record import Status

PROJECT, SCRIPT, FACTS = "project.json", "train.py", "run.json"


class ScriptText(Protocol):
    """A script and the lines of each part in it, by reference."""

    @property
    def text(self) -> str: ...
    @property
    def lines(self) -> Mapping[str, tuple[tuple[int, int], ...]]: ...


@dataclass(frozen=True)
class RunSummary:
    """One line in a list of runs. `total` and `validation` are the last epoch's total losses."""

    id: str
    path: Path
    name: str
    state: Status
    sentence: str
    epochs: int
    planned: int
    steps: int
    started: float | None
    seconds: float | None
    total: float | None
    validation: float | None
    way: str = ""
    """In which way its steps were made, as a sentence."""


def runs_root() -> Path:
    """The folder of all run folders: LOSSMITH_RUNS, or the user's data folder."""
    chosen = os.environ.get("LOSSMITH_RUNS")
    return Path(chosen) if chosen else platformdirs.user_data_path("lossmith") / "runs"


def no_place(root: Path, error: OSError) -> str:
    """The sentence for a folder of runs that cannot be written, which no dialog asks for."""
    return unwritable(root, error, "start Lossmith with LOSSMITH_RUNS set to another folder")


def create_run(
    root: Path, project: Project, folder: Path, script: str | ScriptText | Callable[[Path], str | ScriptText]
) -> Path:
    """Make a run folder in `root` and return it.

    `folder` is what the project's relative paths start from. `script` may be a function that is given the
    path of the `train.py` it will become. Raises OSError where the folder cannot be written; whatever is
    raised, no folder stays behind.
    """
    run = _fresh_folder(root, project.name)
    try:
        _fill(run, project, folder, script(run / SCRIPT) if callable(script) else script)
    except BaseException:
        shutil.rmtree(run, ignore_errors=True)
        raise
    return run


def _fill(run: Path, project: Project, folder: Path, made: str | ScriptText) -> None:
    text, lines = (made, {}) if isinstance(made, str) else (made.text, made.lines)
    write_whole(run / PROJECT, project.model_dump_json(by_alias=True, indent=2) + "\n")
    write_whole(run / SCRIPT, text)
    facts = {
        "name": project.name,
        "folder": str(folder.resolve()),
        "created": time.time(),
        "lines": dict(lines),
        "data": stamp(data_path(project, folder)),
    }
    write_whole(run / FACTS, json.dumps(facts, indent=1) + "\n")


def facts_of(run: Path) -> dict[str, Any]:
    """What was known when the run was made: `name`, `folder` (for relative paths), `created`, `lines` of the
    script, `data` (the stamp of what it trains on). What cannot be read is as if it were not known."""
    known: dict[str, Any] = {"name": run.name, "folder": str(run), "created": None, "lines": {}, "data": None}
    with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
        found = dict(json.loads((run / FACTS).read_text("utf-8")))
        known |= {key: value for key, value in found.items() if _fits(known.get(key), value)}
    return known


def _fits(usual: object, value: object) -> bool:
    """Whether a fact is of the kind that it has to be."""
    return usual is None or isinstance(value, type(usual))


def changed_data(run: Path, project: Project) -> str:
    """Return a sentence when the data that `run` was made for, that of its `project`, are other ones by now."""
    facts = facts_of(run)
    path = data_path(project, Path(facts["folder"]))
    found = difference(path, facts["data"])
    return f"The data file {path} has changed since the run began: it {found}." if found else ""


def lines_of(run: Path) -> Mapping[str, list[list[int]]]:
    """The line ranges of the parts of the run's script, by reference."""
    found = facts_of(run)["lines"]
    return found if isinstance(found, dict) else {}


def list_runs(root: Path) -> list[RunSummary]:
    """Return the runs in `root`, newest first."""
    try:
        folders = sorted((path for path in root.iterdir() if (path / SCRIPT).is_file()), reverse=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [summary(path) for path in folders]


def summary(run: Path) -> RunSummary:
    """Sum up one run folder."""
    history = History(run)
    try:
        state, epochs = history.state, history.epochs()
        last = epochs[-1] if epochs else None
        return RunSummary(
            id=run.name,
            path=run,
            name=str(facts_of(run)["name"]),
            state=state.status,
            sentence=state.sentence,
            epochs=len(epochs),
            planned=state.epochs,
            steps=history.step_count,
            started=state.started,
            seconds=state.seconds if state.seconds is not None else last.seconds if last else None,
            total=last.train.get("total") if last else None,
            validation=last.validation.get("total") if last else None,
            way=state.way,
        )
    finally:
        history.close()


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all: a temporary name in the same folder, synced, then renamed. Raises OSError."""
    refuse_what_is_no_file(path)
    temporary = path.with_name(f".{path.name[:80]}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        error.filename = str(path)  # a full disk names no file
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _fresh_folder(root: Path, name: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:40] or "run"
    base = f"{time.strftime('%Y%m%d-%H%M%S')}-{plain}"
    for number in range(1, 10_000):
        run = root / (base if number == 1 else f"{base}-{number}")
        try:
            run.mkdir()
        except FileExistsError:
            continue
        return run
    raise FileExistsError(f"{root} has too many runs called {base}.")
