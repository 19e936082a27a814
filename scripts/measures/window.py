"""Measures the window as a user has it: `python -m scripts.measures.window [--only NAME] [--seconds 10] [--json FILE]`.

Each figure is taken in a process of its own, with the real window drawn without a screen and, where one trains, the
real engine. The bars are those of the design.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from scripts.measures.subjects import (  # noqa: E402
    MEMORY_RUNS,
    MEMORY_STEPS,
    ZOOM_CURVES,
    ZOOM_STEPS,
    eight_terms,
    write_long_run,
    write_runs,
)

GAP_MS, PATIENCE = 5, 120.0
FRAMES = 120
BARS: dict[str, dict[str, float]] = {
    "smooth": {"gap_p99_ms": 16, "gap_max_ms": 50},
    "zoom": {"frame_p95_ms": 16},
    "memory": {"resident_mib": 300},
    "start": {"usable_s": 1.5, "tensorflow_modules": 0},
    "first": {"first_point_s": 2.0},
}


# ---- what is measured


def smooth(folder: Path, seconds: float) -> dict[str, float]:
    """Gaps of a 5 ms timer while eight terms train at full speed, curves and balance in sight."""
    with opened(folder, eight_terms(folder, epochs=100_000)) as window:
        show_balance_beside_curves(window)
        warm(window)
        window.press_train()
        wait(lambda: window.bench.training.state.phase == "training", "it trains")
        wait(lambda: has_steps(window, 2_000), "the curves have begun")
        pause(2.0)
        return gaps(window, seconds)


def zoom(folder: Path, _seconds: float) -> dict[str, float]:
    """Frame times of sixteen curves of a million steps each, zoomed and panned."""
    run = runs_there()[0]
    with opened(folder, eight_terms(folder)) as window:
        window.bench.training.show_run(run)
        window.show_panel("curves")
        wait(lambda: has_steps(window, ZOOM_STEPS), "all steps are there")
        panel = window.docks.panel("curves")
        assert len([chart for chart in panel.charts.values() if chart.isVisible()]) == ZOOM_CURVES
        return frames(panel)


def memory(folder: Path, _seconds: float) -> dict[str, float]:
    """Resident memory of the window with ten runs of 100,000 steps drawn over each other."""
    runs = runs_there()
    assert len(runs) == MEMORY_RUNS
    with opened(folder, eight_terms(folder)) as window:
        window.bench.training.show_run(runs[0])
        window.bench.training.show_overlay(tuple(runs[1:]))
        window.show_panel("curves")
        panel = window.docks.panel("curves")
        wait(lambda: has_steps(window, MEMORY_STEPS), "all steps are there")
        wait(lambda: all(whole(feed) for feed in panel._others.values()), "the others too")
        pause(1.0)
        return {"resident_mib": resident(os.getpid()), "peak_mib": peak()}


def start(folder: Path, _seconds: float) -> dict[str, float]:
    """Seconds from the command to a window that answers, warm; and to all its panels."""
    began = float(os.environ["BENCH_BEGAN"])
    with opened(folder, None) as window:
        shown = time.time() - began
        pause(0.0)
        usable = time.time() - began
        wait(lambda: window.docks is not None, "the panels are made")
        panels = time.time() - began
        loaded = sum(name.split(".")[0] in ("tensorflow", "keras") for name in sys.modules)
        return {
            "usable_s": usable,
            "shown_s": shown,
            "panels_s": panels,
            "resident_mib": resident(os.getpid()),
            "tensorflow_modules": loaded,
        }


def first(folder: Path, _seconds: float) -> dict[str, float]:
    """Seconds from Train pressed to the first point painted, with a warm engine; the longest gap meanwhile."""
    with opened(folder, eight_terms(folder, epochs=100_000)) as window:
        warm(window)
        plot = window.docks.panel("curves")
        timer = Gaps()
        began = time.monotonic()
        window.press_train()
        wait(lambda: painted(plot), "a point is painted")
        return {"first_point_s": time.monotonic() - began, "gap_max_ms": timer.stop()["gap_max_ms"]}


MEASURES: dict[str, Callable[[Path, float], dict[str, float]]] = {
    "smooth": smooth,
    "first": first,
    "zoom": zoom,
    "memory": memory,
    "start": start,
}


RECORDS: dict[str, Callable[[Path], None]] = {"zoom": write_long_run, "memory": write_runs}
"""What is written first, in a process of its own so that its memory does not count."""


# ---- the window under measurement


@contextmanager
def opened(folder: Path, project: Any) -> Iterator[Any]:
    """The window as the program opens it, with `project` in it; closed with all engines in the end."""
    from gui import entry

    window = entry.open_window(entry._options([]))
    window.resize(1440, 900)
    try:
        pause(0.0)
        if project is not None:
            window.bench.files.new(project, folder)
        yield window
    finally:
        if window.bench.training.state.busy:
            window.bench.training.stop()
            wait(lambda: not window.bench.training.state.busy, "the run has stopped")
        window.bench.document.undo.setClean()
        window.close()


def show_balance_beside_curves(window: Any) -> None:
    from PySide6.QtCore import Qt

    window.show_panels()
    docks = window.docks.docks
    window.docks.splitDockWidget(docks["curves"], docks["balance"], Qt.Orientation.Horizontal)
    window.show_panel("curves")


def warm(window: Any) -> None:
    """Wait until the engine is ready and everything about the project is known."""
    training, checking = window.bench.training, window.bench.checking
    wait(lambda: training.state.engine == "ready", "the engine is ready")
    wait(lambda: checking.facts.model is not None, "Keras has answered")
    assert not checking.blocking, checking.blocking


def has_steps(window: Any, count: int) -> bool:
    from gui.plots.feed import live_feed

    columns = live_feed(window.bench.training).columns
    return columns is not None and columns.count >= count


def whole(feed: Any) -> bool:
    """Whether all of a run is there, and its record is let go."""
    return feed.columns is not None and feed.columns.count == MEMORY_STEPS and feed._reader is None


def painted(panel: Any) -> bool:
    """Whether a chart has drawn at least one point."""
    chart = panel.charts.get("total")
    return chart is not None and any(len(drawn.train.x) for _, drawn in chart.plot._made[1])


class Gaps:
    """A 5 ms timer that notes how long its owner's thread was away: in wall time, and how much of it it worked."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.found: list[tuple[float, float]] = []
        self._last = time.perf_counter(), time.thread_time()
        self._timer = QTimer(interval=GAP_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now = time.perf_counter(), time.thread_time()
        self.found.append((now[0] - self._last[0], now[1] - self._last[1]))
        self._last = now

    def stop(self) -> dict[str, float]:
        self._timer.stop()
        gaps, work = np.array(self.found).T * 1000
        return {
            "gap_p50_ms": float(np.percentile(gaps, 50)),
            "gap_p95_ms": float(np.percentile(gaps, 95)),
            "gap_p99_ms": float(np.percentile(gaps, 99)),
            "gap_max_ms": float(gaps.max()),
            "work_p99_ms": float(np.percentile(work, 99)),
            "work_max_ms": float(work.max()),
        }


def gaps(window: Any, seconds: float) -> dict[str, float]:
    timer, steps, before = Gaps(), known_steps(window), time.thread_time()
    pause(seconds)
    found = timer.stop()
    found["busy"] = (time.thread_time() - before) / seconds
    found["steps_a_second"] = (known_steps(window) - steps) / seconds
    return found


def known_steps(window: Any) -> int:
    from gui.plots.feed import live_feed

    return int(live_feed(window.bench.training).columns.count)


def frames(panel: Any) -> dict[str, float]:
    """Zoom in to a stretch, pan along it, zoom out again; each frame paints every chart at once."""
    view, times, work = panel.view, [], []
    view.set_unit("step")
    panel._grow()
    for number in range(FRAMES):
        began, worked = time.perf_counter(), time.thread_time()
        if number % 3 == 2:
            view.pan((view.last - view.first) / 20 * (1 if number % 2 else -1))
        else:
            view.zoom(0.8 if number < FRAMES // 2 else 1.25, view.end * 0.4)
        for chart in panel.charts.values():
            chart.plot.repaint()
        times.append(1000 * (time.perf_counter() - began))
        work.append(1000 * (time.thread_time() - worked))
    return {
        "frame_p50_ms": float(np.percentile(times, 50)),
        "frame_p95_ms": float(np.percentile(times, 95)),
        "work_p95_ms": float(np.percentile(work, 95)),
    }


# ---- the event loop


def wait(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        pause(0.01)


def pause(seconds: float) -> None:
    """Let the window work for a while, and at least until it has nothing left to do."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(int(seconds * 1000), loop.quit)
    loop.exec()


def runs_there() -> list[Path]:
    return sorted(path.parent for path in Path(os.environ["LOSSMITH_RUNS"]).glob("*/train.py"))


def resident(pid: int) -> float:
    """MiB of memory that are in use now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# ---- one process each


def in_a_process(name: str, seconds: float) -> dict[str, float]:
    """Measure `name` in a fresh process with folders of its own."""
    with tempfile.TemporaryDirectory(prefix="lossmith-bench-") as temporary:
        environment = {
            **os.environ,
            "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"),
            "LOSSMITH_RUNS": f"{temporary}/runs",
            "LOSSMITH_SETTINGS": f"{temporary}/window.ini",
        }
        command = [sys.executable, "-m", "scripts.measures.window", "--only", name]
        command += ["--seconds", str(seconds), "--in", temporary]
        if name in RECORDS:
            subprocess.run([*command, "--record"], env=environment, cwd=ROOT, check=True)
        environment["BENCH_BEGAN"] = str(time.time())
        done = subprocess.run(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(name: str, found: dict[str, float]) -> None:
    for key, value in found.items():
        bar = BARS[name].get(key)
        verdict = "" if bar is None else f"  bar {bar:g}  {'ok' if value <= bar else 'MISSED'}"
        print(f"{name:<8}{key:<20}{value:>12.3f}{verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=MEASURES, default=None)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long the gaps are watched")
    parser.add_argument("--json", type=Path, default=None, help="write the figures here too")
    parser.add_argument("--in", dest="folder", type=Path, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--record", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.record:
        RECORDS[options.only](options.folder)
        return
    if options.folder:
        print(json.dumps(MEASURES[options.only](options.folder, options.seconds)))
        return
    figures = {}
    for name in [options.only] if options.only else list(MEASURES):
        figures[name] = in_a_process(name, options.seconds)
        show(name, figures[name])
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
