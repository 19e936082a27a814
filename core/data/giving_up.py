"""Lets whoever asked for facts give up waiting: to read a large file takes minutes, and a window closes at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")


class GivenUp(Exception):
    """Nobody waits for the answer any more."""


_wanted: ContextVar[Callable[[], bool]] = ContextVar("wanted", default=lambda: True)


@contextmanager
def as_long_as(wanted: Callable[[], bool]) -> Iterator[None]:
    """Read only while `wanted()`, which is asked between pieces of a file; then raise GivenUp."""
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def while_wanted(pieces: Iterator[T]) -> Iterator[T]:
    """Yield the pieces of a file. Raises GivenUp when nobody waits for them any more."""
    for piece in pieces:
        if not _wanted.get()():
            raise GivenUp
        yield piece
