"""The Curves tab: the total, every term, the regularization and every metric, live and afterwards."""

import html
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSlider,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from core.project.schema import Metric, Project, Term
from gui import theme
from gui.checking import Checking
from gui.document import Document
from gui.plots.chart import Chart
from gui.plots.chartgrid import ChartGrid
from gui.plots.columns import Columns
from gui.plots.feed import Feed, live_feed
from gui.plots.legend import Legend
from gui.plots.taking import fill_menu
from gui.plots.trace import Trace
from gui.plots.view import View
from gui.selection import Selection
from gui.training import Training, TrainingState
from gui.turns import Turn
from gui.widgets.emptystate import EmptyState
from gui.widgets.naming import named, role
from gui.widgets.pill import Pill

FOR = "The total, every term and every metric draw their curves here, step by step, while a project trains."
WIDE_ENOUGH_FOR_LEGEND = 900
UNITS = {"epoch": "epoch", "step": "step", "time": "seconds"}


class CurvesPanel(QWidget):
    """Small multiples over one x axis, with the legend as a live table beside them."""

    wanted = Signal(str)  # the key of an action of the window

    def __init__(self, document: Document, selection: Selection, checking: Checking, training: Training):
        super().__init__()
        self._document, self._selection, self._training = document, selection, training
        self.view = View(self)
        self.feed = live_feed(training)
        self.feed.watch(self)
        self.charts: dict[str, Chart] = {}
        self._others: dict[Path, Feed] = {}
        self._traced: list[str] = []
        self.legend = Legend()
        self._grid, self._scroll = ChartGrid(), QScrollArea()
        self._empty = EmptyState("run", FOR, "Train")
        self._empty.pressed.connect(lambda _label: self.wanted.emit("train"))
        self._growing, self._telling = Turn(self, self._grow), Turn(self, self._tell_values)
        self._lay_out()
        self._connect()
        self._rebuild()

    # ---- building

    def _lay_out(self) -> None:
        self._grid.setObjectName("formBody")
        self._scroll.setWidget(self._grid)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.viewport().installEventFilter(self)
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(theme.px(theme.GAP_S), 0, theme.px(theme.GAP_S), theme.px(theme.GAP_XS))
        row.setSpacing(theme.px(theme.GAP_S))
        row.addWidget(self._scroll, 1)
        row.addWidget(self.legend)
        full = QWidget()
        column = QVBoxLayout(full)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._controls())
        column.addWidget(body, 1)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(full)

    def _controls(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(theme.px(theme.GAP_M), theme.px(theme.GAP_XS), theme.px(theme.GAP_M), 0)
        row.setSpacing(theme.px(theme.GAP_S))
        self._compared = role(QLabel(), "muted")
        self._smoothing = named(QSlider(Qt.Orientation.Horizontal), "smoothing", "Smoothing of the curves")
        self._smoothing.setRange(0, 99)
        self._smoothing.setValue(round(self.view.smoothing * 100))
        self._smoothing.setFixedWidth(theme.px(96))
        self._smoothing.setToolTip(
            "How much the line over the steps is smoothed; 0 shows the steps as they are"
        )
        self._amount = role(QLabel("0.60"), "muted")
        self._amount.setFont(theme.font(tabular=True))
        self._unit = named(QComboBox(), "xAxis", "What the x axis counts")
        for unit, words in UNITS.items():
            self._unit.addItem(words, unit)
        self._follow = named(
            Pill("following", "arrow-line-right"), "follow", "Show the whole run and follow it"
        )
        self._follow.setToolTip("Show the whole run again and follow it (Home)")
        row.addWidget(self._compared, 1)
        for widget in (role(QLabel("smoothing"), "muted"), self._smoothing, self._amount):
            row.addWidget(widget)
        row.addSpacing(theme.px(theme.GAP_S))
        row.addWidget(role(QLabel("x:"), "muted"))
        row.addWidget(self._unit)
        row.addWidget(self._follow)
        return row

    def _connect(self) -> None:
        self._smoothing.valueChanged.connect(self._smooth)
        self._unit.currentIndexChanged.connect(self._count_in)
        self._follow.clicked.connect(self.view.follow_again)
        self.view.changed.connect(self._say_follow)
        self.feed.grew.connect(self._growing.ask)
        self.feed.switched.connect(self._rebuild)
        self.legend.chosen.connect(self._arrange)
        self.legend.picked.connect(lambda series: self._selection.select(series))
        self._document.changed.connect(self._recolour)
        self._training.overlay_changed.connect(self._compare)
        self._training.state_changed.connect(self._say_phase)
        theme.notifier().changed.connect(self._rebuild)

    # ---- following the run

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        self._grow()

    def _rebuild(self) -> None:
        """Another run is shown, or its colours are other ones."""
        columns = self.feed.columns
        self._stack.setCurrentIndex(0 if columns is None else 1)
        if columns is None:
            self._traced = []
            self._drop_charts()
            return
        self._trace_all(columns)
        self._say_compared()
        self._grow()

    def _trace_all(self, columns: Columns) -> None:
        others = [feed.columns for feed in self._others.values() if feed.columns is not None]
        project = self._document.project
        self._traced = series_of(columns)
        for series in self._traced:
            if series not in self.charts:
                self.charts[series] = Chart(title_of(series), self.view, fill_menu)
            self.charts[series].set_subtitle(_heads(project, series))
            self.charts[series].show_traces(_traces(project, columns, others, series))
        self._arrange()
        self._drop_charts()

    def _drop_charts(self) -> None:
        """Let go of charts of what the run that is shown does not have: they hold all steps of another run."""
        for series in set(self.charts) - set(self._traced):
            chart = self.charts.pop(series)
            self._grid.forget(chart)
            chart.deleteLater()

    def _grow(self) -> None:
        columns = self.feed.columns
        if columns is None:
            return
        if series_of(columns) != self._traced:  # metrics come with the first epoch
            self._trace_all(columns)
        self.view.set_end(self._end(columns))
        self._refresh()

    def _refresh(self) -> None:
        for chart in self.charts.values():
            if chart.isVisible():
                chart.refresh()
        self._telling.ask()

    def _tell_values(self) -> None:
        if self.feed.columns is not None and self.isVisible():
            self.legend.refresh(self.feed.columns)

    def _end(self, columns: Columns) -> float:
        """Where the x axis ends: a live run shows where it is going, but fills at least half of it."""
        ends = [float(columns.clock(self.view.unit).at(columns.last_step))]
        if columns.state.live and columns.state.steps and self.view.unit != "time":
            planned = columns.state.epochs * (1 if self.view.unit == "epoch" else columns.state.steps)
            ends.append(min(float(planned), 2 * ends[0]))
        for feed in self._others.values():
            if feed.columns is not None:
                ends.append(float(feed.columns.clock(self.view.unit).at(feed.columns.last_step)))
        return max(ends)

    def _arrange(self) -> None:
        columns = self.feed.columns
        if columns is None:
            return
        series = series_of(columns)
        self.legend.show_series([(one, title_of(one), self._colour(one)) for one in series])
        self._grid.show_widgets([self.charts[one] for one in series if not self.legend.hidden(one)])

    def _recolour(self, before: Project, after: Project) -> None:
        if before.terms is not after.terms or before.model.heads is not after.model.heads:
            self._rebuild()

    def _colour(self, series: str) -> str:
        return theme.colour_of(self._document.project, series)

    # ---- other runs

    def _compare(self) -> None:
        wanted = self._training.overlay
        for run in [run for run in self._others if run not in wanted]:
            feed = self._others.pop(run)
            feed.close()
            feed.deleteLater()
        for run in wanted:
            if run not in self._others:
                feed = self._others[run] = Feed(self)
                feed.watch(self)
                feed.switched.connect(self._rebuild)
                feed.grew.connect(self._growing.ask)
                self._training.closing.connect(feed.close)
                feed.show(run)
        self._say_compared()
        self._rebuild()

    def _say_compared(self) -> None:
        feeds = enumerate(self._others.items())
        names = [
            _tinted(feed.columns.name if feed.columns else run.name, place) for place, (run, feed) in feeds
        ]
        self._compared.setText(f"compared with {', '.join(names)}" if names else "")

    # ---- controls

    def _smooth(self, percent: int) -> None:
        self._amount.setText(f"{percent / 100:.2f}")
        self.view.set_smoothing(percent / 100)
        self._refresh()

    def _count_in(self, index: int) -> None:
        self.view.set_unit(self._unit.itemData(index))
        self._grow()

    def _say_follow(self) -> None:
        following = self.view.follow
        self._follow.show_state(
            "following" if following else "follow", "good" if following else "quiet", "arrow-line-right"
        )

    def _say_phase(self, state: TrainingState) -> None:
        """Until there are curves, say what the engine is doing."""
        self._empty.sentence.setText(state.sentence if state.busy and state.sentence else FOR)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.Resize:
            self.legend.setVisible(self.width() >= theme.px(WIDE_ENOUGH_FOR_LEGEND))
            self._grid.set_room(self._scroll.viewport().size())
        return False


def series_of(columns: Columns) -> list[str]:
    """What gets a chart: the total, every term, the regularization where there is any, every metric."""
    terms = [f"term:{name}" for name in columns.terms]
    regularization = ["regularization"] if columns.regularized else []
    return ["total", *terms, *regularization, *(f"metric:{name}" for name in columns.metrics)]


def title_of(series: str) -> str:
    return series.partition(":")[2] or series


def run_colour(place: int) -> str:
    """The colour of the `place`-th run that is compared."""
    heads = theme.tokens().heads
    return heads[-1 - place % len(heads)]


def _tinted(words: str, place: int) -> str:
    return f'<span style="color:{theme.readable(run_colour(place))}">{html.escape(words)}</span>'


def _heads(project: Project, series: str) -> str:
    name = title_of(series)
    part: Term | Metric | None = project.terms.get(name) if series.startswith("term:") else None
    part = project.metrics.get(name) if series.startswith("metric:") else part
    bound = part.bind.values() if part else ()
    return ", ".join(value.removeprefix("head:") for value in bound if value.startswith("head:"))


def _traces(project: Project, columns: Columns, others: Sequence[Columns], series: str) -> list[Trace]:
    shown = Trace(columns, series, theme.colour_of(project, series), columns.name)
    behind = [
        Trace(other, series, run_colour(place), other.name, main=False)
        for place, other in enumerate(others)
        if series in series_of(other)
    ]
    return [*behind, shown]
