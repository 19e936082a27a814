"""Colours, type and spacing of the window: two themes from one table, switched live.

Everything that paints takes its colours from `tokens()` when it paints and repaints on `notifier().changed`.
The heads' colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), for all readers.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QIcon, QPalette
from PySide6.QtWidgets import QApplication

from gui import glyphs, stylesheet
from gui.colouring import Composed, colours

ThemeName = Literal["light", "dark"]

GAP_XS, GAP_S, GAP_M, GAP_L, GAP_XL = 4, 8, 12, 16, 24
ROW, BUTTON, RADIUS = 28, 32, 6
FONT_PX = 13
MIN_SCALE, MAX_SCALE = 0.8, 2.0

# Tried in turn where the system's own choice is only an alias ("Sans Serif").
FAMILIES = ("Inter", "Segoe UI", "Noto Sans", "Cantarell", "Ubuntu", "Liberation Sans", "DejaVu Sans")
MONO_FAMILIES = ("JetBrains Mono", "SF Mono", "Cascadia Mono", "Noto Sans Mono", "DejaVu Sans Mono")
ALIASES = ("Sans Serif", "Sans", "monospace", "Monospace", "")


@dataclass(frozen=True)
class Tokens:
    """The colours of one theme, as `#rrggbb`."""

    name: ThemeName
    window: str  # behind the panels
    surface: str  # panels, bars
    canvas: str  # the ground of the graph and of plots
    raised: str  # nodes, popups
    field: str  # ground of an input field
    hover: str
    border: str
    strong_border: str  # edges of controls
    grid: str  # lines and dots behind a plot or graph
    text: str
    muted: str
    accent: str
    accent_hover: str
    on_accent: str
    accent_soft: str  # ground of what is selected
    track: str  # the empty part of a bar, slider or switch
    neutral: str  # marks of what has no head: inputs, layers
    spark: str  # bars of small histograms
    good: str
    warning: str
    bad: str
    good_soft: str
    warning_soft: str
    bad_soft: str
    heads: tuple[str, ...]  # Okabe-Ito, in the order heads take them


LIGHT = Tokens(
    name="light",
    window="#f4f5f7",
    surface="#ffffff",
    canvas="#fafbfc",
    raised="#ffffff",
    field="#ffffff",
    hover="#f0f3f6",
    border="#dfe3e8",
    strong_border="#c6ccd4",
    grid="#e1e5ea",
    text="#1c232b",
    muted="#5b6672",
    accent="#2f6fdb",
    accent_hover="#265fc0",
    on_accent="#ffffff",
    accent_soft="#e6eefb",
    track="#e4e7ec",
    neutral="#8a94a0",
    spark="#8db0eb",
    good="#1a7a45",
    warning="#8a5a00",
    bad="#b42a22",
    good_soft="#e5f4ec",
    warning_soft="#fdf3dc",
    bad_soft="#fdeceb",
    heads=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#9a9000"),
)

DARK = Tokens(
    name="dark",
    window="#15191e",
    surface="#1c2128",
    canvas="#171b21",
    raised="#20262e",
    field="#141920",
    hover="#252c34",
    border="#2c343d",
    strong_border="#434d59",
    grid="#283038",
    text="#e6eaee",
    muted="#a3adb8",
    accent="#5b9bff",
    accent_hover="#7db0ff",
    on_accent="#0b1524",
    accent_soft="#22324b",
    track="#303842",
    neutral="#77828e",
    spark="#3e639e",
    good="#4cc38a",
    warning="#e0b04a",
    bad="#ff8078",
    good_soft="#1b3329",
    warning_soft="#352d1b",
    bad_soft="#3c2424",
    heads=("#56b4e9", "#e69f00", "#2fc79a", "#cc79a7", "#f0e442", "#e8743b", "#5aa0d0"),
)

THEMES: dict[str, Tokens] = {"light": LIGHT, "dark": DARK}

# What an action means -> the Phosphor glyph that shows it. Other glyphs are asked for by their Phosphor name.
ICONS = {
    "train": "play-fill",
    "resume": "play-fill",
    "pause": "pause-fill",
    "stop": "stop-fill",
    "problem": "warning-circle-fill",
    "warning": "warning-fill",
    "hint": "info",
    "good": "check-circle-fill",
    "search": "magnifying-glass",
    "close": "x",
    "add": "plus",
    "remove": "trash",
    "open": "folder-open",
    "new": "file-plus",
    "save": "floppy-disk",
    "export": "export",
    "undo": "arrow-counter-clockwise",
    "redo": "arrow-clockwise",
    "reset": "arrow-counter-clockwise",
    "help": "question",
    "settings": "sliders-horizontal",
    "more": "dots-three",
    "expand": "caret-down",
    "collapse": "caret-up",
    "data": "table",
    "image": "image",
    "text": "text-aa",
    "number": "hash",
    "category": "tag",
    "time": "clock",
    "array": "cube",
    "visible": "eye",
    "hidden": "eye-slash",
    "copy": "copy",
    "link": "link",
    "recent": "clock-counter-clockwise",
    "run": "chart-line",
    "code": "code",
    "fit": "corners-out",
}


class _Notifier(QObject):
    changed = Signal()


class _State:
    """What is in use; one for the application, like QApplication's palette."""

    tokens: Tokens = LIGHT
    scale: float = 1.0
    notifier: _Notifier | None = None
    family: str | None = None
    mono: str | None = None
    used: object = None
    """The application that it is in use for."""


