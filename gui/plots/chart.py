"""A chart: a title with live values over curves that can be panned, zoomed, read with a crosshair and taken
away.
"""

from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from gui import theme
from gui.plots import painting
from gui.plots.columns import Mark
from gui.plots.ticks import fixed
from gui.plots.trace import Drawn, Trace, drawn, value_at
from gui.plots.view import View
from gui.widgets.iconbutton import IconButton
from gui.widgets.naming import named, role

MOST_MARKS = 100
MIN_WIDTH, MIN_HEIGHT, VALUES_WIDTH = 200, 70, 190


class Plot(QWidget):
    """The painted part. What it paints is made anew only when the curves, the view or the size changed."""

    def __init__(self, view: View, parent: QWidget | None = None):
        super().__init__(parent)
        self._view = view
        self.traces: tuple[Trace, ...] = ()
        self.log: bool | None = None  # None: chosen by what there is to see
        self.log_in_effect = False
        self._made: tuple[object, list[tuple[Trace, Drawn]]] = (None, [])
        self._grabbed: QPointF | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(theme.px(MIN_WIDTH), theme.px(MIN_HEIGHT))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        view.changed.connect(self.update)
        view.cursor_moved.connect(self.update)
        theme.notifier().changed.connect(self.update)

    # ---- painting

    def frame(self) -> painting.Frame:
        """Where the chart lies in this widget and what it shows."""
        return self.frame_in(QRectF(self.rect()))

    def frame_in(self, paper: QRectF) -> painting.Frame:
        area = painting.plot_area(paper, theme.scale())
        shown = [one for _, one in self._shown(int(area.width()))]
        self.log_in_effect = painting.wants_log(shown, self.log_in_effect) if self.log is None else self.log
        low, high = painting.limits(shown, self.log_in_effect)
        return painting.Frame(area, self._view.first, self._view.last, low, high, self.log_in_effect)

    def paint(self, painter: QPainter, paper: QRectF, cursor: bool = True) -> None:
        """Paint the chart onto `paper`, which may belong to a picture or an SVG."""
        t, small = theme.tokens(), self._small_font()
        frame = self.frame_in(paper)
        painting.grid(painter, frame, t, small)
        painting.curves(painter, frame, self._shown(int(frame.area.width())), t)
        painting.marks(painter, frame, self._marks(), t, small)
        if cursor and self._view.cursor is not None:
            painting.crosshair(painter, frame, self._view.cursor, self._dots(self._view.cursor), t)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.tokens().surface))
        self.paint(painter, QRectF(self.rect()))
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.tokens().accent), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)

    def _shown(self, width: int) -> list[tuple[Trace, Drawn]]:
        view = self._view
        versions = tuple((id(trace), trace.columns.version) for trace in self.traces)
        key = (versions, width, view.first, view.last, view.unit, view.smoothing)
        if key != self._made[0]:
            self._made = (key, [(trace, drawn(trace, view, width)) for trace in self.traces])
        return self._made[1]

    def _marks(self) -> list[tuple[float, Mark]]:
        """What happened to the shown run, where this chart is about it."""
        found: list[tuple[float, Mark]] = []
        for trace in (trace for trace in self.traces if trace.main):
            own = [mark for mark in trace.columns.marks if mark.series in ("", trace.series)][-MOST_MARKS:]
            places = trace.columns.clock(self._view.unit).at(np.array([mark.step for mark in own], float))
            found += zip(places.tolist(), own, strict=True)
        return found

    def _dots(self, place: float) -> list[tuple[float, str]]:
        values = [(self.value(trace, place, validation), trace.colour) for trace in self.traces if trace.main
                  for validation in (False, True)]  # fmt: skip
        return [(value, colour) for value, colour in values if value is not None]

    def value(self, trace: Trace, place: float, validation: bool) -> float | None:
        """What `trace` shows at `place` on the x axis."""
        width = int(painting.plot_area(QRectF(self.rect()), theme.scale()).width())
        shown = next((drawn for one, drawn in self._shown(width) if one is trace), None)
        return None if shown is None else value_at(trace, shown, place, validation)

    def _small_font(self) -> QFont:
        return theme.font(11, tabular=True)

    # ---- mouse and keys

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(theme.px(380), theme.px(190))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            self._grabbed = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        frame = self.frame()
        if self._grabbed is not None:
            moved = frame.place(self._grabbed.x()) - frame.place(event.position().x())
            self._grabbed = event.position()
            self._view.pan(moved)
        self._view.point(frame.place(event.position().x()))

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:  # noqa: N802
        self._grabbed = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:  # noqa: N802
        self._view.follow_again()

    def leaveEvent(self, event: object) -> None:  # noqa: N802
        self._view.point(None)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Ctrl and wheel zooms, a sideways wheel pans; the plain wheel scrolls the charts."""
        turn, side = event.angleDelta().y(), event.angleDelta().x()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier and turn:
            self._view.zoom(0.999**turn, self.frame().place(event.position().x()))
        elif side:
            self._view.pan(-side / 1200 * (self._view.last - self._view.first))
        else:
            event.ignore()
            return
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Arrows pan, plus and minus zoom, Home shows everything."""
        view, span = self._view, self._view.last - self._view.first
        middle = (view.first + view.last) / 2
        keys: dict[int, Callable[[], None]] = {
            Qt.Key.Key_Left: lambda: view.pan(-span / 10),
            Qt.Key.Key_Right: lambda: view.pan(span / 10),
            Qt.Key.Key_Plus: lambda: view.zoom(0.8, middle),
            Qt.Key.Key_Minus: lambda: view.zoom(1.25, middle),
            Qt.Key.Key_Home: view.follow_again,
        }
        act = keys.get(event.key())
        if act is None:
            super().keyPressEvent(event)
        else:
            act()


