"""How commands speak: results on stdout, everything else on stderr, JSON without surprises."""

import csv
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console

says = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())
"""For people: progress and sentences. Results go to stdout by `print`. In a file or pipe a sentence is one line."""


def print_json(value: Any, indent: int | None = 2) -> None:
    """Print `value` as JSON; NaN and infinities, which JSON lacks, become null."""
    print(json.dumps(without_nan(value), indent=indent, ensure_ascii=False), flush=True)


def without_nan(value: Any) -> Any:
    """Return a copy of `value` in which numbers that JSON cannot hold are None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return value


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Print rows as CSV; what a row lacks stays empty, and floats are written so that they read back the
    same.
    """
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
