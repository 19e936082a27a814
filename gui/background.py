"""One worker thread for slow work of one owner: the window never waits for a file, a formatter or a
database.

Jobs run one after another; the answer comes home as a call in the thread of the owner. A newer job under the
same key takes the place of an older one, whose answer is then never heard.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import shiboken6
from PySide6.QtCore import QObject, QThread, Signal, Slot

T = TypeVar("T")


class _Job(NamedTuple):
    key: str
    turn: int
    work: Callable[[], Any]
    then: Callable[[Any], None]
    failed: Callable[[Exception], None]


class _Desk(QObject):
    """Lives in the worker thread and does what is put on it."""

    done = Signal(object, object, object)  # job, result, error

    def __init__(self, latest: dict[str, int]):
        super().__init__()
        self._latest = latest

    @Slot(object)
    def work(self, job: _Job) -> None:
        if self._latest.get(job.key) != job.turn:
            return
        try:
            result, error = job.work(), None
        except Exception as exception:  # handed to the owner, who says it to the user
            result, error = None, exception
        self.done.emit(job, result, error)


class Background(QObject):
    """The thread starts with the first job and ends with `close()`, which every owner calls."""

    _put = Signal(object)

    def __init__(self, name: str, parent: QObject | None = None):
        super().__init__(parent)
        self._name, self._latest = name, dict[str, int]()
        self._thread: QThread | None = None
        self._closed = False

    def ask(
        self,
        key: str,
        work: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Run `work` in the worker thread, then `then(result)` or `failed(exception)` in this one."""
        if self._closed:
            return
        if self._thread is None:
            self._start()
        turn = self._latest[key] = self._latest.get(key, 0) + 1
        self._put.emit(_Job(key, turn, work, then, failed))

    def forget(self, key: str) -> None:
        """Drop the job under `key`: not begun it never runs, running its answer is not heard."""
        self._latest[key] = self._latest.get(key, 0) + 1

    def close(self) -> None:
        """End the thread, after the job it is at; nothing comes home any more."""
        self._closed = True
        self._latest.clear()
        if self._thread is not None:
            self._thread.quit()
            self._thread.wait()
            self._thread = None

    def _start(self) -> None:
        self._thread = thread = QThread()
        thread.setObjectName(f"lossmith {self._name}")
        self._desk = desk = _Desk(self._latest)
        desk.moveToThread(thread)
        # An owner that is deleted without `close()` must not take a running thread with it.
        self.destroyed.connect(lambda: _end(thread, desk))
        self._put.connect(self._desk.work)
        self._desk.done.connect(self._home)
        thread.start()

    @Slot(object, object, object)
    def _home(self, job: _Job, result: Any, error: Exception | None) -> None:
        if self._latest.get(job.key) != job.turn:
            return
        if error is None:
            job.then(result)
        else:
            job.failed(error)


def _end(thread: QThread, _desk: _Desk) -> None:
    if shiboken6.isValid(thread):  # at the end of the program Qt may be gone before we are
        thread.quit()
        thread.wait()
