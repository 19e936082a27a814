"""What goes wrong when a file is written, in one sentence that says what to do; everything that writes for
the user says it in these words."""

import errno
import os
from pathlib import Path

WAYS_OUT = {
    errno.ENOSPC: "the disk is full, so free some space or choose another folder",
    errno.EDQUOT: "your share of the disk is used up, so free some space or choose another folder",
    errno.EROFS: "its disk is read-only, so choose another folder",
    errno.EACCES: "you may not write there, so choose another folder",
    errno.EPERM: "you may not write there, so choose another folder",
    errno.EISDIR: "it is a folder, so add the name of a file",
    errno.ENOTDIR: "a part of its path is a file, so choose another folder",
    errno.EEXIST: "a file of that name is in the way, so choose another folder",
    errno.ENOENT: "there is no such folder, so make it or choose another",
    errno.ENAMETOOLONG: "the name is too long, so choose a shorter one",
    errno.EINVAL: "it is no ordinary file, so choose another",
}


def unwritable(path: Path, error: OSError) -> str:
    """Return the sentence for a file or folder at `path` that could not be written."""
    known = WAYS_OUT.get(error.errno or 0)
    return f"{_shown(path)} cannot be written: {known or error.strerror or error}."


def refuse_what_is_no_file(path: Path) -> None:
    """Raise OSError where something stands at `path` that must not be replaced by a file: a folder, a device."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not an ordinary file", str(path))


def _shown(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 200 else f"{text[:100]}…{text[-60:]}"
