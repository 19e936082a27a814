"""Proves that the script is the run: runs it in a fresh process and compares every number of the history."""

import csv
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from core.cli.opening import Opened, Refused
from core.cli.output import says
from core.cli.training import JsonLines, Listener, train
from core.codegen.fitting import Changes
from core.codegen.replay import changes_of
from core.codegen.script import script
from core.data import inspect
from core.runs import wire
from core.runs.folder import SCRIPT, changed_data
from core.runs.history import Epoch, History

TOLERANCE = 1e-6
TURBO_TOLERANCE = 1e-3
"""XLA rounds in another way each time it compiles a step differently, as it does for blocks and for single steps."""
TURBO = "Both were trained in Turbo (XLA), where numbers are close, not equal: 1e-3 is allowed."
TINY = 1e-30


@dataclass(frozen=True)
class Comparison:
    """How far two histories are apart: the largest relative difference, where it is, what was compared."""

    difference: float
    where: str
    numbers: int
    epochs: int
    tolerance: float = TOLERANCE

    @property
    def same(self) -> bool:
        return self.difference <= self.tolerance


def verify(what: Opened, epochs: int | None, trusted: bool) -> Comparison:
    """Compare a run with its script; a project is trained first. Raises Refused when either cannot be run."""
    with tempfile.TemporaryDirectory(prefix="lossmith-verify-") as folder:
        place = Path(folder)
        run = what.run
        if run is None:
            run, outcome = train(what.with_epochs(epochs), place / "runs", Silent(), trusted)
            if outcome.status != "done":
                raise Refused(f"The run to compare with did not end well: {outcome.sentence}", 1)
        if changed := changed_data(run, what.project):
            says.print(f"{changed} Its script cannot give the same numbers.", markup=False)
        recorded, changes, turbo = record_of(run)
        if turbo:
            says.print(TURBO, markup=False)
        file = write_script(what, run, epochs, changes, place / SCRIPT, turbo)
        found = compare(recorded[:epochs], run_script(file))
        return replace(found, tolerance=TURBO_TOLERANCE if turbo else TOLERANCE)


def record_of(run: Path) -> tuple[list[Epoch], Changes, bool]:
    """The epochs of a run, what was changed by hand during it, and whether it was trained in Turbo.

    Raises Refused when it has no epoch.
    """
    history = History(run)
    try:
        found, changes, turbo = history.epochs(), changes_of(history), history.state.turbo
    finally:
        history.close()
    if not found:
        raise Refused(f"{run.name} has no finished epoch to compare with.", 1)
    return found, changes, bool(turbo)


def write_script(
    what: Opened, run: Path, epochs: int | None, changes: Changes, out: Path, turbo: bool
) -> Path:
    """Put the script where it can run alone: the run's own, unless that lacks changes, has other epochs, or asks for
    Turbo, which the run could not use.
    """
    if epochs is None and not changes and turbo == what.project.training.turbo:
        text = (run / SCRIPT).read_text("utf-8")
    else:
        facts = inspect(what.project.data, what.folder, what.project.seed)
        project = what.with_epochs(epochs).project
        project = project.model_copy(
            update={"training": project.training.model_copy(update={"turbo": turbo})}
        )
        text = script(project, folder=what.folder, out=out, facts=facts, changes=changes).text
    out.write_text(text, "utf-8")
    return out


def run_script(file: Path) -> list[dict[str, float]]:
    """Run a script in a fresh process and return its history.csv. Raises Refused with its last errors."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "tensorflow"}
    ended = subprocess.run(
        [sys.executable, "-P", str(file)],
        cwd=file.parent,
        env=quiet | environment,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if ended.returncode:
        raise Refused(f"The script ended with code {ended.returncode}:\n{ended.stderr.strip()[-1500:]}", 1)
    return written_history(file.parent)


def written_history(folder: Path) -> list[dict[str, float]]:
    """What a script wrote about its epochs: a value by name for each. Keras writes NA where it has none, as for
    validation that a project does not do.
    """
    with (folder / "history.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    return [{key: float(value) for key, value in row.items() if value != "NA"} for row in rows]


def compare(recorded: list[Epoch], written: list[dict[str, float]]) -> Comparison:
    """Compare epoch by epoch what both name; a number that only one of them has counts as infinitely
    different.
    """
    if len(written) < len(recorded):
        return Comparison(math.inf, f"epoch {len(written) + 1}, which the script lacks", 0, len(written))
    worst, where, numbers = 0.0, "", 0
    for epoch, row in zip(recorded, written, strict=False):
        for name, value in as_logs(epoch):
            numbers += 1
            difference = relative(value, row.get(name))
            if difference > worst or not where:
                worst, where = difference, f"{name}, epoch {epoch.epoch}"
    return Comparison(worst, where, numbers, len(recorded))


def as_logs(epoch: Epoch) -> Iterator[tuple[str, float]]:
    """The means of an epoch under the names that Keras writes."""
    for prefix, means in (("", epoch.train), ("val_", epoch.validation)):
        for key, value in means.items():
            name = "loss" if key == "total" else key.partition(":")[2] or key
            yield prefix + name, value


def relative(a: float, b: float | None) -> float:
    """The relative difference of two numbers. NaN equals NaN, an infinity only itself."""
    if b is not None and (a == b or (math.isnan(a) and math.isnan(b))):
        return 0.0
    if b is None or not (math.isfinite(a) and math.isfinite(b)):
        return math.inf
    return abs(a - b) / max(abs(a), abs(b), TINY)


class Silent(JsonLines, Listener):
    """Says nothing: the run behind a verification is nobody's business."""

    def started(self, run: Path) -> None: ...
    def message(self, message: wire.Message) -> None: ...
    def epoch(self, epoch: Epoch) -> None: ...
    def ended(self, run: Path, outcome: wire.Outcome) -> None: ...
