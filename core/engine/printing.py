"""Lets a script print whatever happens to the file that takes it: a full disk must not end a run with an error in
`print`.
"""

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

MOST_KEPT = 2**20
"""Bytes of what could not be written that are kept; of more, the oldest are forgotten."""


class Outlet(io.RawIOBase):
    """Writes to a descriptor; what it does not take is kept and written before the next that it takes."""

    def __init__(self, descriptor: int):
        super().__init__()
        self._descriptor = descriptor
        self._kept = bytearray()
        self._lock = threading.RLock()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return False

    def write(self, data: Any) -> int:
        text = bytes(data)
        with self._lock:
            self._kept += text
            with contextlib.suppress(OSError):
                while self._kept:
                    del self._kept[: os.write(self._descriptor, bytes(self._kept))]
            del self._kept[: max(0, len(self._kept) - MOST_KEPT)]
        return len(text)


@contextlib.contextmanager
def never_failing() -> Iterator[None]:
    """Let nothing that is printed inside raise an error."""
    before, outlets = (sys.stdout, sys.stderr), (Outlet(1), Outlet(2))
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(outlet, "utf-8", "backslashreplace", write_through=True)  # type: ignore[type-var]
        for outlet in outlets
    )
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for outlet in outlets:
            outlet.write(b"")
