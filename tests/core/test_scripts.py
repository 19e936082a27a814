"""The two scripts that need nothing but Python: what they say, and that they start at once when nothing
changed.
"""

import importlib.util
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
NO_NETWORK = "WARNING: Retrying ... NewConnectionError('<...>: Failed to establish a new connection')"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/environment.py as a module, whose environment lies in a folder of its own and is set up."""
    spec = importlib.util.spec_from_file_location("environment", ROOT / "scripts" / "environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    home = tmp_path / ".venv"
    monkeypatch.setattr(module, "HOME", home)
    monkeypatch.setattr(module, "STAMP", home / "lossmith.stamp")
    monkeypatch.setattr(module, "PYTHON", Path(sys.executable))
    return module


def test_the_scripts_import_the_standard_library_only():
    code = "import sys; sys.path.insert(0, sys.argv[1]); import environment, run, test"
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(ROOT / "scripts")], capture_output=True
    )
    assert ended.returncode == 0, ended.stderr


def test_a_start_that_finds_its_stamp_takes_no_time(environment: ModuleType):
    import hashlib

    environment.HOME.mkdir()
    environment.STAMP.write_text(hashlib.sha256(environment.LOCK.read_bytes()).hexdigest())
    started = time.perf_counter()
    assert environment.python() == sys.executable
    assert time.perf_counter() - started < 0.05


def test_another_lock_file_sets_up_again(environment: ModuleType, monkeypatch: pytest.MonkeyPatch):
    environment.HOME.mkdir()
    environment.STAMP.write_text("of an older lock file")
    asked: list[str] = []
    monkeypatch.setattr(environment, "_set_up", asked.append)
    environment.python()
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (NO_NETWORK, "cannot be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not the one"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: No matching distribution found for tensorflow==2.21.0", "64-bit Python"),
    ],
)
def test_what_pip_says_becomes_a_sentence_with_a_way_out(environment: ModuleType, output: str, sentence: str):
    assert sentence in environment._remedy(output)


def test_a_debian_without_venv_is_told_the_package(environment: ModuleType):
    said = environment._venv_refused(
        "The virtual environment was not created because ensurepip is not available."
    )
    assert f"sudo apt-get install python{sys.version_info[0]}.{sys.version_info[1]}-venv" in said


def test_the_progress_line_says_what_pip_does(environment: ModuleType):
    progress = environment.Progress(90)
    progress.heard("Collecting tensorflow==2.21.0 (from -r requirements.lock (line 3))\n")
    progress.heard("  Downloading tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl (572.4 MB)\n")
    assert (progress._seen, progress._doing) == (1, "downloading tensorflow 2.21.0, 572.4 MB")


def test_the_lock_file_names_hashes_and_no_index():
    text = (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256:" in text
    assert "://" not in text
    assert "--index" not in text
