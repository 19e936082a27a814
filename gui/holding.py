"""Whether a project is open in another window: each window holds a lock for its own, which ends with its process.

The locks lie where the runs are, so nothing appears beside the user's files.
"""

import contextlib
import hashlib
import shutil
from pathlib import Path
from typing import BinaryIO

from core.runs import alive
from core.runs.folder import runs_root

FOLDER = ".open"


class Holding:
    """Holds the lock of one project at a time."""

    def __init__(self, root: Path | None = None):
        self._root = root or runs_root() / FOLDER
        self._folder: Path | None = None
        self._lock: BinaryIO | None = None

    def take(self, project: Path) -> bool:
        """Hold `project` instead of the one before; False when another window has it open."""
        folder = self._root / hashlib.blake2b(str(project.resolve()).encode(), digest_size=16).hexdigest()
        if folder == self._folder:
            return True
        self.leave()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if alive.held(folder):
                return False
            self._lock, self._folder = alive.hold(folder), folder
        except BlockingIOError:
            return False
        except OSError:  # where nothing can be written nobody knows of other windows
            return True
        return True

    def leave(self) -> None:
        """Hold nothing."""
        if self._lock is not None and self._folder is not None:
            with contextlib.suppress(OSError):
                shutil.rmtree(self._folder)
            self._lock.close()
        self._lock = self._folder = None

    def __del__(self) -> None:
        if self._lock is not None:
            self._lock.close()
