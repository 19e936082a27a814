"""Saves models whole or not at all, and waits for room where there is none: a model that took days is not to be lost
to a full disk in the last second.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras

from core.engine.room import Room

SUFFIX = ".keras"


@contextlib.contextmanager
def saving(room: Room) -> Iterator[None]:
    """Let the `save` of every model write another file first, which takes the name of the old one when it is whole."""
    save = keras.Model.save

    def saved(model: Any, filepath: Any, *args: Any, **kwargs: Any) -> Any:
        path = Path(str(filepath))
        if path.suffix != SUFFIX or args or kwargs:
            return save(model, filepath, *args, **kwargs)
        room.patiently(lambda: write(path, lambda part: save(model, part)), path)
        return None

    keras.Model.save = saved
    try:
        yield
    finally:
        keras.Model.save = save


def save_now(model: Any, path: Path) -> None:
    """Save `model` whole or not at all, without waiting for room. Raises OSError or RuntimeError."""
    write(path, lambda part: keras.saving.save_model(model, part))


def write(path: Path, save: Callable[[Path], Any]) -> None:
    part = path.with_name(f".part-{path.name}")
    try:
        save(part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
