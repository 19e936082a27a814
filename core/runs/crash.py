"""What a crashed engine has left in the folder of its run, and what it says about why.

While a run trains, Python's fault handler is told to write the stacks of all threads into `crash.txt` when native code
crashes; so does the engine when code ends the process by `os._exit`. That file names the line of the script that
ran, which no exit code can. `stall.txt` is written in the same way while code lets no other thread work.
"""

import itertools
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.runs.lines import OUTER, is_script, lines_of, part_at, place

FILE, STALL, ERRORS = "crash.txt", "stall.txt", "errors.txt"
LEFT_BY = "The code ended the process by "
"""How a crash file begins when it was no crash."""
FATAL = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Floating": "SIGFPE",
    "Illegal instruction": "SIGILL",
}
"""How a crash file begins, and the signal behind it."""
FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+) in (?P<function>.+)$', re.MULTILINE)
ENDLESS = 40
"""Frames of one function, one within the other, that no honest recursion of a loss has."""
COUNTERS = Path("/proc/vmstat")
LATELY = 2.0
"""Seconds after which what was counted is history; messages of an engine that has died may arrive that late."""
MOST_READ, MOST_WORDS = 60_000, 300


class MemoryKills:
    """Whether the system has ended processes for lack of memory lately: Linux counts them.

    Without this a SIGKILL by the kernel looks like one by anybody.
    """

    def __init__(self) -> None:
        self._before = self._last = self._count()
        self._looked = time.monotonic()

    def look(self) -> None:
        """Take what was counted some seconds ago as the past; to be called often, and cheap."""
        now = time.monotonic()
        if now - self._looked >= LATELY:
            self._before, self._last, self._looked = self._last, self._count(), now

    def any_lately(self) -> bool | None:
        """Whether there were any; None where nobody counts."""
        now = self._count()
        return None if now is None or self._before is None else now > self._before

    @staticmethod
    def _count() -> int | None:
        try:
            found = re.search(r"^oom_kill (\d+)$", COUNTERS.read_text("ascii"), re.MULTILINE)
        except OSError:
            return None
        return int(found[1]) if found else None


@dataclass(frozen=True)
class Remains:
    """What was found. `line` and `function` are of the script, `where` is the part of the project it belongs to.

    `signal` is the one that native code crashed with, `left_by` the call that ended the process where one did,
    `words` the last that native code said.
    """

    signal: str | None = None
    where: str | None = None
    line: int | None = None
    function: str = ""
    endless: bool = False
    left_by: str = ""
    words: str = ""
    details: str = ""

    @property
    def place(self) -> str:
        """The line of the script in words, empty where it is not known."""
        return place(self.line, self.function)


NOTHING = Remains()


def remains(run: Path) -> Remains:
    """Read what the engine left in the folder of `run`; nothing of it needs to be there."""
    stacks, printed = _read(run / FILE, first=True), _read(run / ERRORS)
    frames = _frames(stacks, run)
    left = stacks.partition("\n")[0] if stacks.startswith(LEFT_BY) else ""
    return Remains(
        signal=next(
            (name for said, name in FATAL.items() if stacks.startswith(f"Fatal Python error: {said}")), None
        ),
        **_blamed(frames, run),
        left_by=left.removeprefix(LEFT_BY).rstrip("."),
        words=_last_words(printed),
        details=stacks,
    )


def stalled(run: Path) -> Remains:
    """What the engine of `run` is at that has not let any other of its threads work for seconds."""
    return Remains(**_blamed(_frames(_read(run / STALL, first=True), run), run))


def _blamed(frames: list[tuple[int, str]], run: Path) -> dict[str, Any]:
    line, function = frames[0] if frames else (None, "")
    named = line is not None and function not in OUTER
    return {
        "line": line,
        "function": function,
        "where": part_at(line, lines_of(run)) if line is not None and named else None,
        "endless": sum(name == function for _, name in frames) >= ENDLESS,
    }


def _frames(stacks: str, run: Path) -> list[tuple[int, str]]:
    """The lines and functions of the script in the thread that crashed, else in one that is inside it."""
    threads = re.split(r"\n(?=(?:Current thread|Thread) 0x)", f"\n{stacks}")
    threads.sort(key=lambda text: not text.startswith("Current"))
    found = [_of_script(text, run) for text in threads]
    current, others = found[:1], found[1:]
    named = (frames for frames in itertools.chain(current, others) if frames and frames[0][1] not in OUTER)
    return next(named, None) or next((frames for frames in found if frames), [])


def _of_script(text: str, run: Path) -> list[tuple[int, str]]:
    matches = (match.groupdict() for match in FRAME.finditer(text))
    return [(int(one["line"]), one["function"]) for one in matches if is_script(one["file"], run)]


def _last_words(printed: str) -> str:
    """The message with which native code gives up, without date, file and thread."""
    lines = [
        line
        for line in printed.splitlines()
        if re.match(r"F\d{4} |Fatal Python|terminate called|  what\(\):", line)
    ]
    words = re.sub(r"^F\d{4} \S+ +\d+ [^\]]*\] ", "", " ".join(line.strip() for line in lines[-2:]))
    return words if len(words) <= MOST_WORDS else f"{words[: MOST_WORDS - 1]}…"


def _read(file: Path, first: bool = False) -> str:
    """The first or the last part of a text file; empty where it cannot be read."""
    try:
        with file.open("rb") as text:
            if not first:
                text.seek(max(0, file.stat().st_size - MOST_READ))
            return text.read(MOST_READ).decode("utf-8", "replace")
    except (OSError, ValueError):  # the name of a folder may be none
        return ""
