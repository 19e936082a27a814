"""What goes wrong when a file is written, in one sentence that says what to do; everything that writes for
the user says it in these words."""

import errno
import os
import shutil
import sqlite3
from pathlib import Path

SPACE, ELSEWHERE = "free some space or choose another folder", "choose another folder"
WAYS_OUT = {
    errno.ENOSPC: ("the disk is full", SPACE),
    errno.EDQUOT: ("your share of the disk is used up", SPACE),
    errno.EFBIG: ("a limit lets no file grow so large", ELSEWHERE),
    errno.EROFS: ("its disk is read-only", ELSEWHERE),
    errno.EACCES: ("you may not write there", ELSEWHERE),
    errno.EPERM: ("you may not write there", ELSEWHERE),
    errno.EISDIR: ("it is a folder", "add the name of a file"),
    errno.ENOTDIR: ("a part of its path is a file", ELSEWHERE),
    errno.EEXIST: ("a file of that name is in the way", ELSEWHERE),
    errno.ENOENT: ("there is no such folder", "make it or choose another"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
    errno.EINVAL: ("it is no ordinary file", "choose another"),
}
"""Why it could not be written, and what to do."""
PASSING = (
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ESTALE,
    errno.ENODEV,
    errno.ENXIO,
    errno.EBUSY,
)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What may be over by itself or by the user's doing: there is no room, now."""


def unwritable(path: Path, error: OSError, way_out: str = "") -> str:
    """Return the sentence for a file or folder at `path` that could not be written; `way_out` is what to do
    where the folder was not chosen in a dialog or an argument."""
    _, usual = WAYS_OUT.get(error.errno or 0, ("", ELSEWHERE))
    return f"{_shown(path)} cannot be written: {why(path, error)}, so {way_out or usual}."


def why(path: Path, error: BaseException) -> str:
    """Return the reason why `path` could not be written: a part of a sentence, with the free space where it matters."""
    number = errno.ENOSPC if is_full(error) else 0
    number = getattr(error, "errno", None) or number
    known, _ = WAYS_OUT.get(number, (str(getattr(error, "strerror", None) or error).lower().rstrip("."), ""))
    return f"{known} ({free(path)})" if is_full(error) else known


def is_full(error: BaseException) -> bool:
    """Whether `error` says that there is no room on a disk, in whatever words."""
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    if isinstance(error, sqlite3.OperationalError):
        return "disk is full" in str(error)
    # The library that writes weights says it in its own words.
    return isinstance(error, OSError | RuntimeError) and "No space left on device" in str(error)


def may_pass(error: BaseException) -> bool:
    """Whether what could not be written now may be written later: there is no room, or the disk does not answer."""
    passing = isinstance(error, OSError) and error.errno in PASSING
    return is_full(error) or passing or isinstance(error, sqlite3.OperationalError)


def free(path: Path) -> str:
    """Return how much room there is on the disk of `path`, which need not exist: `12 KB free`."""
    for place in (path, *path.absolute().parents):
        try:
            return f"{_bytes(shutil.disk_usage(place).free)} free"
        except (OSError, ValueError):
            continue
    return "nobody knows how much is free"


def refuse_what_is_no_file(path: Path) -> None:
    """Raise OSError where something stands at `path` that must not be replaced by a file: a folder, a device."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not an ordinary file", str(path))


def _bytes(count: int) -> str:
    size, units = float(count), ["bytes", "KB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.0f} {units[0]}" if size >= 10 or units[0] == "bytes" else f"{size:.1f} {units[0]}"


def _shown(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 200 else f"{text[:100]}…{text[-60:]}"
