"""What a terminal offers against bad values in a run: the edits that a window would make, in words, and going on."""

from pathlib import Path

from core.project import storage
from core.project.badvalues import BadValues
from core.project.facts import Facts
from core.project.remedies import lower_rate, remedies
from core.runs.folder import PROJECT, runs_root


def help_for(run: Path, bad: BadValues) -> list[str]:
    """Return what helps against the bad values that `run` ended of or went on with, the likeliest first."""
    try:
        project = storage.load(run / PROJECT)
    except storage.UnreadableProject:
        return []
    lines = [fix.label for fix in remedies(project, Facts(), bad)]
    rate = lower_rate(project)
    if bad.ended and bad.kept_epoch and rate is not None:
        name = run.name if run.parent == runs_root() else run
        lines.append(f"Go on after epoch {bad.kept_epoch}: lossmith resume {name} --rate {rate:g}")
    return lines
