"""What goes wrong when a file is written, in one sentence that says what to do; everything that writes for
the user says it in these words."""

import errno
import os
from pathlib import Path

SPACE, ELSEWHERE = "free some space or choose another folder", "choose another folder"
WAYS_OUT = {
    errno.ENOSPC: ("the disk is full", SPACE),
    errno.EDQUOT: ("your share of the disk is used up", SPACE),
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


def unwritable(path: Path, error: OSError, way_out: str = "") -> str:
    """Return the sentence for a file or folder at `path` that could not be written; `way_out` is what to do
    where the folder was not chosen in a dialog or an argument."""
    known, usual = WAYS_OUT.get(error.errno or 0, (str(error.strerror or error).lower(), ELSEWHERE))
    return f"{_shown(path)} cannot be written: {known}, so {way_out or usual}."


def refuse_what_is_no_file(path: Path) -> None:
    """Raise OSError where something stands at `path` that must not be replaced by a file: a folder, a device."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not an ordinary file", str(path))


def _shown(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 200 else f"{text[:100]}…{text[-60:]}"
