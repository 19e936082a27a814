"""Starts engines and finds the ones that live: an engine is a detached process with a state folder.

It leaves `endpoint.json` (port, token, process id; readable by its user alone) there, and a copy in the
folder of the run it trains, so that a window that comes later can attach.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.runs import alive
from core.runs.folder import SCRIPT, no_place, runs_root
from core.runs.group import MARK, end_orphans

ENDPOINT, LOG = "endpoint.json", "engine.log"
PATIENCE = 30.0
"""Seconds until a new engine must have opened its socket; it does so before it imports TensorFlow."""
MOST_LOG = 20_000
IDLE = 60.0
"""Seconds an engine with nothing to do waits for its owner."""


class EngineFailed(Exception):
    """The engine could not be started or reached; `str()` is a sentence, `details` are for the curious."""

    def __init__(self, sentence: str, details: str = ""):
        super().__init__(sentence)
        self.details = details


class Detached(subprocess.Popen[bytes]):
    """A child that is meant to outlive this process, so dropping the object is no leak."""

    def __del__(self) -> None:
        pass

    def bury(self, patience: float = 2.0) -> int | None:
        """Wait until it has ended, end what it has left in its process group, and return how it ended.

        None when it lives on after `patience` seconds.
        """
        if os.name != "nt" and self.returncode is None:
            end = time.monotonic() + patience
            while not self._over() and time.monotonic() < end:
                time.sleep(0.005)
            if not self._over():
                return None
            # Only now: until somebody asks how it ended, its number is nobody else's.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        try:
            return self.wait(patience)
        except subprocess.TimeoutExpired:
            return None

    def _over(self) -> bool:
        if not hasattr(os, "waitid"):  # pragma: no cover
            return self.poll() is not None
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True


@dataclass(frozen=True)
class Endpoint:
    """Where an engine listens. `process` is known only to the process that started it, `run` to one that attaches."""

    port: int
    token: str
    pid: int
    folder: Path
    process: Detached | None = field(default=None, compare=False, repr=False)
    run: Path | None = field(default=None, compare=False)

    @property
    def live(self) -> bool:
        return alive.held(self.folder)

    @property
    def _ours(self) -> bool:
        """Whether the number of its process still means this engine, whatever has become of its folder."""
        return self.process is not None and self.process.returncode is None

    def bury(self, patience: float = 2.0) -> int | None:
        """Wait until the engine is gone, end what it has left behind, and return how it ended, where that is known.

        Whether it is gone says `live`.
        """
        if self.process is not None:
            return self.process.bury(patience)
        end = time.monotonic() + patience
        while self.live and time.monotonic() < end:
            time.sleep(0.01)
        if not self.live:
            end_orphans(self.pid, self.folder)
        return None

    def kill(self) -> None:
        """End the engine and everything it started, at once. What it had committed stays."""
        if not (self._ours or self.live):
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "nt":  # pragma: no cover
                os.kill(self.pid, signal.SIGTERM)
            else:
                os.killpg(self.pid, signal.SIGKILL)


def engines_root() -> Path:
    """The folder of the engines' state folders."""
    return runs_root() / ".engines"


def start_engine(state_root: Path | None = None, idle: float = IDLE) -> Endpoint:
    """Start an engine and return as soon as it listens (about half a second; it is `Ready` seconds later).

    With nothing to do it ends by itself when no client was there for `idle` seconds. Raises EngineFailed with
    the end of its log when it dies at once.
    """
    root = state_root or engines_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        folder = Path(tempfile.mkdtemp(prefix="engine-", dir=root)).resolve()
        process = _launched(folder, idle)
    except OSError as error:
        raise EngineFailed(f"The engine cannot start: {no_place(root, error)}") from error
    return _wait_for_endpoint(folder, process)


def _launched(folder: Path, idle: float) -> Detached:
    with (folder / LOG).open("wb") as log:
        return Detached(
            [sys.executable, "-P", "-m", "core.engine", "--state", str(folder), "--idle", str(idle)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=_environment() | {MARK: str(folder)},
            start_new_session=True,
        )


def attach(run: Path) -> Endpoint | None:
    """Return the endpoint of the engine that trains `run` now, or None."""
    found = read_endpoint(run) if alive.held(run) else None
    return replace(found, run=run) if found else None


def live_runs(root: Path) -> list[Path]:
    """Return the run folders in `root` that are being trained, newest first."""
    try:
        return sorted(
            (path.parent for path in root.glob(f"*/{SCRIPT}") if alive.held(path.parent)), reverse=True
        )
    except FileNotFoundError:
        return []


def read_endpoint(folder: Path) -> Endpoint | None:
    """Read a folder's `endpoint.json`; None when there is none or it makes no sense."""
    try:
        found = json.loads((folder / ENDPOINT).read_text("utf-8"))
        return Endpoint(int(found["port"]), str(found["token"]), int(found["pid"]), Path(found["folder"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def write_endpoint(folder: Path, endpoint: Endpoint) -> None:
    """Write `endpoint.json` into `folder`, readable by this user alone."""
    body = {
        "port": endpoint.port,
        "token": endpoint.token,
        "pid": endpoint.pid,
        "folder": str(endpoint.folder),
    }
    temporary = folder / f".{ENDPOINT}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(body, file)
    temporary.replace(folder / ENDPOINT)


def _environment() -> dict[str, str]:
    code = str(Path(__file__).resolve().parents[2])
    paths = [code, *filter(None, [os.environ.get("PYTHONPATH")])]
    quiet = {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1"),
    }
    return (
        quiet
        | dict(os.environ)
        | {
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONUNBUFFERED": "1",
            "KERAS_BACKEND": "tensorflow",
        }
    )


def _wait_for_endpoint(folder: Path, process: Detached) -> Endpoint:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = read_endpoint(folder)
        if found is not None:
            return Endpoint(found.port, found.token, found.pid, found.folder, process)
        if process.poll() is not None:
            break
        time.sleep(0.02)
    process.kill()
    process.wait()
    log = (folder / LOG).read_text("utf-8", "replace")[-MOST_LOG:].strip()
    last = log.splitlines()[-1][:300].rstrip(".") if log else ""
    why = last or f"it left no word in {folder}, and its disk may be full"
    raise EngineFailed(f"The engine did not start: {why}.", log)


def _sweep(root: Path) -> None:
    """Remove what dead engines left; young folders may belong to one that is just starting."""
    for folder in root.glob("engine-*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > 2 * PATIENCE and not alive.held(folder):
                dead = read_endpoint(folder)
                if dead is not None:
                    end_orphans(dead.pid, folder)
                shutil.rmtree(folder)
