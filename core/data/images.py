"""Images listed in a table: whether the files are there, before a run stumbles over row 4,000."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import pandas as pd
from PIL import Image, UnidentifiedImageError

from core.data.failures import shown

OPENED = 8
LISTED = 20_000


def why_not(paths: pd.Series, folder: Path) -> str | None:
    """Return a sentence about the first image that is not there or cannot be read, else None.

    All paths (relative to `folder`, none missing) are looked up, and the first few images opened.
    """
    try:
        _look(tuple(str(path) for path in paths.iloc[:LISTED]), str(folder), _changed(folder))
    except BadImage as error:
        return str(error)
    return None


class BadImage(Exception):
    """An image is not there or cannot be read; `str(error)` is a sentence for the user."""


@lru_cache(maxsize=16)
def _look(paths: tuple[str, ...], folder: str, _: int) -> None:
    """Raise BadImage for the first bad one; only success is remembered, so that a mended image is seen."""
    for place, path in enumerate(paths):
        if "\0" in path or not os.path.isfile(os.path.join(folder, path)):
            where = f'"{shown(path)}" (value {place + 1} of its column)'
            raise BadImage(f"There is no image {where} in {folder}: put it there.")
    for path in paths[:OPENED]:
        try:
            with Image.open(os.path.join(folder, path)) as image:
                image.verify()
        except (
            UnidentifiedImageError,
            OSError,
            SyntaxError,
            ValueError,
            Image.DecompressionBombError,
        ) as error:
            why = f"{shown(path)} is not an image that can be read: replace it or take its row out."
            raise BadImage(why) from error


def _changed(folder: Path) -> int:
    """Return when files were last put into or taken out of `folder`."""
    return folder.stat().st_mtime_ns if folder.is_dir() else 0
