"""The checkpoint of a run, `resume.npz`: all that its training needs to go on as if it had never been interrupted.

Arrays and one JSON text in a zip archive, never pickle. It is written whole or not at all; an archive carries
checksums, so one that a disk has damaged is noticed before anything is restored from it.
"""

import contextlib
import itertools
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

FILE = "resume.npz"
PLACE = "place"
DAMAGED = (OSError, ValueError, TypeError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What flipped bits bring about: an archive may say that it is encrypted or packed in a way nobody knows."""
END, MORE = struct.Struct("<10xH10x"), 2**16 - 1
"""How an archive ends: with how many things are in it, or that they are more than it can say there."""
Arrays = Iterable[tuple[str, NDArray[Any]]]


class UnreadableCheckpoint(Exception):
    """The checkpoint is damaged; `str()` is a sentence."""


@dataclass(frozen=True)
class Place:
    """Where in its training a run was: after `epoch` whole epochs and `step` steps.

    It had trained for `seconds`, and worked for `worked` seconds from its start, loading and compiling
    included. `facts` is what else was noted (JSON values).
    """

    epoch: int
    step: int
    seconds: float
    worked: float
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training at a place."""

    place: Place
    arrays: Mapping[str, NDArray[Any]]


def write(run: Path, place: Place, arrays: Arrays) -> None:
    """Replace the checkpoint of `run`. Arrays are taken one by one as they are written. Raises OSError."""
    file = run / FILE
    temporary = file.with_name(f".{FILE}.{os.getpid()}")
    try:
        with temporary.open("wb") as out:
            _write_archive(out, place, arrays)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def read(run: Path) -> Checkpoint | None:
    """Return the checkpoint of `run`, None where there is none. Raises UnreadableCheckpoint."""
    return _read(run, whole=True)


def read_place(run: Path) -> Place | None:
    """Return where the checkpoint of `run` is, without its arrays. Raises UnreadableCheckpoint."""
    found = _read(run, whole=False)
    return found.place if found else None


def remove(run: Path) -> None:
    """Forget the checkpoint of `run`, and what a killed process left of one. Raises OSError."""
    (run / FILE).unlink(missing_ok=True)
    sweep(run)


def sweep(run: Path) -> None:
    """Remove what processes have left that were killed while they wrote a checkpoint. Raises OSError."""
    for file in run.glob(f".{FILE}.*"):
        file.unlink(missing_ok=True)


def _write_archive(out: Any, place: Place, arrays: Arrays) -> None:
    text = np.frombuffer(json.dumps(vars(place)).encode(), np.uint8)
    with zipfile.ZipFile(out, "w") as archive:
        for name, array in itertools.chain([(PLACE, text)], arrays):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


def _refuse_if_some_are_missing(file: BinaryIO, names: Sequence[str]) -> None:
    """Raise BadZipFile where the list of contents is shorter than the archive says: nothing seals that list."""
    file.seek(-END.size, os.SEEK_END)
    (count,) = END.unpack(file.read(END.size))
    if count not in (len(set(names)), MORE):
        raise zipfile.BadZipFile(f"{len(set(names))} of {count} arrays are found")


def _read(run: Path, whole: bool) -> Checkpoint | None:
    try:
        with (run / FILE).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            _refuse_if_some_are_missing(file, archive.files)
            place = Place(**json.loads(archive[PLACE].tobytes()))
            names = [name for name in archive.files if name != PLACE] if whole else []
            return Checkpoint(place, {name: archive[name] for name in names})
    except FileNotFoundError:
        return None
    except DAMAGED as error:
        raise UnreadableCheckpoint(f"The checkpoint {run / FILE} is damaged ({error}).") from error
