"""Keeps the window light and its thread free of what Python itself does: other threads' turns, the search for garbage,
memory that was freed and is kept.
"""

import contextlib
import ctypes
import gc
import sys

SWITCH = 0.001
"""Seconds that another thread may work before the window's gets its turn; Python's own 5 ms are a third of a frame."""


def share_quickly() -> None:
    """Let threads take turns quickly."""
    sys.setswitchinterval(SWITCH)


def give_back() -> None:
    """Give freed memory back to the system. Linux's C library keeps some for each thread, for as long as it lives."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def settle_down() -> None:
    """Leave what the window is made of out of every later search for garbage: it stays for as long as the program."""
    gc.collect()
    gc.freeze()
