"""Where a source lies: paths in a project are relative to its folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from core.data.failures import UnreadableData, checked, reading
from core.project.schema import SklearnSource, Source


def resolve(path: str | Path, folder: Path) -> Path:
    """Return the absolute path of `path`, which is relative to `folder` unless it is absolute."""
    return Path(os.path.abspath(folder / path))


class Stamp(NamedTuple):
    """What tells one state of a source from another: reading is repeated only when this changes."""

    source: Source
    path: Path
    modified: int
    size: int


def stamp(source: Source, folder: Path) -> Stamp:
    """Return the stamp of `source`; raises UnreadableData where there is no file that can be opened."""
    if isinstance(source, SklearnSource):
        return Stamp(source, Path(source.name), 0, 0)
    if not source.path:
        raise UnreadableData("No file is chosen yet: choose one.")
    path = resolve(source.path, folder)
    status = checked(path).stat()
    return Stamp(source, path, status.st_mtime_ns, status.st_size)


def is_archive(path: Path) -> bool:
    """Whether `path` is a .npz, whatever its name says."""
    with reading(path), path.open("rb") as file:
        return file.read(2) == b"PK"
