"""The door: pictures without a screen, and sentences where no window can open."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from gui import display
from gui.complaints import Complaints
from gui.entry import main
from gui.widgets.banner import Banner

ROOT = Path(__file__).resolve().parents[2]
LDD = """\tlinux-vdso.so.1 (0x00007ffd)
\tlibxcb-cursor.so.0 => not found
\tlibEGL.so.1 => not found
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)
"""

on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="displays are found so on Linux only"
)


def lossmith(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    own = {
        "PYTHONPATH": str(ROOT),
        "LOSSMITH_RUNS": str(folder / "runs"),
        "LOSSMITH_SETTINGS": str(folder / "w.ini"),
    }
    return subprocess.run(
        [sys.executable, "-P", "-m", "gui.entry", *arguments],
        cwd=folder,
        env={**kept, **own, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@on_linux
def test_without_a_display_it_says_what_to_do_instead(tmp_path: Path):
    ended = lossmith(tmp_path)
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    assert "QT_QPA_PLATFORM=offscreen" in ended.stderr


@on_linux
def test_a_display_that_does_not_answer_is_named(tmp_path: Path):
    ended = lossmith(tmp_path, DISPLAY=":4321")
    assert ended.returncode == 2
    assert ":4321 does not answer" in ended.stderr


def test_missing_libraries_are_found_and_named_by_their_packages():
    missing = list(display.missing_of(LDD))
    assert missing == ["libxcb-cursor.so.0", "libEGL.so.1"]
    assert [display.package_of(name) for name in missing] == ["libxcb-cursor0", "libegl1"]


def test_a_library_that_is_missing_is_reported_with_its_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(display, "_loads", lambda file: False)
    monkeypatch.setattr(display, "_ldd", lambda file: LDD)
    assert "sudo apt-get install libegl1 libxcb-cursor0" in (display._missing_libraries() or "")


@pytest.mark.parametrize(
    "arguments", [["nothing.lossmith"], ["--size", "large"], ["--theme", "pink"], ["--train"], ["--nonsense"]]
)
def test_what_makes_no_sense_is_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "lossmith: error:" in capsys.readouterr().err


def test_a_picture_needs_no_screen(tmp_path: Path):
    ended = lossmith(tmp_path, "penguins", "--screenshot", "a.png", "--size", "1300x820", "--theme", "dark")
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    picture = QImage(str(tmp_path / "a.png"))
    assert (picture.width(), picture.height()) == (1300, 820)
    assert picture.pixelColor(2, 2).lightness() < 100


def test_an_error_in_another_thread_is_shown_by_the_window_s_own(
    qtbot: QtBot, capsys: pytest.CaptureFixture[str]
):
    banner, shown_in = Banner(), list[int]()
    qtbot.addWidget(banner)
    complaints, tell = Complaints(banner), banner.tell
    banner.tell = lambda *told: (shown_in.append(threading.get_ident()), tell(*told))
    error = ValueError("no such luck")
    thread = threading.Thread(target=complaints, args=(ValueError, error, None))
    thread.start()
    thread.join()
    assert not shown_in
    qtbot.waitUntil(lambda: bool(shown_in))
    assert shown_in == [threading.get_ident()]
    assert "made a mistake (ValueError)" in banner.sentence.text()
    assert "no such luck" in capsys.readouterr().err
