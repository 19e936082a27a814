"""What the total and the regularization are worth now, from the same feed as the table of terms and the curves."""

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from gui.plots.feed import live_feed
from gui.training import Training
from gui.turns import Turn


class LiveValues(QObject):
    """`arrived` carries values by reference; {} when there is no run to show."""

    arrived = Signal(object)

    def __init__(self, training: Training, watcher: QWidget):
        super().__init__(watcher)
        self._feed = live_feed(training)
        self._feed.watch(watcher)
        growing = Turn(self, self.tell)
        self._feed.grew.connect(growing.ask)
        self._feed.switched.connect(self.tell)

    def tell(self) -> None:
        """Tell the newest values."""
        columns = self._feed.columns
        sheet = columns.now() if columns is not None else None
        known = {"total": sheet.total, "regularization": sheet.regularization} if sheet else {}
        self.arrived.emit(known)
