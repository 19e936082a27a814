"""The application's style sheet: resources/themes/lossmith.qss, its gaps filled with the colours of a theme.

In the sheet `$text` is a colour of the theme, `$px13` is 13 pixels at the scale in use, `$icons` the folder
of icons.
"""

import re
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gui.theme import Tokens

BORDER = 2
RESOURCES = Path(__file__).resolve().parent.parent / "resources"


def sheet(tokens: "Tokens", px: Callable[[float], int], mono: str) -> str:
    """The style sheet for `tokens`; `px` scales lengths and `mono` is the family of code."""
    text = _template()
    lengths = {f"px{n}": f"{px(int(n))}px" for n in set(re.findall(r"\$px(\d+)", text))}
    icons = (RESOURCES / "icons").as_posix()
    return Template(text).substitute(asdict(tokens), **lengths, **_handle(px), icons=icons, mono=mono)


def _handle(px: Callable[[float], int]) -> dict[str, str]:
    """The handle of a slider. Qt draws a radius larger than half the height as no radius at all."""
    height = px(8) + 2 * BORDER
    over = (height - px(4)) // 2
    return {"handle_radius": f"{height // 2}px", "handle_over": f"-{over}px"}


@cache
def _template() -> str:
    return (RESOURCES / "themes" / "lossmith.qss").read_text(encoding="utf-8")
