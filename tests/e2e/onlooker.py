"""The real window in a process that may be killed: it says on its standard output what it shows, one JSON a line.

`python -m tests.e2e.onlooker [--train PROJECT] [--every SECONDS]`: `attached` with the seconds it took once a run is
followed, then `shows` with the number of steps in its curves, and how many of the first of them have no value.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from gui import entry
from gui.photograph import when_checked
from gui.plots.feed import live_feed
from gui.window import Window

FIRST = 100_000


class Onlooker:
    """Watches a window and says what there is to see."""

    def __init__(self, window: Window, every: float):
        self._window, self._began = window, time.monotonic()
        self._attached, self._shown = False, 0
        self._clock = QTimer(window, interval=int(every * 1000))
        self._clock.timeout.connect(self._look)
        self._clock.start()

    def _look(self) -> None:
        training = self._window.bench.training
        if training.state.phase == "training" and training.state.epoch and not self._attached:
            self._attached = True
            self._say(event="attached", seconds=time.monotonic() - self._began, run=str(training.run))
        columns = live_feed(training).columns
        if columns is not None and columns.path == training.run and columns.count > self._shown:
            self._shown = columns.count
            missing = int(np.isnan(columns.pyramids["total"].steps(0, FIRST)).sum())
            self._say(event="shows", steps=columns.count, missing=missing)

    def _say(self, **what: object) -> None:
        print(json.dumps(what), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", type=Path, default=None)
    parser.add_argument("--every", type=float, default=0.01)
    options = parser.parse_args()
    window = entry.open_window(entry._options([]))
    onlooker = Onlooker(window, options.every)
    if options.train is not None:
        window.bench.files.open(options.train)
        when_checked(window, window.press_train)
    window.show_panel("curves")
    QApplication.exec()
    del onlooker


if __name__ == "__main__":
    main()
