"""Pieces of a script: text, the imports it needs, and marks that say what part of the project a line is of.

Marks are comment lines, `#@ layer:trunk` before the lines and `#@` after them. They travel through the
formatter with the text; `script.py` takes them out at the end and keeps the line ranges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from textwrap import indent
from typing import NamedTuple

OPEN = "#@ "
CLOSE = "#@"
VERBATIM = "#@@ "
NOTHING: Mapping[str, str] = {}


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


def unmark(text: str, verbatim: Mapping[str, str] = NOTHING) -> Lines:
    """Take the marks out of `text`. A mark that holds no line leaves no range; marks may be nested.

    A line `#@@ name` is replaced by the lines of `verbatim[name]`, in which nothing counts as a mark.
    """
    reading = _Reading()
    for line in text.splitlines():
        stripped = _plain(line)
        if stripped == CLOSE:
            reading.close()
        elif stripped.startswith(OPEN):
            reading.open(stripped.removeprefix(OPEN))
        elif stripped.startswith(VERBATIM):
            name = stripped.removeprefix(VERBATIM)
            reading.open(name)
            for own in verbatim[name].split("\n"):
                reading.add(own)
            reading.close()
        elif stripped:
            reading.add(line)
        else:
            reading.blank += 1
    return Lines(
        "\n".join(reading.lines) + "\n", {name: tuple(spans) for name, spans in reading.ranges.items()}
    )


def _plain(line: str) -> str:
    """A line without its indent; the formatter writes `# @` for `#@`."""
    stripped = line.strip()
    return f"#{stripped[2:]}" if stripped.startswith("# @") else stripped


class _Reading:
    """Lines as they come, blank ones held back: around a mark that goes away they must not add up."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ranges: dict[str, list[tuple[int, int]]] = {}
        self.blank = 0
        self._held = 0
        self._opened: list[tuple[str, int | None]] = []

    def add(self, line: str) -> None:
        self.lines += [""] * max(self._held, self.blank) + [line]
        self._held = self.blank = 0
        here = len(self.lines)
        self._opened = [(name, here if first is None else first) for name, first in self._opened]

    def open(self, reference: str) -> None:
        self._hold()
        self._opened.append((reference, None))

    def close(self) -> None:
        self._hold()
        reference, first = self._opened.pop()
        if first is not None:
            self.ranges.setdefault(reference, []).append((first, len(self.lines)))

    def _hold(self) -> None:
        self._held, self.blank = max(self._held, self.blank), 0
