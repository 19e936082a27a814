"""What all charts of a panel share: the stretch of the x axis they show, its unit, the smoothing, the
crosshair.

While `follow` is on, the stretch ends where the run will end; panning or zooming switches it off.
"""

from PySide6.QtCore import QObject, Signal

from gui.plots.clock import Unit

SMALLEST_SPAN = 1e-4
MARGIN = 0.02


class View(QObject):
    """Places on the x axis are in `unit`."""

    changed = Signal()
    cursor_moved = Signal()

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self.unit: Unit = "epoch"
        self.smoothing = 0.6
        self.follow = True
        self.first, self.last = 0.0, 1.0
        self.end = 1.0
        self.cursor: float | None = None

    def set_end(self, end: float) -> None:
        """There are curves from 0 to `end` now."""
        self.end = max(end, SMALLEST_SPAN)
        if self.follow and (self.first, self.last) != (0.0, self.end):
            self.first, self.last = 0.0, self.end
            self.changed.emit()

    def set_unit(self, unit: Unit) -> None:
        """Show another unit; the stretch starts anew, for a place in epochs means nothing in seconds."""
        if unit != self.unit:
            self.unit, self.follow, self.cursor = unit, True, None
            self.changed.emit()

    def set_smoothing(self, amount: float) -> None:
        if amount != self.smoothing:
            self.smoothing = amount
            self.changed.emit()

    def follow_again(self) -> None:
        """Show everything, and go on showing everything."""
        self.follow = True
        self.first, self.last = 0.0, self.end
        self.changed.emit()

    def pan(self, by: float) -> None:
        """Move the stretch by `by`, as far as there is something to see."""
        span = self.last - self.first
        first = min(max(self.first + by, -MARGIN * span), max(0.0, self.end - span * (1 - MARGIN)))
        self._show(first, first + span)

    def zoom(self, factor: float, around: float) -> None:
        """Make the stretch `factor` times as long, with the place `around` where it is."""
        first = around - (around - self.first) * factor
        last = around + (self.last - around) * factor
        if factor > 1 and last - first >= self.end:
            self.follow_again()
        elif last - first > SMALLEST_SPAN * self.end:
            self._show(max(first, -MARGIN * (last - first)), last)

    def point(self, at: float | None) -> None:
        """Put the crosshair of all charts at `at`, or take it away."""
        if at != self.cursor:
            self.cursor = at
            self.cursor_moved.emit()

    def _show(self, first: float, last: float) -> None:
        self.follow = False
        self.first, self.last = first, last
        self.changed.emit()
