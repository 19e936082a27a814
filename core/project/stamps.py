"""What a run trained on, so that it can be said later that the file is another one by now.

A stamp is the size of the data file, when it was written, and a digest. A file that was only touched keeps its digest,
so it counts as the same. Of a large file the digest is of blocks spread over it: reading all of it would take longer
than many a training, and an edit moves what follows.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.project.schema import Project

WHOLE = 16 * 2**20
"""Bytes up to which all of a file is looked at."""
BLOCK = 2**16

Stamp = Mapping[str, Any]


def data_path(project: Project, folder: Path) -> Path | None:
    """Return the file that the project's rows come from; `folder` is what its relative path starts from."""
    path = getattr(project.data.source, "path", "")
    return folder / path if path else None


def stamp(file: Path | None) -> dict[str, Any] | None:
    """Return the stamp of a file as JSON values; None where there is none or it cannot be read."""
    if file is None:
        return None
    try:
        found = file.stat()
        return {"size": found.st_size, "time": found.st_mtime_ns, "digest": _digest(file, found.st_size)}
    except OSError:
        return None


def difference(file: Path | None, known: object) -> str:
    """Return in words how `file` differs from when it was stamped: the rest of a sentence that begins with its name.

    Empty where it is the same, or where nothing is known of it.
    """
    if file is None or not isinstance(known, Mapping) or not {"size", "time", "digest"} <= known.keys():
        return ""
    try:
        found = file.stat()
        if (found.st_size, found.st_mtime_ns) == (known["size"], known["time"]):
            return ""
        if found.st_size == known["size"]:
            return "" if _digest(file, found.st_size) == known["digest"] else "has other values"
        return f"has {found.st_size:,} bytes instead of {known['size']:,}"
    except FileNotFoundError:
        return "is not there any more"
    except (OSError, ValueError) as error:
        return f"cannot be read any more ({(getattr(error, 'strerror', None) or str(error)).lower()})"


def _digest(file: Path, size: int) -> str:
    made = hashlib.blake2b(digest_size=16)
    count = -(-WHOLE // BLOCK)
    with file.open("rb") as data:
        if size <= WHOLE:
            made.update(data.read(WHOLE))
        else:
            for number in range(count):
                data.seek((size - BLOCK) * number // (count - 1))
                made.update(data.read(BLOCK))
    return made.hexdigest()
