"""How speed changes with the number of heads, rows and parameters: the engine beside the script."""

from pathlib import Path
from typing import Any

from core.runs.client import EngineClient
from scripts.measures.cases import Case, many_heads, mlp
from scripts.measures.racing import race

HEADS = (1, 2, 4, 8, 16, 32, 64)
ROWS = ((1_000, 40), (10_000, 8), (100_000, 3), (1_000_000, 3), (10_000_000, 2))
"""Numbers of rows, each with the epochs that take long enough to be timed."""
WIDTHS = (1024, 1448, 2048, 2896, 3456)
"""Units of two layers, together 1.1, 2.1, 4.2, 8.4 and 12.0 million parameters."""


def heads_case(count: int) -> Case:
    layers = many_heads(count)
    return Case(f"{count} heads", 6_400, (16,), layers, 32, 3, tuple(layers)[1:])


def rows_case(rows: int, epochs: int) -> Case:
    return Case(f"{rows:,} rows", rows, (4,), mlp(64), 1024, epochs)


def width_case(units: int) -> Case:
    return Case(f"{parameters(units) / 1e6:.1f} million parameters", 1_600, (16,), mlp(units), 32, 3)


def parameters(units: int) -> int:
    return 17 * units + (units + 1) * units + units + 1


def measure(client: EngineClient, folder: Path, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Return a list of points for each of `heads`, `rows` and `parameters`; `at` is where a point stands."""
    series = {
        "heads": [(count, heads_case(count)) for count in HEADS],
        "rows": [(rows, rows_case(rows, epochs)) for rows, epochs in ROWS],
        "parameters": [(parameters(units), width_case(units)) for units in WIDTHS],
    }
    return {
        name: [{"at": at} | race(case, client, folder, rounds) for at, case in cases]
        for name, cases in series.items()
    }
