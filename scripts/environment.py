"""The environment that Lossmith runs in: `.venv` beside pyproject.toml, made from requirements.lock.

Used by run.py and test.py before anything is installed, so: standard library only. A stamp in `.venv` holds
the hash of the lock file it was made from; while they agree a start costs a few milliseconds. An interrupted
installation leaves no stamp, and the next start goes on where it stopped.
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
HOME = ROOT / ".venv"
STAMP = HOME / "lossmith.stamp"
LOG = HOME / "install.log"
PYTHON = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
OPTIONS = ("--require-hashes", "--no-deps", "--disable-pip-version-check", "--no-input", "--progress-bar=off")
REMEDIES = (
    (
        ("No space left on device", "Errno 28"),
        f"The disk is full: free about 4 GB where {ROOT} lies and start this again.",
    ),
    (
        (
            "NewConnectionError",
            "Temporary failure in name",
            "Failed to establish",
            "ProxyError",
            "ReadTimeout",
        ),
        "The package index cannot be reached: connect to the network (or set HTTPS_PROXY or PIP_INDEX_URL) "
        "and start this again; it goes on where it stopped.",
    ),
    (
        ("DO NOT MATCH THE HASHES",),
        "A downloaded package is not the one that requirements.lock names, so nothing of it was installed: "
        "try again, or from another network or index.",
    ),
    (
        ("No matching distribution", "not a supported wheel"),
        "A package has no ready-made file for this machine: it takes 64-bit Python 3.11 to 3.13 "
        "on Linux, Windows or macOS.",
    ),
    (
        ("Permission denied", "Errno 13"),
        f"{HOME} cannot be written: use a copy of the folder that is yours, or remove .venv and start again.",
    ),
)


def python() -> str:
    """Return the environment's Python, after setting the environment up where needed.

    Raises SystemExit with one sentence when it cannot be set up.
    """
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if _stamp() != wanted or not PYTHON.exists():
        try:
            with _alone():
                if _stamp() != wanted or not PYTHON.exists():
                    _set_up(wanted)
        except KeyboardInterrupt:
            raise SystemExit("\nStopped. The next start goes on from here.") from None
        except PermissionError as error:
            raise SystemExit(
                f"{error.filename} cannot be written: use a copy of the folder that is yours."
            ) from None
    return str(PYTHON)


def replace_by(command: list[str]) -> None:
    """Become `command`; where the system cannot do that, wait for it and end with its exit code."""
    if os.name == "nt":
        raise SystemExit(subprocess.call(command))
    sys.stdout.flush()
    os.execv(command[0], command)


def _stamp() -> str:
    return STAMP.read_text() if STAMP.exists() else ""


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other start is setting up the same folder: whoever does holds the lock file locked."""
    if os.name == "nt":
        yield
        return
    import fcntl

    with LOCK.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another start that is setting up .venv ...", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _set_up(wanted: str) -> None:
    STAMP.unlink(missing_ok=True)
    started = time.monotonic()
    _make_home()
    _forget_half_installed()
    _install()
    _make_importable()
    STAMP.write_text(wanted)
    print(f"Set up in {time.monotonic() - started:.0f} s. The next start is immediate.", file=sys.stderr)


def _make_home() -> None:
    """Create the virtual environment, unless a working one of this Python version is there."""
    if (
        PYTHON.exists()
        and subprocess.run(
            [str(PYTHON), "-c", f"import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"],
            capture_output=True,
        ).returncode
        == 0
    ):
        return
    print("Setting up Lossmith in .venv, once. It downloads about 900 MB.", file=sys.stderr)
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(HOME)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise SystemExit(_venv_refused(made.stdout + made.stderr))


def _venv_refused(output: str) -> str:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if "ensurepip" in output or "No module named venv" in output:
        return (
            f"This Python cannot make virtual environments; install the missing part and start this again:\n"
            f"    sudo apt-get install python{version}-venv"
        )
    return _remedy(output) or f"Python could not make {HOME}:\n{_tail(output)}"


def _forget_half_installed() -> None:
    """Make pip install again what an interruption left incomplete: pip believes in any metadata it finds."""
    code = (
        "import importlib.metadata, shutil\n"
        "for package in list(importlib.metadata.distributions()):\n"
        "    files = package.files\n"
        "    if not files or not all(file.locate().exists() for file in files if file.suffix != '.pyc'):\n"
        "        shutil.rmtree(package._path, ignore_errors=True)\n"
    )
    subprocess.run([str(PYTHON), "-c", code], check=False, capture_output=True)


def _install() -> None:
    command = [str(PYTHON), "-m", "pip", "install", *OPTIONS, "-r", str(LOCK)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PIP_USER": "0"}
    environment.pop("PIP_TARGET", None)
    lines: list[str] = []
    with (
        LOG.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
        ) as pip,
        Progress(LOCK.read_text().count("==")) as progress,
    ):
        assert pip.stdout is not None
        for line in pip.stdout:
            log.write(line)
            lines.append(line)
            progress.heard(line)
    if pip.returncode:
        output = "".join(lines)
        raise SystemExit(_remedy(output) or f"The packages could not be installed ({LOG}):\n{_tail(output)}")


def _remedy(output: str) -> str | None:
    return next((sentence for signs, sentence in REMEDIES if any(sign in output for sign in signs)), None)


def _tail(output: str) -> str:
    return "\n".join(output.strip().splitlines()[-15:])


def _make_importable() -> None:
    """Let the environment find `core` and `gui` from any current directory."""
    (packages,) = _packages()
    (packages / "lossmith.pth").write_text(os.path.relpath(ROOT, packages) + "\n")


def _packages() -> list[Path]:
    return (
        [HOME / "Lib" / "site-packages"] if os.name == "nt" else list(HOME.glob("lib/python*/site-packages"))
    )


class Progress:
    """One line on stderr that says what pip is doing; a new line now and then where there is no terminal."""

    def __init__(self, total: int) -> None:
        self._total, self._seen, self._doing = total, 0, "looking what is there"
        self._started = time.monotonic()
        self._shown = ""
        self._over = threading.Event()
        self._clock = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "Progress":
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._clock.join()
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def heard(self, line: str) -> None:
        """Take in one line of pip's output."""
        if line.startswith(("Collecting ", "Requirement already satisfied")):
            self._seen += 1
        if found := re.match(r"\s+(Downloading|Using cached) ([^-\s]+)-(\S+?)-\S+(?: \((.*)\))?", line):
            self._doing = f"{found[1].lower()} {found[2]} {found[3]}" + (f", {found[4]}" if found[4] else "")
        elif "Retrying (" in line:
            self._doing = "waiting for the network"
        elif line.startswith("Installing collected packages"):
            self._doing = "unpacking and compiling"

    def _tick(self) -> None:
        live = sys.stderr.isatty()
        while not self._over.wait(0.25 if live else 10.0):
            self._show(live)

    def _show(self, live: bool) -> None:
        count = self._installed() if self._doing.startswith("unpacking") else self._seen
        seconds = int(time.monotonic() - self._started)
        text = f"Setting up: {count} of about {self._total} packages, {self._doing}"
        if live:
            width = shutil.get_terminal_size().columns - 1
            print(
                f"\r\033[K{f'{text} ({seconds // 60}:{seconds % 60:02})'[:width]}",
                end="",
                file=sys.stderr,
                flush=True,
            )
        elif text != self._shown:
            print(text, file=sys.stderr, flush=True)
        self._shown = text

    def _installed(self) -> int:
        return sum(1 for folder in _packages() for _ in folder.glob("*.dist-info"))
