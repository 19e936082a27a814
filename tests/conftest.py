"""What every test may rely on: no screen, quiet TensorFlow, folders of its own, and nothing left behind.

A test that leaves an engine, a thread or a window behind fails. What a fixture of its module owns may live until the
module ends, and then must be gone too.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

PROCESSES = Path("/proc")
GRACE = 10.0
"""Seconds that what a test has closed gets to end."""


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Runs, settings and what the user trusts are kept in a folder of the tests, never in the user's own."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOSSMITH_RUNS", str(home / "runs"))
        for kind in ("CONFIG", "DATA", "STATE"):
            patch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
        yield home


@pytest.fixture(scope="module", autouse=True)
def own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The windows of a module start as on a new machine, whatever those of another have remembered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOSSMITH_SETTINGS", str(tmp_path_factory.mktemp("settings") / "window.ini"))
        yield


@pytest.fixture(scope="module", autouse=True)
def nothing_stays_behind_a_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever the fixtures of a module owned is gone when the module is done."""
    before = alive(tmp_path_factory.getbasetemp())
    yield
    complain_of(before, tmp_path_factory.getbasetemp())


@pytest.fixture(autouse=True)
def nothing_stays_behind(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Whatever a test began has ended, unless it works with what the fixtures of its module own."""
    before = alive(tmp_path_factory.getbasetemp())
    yield
    if not _shares_what_lives_on(request):
        complain_of(before, tmp_path_factory.getbasetemp())


def _shares_what_lives_on(request: pytest.FixtureRequest) -> bool:
    mine = {"own_folders", "nothing_stays_behind_a_module", "nothing_stays_behind"}
    known = request.node._fixtureinfo.name2fixturedefs
    given = [known[name][-1] for name in request.fixturenames if name in known and name not in mine]
    return any(each.scope == "module" and each.baseid.endswith(".py") for each in given)


def complain_of(before: set[str], folder: Path) -> None:
    """Fail with what lives now and did not before, once it has had its time to end."""
    end = time.monotonic() + GRACE
    while (left := alive(folder) - before) and time.monotonic() < end:
        _let_qt_work()
        time.sleep(0.05)
    assert not left, f"left behind: {', '.join(sorted(left))}"


def alive(folder: Path) -> set[str]:
    """The engines with a state in `folder`, our threads, and the windows that are shown, each in words."""
    return {*_engines(folder), *_threads(), *_windows()}


def _engines(folder: Path) -> Iterator[str]:
    for command in PROCESSES.glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if "core.engine" in words and any(word.startswith(str(folder)) for word in words):
            yield f"engine {command.parent.name}"


def _threads() -> Iterator[str]:
    """Python's threads and Qt's; what libraries start for themselves is theirs."""
    for thread in threading.enumerate():
        ours = thread is not threading.main_thread() and not thread.daemon
        if ours and not isinstance(thread, threading._DummyThread):
            yield f"thread {thread.name} {thread.ident}"
    core, shiboken = sys.modules.get("PySide6.QtCore"), sys.modules.get("shiboken6")
    if core is not None and shiboken is not None:
        main = core.QThread.currentThread()
        for one in shiboken.getAllValidWrappers():
            if isinstance(one, core.QThread) and one != main and one.isRunning():
                yield f"thread {one.objectName()} {id(one)}"


def _windows() -> Iterator[str]:
    widgets = sys.modules.get("PySide6.QtWidgets")
    if widgets is not None and widgets.QApplication.instance() is not None:
        for top in widgets.QApplication.topLevelWidgets():
            if top.isVisible():
                yield f"window {top.windowTitle() or type(top).__name__} {id(top)}"


def _let_qt_work() -> None:
    widgets = sys.modules.get("PySide6.QtWidgets")
    if widgets is not None and widgets.QApplication.instance() is not None:
        widgets.QApplication.processEvents()
