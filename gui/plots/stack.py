"""The balance sheet as a picture: weighted terms and regularization stacked up to the total, step by step."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from gui import theme
from gui.plots import painting
from gui.plots.chart import Plot
from gui.plots.columns import Columns
from gui.plots.smoothing import smooth
from gui.plots.strips import Floats as Floats32
from gui.plots.view import View

Floats = NDArray[np.float64]


class Layer(NamedTuple):
    """One summand: `term:NAME` or `regularization`, and its colour."""

    series: str
    colour: str


class Bands(NamedTuple):
    """Places on the x axis; for each summand its lower and upper edge there; the total."""

    x: Floats
    edges: list[tuple[Floats, Floats]]
    total: Floats


class StackPlot(Plot):
    """Stacks summands: what is positive upwards from zero, what is negative downwards."""

    def __init__(self, view: View, parent: QWidget | None = None):
        super().__init__(view, parent)
        self._columns: Columns | None = None
        self._layers: tuple[Layer, ...] = ()
        self._bands: tuple[object, Bands | None] = (None, None)

    def show_columns(self, columns: Columns | None, layers: Sequence[Layer]) -> None:
        """Stack `layers` of the run in `columns`, the first at the bottom."""
        self._columns, self._layers = columns, tuple(layers)
        self._bands = (None, None)
        self.update()

    def frame_in(self, paper: QRectF) -> painting.Frame:
        area = painting.plot_area(paper, theme.scale())
        bands = self.bands(int(area.width()))
        low, high = _limits(bands)
        return painting.Frame(area, self._view.first, self._view.last, low, high, False)

    def paint(self, painter: QPainter, paper: QRectF, cursor: bool = True) -> None:
        t, small, frame = theme.tokens(), theme.font(11, tabular=True), self.frame_in(paper)
        painting.grid(painter, frame, t, small)
        bands = self.bands(int(frame.area.width()))
        if bands is not None and len(bands.x) > 1:
            self._paint_bands(painter, frame, bands)
        if cursor and self._view.cursor is not None:
            painting.crosshair(painter, frame, self._view.cursor, [], t)

    def _paint_bands(self, painter: QPainter, frame: painting.Frame, bands: Bands) -> None:
        painter.save()
        painter.setClipRect(frame.area.adjusted(0, -2, 1, 2))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x = frame.x(bands.x)
        for layer, (low, high) in zip(self._layers, bands.edges, strict=True):
            colour = QColor(layer.colour)
            painter.setPen(Qt.PenStyle.NoPen)
            colour.setAlphaF(0.75)
            painter.setBrush(colour)
            edge = np.concatenate([frame.y(high), frame.y(low)[::-1]])
            painter.drawPolygon(painting.polygon(np.concatenate([x, x[::-1]]), edge))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(theme.tokens().text), 1.6))
        painter.drawPolyline(painting.polygon(x, frame.y(bands.total)))
        painter.restore()

    def bands(self, width: int) -> Bands | None:
        """What is drawn when the chart is `width` pixels wide."""
        columns, view = self._columns, self._view
        if columns is None or columns.empty:
            return None
        key = (
            id(columns),
            columns.version,
            width,
            view.first,
            view.last,
            view.unit,
            view.smoothing,
            self._layers,
        )
        if key != self._bands[0]:
            self._bands = (key, stacked(columns, self._layers, view, width))
        return self._bands[1]


def stacked(columns: Columns, layers: Sequence[Layer], view: View, width: int) -> Bands:
    """Stack the weighted values of `layers`: smoothed steps, or the means of epochs where steps are not
    known.
    """
    x, values, total = _by_step(columns, layers, view, width)
    up, down = np.zeros(len(x)), np.zeros(len(x))
    edges = []
    for value in values:
        start = np.where(value >= 0, up, down)
        edges.append((start, start + value))
        up, down = up + np.maximum(value, 0), down + np.minimum(value, 0)
    return Bands(x, edges, total)


def _by_step(
    columns: Columns, layers: Sequence[Layer], view: View, width: int
) -> tuple[Floats, list[Floats], Floats]:
    clock = columns.clock(view.unit)
    first, last = float(clock.step(view.first)), float(clock.step(view.last))

    def mean(series: str) -> Floats32:
        return columns.pyramids[series].buckets(first, last, max(50, width // 2)).mean

    def settled(values: Floats32) -> Floats:
        return np.nan_to_num(smooth(values, view.smoothing).astype(np.float64))

    at = columns.pyramids["total"].buckets(first, last, max(50, width // 2)).at
    values = [settled(_weighted(mean, layer.series)) for layer in layers]
    return clock.at(at + 1), values, settled(mean("total"))


def _weighted(mean: Callable[[str], Floats32], series: str) -> Floats32:
    """The mean of a summand in each bucket: of a term, times its weight there."""
    if not series.startswith("term:"):
        return mean(series)
    return mean(series) * mean(series.replace("term:", "weight:"))


def _limits(bands: Bands | None) -> tuple[float, float]:
    if bands is None or not len(bands.x):
        return 0.0, 1.0
    highs = [high.max() for _, high in bands.edges] + [bands.total.max()]
    lows = [low.min() for low, _ in bands.edges] + [high.min() for _, high in bands.edges] + [0.0]
    low, high = float(min(lows)), float(max(highs))
    span = max(high - low, 1e-12)
    step = 10 ** np.floor(np.log10(span)) / 4
    return float(np.floor(low / step) * step), float(np.ceil((high + 0.03 * span) / step) * step)
