"""Whether a window can open here, found out before Qt does: Qt would end the process with a message for
experts.

`why_not` answers in one sentence with the way out: what to install, or how to do without a screen.
"""

import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

WITHOUT = ("offscreen", "minimal", "vnc", "linuxfb", "eglfs")
"""Platforms of Qt that need no display server."""
TRIES = 8
SAYS = (
    "{why}, so no window can open: use the commands that need none (`train FILE`, `check FILE` and others; "
    "see --help), or set QT_QPA_PLATFORM=offscreen."
)
PACKAGES = {
    "libEGL": "libegl1",
    "libGL": "libgl1",
    "libOpenGL": "libopengl0",
    "libGLX": "libglx0",
    "libdbus-1": "libdbus-1-3",
    "libfontconfig": "libfontconfig1",
    "libfreetype": "libfreetype6",
    "libglib-2.0": "libglib2.0-0",
    "libgthread-2.0": "libglib2.0-0",
    "libxkbcommon": "libxkbcommon0",
    "libxkbcommon-x11": "libxkbcommon-x11-0",
    "libX11": "libx11-6",
    "libX11-xcb": "libx11-xcb1",
    "libxcb": "libxcb1",
    "libxcb-util": "libxcb-util1",
    "libwayland-client": "libwayland-client0",
    "libwayland-cursor": "libwayland-cursor0",
    "libwayland-egl": "libwayland-egl1",
}
"""The Debian package of a library, where it is not the library's name with its number, as in libxcb-cursor0.
"""


def why_not() -> str | None:
    """Return the sentence that says why no window can open here and what to do, or None when one can."""
    if not sys.platform.startswith("linux"):
        return None
    return _missing_display() or _missing_libraries()


def prefer_offscreen() -> None:
    """Draw into memory where there is no display: enough for a picture of the window."""
    if sys.platform.startswith("linux") and _missing_display():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"


def _platform() -> str:
    return os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0]


def _missing_display() -> str | None:
    if _platform() in WITHOUT:
        return None
    if os.environ.get("WAYLAND_DISPLAY"):
        return None
    display = os.environ.get("DISPLAY", "")
    if not display:
        return SAYS.format(why="There is no display (DISPLAY and WAYLAND_DISPLAY are not set)")
    return None if _answers(display) else SAYS.format(why=f"The display {display} does not answer")


def _answers(display: str) -> bool:
    """Whether an X server takes a connection, soon; where nobody can ask, Qt may try."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = (ctypes.c_char_p, ctypes.c_void_p)
    xcb.xcb_connection_has_error.argtypes = (ctypes.c_void_p,)
    for _ in range(TRIES):  # a server that was started just now may need a moment
        # Never disconnected: some servers reset when their last client leaves, and Qt would meet that.
        if not xcb.xcb_connection_has_error(xcb.xcb_connect(display.encode(), None)):
            return True
        time.sleep(0.25)
    return False


def _missing_libraries() -> str | None:
    files = _qt_files()
    if all(_loads(file) for file in files):
        return None
    missing = sorted({name for file in files for name in missing_of(_ldd(file))})
    if not missing:
        return None  # something else is wrong, and Qt says it better
    packages = " ".join(sorted({package_of(name) for name in missing}))
    return (
        f"Qt cannot start because this system lacks {', '.join(missing)}; "
        f"on Debian or Ubuntu install them with: sudo apt-get install {packages}"
    )


def _qt_files() -> list[Path]:
    """What Qt will load: the library of widgets, and the plugin that speaks to the screen."""
    found = importlib.util.find_spec("PySide6")
    if found is None or found.origin is None:
        return []
    home = Path(found.origin).parent
    plugin = "libqoffscreen.so" if _platform() in WITHOUT else "libqxcb.so"
    if _platform() == "wayland":
        plugin = "libqwayland.so"
    files = [home / "Qt/lib/libQt6Widgets.so.6", home / "Qt/plugins/platforms" / plugin]
    return [file for file in files if file.exists()]


def _loads(file: Path) -> bool:
    try:
        ctypes.CDLL(str(file))
    except OSError:
        return False
    return True


def _ldd(file: Path) -> str:
    ldd = shutil.which("ldd")
    if ldd is None:
        return ""
    return subprocess.run([ldd, str(file)], capture_output=True, text=True, check=False).stdout


def missing_of(listing: str) -> Iterable[str]:
    """The libraries that `ldd` did not find."""
    return re.findall(r"^\s*(\S+) => not found", listing, flags=re.MULTILINE)


def package_of(library: str) -> str:
    """The Debian package that brings a library, as in libxcb-cursor0 for libxcb-cursor.so.0."""
    name, _, version = library.partition(".so.")
    return PACKAGES.get(name, f"{name}{version.partition('.')[0]}").lower()
