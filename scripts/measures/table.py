"""Says what was measured: as a table in the terminal and, the same figures, in the README."""

import re
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- measured by scripts/bench.py -->", "<!-- end of what was measured -->"


@dataclass(frozen=True)
class Figure:
    """One line: what was measured, what came out, and the bar it is held against."""

    what: str
    found: str
    bar: str
    holds: bool | None = None
    """Whether the bar is kept; None where there is none."""


def plain(figures: list[Figure]) -> str:
    """Return the table for a terminal."""
    widths = [
        max(len(getattr(one, name)) for one in (*figures, Figure("", "", "")))
        for name in ("what", "found", "bar")
    ]
    return "\n".join(
        f"{one.what:<{widths[0]}}  {one.found:>{widths[1]}}  {one.bar:<{widths[2]}}  {_verdict(one)}"
        for one in figures
    )


def _verdict(figure: Figure) -> str:
    return "" if figure.holds is None else "ok" if figure.holds else "MISSED"


def markdown(figures: list[Figure]) -> str:
    """Return the table for the README."""
    rows = [f"| {one.what} | {one.found} | {one.bar} |" for one in figures]
    return "\n".join(["| what | measured | bar |", "|---|---|---|", *rows])


def put_into(readme: Path, table: str) -> None:
    """Replace the table in `readme`. Raises ValueError where its marks are missing."""
    text = readme.read_text("utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{readme} has no place for the table: it needs the lines {BEGIN} and {END}")
    between = f"{BEGIN}\n{table}\n{END}"
    readme.write_text(
        re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: between, text, flags=re.S), "utf-8"
    )
