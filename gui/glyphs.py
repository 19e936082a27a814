"""Icons from the Phosphor font that QtAwesome carries, painted at any size.

QtAwesome itself is not imported: it brings all its fonts and every module of Qt along, half a second of the
window's start.
"""

import json
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QIconEngine, QPainter, QPixmap

PACKAGE, FONT, NAMES = "qtawesome", "phosphor-[0-9]*.ttf", "phosphor-charmap-*.json"
FILLED = 0.94
"""Of the height of an icon, so that round glyphs do not touch its edge."""


@lru_cache(maxsize=512)
def icon(name: str, tint: str, faded: str) -> QIcon:
    """The glyph `name` of Phosphor in colour `tint`, `faded` where it is disabled. Raises KeyError for no glyph."""
    return QIcon(_Engine(chr(_codes()[name]), tint, faded))


class _Engine(QIconEngine):
    def __init__(self, letter: str, tint: str, faded: str):
        super().__init__()
        self._letter, self._tint, self._faded = letter, tint, faded

    def paint(self, painter: QPainter, area: QRect, mode: QIcon.Mode, _state: QIcon.State) -> None:
        font = QFont(_family())
        font.setPixelSize(max(1, round(FILLED * min(area.width(), area.height()))))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        painter.setFont(font)
        painter.setPen(QColor(self._faded if mode == QIcon.Mode.Disabled else self._tint))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, self._letter)
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        result = QPixmap(size)
        result.fill(Qt.GlobalColor.transparent)
        painter = QPainter(result)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return result

    def clone(self) -> QIconEngine:
        return _Engine(self._letter, self._tint, self._faded)


@cache
def _codes() -> dict[str, int]:
    """The code points of the glyphs by name."""
    named = json.loads(_file(NAMES).read_text(encoding="utf-8"))
    return {name: int(code, 16) for name, code in named.items()}


@cache
def _family() -> str:
    number = QFontDatabase.addApplicationFont(str(_file(FONT)))
    return QFontDatabase.applicationFontFamilies(number)[0]


def _file(pattern: str) -> Path:
    spec = find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec and spec.submodule_search_locations else []
    found = [path for folder in folders for path in (Path(folder) / "fonts").glob(pattern)]
    if not found:
        raise FileNotFoundError(f"QtAwesome is installed without its font {pattern}; install it anew.")
    return found[0]
