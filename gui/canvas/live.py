"""The last values of the run that trains, a few times a second, for the nodes that show them."""

from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal

from core.runs.history import History
from gui.background import Background
from gui.training import Training

EVERY = 250
SHOWN = ("total", "regularization")


class LiveValues(QObject):
    """`arrived` carries values by reference; {} when there is nothing to show.

    The record is read in a worker thread.
    """

    arrived = Signal(object)

    def __init__(self, training: Training, parent: QObject | None = None):
        super().__init__(parent)
        self._training = training
        self._reader = Background("canvas values", self)
        self._clock = QTimer(self, interval=EVERY)
        self._clock.timeout.connect(self._read)
        training.state_changed.connect(lambda _state: self._follow())
        training.run_changed.connect(lambda _run: self.arrived.emit({}))
        training.closing.connect(self.close)

    def close(self) -> None:
        self._clock.stop()
        self._reader.close()

    def _follow(self) -> None:
        """Read while something trains, and once more when it ends."""
        if self._training.state.busy:
            if not self._clock.isActive():
                self._clock.start()
        elif self._clock.isActive():
            self._clock.stop()
            self._read()

    def _read(self) -> None:
        history = self._training.history
        if history is not None:
            # What is wrong with a record is said where its curves are; here there is just no number.
            nothing = partial(self.arrived.emit, {})
            self._reader.ask(
                "values", lambda: last_values(history), self.arrived.emit, lambda _why: nothing()
            )


def last_values(history: History) -> Mapping[str, float]:
    """Return the newest recorded values of what nodes show; nothing before the first step."""
    steps = history.steps(max(0, history.step_count - 1))
    if not len(steps):
        return {}
    return {
        name: float(value) for name, value in zip(history.series, steps[-1], strict=False) if name in SHOWN
    }
