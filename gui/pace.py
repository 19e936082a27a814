"""Keeps the window's thread from being held up by Python itself: by other threads, and by the search for garbage."""

import gc
import sys

SWITCH = 0.001
"""Seconds that another thread may work before the window's gets its turn; Python's own 5 ms are a third of a frame."""


def share_quickly() -> None:
    """Let threads take turns quickly."""
    sys.setswitchinterval(SWITCH)


def settle_down() -> None:
    """Leave what the window is made of out of every later search for garbage: it stays for as long as the program."""
    gc.collect()
    gc.freeze()
