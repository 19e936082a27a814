"""Turns what a script raised into an outcome: one sentence, the place in the script, and the traceback behind
it."""

import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.runs.outcome import plain

Lines = Mapping[str, list[list[int]]]
OUTER = ("train", "<module>")
"""Functions of the script that only call the others: a line there names no part."""


@dataclass(frozen=True)
class Failure:
    sentence: str
    where: str | None
    line: int | None
    details: str


def failure(error: BaseException, script: Path, lines: Lines) -> Failure:
    """Say what went wrong while `script` ran. `lines` are the line ranges of the parts, by reference."""
    line, function = _place(error, script)
    where = part_at(line, lines) if line else None
    place = f" (line {line} of {script.name}, in {function})" if line and function not in OUTER else ""
    return Failure(_sentence(error) + place + ".", where, line, details(error))


def details(error: BaseException) -> str:
    """The whole traceback, without terminal colours."""
    text = "".join(traceback.format_exception(error))
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def part_at(line: int, lines: Lines) -> str | None:
    """Return the reference whose range around `line` is the narrowest, or None."""
    found = [
        (last - first, reference)
        for reference, ranges in lines.items()
        for first, last in ranges
        if first <= line <= last
    ]
    return min(found)[1] if found else None


def said(error: BaseException) -> str:
    """What the exception says, on one line, with its type where the text alone would say little."""
    text = plain(str(error)).rstrip(".")
    name = type(error).__name__
    known = isinstance(error, ValueError | RuntimeError | OSError) or text.startswith(name)
    return text if text and known else f"{name}: {text}" if text else name


def _sentence(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"The script ended itself by sys.exit({error.code!r})"
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return f"There is not enough memory ({said(error)}); a smaller batch or a smaller model needs less"
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"The file {error.filename} is not there any more"
    return said(error)


def _place(error: BaseException, script: Path) -> tuple[int | None, str]:
    """The innermost line of the script that was running: from the frames, or from what TensorFlow wrote of
    them."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(script)]
    pattern = rf'File "{re.escape(str(script))}", line (\d+), in (\S+)'
    written = re.findall(pattern, str(error))
    if written:
        return int(written[-1][0]), written[-1][1]
    return (frames[-1].lineno, frames[-1].name) if frames else (None, "")
