"""Shows that memory stays flat while rows stream from disk.

    python -m scripts.measures.streaming [--gib 3] [--json FILE]

For CSV and Parquet in turn it writes a table of the size that was asked for, trains on it as a user does from the
command line, and looks at the memory of both processes (command line, engine) once a second. Then it trains on a table
of --middle-mib both ways, streamed and from memory, for the ratio of steps a second. All files are removed at the end.

Resident memory counts pages of shared libraries too; of files that are read, only what a process has mapped.
"""

import argparse
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from core.project import storage  # noqa: E402
from core.project.schema import (  # noqa: E402
    CsvSource,
    Data,
    Head,
    Input,
    Layer,
    Model,
    NumberField,
    ParquetSource,
    Project,
    Split,
    Term,
    Training,
)
from core.runs.history import History  # noqa: E402
from core.runs.launch import attach  # noqa: E402

COLUMNS, GROUP, CHUNKS = 16, 100_000, 8
MIB = 2**20
BOUND_MIB = 2048
COMMAND = [sys.executable, "-P", "-m", "gui.entry", "train"]


def numbers(seed: int) -> np.ndarray:
    """Return GROUP rows of COLUMNS features and what is to be learnt of them."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(GROUP, COLUMNS)).astype("float32")
    target = features[:, :4].sum(1, keepdims=True) + random.normal(size=(GROUP, 1)) / 10
    return np.hstack([features, target.astype("float32")])


def names() -> list[str]:
    return [*(f"f{number}" for number in range(COLUMNS)), "y"]


def write_csv(path: Path, size: int) -> None:
    """Write about `size` bytes: few different stretches of rows, since making numbers is slower than the disk."""
    chunks = [_text(numbers(seed)) for seed in range(CHUNKS)]
    with path.open("wb") as file:
        file.write((",".join(names()) + "\n").encode())
        while file.tell() < size:
            file.write(chunks[file.tell() % CHUNKS])


def _text(rows: np.ndarray) -> bytes:
    return b"".join(b",".join(b"%.6f" % value for value in row) + b"\n" for row in rows.tolist())


def write_parquet(path: Path, size: int) -> None:
    """Write about `size` bytes before compression, which numbers such as these hardly know."""
    schema = pa.schema([(name, pa.float32()) for name in names()])
    with pq.ParquetWriter(path, schema) as file:
        for seed in range(max(1, size // (4 * GROUP * (COLUMNS + 1)))):
            file.write_table(pa.table(list(numbers(seed).T), schema=schema), row_group_size=GROUP)


def project(path: Path, loading: str, epochs: int, batch_size: int) -> Path:
    """Write a project that trains on the table at `path`, and return its file."""
    source = CsvSource(path=path.name) if path.suffix == ".csv" else ParquetSource(path=path.name)
    fields = {
        "x": NumberField(columns=tuple(names()[:-1]), scaling="standardize"),
        "y": NumberField(columns=("y",)),
    }
    made = Project(
        name=f"{path.stem} {loading}",
        data=Data(source=source, fields=fields, split=Split(validation=0.05), loading=loading),  # type: ignore[arg-type]
        model=Model(
            inputs={"x": Input(field="x")},
            layers={
                "one": Layer(class_name="Dense", sources=("x",), config={"units": 64, "activation": "relu"}),
                "two": Layer(class_name="Dense", sources=("one",), config={"units": 1}),
            },
            heads={"p": Head(layer="two")},
        ),
        terms={"mse": Term(bind={"y_true": "target:y", "y_pred": "head:p"})},
        training=Training(epochs=epochs, batch_size=batch_size),
    )
    file = path.with_suffix(f".{loading}.lossmith")
    file.write_text(storage.dumps(made), "utf-8")
    return file


def memory(pid: int) -> float:
    """Return the resident memory of a process in MiB, 0 when it is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Rss:")) / 1024
    return 0.0


def peak(pid: int) -> float:
    """Return the most resident memory that a process has had so far, in MiB."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024
    return 0.0


def train(file: Path, runs: Path) -> dict[str, Any]:
    """Train a project from the command line; return the run, and the memory of both processes by the second."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    curve: list[tuple[float, float, float]] = []
    peaks = [0.0, 0.0]
    began = time.time()
    with subprocess.Popen(
        [*COMMAND, str(file), "--runs", str(runs), "--json"], env=environment, stdout=subprocess.DEVNULL
    ) as command:
        while command.poll() is None:
            time.sleep(1)
            engine = next(_engines(runs), 0)
            pids = (command.pid, engine)
            curve.append((round(time.time() - began, 1), *(round(memory(pid), 1) for pid in pids)))
            peaks = [max(before, peak(pid)) for before, pid in zip(peaks, pids, strict=True)]
    if command.returncode:
        raise SystemExit(f"{file.name} was not trained (exit code {command.returncode}).")
    return {"run": max(runs.iterdir(), key=os.path.getmtime), "curve": curve, "peaks": peaks}


