"""Whether a process still works in a folder, asked of the system instead of a process id.

Process ids are used again after a crash; a file lock is not: the system drops it the moment its process is
gone, for whatever reason. An engine holds the lock of its own state folder while it lives and of a run folder
while it trains.
"""

import errno
import os
import time
import weakref
from pathlib import Path
from typing import BinaryIO

LOCK = "lock"
_HELD: "weakref.WeakSet[BinaryIO]" = weakref.WeakSet()


def hold(folder: Path) -> BinaryIO:
    """Lock `folder` until the returned file is closed or this process ends. Raises OSError if another holds
    it."""
    file = (folder / LOCK).open("ab")
    for attempt in range(20, -1, -1):
        try:
            _lock(file)
            break
        except OSError:
            if not attempt:
                file.close()
                raise
            time.sleep(0.01)  # somebody may just be asking
    _HELD.add(file)
    return file


def held(folder: Path) -> bool:
    """Whether some process holds the lock of `folder`; where it cannot be asked, nobody may count on a no."""
    try:
        file = _opened(folder / LOCK)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    with file:
        try:
            _lock(file, shared=True)
        except OSError:
            return True
        return False


def _opened(lock: Path) -> BinaryIO:
    try:
        return lock.open("rb+")
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        return lock.open("rb")  # to ask it is enough to read


def _let_go() -> None:
    """In a copy of this process that a user's code has made: it must not look alive when this one is gone."""
    for file in list(_HELD):
        file.close()


if os.name == "nt":  # pragma: no cover
    import msvcrt

    def _lock(file: BinaryIO, shared: bool = False) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        if shared:
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]
else:
    import fcntl

    os.register_at_fork(after_in_child=_let_go)

    def _lock(file: BinaryIO, shared: bool = False) -> None:
        # Askers lock shared, so that two of them never take each other for the holder.
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
