"""Pieces of a script: text, the imports it needs, and marks that say what part of the project a line is of.

Marks are comment lines, `#@ layer:trunk` before the lines and `#@` after them. They travel through the
formatter with the text; `script.py` takes them out at the end and keeps the line ranges.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import indent
from typing import NamedTuple

OPEN = "#@ "
CLOSE = "#@"


class CannotGenerate(Exception):
    """There is no script for this project yet; `where` is the reference of the part in the way."""

    def __init__(self, where: str, sentence: str) -> None:
        super().__init__(sentence)
        self.where = where
        self.sentence = sentence


@dataclass(frozen=True)
class Code:
    """Python text and the import lines it needs: `Code("x = np.zeros(3)", ("import numpy as np",))`."""

    text: str = ""
    imports: tuple[str, ...] = ()

    def marked(self, reference: str) -> Code:
        """The same code, marked as being about `reference`."""
        return Code(mark(reference, self.text), self.imports)

    def indented(self, by: str = "    ") -> Code:
        return Code(indent(self.text, by), self.imports)


def mark(reference: str, text: str) -> str:
    """Return `text` (whole lines) between marks for `reference`."""
    assert "\n" not in reference
    return f"{OPEN}{reference}\n{text}\n{CLOSE}"


def join(pieces: Iterable[Code], between: str = "\n") -> Code:
    """Put pieces one after another; imports are kept once, in order. Empty pieces leave no gap."""
    kept = [piece for piece in pieces if piece.text or piece.imports]
    imports = dict.fromkeys(line for piece in kept for line in piece.imports)
    return Code(between.join(piece.text for piece in kept if piece.text), tuple(imports))


class Lines(NamedTuple):
    """Text without marks, and for each reference its 1-based inclusive line ranges."""

    text: str
    ranges: dict[str, tuple[tuple[int, int], ...]]


def unmark(text: str) -> Lines:
    """Take the marks out of `text`. A mark that holds no line leaves no range; marks may be nested."""
    lines: list[str] = []
    opened: list[tuple[str, int]] = []
    ranges: dict[str, list[tuple[int, int]]] = {}
    for line in text.splitlines():
        stripped = line.strip()
        if stripped == CLOSE:
            reference, first = opened.pop()
            last = _last_filled(lines, first)
            if last >= first:
                ranges.setdefault(reference, []).append((first, last))
        elif stripped.startswith(OPEN):
            opened.append((stripped.removeprefix(OPEN), len(lines) + 1))
        else:
            lines.append(line)
    return Lines("\n".join(lines) + "\n", {reference: tuple(spans) for reference, spans in ranges.items()})


def _last_filled(lines: list[str], first: int) -> int:
    last = len(lines)
    while last >= first and not lines[last - 1].strip():
        last -= 1
    return last
