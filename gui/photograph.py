"""Pictures of the window for documentation and for looking at it without a screen: `--screenshot PNG`."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication

from gui.window import Window

SETTLE = 900
"""Milliseconds the window gets to finish its drawing before the picture is taken."""
PATIENCE = 240_000
"""Milliseconds that a picture waits for a training to end; then it is taken anyway."""
ENDED = ("done", "stopped", "failed")


def when_checked(window: Window, then: Callable[[], object]) -> None:
    """Call `then` once the data of the open project were inspected and its problems are known."""
    checking = window.bench.checking
    if checking.facts.data is not None:
        then()
        return

    def look() -> None:
        if checking.facts.data is not None:
            checking.changed.disconnect(look)
            then()

    checking.changed.connect(look)


class Photograph(QObject):
    """Takes one picture, when the window has settled or its training has ended, and ends the program.

    The exit code is 1 when the training failed or the picture could not be written.
    """

    def __init__(self, window: Window, out: Path, after_training: bool):
        super().__init__(window)
        self._window, self._out, self._failed = window, out, False
        self._waiting = True
        if after_training:
            window.bench.training.state_changed.connect(lambda state: self._follow(state.phase))
            QTimer.singleShot(PATIENCE, self._ready)
        else:
            when_checked(window, self._ready)
            QTimer.singleShot(PATIENCE // 10, self._ready)

    def _follow(self, phase: str) -> None:
        if phase in ENDED:
            self._failed = phase == "failed"
            self._ready()

    def _ready(self) -> None:
        if self._waiting:
            self._waiting = False
            QTimer.singleShot(SETTLE, self._take)

    def _take(self) -> None:
        written = self._window.grab().save(str(self._out), "PNG")
        self._window.bench.document.undo.setClean()
        self._window.close()
        QApplication.exit(0 if written and not self._failed else 1)
