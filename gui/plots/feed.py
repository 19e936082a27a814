"""Brings a run's history to the screen: pulls on its own clock, only while somebody looks, never in the GUI
thread.

The record is read in a worker thread and arrives in pieces, so that neither a slow disk nor a million steps
hold the window up. While a new run has nothing to show yet, the curves of the one before it stay.
"""

from pathlib import Path

import shiboken6
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from core.runs.folder import facts_of
from core.runs.history import History
from gui.background import Background
from gui.pace import give_back
from gui.plots.columns import Columns, Piece, Sorted
from gui.training import Training

PULLS_A_SECOND = 10
MOST_STEPS = 10_000
"""Of one piece: what is read at once is in memory twice for a moment."""


class _Reader:
    """Reads pieces of one run's record; lives in the worker thread."""

    def __init__(self, run: Path):
        self._run, self._history, self._facts = run, History(run), facts_of(run)

    @property
    def name(self) -> str:
        return str(self._facts.get("name") or self._run.name)

    def piece(self, columns: Columns) -> Sorted:
        """Read the next piece of the record and sort it into `columns`."""
        state = self._history.state  # before the steps: what ends in between is seen at the next pull
        (first, event), series = columns.wanted, self._history.series
        steps = self._history.read(first, MOST_STEPS)
        epochs = self._history.epochs_after(columns.epochs.last)
        more = len(steps) == MOST_STEPS
        events = self._history.events(event)
        return columns.sort_in(Piece(series, steps, epochs, events, state, more, self._history.damage))

    def close(self) -> None:
        self._history.close()


class Feed(QObject):
    """The curves of one run, growing while it trains. `grew` when there is more, `switched` when it is
    another run.
    """

    grew = Signal()
    switched = Signal()
    damaged = Signal(str)  # a sentence, once a run

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self.columns: Columns | None = None
        self._coming: Columns | None = None
        self._reader: _Reader | None = None
        self._watchers: list[QWidget] = []
        self._worker = Background("curves", self)
        self._reading = False
        self._told = ""
        self._clock = QTimer(self, interval=1000 // PULLS_A_SECOND)
        self._clock.timeout.connect(self.pull)

    def watch(self, widget: QWidget) -> None:
        """Pull while `widget` can be seen."""
        self._watchers.append(widget)

    def show(self, run: Path | None) -> None:
        """Follow `run`; what is shown now stays until there is something of it to see."""
        self._worker.forget("piece")
        self._reader, self._reading, self._told = None, False, ""
        self._coming = Columns(run) if run is not None else None
        if run is None:
            self._switch(None)
        else:
            self._clock.start()
            self.pull(anyway=True)

    def pull(self, anyway: bool = False) -> None:
        """Ask the worker for what is new, unless it is reading already or nobody looks."""
        following = self._coming or self.columns
        if following is None or self._reading or not (anyway or self._seen()):
            return
        self._reading = True
        reader = self._reader

        def read() -> tuple[_Reader, Sorted]:
            used = reader or _Reader(following.path)
            return used, used.piece(following)

        self._worker.ask("piece", read, self._take, self._give_up)

    def close(self) -> None:
        self._clock.stop()
        self._worker.close()
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _seen(self) -> bool:
        self._watchers = [widget for widget in self._watchers if shiboken6.isValid(widget)]
        return any(widget.isVisible() for widget in self._watchers)

    def _take(self, answer: tuple[_Reader, Sorted]) -> None:
        self._reading = False
        self._reader, found = answer
        piece = found.piece
        following = self._coming or self.columns
        if following is None:
            return
        following.name = self._reader.name
        changed = following.take(found)
        if self._coming is not None and not self._coming.empty:
            self._switch(self._coming)
        elif changed and self._coming is None:
            self.grew.emit()
        if piece.damage and piece.damage != self._told:
            self._told = piece.damage
            self.damaged.emit(piece.damage)
        if piece.more:
            self.pull(anyway=True)
        elif not changed and not piece.state.live and piece.state.status != "waiting":
            self._rest()

    def _switch(self, columns: Columns | None) -> None:
        if columns is self.columns and columns is not None:
            return
        self.columns, self._coming = columns, None
        self.switched.emit()

    def _rest(self) -> None:
        """The run is over and all of it is here: let go of the file and of the rows it keeps in memory."""
        self._clock.stop()
        reader, self._reader = self._reader, None
        if reader is not None:
            self._worker.ask("rest", lambda: _rest(reader), lambda _none: None, self._give_up)

    def _give_up(self, error: Exception) -> None:
        self._reading = False
        self._clock.stop()


def _rest(reader: _Reader) -> None:
    reader.close()
    give_back()


def live_feed(training: Training) -> Feed:
    """The one feed of the run that is shown, shared by all panels of the window."""
    found = training.findChild(Feed, "live feed")
    if isinstance(found, Feed):
        return found
    feed = Feed(training)
    feed.setObjectName("live feed")
    training.run_changed.connect(feed.show)
    training.closing.connect(feed.close)

    def note_total() -> None:
        if feed.columns is not None and feed.columns.path == training.run:
            training.last_total = feed.columns.latest("total")

    feed.grew.connect(note_total)
    feed.damaged.connect(lambda sentence: training.trouble.emit(sentence, ""))
    if training.run is not None:
        feed.show(training.run)
    return feed