class Readout(QLabel):
    """As many values as fit whole: half a number is a wrong number, and the legend has them all."""

    def __init__(self) -> None:
        super().__init__()
        self._words: list[str] = []
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def say(self, words: list[str]) -> None:
        self._words = words
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        words = self._words
        while words and self.fontMetrics().horizontalAdvance("   ".join(words)) > self.width():
            words = words[:-1]
        self.setText("   ".join(words))


class Chart(QWidget):
    """A plot with its title line: what it shows, its newest values or those at the crosshair, log switch,
    menu.
    """

    def __init__(
        self,
        title: str,
        view: View,
        takeaway: Callable[["Chart", QMenu], None],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.title = title
        self._view = view
        plain = "".join(letter if letter.isalnum() else "_" for letter in title)
        self.plot = named(Plot(view), f"plot_{plain}", f"Chart of {title}")
        self._about = role(QLabel(), "muted")
        self._name, self._values = role(QLabel(title), "title"), role(Readout(), "muted")
        self._values.setFont(theme.font(tabular=True))
        self._log = named(QToolButton(), f"log_{plain}", f"Logarithmic axis for {title}")
        self._log.setText("log y")
        self._log.setCheckable(True)
        self._log.setProperty("look", "pill")
        self._log.setToolTip("Logarithmic y axis, chosen by itself until you switch it")
        self._log.clicked.connect(self._choose_log)
        self._menu = QMenu(self)
        takeaway(self, self._menu)
        more = named(IconButton("more", f"Export or copy the chart of {title}"), f"menu_{plain}")
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        more.setMenu(self._menu)
        self._lay_out(more)
        view.cursor_moved.connect(self.refresh)

    def _lay_out(self, more: QWidget) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(theme.px(theme.GAP_S), theme.px(theme.GAP_XS), theme.px(theme.GAP_XS), 0)
        head.setSpacing(theme.px(theme.GAP_S))
        head.addWidget(self._name)
        head.addWidget(self._about)
        head.addWidget(self._values, 1)
        head.addWidget(self._log)
        head.addWidget(more)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.plot, 1)

    def set_subtitle(self, words: str) -> None:
        """Say after the title what the chart is about."""
        self._about.setText(words)

    @property
    def traces(self) -> tuple[Trace, ...]:
        return self.plot.traces

    def show_traces(self, traces: Sequence[Trace]) -> None:
        """Draw `traces`; those of the run that is shown are `main`."""
        self.plot.traces = tuple(traces)
        self.refresh()

    def refresh(self) -> None:
        """Draw what is new and say the newest values."""
        self._values.say(self._readout())
        self.plot.update()
        if self._log.isChecked() != self.plot.log_in_effect and self.plot.log is None:
            self._log.setChecked(self.plot.log_in_effect)

    def _readout(self) -> list[str]:
        place = self._view.cursor
        words = []
        for trace in (trace for trace in self.traces if trace.main):
            for validation, name in ((False, ""), (True, "val ")):
                if place is None:
                    value = trace.columns.latest(trace.series, validation)
                else:
                    value = self.plot.value(trace, place, validation)
                if value is not None:
                    words.append(f"{name}{fixed(value)}")
        return words

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Where it is narrow the values matter more than the subtitle."""
        super().resizeEvent(event)
        needed = sum(label.sizeHint().width() for label in (self._name, self._about, self._log))
        self._about.setVisible(self.width() > needed + theme.px(VALUES_WIDTH))

    def _choose_log(self, on: bool) -> None:
        self.plot.log = on
        self.plot.update()
