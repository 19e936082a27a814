"""Measures what the design promises, side by side in one process tree.

    python scripts/bench.py                          everything; about an hour, on a machine with nothing else to do
    python scripts/bench.py --parts speed --rounds 2 --only 2x64
    python scripts/bench.py --write                  and put figures, picture and table where the README shows them

Speed is a ratio: the engine with every term of every step recorded, against the exported script under plain
`fit`, in turn, in child processes on the same processors. Figures are medians.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core.runs import wire  # noqa: E402
from core.runs.client import EngineClient  # noqa: E402
from scripts.measures import growth  # noqa: E402
from scripts.measures.cases import IMAGES, LARGE, SMALL, TABLE, Case  # noqa: E402
from scripts.measures.drawing import growth_svg  # noqa: E402
from scripts.measures.racing import race  # noqa: E402
from scripts.measures.table import Figure, markdown, plain, put_into  # noqa: E402

MEASURED = ROOT / "resources" / "measured"
RACES: tuple[tuple[Case, float], ...] = (
    (SMALL, 7.0),
    (SMALL.with_turbo(), 20.0),
    (LARGE, 1.0),
    (IMAGES, 1.0),
)
FIRST_POINT, TELEMETRY, STREAMING = 2.0, 0.03, 2_000
WINDOW = (
    ("Gaps of the event loop while 8 terms train at full speed: p99", "smooth", "gap_p99_ms", 16, "ms", 1),
    ("The longest of them", "smooth", "gap_max_ms", 50, "ms", 1),
    ("From Train pressed to the first point painted, engine warm", "first", "first_point_s", 2.0, "s", 2),
    ("16 curves of 1,000,000 steps, zoom and pan: p95 frame", "zoom", "frame_p95_ms", 16, "ms", 1),
    ("Memory of the window with 10 runs of 100,000 steps", "memory", "resident_mib", 300, "MiB", 0),
    ("From the start to a window that can be used", "start", "usable_s", 1.5, "s", 2),
)
"""Each figure of the window: what it is, where it is found, its bar, unit and digits."""


@contextmanager
def engine(folder: Path):  # type: ignore[no-untyped-def]
    """A warm engine that ends with the block."""
    with EngineClient.start(folder / "engines") as client:
        while not isinstance(client.receive(120), wire.Ready):
            pass
        yield client
        client.send(wire.Shutdown())
        while not isinstance(client.receive(30), wire.Gone | None):
            pass


def speed(folder: Path, rounds: int, only: str) -> tuple[Any, list[Figure]]:
    """Race the cases with a bar, and the short run that is to end before TensorFlow is imported elsewhere."""
    with engine(folder) as client:
        rows = [race(case, client, folder, rounds) | {"bar": bar} for case, bar in RACES if only in case.name]
        short = [race(TABLE, client, folder, rounds)] if only in TABLE.name else []
    figures = (
        [_ratio(row) for row in rows] + [_first(row) for row in rows[:1]] + [_short(row) for row in short]
    )
    return {"races": rows, "short": short}, figures


def _ratio(row: dict[str, Any]) -> Figure:
    what = f"{row['case']}: steps a second, engine / script"
    speeds = f"{row['engine_steps_a_second']:,.0f} / {row['script_steps_a_second']:,.0f}"
    return Figure(
        what, f"{row['ratio']:.1f} ({speeds})", f"at least {row['bar']:g}", row["ratio"] >= row["bar"]
    )


def _first(row: dict[str, Any]) -> Figure:
    first, again = row["seconds_to_first_step"], row["seconds_to_first_step_again"]
    what = f"{row['case']}: from Train to the first step, warm; the same structure again"
    return Figure(what, f"{first:.2f} s; {again:.2f} s", f"at most {FIRST_POINT:g} s", first <= FIRST_POINT)


def _short(row: dict[str, Any]) -> Figure:
    end, imported = row["seconds_to_end"], row["seconds_to_import_tensorflow"]
    found = f"{end:.1f} s; {imported:.1f} s"
    return Figure(
        f"{row['case']} to the end; TensorFlow imported by the script", found, "sooner", end < imported
    )


def grown(folder: Path, rounds: int, _only: str) -> tuple[Any, list[Figure]]:
    """Measure growth; its picture is drawn by `--write`."""
    with engine(folder) as client:
        found = growth.measure(client, folder, max(1, rounds // 2))
    return found, [_growth(name, points) for name, points in found.items()]


def _growth(name: str, points: list[dict[str, Any]]) -> Figure:
    first, last = (f"{points[place]['at']:,}" for place in (0, -1))
    return Figure(f"{first} to {last} {name}: steps a second, engine / script", _range(points), "")


def _range(points: list[dict[str, Any]]) -> str:
    ratios = [point["ratio"] for point in points]
    return f"{min(ratios):.1f} to {max(ratios):.1f}"


def elsewhere(name: str, folder: Path, *options: str) -> Any:
    """Return what `scripts.measures.NAME` measures in a process of its own."""
    found = folder / "found.json"
    command = [sys.executable, "-m", f"scripts.measures.{name}", "--json", str(found), *options]
    subprocess.run(command, cwd=ROOT, check=True)
    return json.loads(found.read_text())


def telemetry(folder: Path, _rounds: int, only: str) -> tuple[Any, list[Figure]]:
    """The share of a step that recording it takes."""
    rows = elsewhere("telemetry", folder, "--only", only)
    return rows, [_share(row) for row in rows]


def _share(row: dict[str, Any]) -> Figure:
    what = f"{row['case']}: telemetry's share of a step"
    found = f"{row['share']:.1%} of {row['ms_with']:.2f} ms"
    if row["ms_with"] < 1:
        return Figure(what, found, "")
    return Figure(what, found, f"at most {TELEMETRY:.0%} above 1 ms", row["share"] <= TELEMETRY)


def window(folder: Path, _rounds: int, _only: str) -> tuple[Any, list[Figure]]:
    """How smooth, quick and small the window is."""
    found = elsewhere("window", folder)
    return found, [
        Figure(
            what, f"{found[name][key]:.{digits}f} {unit}", f"at most {bar} {unit}", found[name][key] <= bar
        )
        for what, name, key, bar, unit, digits in WINDOW
    ]


def streaming(folder: Path, _rounds: int, _only: str) -> tuple[Any, list[Figure]]:
    """The memory that a table larger than memory takes, and its pace beside that of a table in memory."""
    found = elsewhere("streaming", folder)
    figures = [_memory(row) for row in found["large"]]
    return found, figures + [_pace(row) for row in found["middle"]]


def _memory(row: dict[str, Any]) -> Figure:
    halves = f"first half {row['engine_first_half_mib']:,}, second half {row['engine_second_half_mib']:,}"
    what = f"Streaming {row['mib'] / 1024:.1f} GiB of {row['file'].partition('.')[2].upper()}: memory of the engine"
    peak = row["engine_peak_mib"]
    return Figure(what, f"{peak:,} MiB ({halves})", f"at most {STREAMING:,} MiB", peak <= STREAMING)


def _pace(row: dict[str, Any]) -> Figure:
    kind = row["file"].partition(".")[2].upper()
    return Figure(
        f"Streaming {kind}, batch {row['batch_size']}: pace, against rows in memory", f"{row['ratio']:g}", ""
    )


Part = Callable[[Path, int, str], tuple[Any, list[Figure]]]
PARTS: dict[str, Part] = {
    "speed": speed,
    "telemetry": telemetry,
    "window": window,
    "streaming": streaming,
    "growth": grown,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--only", default="", help="of the races, run only those with this in their name")
    parser.add_argument("--json", type=Path, default=None, help="write the figures here")
    parser.add_argument("--write", action="store_true", help="renew what the README shows")
    options = parser.parse_args()
    found, figures = {}, []
    for name in options.parts:
        with tempfile.TemporaryDirectory(prefix="lossmith-bench-") as temporary:
            found[name], lines = PARTS[name](Path(temporary), options.rounds, options.only)
        figures += lines
        if options.json:
            options.json.write_text(json.dumps(found, indent=2) + "\n")
        if options.write:
            write(name, found[name], lines)
    print(plain(figures))


def write(part: str, found: Any, figures: list[Figure]) -> None:
    """Renew one part of what the README shows; the others stay as they were measured before."""
    MEASURED.mkdir(exist_ok=True)
    file = MEASURED / "bench.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    known[part] = {"figures": [asdict(figure) for figure in figures], "found": found}
    known = {name: known[name] for name in PARTS if name in known}
    file.write_text(json.dumps(known, indent=1) + "\n")
    if part == "growth":
        (MEASURED / "growth.svg").write_text(growth_svg(found))
    rows = [Figure(**figure) for each in known.values() for figure in each["figures"]]
    put_into(ROOT / "README.md", markdown(rows))


if __name__ == "__main__":
    main()