def tokens() -> Tokens:
    """The colours in use."""
    return _State.tokens


def scale() -> float:
    """The size of everything, 0.8 to 2."""
    return _State.scale


def px(length: float) -> int:
    """`length` pixels at 100 % as pixels at the scale in use."""
    return round(length * _State.scale)


def notifier() -> _Notifier:
    """Its signal `changed` says that colours or sizes are other ones."""
    if _State.notifier is None:
        _State.notifier = _Notifier()
    return _State.notifier


def use(app: QApplication, name: str, scale: float | None = None) -> None:
    """Switch the whole application to theme `name` ("light" or "dark"), and to `scale` where one is given."""
    before = (_State.tokens, _State.scale, _State.used)
    _State.tokens, _State.used = THEMES.get(name, LIGHT), app
    if scale is not None:
        _State.scale = min(MAX_SCALE, max(MIN_SCALE, scale))
    if before == (_State.tokens, _State.scale, app):
        return
    if app.style().objectName().lower() != "fusion":
        app.setStyle("Fusion")
    app.setFont(font())
    app.setPalette(_palette(_State.tokens))
    app.setStyleSheet(stylesheet.sheet(_State.tokens, px, mono_family()))
    notifier().changed.emit()


def font(size: float = FONT_PX, bold: bool = False, tabular: bool = False) -> QFont:
    """The window's font, `size` pixels at 100 %; `tabular` makes all digits equally wide."""
    result = QFont(_family())
    result.setPixelSize(px(size))
    if bold:
        result.setWeight(QFont.Weight.DemiBold)
    if tabular:
        result.setFeature(QFont.Tag("tnum"), 1)
    return result


def mono_font(size: float = FONT_PX - 1) -> QFont:
    """The font of code, `size` pixels at 100 %."""
    result = QFont(mono_family())
    result.setPixelSize(px(size))
    result.setStyleHint(QFont.StyleHint.Monospace)
    return result


def mono_family() -> str:
    if _State.mono is None:
        _State.mono = _chosen(QFontDatabase.SystemFont.FixedFont, MONO_FAMILIES)
    return _State.mono


def _family() -> str:
    if _State.family is None:
        _State.family = _chosen(QFontDatabase.SystemFont.GeneralFont, FAMILIES)
    return _State.family


def _chosen(system: QFontDatabase.SystemFont, wanted: tuple[str, ...]) -> str:
    """The system's family if it names a real one, else the first of `wanted` that is installed."""
    own = QFontDatabase.systemFont(system).family()
    if own not in ALIASES:
        return own
    installed = set(QFontDatabase.families())
    return next((name for name in wanted if name in installed), QFontInfo(QFont(own)).family())


def _palette(t: Tokens) -> QPalette:
    role, palette = QPalette.ColorRole, QPalette()
    for names, colour in (
        ((role.Window, role.AlternateBase), t.window),
        ((role.Base, role.Button), t.surface),
        ((role.WindowText, role.Text, role.ButtonText, role.ToolTipText), t.text),
        ((role.BrightText,), t.bad),
        ((role.Highlight,), t.accent_soft),
        ((role.HighlightedText,), t.text),
        ((role.Accent, role.Link), t.accent),
        ((role.ToolTipBase,), t.raised),
        ((role.PlaceholderText,), t.muted),
        ((role.Mid, role.Dark), t.border),
        ((role.Midlight, role.Light), t.hover),
    ):
        for name in names:
            palette.setColor(name, QColor(colour))
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, QColor(t.neutral))
    return palette


def colour_of(project: Composed, reference: str) -> str:
    """The colour of what `reference` names, the same in node, term, curve and table.

    Heads take the Okabe-Ito colours in their order. A term has the colour of its first head that no earlier
    term took; where all are taken, a shade of its first head's. `total` is text; layers are quiet.
    """
    t = _State.tokens
    quiet = {"total": t.text, "regularization": t.muted}
    return quiet.get(reference) or colours(project, t.heads, t.name).get(reference, t.neutral)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


@lru_cache(maxsize=512)
def _rgb(colour: str) -> tuple[int, int, int]:
    value = QColor(colour)
    return value.red(), value.green(), value.blue()


def readable(colour: str, ground: str | None = None, ratio: float = 4.5) -> str:
    """`colour`, moved towards the text colour until text in it stands out from `ground` by `ratio`."""
    return _readable(colour, ground or _State.tokens.surface, _State.tokens.text, ratio)


@lru_cache(maxsize=512)
def _readable(colour: str, ground: str, text: str, ratio: float) -> str:
    for share in range(0, 101, 10):
        mixed = mix(colour, text, share / 100)
        if contrast(mixed, ground) >= ratio:
            return mixed
    return text


def mix(one: str, other: str, share: float) -> str:
    """`one` with `share` (0 to 1) of `other` in it."""
    parts = (round(a + (b - a) * share) for a, b in zip(_rgb(one), _rgb(other), strict=True))
    return QColor(*parts).name()


def icon(name: str, colour: str | None = None) -> QIcon:
    """A tinted vector icon: one of `ICONS`, or any Phosphor glyph by its name ("gear", "trash")."""
    tint = colour or _State.tokens.muted
    return glyphs.icon(ICONS.get(name, name), tint, mix(tint, _State.tokens.surface, 0.6))
