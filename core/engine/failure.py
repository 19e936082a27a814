"""Turns what a script raised into an outcome: one sentence, the place in the script, and the traceback behind
it."""

import re
import traceback
from dataclasses import dataclass
from pathlib import Path

from core.project.writing import free, is_full
from core.runs.lines import Lines, part_at, place
from core.runs.outcome import plain, raised_within

MOST_SAID, MOST_DETAILS = 600, 60_000
"""Characters of a sentence and of its details: an exception may carry megabytes, a window cannot show them."""
PLAIN = ("ValueError", "RuntimeError", "OSError", "InvalidArgumentError")
"""Errors whose text says enough without their name."""


GONE = re.compile(r"FileNotFoundError: \[Errno 2\] [^']*'([^']+)'")
"""What TensorFlow makes of the error of a file that a stream of rows does not find any more."""
NODE = re.compile(r"Detected at node (\S+) defined at")
"""How TensorFlow names the operation that failed."""


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
    if where is None and (layer := _layer(error, lines)):
        where, line, function = layer, lines[layer][0][0], "build_model"
    return Failure(f"{reason(error)}{place(line, function)}.", where, line, details(error))


def details(error: BaseException) -> str:
    """The traceback, without terminal colours; of a very long one its beginning and its end."""
    text = _unicode(re.sub(r"\x1b\[[0-9;]*m", "", _formatted(error)))
    if len(text) <= MOST_DETAILS:
        return text
    return f"{text[: MOST_DETAILS // 2]}\n...\n{text[-MOST_DETAILS // 2 :]}"


def _formatted(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except Exception:  # of an exception so strange that Python itself cannot write it down
        return "".join(traceback.format_tb(error.__traceback__)) + said(error)


def said(error: BaseException) -> str:
    """What the exception says, on one line, with its type where the text alone would say little."""
    name, text = _within(error) or (type(error).__name__, plain(_text(error)))
    text = _unicode(text).rstrip(".")
    text = text if len(text) <= MOST_SAID else f"{text[: MOST_SAID - 1]}…"
    known = isinstance(error, ValueError | RuntimeError | OSError) or text.startswith(name) or name in PLAIN
    return text if text and known else f"{name}: {text}" if text else name


def _within(error: BaseException) -> tuple[str, str] | None:
    """The Python error behind one of TensorFlow's, where there is one."""
    module = getattr(type(error), "__module__", "")  # a class made in the user's code may have none
    return raised_within(_text(error)) if str(module).startswith("tensorflow") else None


def _text(error: BaseException) -> str:
    """What `str()` gives: it may be of the user's making, and fail."""
    try:
        return str(error)[: 100 * MOST_SAID]
    except Exception:
        return ""


def _unicode(text: str) -> str:
    """`text` with the bytes of file names that are no Unicode shown as such, so that it can be sent and stored."""
    return text.encode("utf-8", "backslashreplace").decode()


def reason(error: BaseException) -> str:
    """Why code did not go on, as a sentence without its full stop."""
    if isinstance(error, SystemExit):
        return f"The code ended itself by sys.exit({error.code!r})"
    within = _within(error) or ("", "")
    if within[0] == "SystemExit":
        return f"The code ended itself by sys.exit({within[1]})"
    if isinstance(error, KeyboardInterrupt):
        return "The code interrupted itself (KeyboardInterrupt)"
    if "No gradients provided for any variable" in _text(error):
        return (
            "Nothing can be learnt, because no term depends on what the model computes: "
            "compute the losses from heads, with keras.ops"
        )
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return f"There is not enough memory ({said(error)}); a smaller batch or a smaller model needs less"
    if is_full(error):
        place = getattr(error, "filename", None)
        room = f" ({free(Path(place))} at {place})" if isinstance(place, str) else ""
        return f"The disk is full{room}: free some space and train again; everything recorded so far is kept"
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"The file {_unicode(str(error.filename))} is not there any more"
    if gone := GONE.search(_text(error)):
        return f"The file {_unicode(gone[1])} is not there any more"
    return said(error)


def _place(error: BaseException, script: Path) -> tuple[int | None, str]:
    """The innermost line of the script that was running: from the frames, or from what TensorFlow wrote of
    them."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(script)]
    pattern = rf'File "{re.escape(str(script))}", line (\d+), in (\S+)'
    written = re.findall(pattern, _text(error))
    if written:
        return int(written[-1][0]), written[-1][1]
    return (frames[-1].lineno, frames[-1].name) if frames else (None, "")


def _layer(error: BaseException, lines: Lines) -> str | None:
    """The layer that an operation belongs to which failed: TensorFlow puts it into a scope of that name, with a
    number behind it where there were others."""
    for path in NODE.findall(_text(error)):
        for scope in reversed(path.split("/")):
            for name in (scope, re.sub(r"_\d+$", "", scope)):
                if lines.get(f"layer:{name}"):
                    return f"layer:{name}"
    return None
