"""Paints a chart with a QPainter: grid, curves, marks and crosshair, the same on the screen, in a picture
and in an SVG.

Charts are painted by hand because there may be sixteen of them to pan at once: measured in software
rendering, a plot of pyqtgraph with three short curves took 5 to 7 ms a frame and this takes under one.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import shiboken6
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from gui.plots import ticks
from gui.plots.columns import Mark
from gui.plots.trace import Drawn, Points, Trace
from gui.theme import Tokens, mix

Floats = NDArray[np.float64]
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 8, 22
BETWEEN_X_LABELS, BETWEEN_Y_LABELS, POINTS_APART = 70, 34, 12


class Frame(NamedTuple):
    """Where on the paper the chart lies and what it shows. On a logarithmic axis `low` and `high` are
    logarithms.
    """

    area: QRectF
    first: float
    last: float
    low: float
    high: float
    log: bool

    def x(self, places: Floats | float) -> Floats:
        share = (np.asarray(places, np.float64) - self.first) / (self.last - self.first)
        return self.area.left() + share * self.area.width()

    def y(self, values: Floats | float) -> Floats:
        """Where `values` lie; NaN for what a logarithmic axis has no place for."""
        shown = np.asarray(values, np.float64)
        if self.log:
            shown = np.log10(np.where(shown > 0, shown, np.nan))
        share = (shown - self.low) / (self.high - self.low)
        return np.clip(self.area.bottom() - share * self.area.height(), -1e4, 1e4)

    def place(self, x: float) -> float:
        """The place on the x axis under pixel `x`."""
        return self.first + (x - self.area.left()) / self.area.width() * (self.last - self.first)


def plot_area(paper: QRectF, scale: float) -> QRectF:
    """The part of `paper` inside the axes."""
    return paper.adjusted(LEFT * scale, TOP * scale, -RIGHT * scale, -BOTTOM * scale)


def limits(shown: Sequence[Drawn], log: bool) -> tuple[float, float]:
    """The lowest and highest value on the y axis, rounded outwards so that a live axis does not tremble."""
    values = np.concatenate([drawn.values() for drawn in shown]) if shown else np.empty(0)
    if log:
        values = np.log10(values[values > 0])
    if not len(values):
        return (-1.0, 0.0) if log else (0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    span = max(high - low, 0.15 if log else max(abs(high), abs(low), 1e-12) * 0.05)
    step = 0.05 if log else 10 ** np.floor(np.log10(span)) / 4
    return float(np.floor((low - 0.04 * span) / step) * step), float(
        np.ceil((high + 0.04 * span) / step) * step
    )


def wants_log(shown: Sequence[Drawn], now: bool) -> bool:
    """Whether a logarithmic axis tells more: all is positive and spans a decade; once chosen it stays for
    half.
    """
    values = (
        np.concatenate([np.concatenate([d.train.y, d.validation.y]) for d in shown]) if shown else np.empty(0)
    )
    values = values[np.isfinite(values)]
    if len(values) < 2 or values.min() <= 0:
        return False
    return bool(values.max() / values.min() >= (4 if now else 10))


def grid(painter: QPainter, frame: Frame, tokens: Tokens, font: QFont) -> None:
    """The lines behind the curves and the numbers at the axes."""
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    make = ticks.logarithmic if frame.log else ticks.linear
    across = make(frame.low, frame.high, max(2, int(frame.area.height() / BETWEEN_Y_LABELS)))
    lines, words = QPen(QColor(tokens.grid), 1), QColor(tokens.muted)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for tick in across:
        share = (tick.at - frame.low) / (frame.high - frame.low)
        y = round(frame.area.bottom() - share * frame.area.height())
        painter.setPen(lines)
        painter.drawLine(QPointF(frame.area.left(), y), QPointF(frame.area.right(), y))
        painter.setPen(words)
        width = metrics.horizontalAdvance(tick.label)
        painter.drawText(QPointF(frame.area.left() - width - 6, y + metrics.ascent() / 2 - 1), tick.label)
    baseline = frame.area.bottom() + metrics.ascent() + 6
    for tick in ticks.linear(frame.first, frame.last, max(2, int(frame.area.width() / BETWEEN_X_LABELS))):
        width = metrics.horizontalAdvance(tick.label)
        x = min(float(frame.x(tick.at)) - width / 2, frame.area.right() + RIGHT - width)
        painter.drawText(QPointF(x, baseline), tick.label)


def curves(painter: QPainter, frame: Frame, shown: Sequence[tuple[Trace, Drawn]], tokens: Tokens) -> None:
    """The curves, those of other runs behind, with a dot where the shown run is now."""
    painter.save()
    painter.setClipRect(frame.area.adjusted(-1, -4, RIGHT, 4))
    for trace, drawn in sorted(shown, key=lambda pair: pair[0].main):
        _curve(painter, frame, trace, drawn, tokens)
    painter.restore()


def _curve(painter: QPainter, frame: Frame, trace: Trace, drawn: Drawn, tokens: Tokens) -> None:
    colour = QColor(trace.colour)
    if not trace.main:
        colour.setAlphaF(0.55)
    if trace.main and len(drawn.raw.x):
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        _line(painter, frame, drawn.raw, QPen(_faint(trace.colour, tokens), 1))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    solid = QPen(colour, 1.8 if trace.main else 1.3)
    solid.setJoinStyle(Qt.PenJoinStyle.BevelJoin)
    _line(painter, frame, drawn.train, solid)
    dashes = QPen(colour, 1.5 if trace.main else 1.1)
    dashes.setDashPattern([4, 3])
    _line(painter, frame, drawn.validation, dashes)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    if trace.main and _apart(frame, drawn.validation):
        _dots(painter, frame, drawn.validation, 2.0)
    if not trace.by_step and _apart(frame, drawn.train):
        _dots(painter, frame, drawn.train, 2.4)
    if trace.main and len(drawn.train.x):
        _dots(painter, frame, Points(drawn.train.x[-1:], drawn.train.y[-1:]), 3.4)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _apart(frame: Frame, points: Points) -> bool:
    """Whether the points lie far enough from each other to be seen as such."""
    if not len(points.x):
        return False
    length = float(frame.x(points.x[-1]) - frame.x(points.x[0]))
    return len(points.x) < 3 or length / len(points.x) >= POINTS_APART


def _faint(colour: str, tokens: Tokens) -> QColor:
    """A tint that covers what is below it: see-through lines take twice as long to draw."""
    return QColor(mix(colour, tokens.surface, 0.62))


def _line(painter: QPainter, frame: Frame, points: Points, pen: QPen) -> None:
    painter.setPen(pen)
    for x, y in _pieces(frame.x(points.x), frame.y(points.y)):
        if len(x) > 1:
            painter.drawPolyline(polygon(x, y))
        elif len(x) == 1 and pen.style() == Qt.PenStyle.SolidLine:
            painter.drawPoint(QPointF(float(x[0]), float(y[0])))


def _dots(painter: QPainter, frame: Frame, points: Points, radius: float) -> None:
    for x, y in zip(frame.x(points.x).tolist(), frame.y(points.y).tolist(), strict=True):
        if x == x and y == y:
            painter.drawEllipse(QPointF(x, y), radius, radius)


def _pieces(x: Floats, y: Floats) -> list[tuple[Floats, Floats]]:
    """Cut a line at its gaps."""
    bad = ~np.isfinite(y)
    if not bad.any():
        return [(x, y)]
    edges = np.flatnonzero(np.diff(np.concatenate([[True], bad, [True]]).astype(np.int8)))
    return [(x[start:stop], y[start:stop]) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def polygon(x: Floats, y: Floats) -> QPolygonF:
    """The points as Qt has them, copied in one go: point by point it takes a hundred times as long."""
    points = QPolygonF()
    points.resize(len(x))
    place: Any = shiboken6.VoidPtr
    memory = np.frombuffer(place(points.data(), len(x) * 16, True), np.float64).reshape(-1, 2)
    memory[:, 0], memory[:, 1] = x, y
    return points


def marks(
    painter: QPainter, frame: Frame, found: Sequence[tuple[float, Mark]], tokens: Tokens, font: QFont
) -> None:
    """Dotted lines where something changed, with words where there is room for them."""
    metrics, free = QFontMetricsF(font), -1e9
    painter.setFont(font)
    for place, mark in found:
        x = float(frame.x(place))
        if not frame.area.left() <= x <= frame.area.right():
            continue
        bad = mark.words == "not a number"
        painter.setPen(QPen(QColor(tokens.bad if bad else tokens.neutral), 1.2, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(x, frame.area.top()), QPointF(x, frame.area.bottom()))
        width = metrics.horizontalAdvance(mark.words)
        left = x + 5 if x + 5 + width <= frame.area.right() + RIGHT else x - 5 - width
        if left > free:
            painter.setPen(QColor(tokens.bad if bad else tokens.muted))
            painter.drawText(QPointF(left, frame.area.top() + metrics.ascent()), mark.words)
            free = left + width + 8


def crosshair(
    painter: QPainter, frame: Frame, place: float, dots: Sequence[tuple[float, str]], tokens: Tokens
) -> None:
    """A line at `place` and a ring on each curve there."""
    x = float(frame.x(place))
    if not frame.area.left() <= x <= frame.area.right():
        return
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(QPen(QColor(tokens.strong_border), 1))
    painter.drawLine(QPointF(x, frame.area.top()), QPointF(x, frame.area.bottom()))
    painter.setBrush(QColor(tokens.surface))
    for value, colour in dots:
        y = float(frame.y(value))
        if y == y:
            painter.setPen(QPen(QColor(colour), 1.6))
            painter.drawEllipse(QPointF(x, y), 3.4, 3.4)
    painter.setBrush(Qt.BrushStyle.NoBrush)
