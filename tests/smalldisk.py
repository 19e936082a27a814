"""Real small disks for tests that fill them: a file system in memory, seen by one test alone.

Mounting takes rights that a test has only in namespaces of its own, so a test marked by `on_a_small_disk` is run once
more, by a pytest inside of them; where the system allows no such namespaces it is skipped with the system's words.
"""

import contextlib
import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PLACE = "LOSSMITH_SMALL_DISK"
ROOT = Path(__file__).parents[1]
INSIDE = ["unshare", "--user", "--map-root-user", "--mount"]
MOUNT = 'mount -t tmpfs -o size="$0" none "$1" && shift && exec "$@"'
PAGE = 4096


class SmallDisk:
    """A disk at `path`; `fill` leaves no room, `empty` gives it back."""

    def __init__(self, path: Path):
        self.path = path
        self._ballast = path / ".ballast"

    def fill(self, leave: int = 0) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(PAGE))
            file.truncate(max(0, file.tell() - leave))

    def empty(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def forbid(self) -> None:
        """Let nobody write here, not even root."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.path)], check=True)

    def allow(self) -> None:
        subprocess.run(["mount", "-o", "remount,rw", str(self.path)], check=True)

    @contextlib.contextmanager
    def full(self, leave: int = 0) -> Iterator[None]:
        self.fill(leave)
        try:
            yield
        finally:
            self.empty()


@functools.cache
def refusal() -> str:
    """Why no small disk can be mounted here; empty where one can be."""
    if not sys.platform.startswith("linux"):
        return "small disks are mounted on Linux only"
    place = str(ROOT / "tests")
    try:
        tried = subprocess.run(
            [*INSIDE, "sh", "-c", MOUNT, "64k", place, "true"], capture_output=True, text=True
        )
    except FileNotFoundError:
        return "there is no command unshare here"
    return tried.stderr.strip() if tried.returncode else ""


def on_a_small_disk(size: str) -> Callable[[Any], Any]:
    """Run a test in namespaces of its own, where `small_disk()` is a disk of `size` (as in "4m")."""

    def decorated(test: Any) -> Any:
        @functools.wraps(test)
        def run(*args: Any, **kwargs: Any) -> None:
            if PLACE in os.environ:
                test(*args, **kwargs)
            elif refusal():
                pytest.skip(f"no small disk can be mounted here: {refusal()}")
            else:
                _run_inside(size, os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0], kwargs["tmp_path"])

        return run

    return decorated


def small_disk() -> SmallDisk:
    return SmallDisk(Path(os.environ[PLACE]))


def _run_inside(size: str, test: str, folder: Path) -> None:
    place = folder / "disk"
    place.mkdir()
    again = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--basetemp",
        str(folder / "inside"),
        test,
    ]
    ended = subprocess.run(
        [*INSIDE, "sh", "-c", MOUNT, size, str(place), *again],
        cwd=ROOT,
        env={**os.environ, PLACE: str(place)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, f"{ended.stdout[-6000:]}\n{ended.stderr[-2000:]}"
