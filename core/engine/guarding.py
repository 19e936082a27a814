"""Keeps the engine whole around the code of a run, and lets that code leave word when it takes the engine with it.

A script is somebody's program: it may crash in native code, leave by `os._exit`, start threads and other programs, set
limits, signal handlers and a working directory. What it leaves is put back, so that the next run finds the engine
as the first one did.
"""

import contextlib
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.engine.failure import failure
from core.engine.settings import settings_kept
from core.runs import wire
from core.runs.crash import FILE, LEFT_BY
from core.runs.folder import SCRIPT
from core.runs.group import end_children
from core.runs.lines import lines_of
from core.runs.record import Record

if os.name != "nt":
    import resource

    LIMITS = (resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_STACK, resource.RLIMIT_FSIZE,
              resource.RLIMIT_NOFILE, resource.RLIMIT_CPU)  # fmt: skip


@contextlib.contextmanager
def guarded(run: Path, record: Record, publish: Callable[[wire.Frame], None]) -> Iterator[None]:
    """Run the code of `run` inside. What one of its threads raises is recorded and published."""

    def tell(error: BaseException) -> None:
        found = failure(error, run / SCRIPT, lines_of(run))
        sentence = f"A thread of the script has ended, and the run goes on without it: {found.sentence}"
        record.event("trouble", sentence=sentence, where=found.where, line=found.line)
        publish(wire.Trouble(sentence=sentence, where=found.where, details=found.details))

    with contextlib.ExitStack() as stack:
        stack.callback(end_children)
        for keeping in (
            _limits(),
            _signals(),
            _place(),
            settings_kept(),
            _threads(tell),
            _crashes(run / FILE),
        ):
            stack.enter_context(keeping)
        yield


@contextlib.contextmanager
def _crashes(file: Path) -> Iterator[None]:
    """Have what ends the process, but Python's own errors, write into `file` which line ran."""
    try:
        out = file.open("w", encoding="utf-8")
    except OSError:  # the run says itself that its folder cannot be written
        yield
        return
    with out, _exits_noted(out):
        faulthandler.enable(out)
        try:
            yield
        finally:
            faulthandler.enable(sys.__stderr__ or 2)
    with contextlib.suppress(OSError):
        file.unlink()


@contextlib.contextmanager
def _exits_noted(out: Any) -> Iterator[None]:
    engine, leave = os.getpid(), os._exit

    def noted(status: int) -> None:
        if os.getpid() == engine:  # copies that multiprocessing makes end like this too
            out.write(f"{LEFT_BY}os._exit({status}).\n\n")
            out.flush()
            faulthandler.dump_traceback(out, all_threads=False)
        leave(status)

    os._exit = noted  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave


@contextlib.contextmanager
def _threads(tell: Callable[[BaseException], None]) -> Iterator[None]:
    before = threading.excepthook

    def told(raised: threading.ExceptHookArgs) -> None:
        before(raised)
        if raised.exc_value is not None and not isinstance(raised.exc_value, SystemExit):
            tell(raised.exc_value)

    threading.excepthook = told
    try:
        yield
    finally:
        threading.excepthook = before


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


@contextlib.contextmanager
def _limits() -> Iterator[None]:
    deep = sys.getrecursionlimit()
    before = {kind: resource.getrlimit(kind) for kind in LIMITS} if os.name != "nt" else {}
    try:
        yield
    finally:
        sys.setrecursionlimit(deep)
        for kind, (soft, _) in before.items():
            now, hard = resource.getrlimit(kind)
            if now != soft:
                with contextlib.suppress(ValueError, OSError):  # the hard limit may be below it now
                    resource.setrlimit(kind, (soft, hard))


@contextlib.contextmanager
def _place() -> Iterator[None]:
    before = None
    with contextlib.suppress(OSError):  # somebody may have taken it away
        before = os.getcwd()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if before is not None:
                os.chdir(before)