def _engines(runs: Path) -> Iterator[int]:
    for run in runs.iterdir() if runs.is_dir() else ():
        endpoint = attach(run)
        if endpoint is not None:
            yield endpoint.pid


def speeds(run: Path) -> tuple[list[float], str, float]:
    """Return the steps a second of each epoch, the way they were made, and the last total."""
    history = History(run)
    try:
        epochs = history.epochs()
        way = next(event.body["sentence"] for event in history.events() if event.kind == "way")
    finally:
        history.close()
    ends = [(0, 0.0), *((epoch.step, epoch.seconds) for epoch in epochs)]
    spans = [(b[0] - a[0]) / (b[1] - a[1]) for a, b in itertools.pairwise(ends)]
    return spans, way, epochs[-1].train["total"]


def flat(folder: Path, suffix: str, gib: float, epochs: int) -> dict[str, Any]:
    """Train on a large table and return how much memory that took."""
    path = folder / f"large{suffix}"
    (write_csv if suffix == ".csv" else write_parquet)(path, int(gib * 1024 * MIB))
    size = path.stat().st_size
    done = train(project(path, "auto" if gib > 1 else "stream", epochs, 1024), folder / "runs")
    path.unlink()
    steps, way, total = speeds(done["run"])
    engine = [each[2] for each in done["curve"] if each[2]]
    half = len(engine) // 2
    return {
        "file": path.name,
        "mib": round(size / MIB),
        "seconds": done["curve"][-1][0],
        "command_peak_mib": round(done["peaks"][0]),
        "engine_peak_mib": round(done["peaks"][1]),
        "engine_first_half_mib": round(max(engine[:half], default=0)),
        "engine_second_half_mib": round(max(engine[half:], default=0)),
        "steps_a_second": [round(each) for each in steps],
        "way": way,
        "total": total,
        "curve": done["curve"],
    }


def ratio(folder: Path, suffix: str, mib: int, batch_size: int) -> dict[str, Any]:
    """Train on a middle-sized table both ways and return the steps a second of the later epochs."""
    path = folder / f"middle{suffix}"
    (write_csv if suffix == ".csv" else write_parquet)(path, mib * MIB)
    rates = {}
    for loading in ("memory", "stream"):
        done = train(project(path, loading, 4, batch_size), folder / "runs")
        rates[loading] = float(np.median(speeds(done["run"])[0][1:]))
    path.unlink()
    found = {loading: round(rate) for loading, rate in rates.items()}
    return {
        "file": path.name,
        "batch_size": batch_size,
        **found,
        "ratio": round(rates["stream"] / rates["memory"], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gib", type=float, default=3.0, help="size of the large tables")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument(
        "--middle-mib", type=int, default=200, help="size of the tables for the ratio; 0: none"
    )
    parser.add_argument("--only", choices=("csv", "parquet"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    kinds = [f".{options.only}"] if options.only else [".csv", ".parquet"]
    found: dict[str, list[dict[str, Any]]] = {"large": [], "middle": []}
    with tempfile.TemporaryDirectory(prefix="lossmith-streaming-") as place:
        for kind in kinds:
            if options.gib:
                note(flat(Path(place), kind, options.gib, options.epochs), "large", found, options.json)
            for size in (32, 1024) if options.middle_mib else ():
                note(ratio(Path(place), kind, options.middle_mib, size), "middle", found, options.json)


def note(row: dict[str, Any], name: str, found: dict[str, list[dict[str, Any]]], file: Path | None) -> None:
    """Say what was found, and write it down: the next figure may take an hour."""
    found[name].append(row)
    print({key: value for key, value in row.items() if key != "curve"}, flush=True)
    if name == "large":
        most = max(row["command_peak_mib"], row["engine_peak_mib"])
        print(
            f"  most memory of a process: {most} MiB; the bound of {BOUND_MIB} is kept: {most <= BOUND_MIB}",
            flush=True,
        )
    if file:
        file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
