"""Which part of a project a line of its run's script belongs to: how code that fails, hangs or crashes is named."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from core.runs.folder import SCRIPT, facts_of

Lines = Mapping[str, Sequence[Sequence[int]]]
"""The first and the last line of every range of a part, by its reference."""
RANGES: TypeAdapter[dict[str, list[tuple[int, int]]]] = TypeAdapter(dict[str, list[tuple[int, int]]])
OUTER = ("train", "<module>")
"""Functions of the script that only call the others: a line there names no part."""


def lines_of(run: Path) -> Lines:
    """The line ranges of the parts in the script of `run`; none where its `run.json` makes no sense."""
    try:
        return RANGES.validate_python(facts_of(run)["lines"])
    except ValidationError:
        return {}


def part_at(line: int, lines: Lines) -> str | None:
    """Return the reference whose range around `line` is the narrowest, or None."""
    found = [
        (last - first, reference)
        for reference, ranges in lines.items()
        for first, last in ranges
        if first <= line <= last
    ]
    return min(found)[1] if found else None


def place(line: int | None, function: str) -> str:
    """A line of the script in words, to be put after what happened; empty where it says nothing."""
    return f" (line {line} of {SCRIPT}, in {function})" if line and function not in OUTER else ""


def is_script(file: str, run: Path) -> bool:
    """Whether `file` is the script of `run`, or of one beside it whose compiled step this run uses again."""
    return file == str(run / SCRIPT) or (
        file.endswith(SCRIPT) and Path(file).name == SCRIPT and Path(file).parent.parent == run.parent
    )
