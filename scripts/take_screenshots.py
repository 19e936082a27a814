"""Take the pictures of the README from the real window, after a real training. Needs no screen.

For maintainers: `.venv/bin/python scripts/take_screenshots.py` after the window has changed; about a minute.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "resources" / "screenshots"
SIZE = "1600x1000"
SHOTS = {
    "start.png": ("--theme", "light"),
    "reviews-light.png": ("reviews", "--train", "--theme", "light"),
    "penguins-dark.png": ("penguins", "--train", "--theme", "dark"),
    "uncertainty-light.png": ("uncertainty", "--train", "--theme", "light"),
}


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    for name, arguments in SHOTS.items():
        with tempfile.TemporaryDirectory() as folder:
            take(PICTURES / name, arguments, Path(folder))
        print(name)


def take(out: Path, arguments: tuple[str, ...], folder: Path) -> None:
    """Take one picture with settings and runs of its own, so that nothing of the maintainer's is in it."""
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONPATH": str(ROOT),
        "LOSSMITH_RUNS": str(folder / "runs"),
        "LOSSMITH_SETTINGS": str(folder / "window.ini"),
    }
    command = [sys.executable, "-P", "-m", "gui.entry", *arguments, "--size", SIZE, "--screenshot", str(out)]
    subprocess.run(command, check=True, env=environment, cwd=folder)


if __name__ == "__main__":
    main()
