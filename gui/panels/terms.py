"""The terms board: the total as a formula, and under it every term with its weight, live during a run."""

import math
import time
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from core.project import edits
from core.project.schema import Project
from gui import theme, typeset
from gui.background import Background
from gui.checking import Checking
from gui.document import Document
from gui.panels.termrow import RegularizationRow, TermRow, heading_line, regularizers_of
from gui.plots.feed import live_feed
from gui.plots.ticks import fixed
from gui.selection import Selection
from gui.training import Training
from gui.turns import Turn
from gui.typeset import Typeset
from gui.widgets.drawing import Drawing
from gui.widgets.emptystate import EmptyState
from gui.widgets.iconbutton import Button
from gui.widgets.naming import named, role

FOR = "A term is one summand of the total loss: a loss, the heads and targets it compares, and a weight."
FORMULA_SIZE = 19
SAME_GESTURE = 1.0
"""Seconds: weights changed by keys within this time of each other are one step of undo."""


class TermsPanel(QWidget):
    """Edits the project's terms and shows what each is worth in the run that is shown."""

    wanted = Signal(str)  # the key of an action of the window

    def __init__(self, document: Document, selection: Selection, checking: Checking, training: Training):
        super().__init__()
        self._document, self._selection, self._checking = document, selection, checking
        self._training, self._feed = training, live_feed(training)
        self._feed.watch(self)
        self._worker = Background("formula", self)
        self._rows: dict[str, TermRow] = {}
        self._gesture, self._weighed_at = 0, 0.0
        self._foreign: Path | None = None
        self.formula = named(Drawing(), "totalFormula", "The total loss")
        self._closes = role(named(QLabel(), "closesTo"), "muted")
        self._total = role(named(QLabel(), "totalNow"), "title")
        self._headings = heading_line()
        self._regularization = RegularizationRow(lambda: self._selection.select("regularization"))
        self._lay_out()
        self._connect()
        self._show()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(theme.px(theme.GAP_L), 0, theme.px(theme.GAP_M), 0)
        self._closes.setFont(theme.font(tabular=True))
        add = named(Button("Add term", "add", "quiet"), "addTerm", "Add a term")
        add.clicked.connect(lambda: self.wanted.emit("add_term"))
        head.addWidget(self.formula, 1)
        for widget in (self._closes, self._total, add):
            head.addWidget(widget)
        body = named(QWidget(), "formBody")
        self._lines = QVBoxLayout(body)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(0)
        self._lines.addWidget(self._regularization)
        self._lines.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        self._bar = scroll.verticalScrollBar()
        self._bar.rangeChanged.connect(self._make_room)
        full = QWidget()
        column = QVBoxLayout(full)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._head = QWidget()
        self._head.setLayout(head)
        self._head.setFixedHeight(theme.px(38))
        self.header = self._head  # the window makes it the title of the dock
        column.addWidget(self._head)
        column.addWidget(self._headings)
        column.addWidget(scroll, 1)
        empty = EmptyState("math-operations", FOR, "Add a term")
        empty.pressed.connect(lambda _label: self.wanted.emit("add_term"))
        self._stack = QStackedLayout(self)
        self._stack.addWidget(empty)
        self._stack.addWidget(full)

    def _make_room(self, _low: int, high: int) -> None:
        """Keep the headings over their columns when the lines make room for a scroll bar."""
        edge = theme.px(theme.GAP_M)
        bar = theme.px(10) if high else 0
        self._headings.row.setContentsMargins(edge, 0, edge + bar, 0)

    def _connect(self) -> None:
        self._document.changed.connect(self._follow)
        self._document.opened.connect(self._forget_run)
        self._selection.changed.connect(self._show_rows)
        if self._checking is not None:
            self._checking.changed.connect(self._show_rows)
        self._training.closing.connect(self._worker.close)
        growing = Turn(self, self.show_values)
        self._feed.grew.connect(growing.ask)
        self._feed.switched.connect(self._show)
        theme.notifier().changed.connect(self._show)

    # ---- showing

    def _show(self) -> None:
        project = self._document.project
        self._head.setFixedHeight(theme.px(38))
        self._make_room(0, self._bar.maximum())
        self._stack.setCurrentIndex(1 if project.terms else 0)
        self._make_rows(project)
        self._show_rows()
        self._typeset(project)
        self.show_values()

    def _make_rows(self, project: Project) -> None:
        if list(self._rows) == list(project.terms):
            return
        for name in [name for name in self._rows if name not in project.terms]:
            self._rows.pop(name).deleteLater()
        for place, name in enumerate(project.terms):
            if name not in self._rows:
                self._rows[name] = self._new_row(name)
            self._lines.insertWidget(place, self._rows[name])
        self._rows = {name: self._rows[name] for name in project.terms}

    def _new_row(self, name: str) -> TermRow:
        row = TermRow(name)
        row.switched.connect(self._switch)
        row.weighed.connect(self._weigh)
        row.settled.connect(self._settle)
        row.renamed.connect(self._rename)
        row.removed.connect(self._remove)
        row.picked.connect(lambda name: self._selection.select(f"term:{name}"))
        return row

    def _show_rows(self, _reference: str = "") -> None:
        project, chosen = self._document.project, self._selection.all
        for name, row in self._rows.items():
            if name in project.terms:
                problems = self._checking.of(f"term:{name}") if self._checking is not None else []
                row.show_term(project, project.terms[name], problems, f"term:{name}" in chosen)
        regularizers = regularizers_of(project)
        self._regularization.show_layers(regularizers, "regularization" in chosen)
        self._regularization.setVisible(bool(regularizers) or self._regularized())

    def show_values(self) -> None:
        """Show what the terms are worth now."""
        columns = self._feed.columns
        foreign = columns is not None and columns.path == self._foreign
        sheet = columns.now() if columns is not None and not foreign else None
        for name, row in self._rows.items():
            known = sheet is not None and name in sheet.terms
            if sheet is None or not known:
                row.show_values(None, None, None)
            else:
                row.show_values(sheet.terms[name], sheet.weighted[name], sheet.share(f"term:{name}"))
        self._regularization.show_values(
            sheet.regularization if sheet else None, sheet.share("regularization") if sheet else None
        )
        self._closes.setText(
            f"closes to {_small(sheet.residual)} ·" if sheet and math.isfinite(sheet.residual) else ""
        )
        self._closes.setToolTip(
            "How far the weighted terms and the regularization are from the total, relative to it"
        )
        self._total.setText(fixed(sheet.total) if sheet else "")

    def _regularized(self) -> bool:
        return self._feed.columns is not None and self._feed.columns.regularized

    def _typeset(self, project: Project) -> None:
        """Set the formula in the worker thread: the first takes a fifth of a second."""
        t = theme.tokens()
        regularized = bool(regularizers_of(project)) or self._regularized()
        formula = typeset.total(
            project,
            lambda reference: theme.readable(theme.colour_of(project, reference)),
            t.muted,
            regularized,
        )
        words = total_words(project, regularized)

        def show(drawn: Typeset) -> None:
            self.formula.show_drawing(drawn.svg, drawn.width, drawn.height, words)

        def say(_error: Exception) -> None:
            self.formula.show_drawing("<svg/>", 0, 0, words)

        self._worker.ask("total", lambda: typeset.typeset(formula, theme.px(FORMULA_SIZE), t.text), show, say)

    # ---- editing

    def _switch(self, name: str, on: bool) -> None:
        label = f"Switch {name} {'on' if on else 'off'}"
        self._document.edit(label, edits.set_on(self._document.project, name, on))

    def _weigh(self, name: str, weight: float) -> None:
        """Set a weight; one drag, or keys pressed quickly one after the other, are one step of undo."""
        now = time.monotonic()
        row = self._rows[name]
        if not row.slider.isSliderDown() and now - self._weighed_at > SAME_GESTURE:
            self._gesture += 1
        self._weighed_at = now
        project = edits.set_weight(self._document.project, name, weight)
        self._document.edit(f"Weight of {name}", project, f"weight:{name}:{self._gesture}")

    def _settle(self) -> None:
        self._gesture += 1

    def _rename(self, name: str, new: str) -> None:
        try:
            project = edits.rename(self._document.project, f"term:{name}", new)
        except ValueError as refusal:
            self._rows[name].refuse_name(str(refusal))
            return
        chosen = f"term:{name}" in self._selection.all
        self._document.edit(f"Rename {name} to {new}", project)
        if chosen:
            self._selection.select(f"term:{new}")

    def _remove(self, name: str) -> None:
        self._document.edit(f"Remove {name}", edits.remove(self._document.project, [f"term:{name}"]))

    # ---- following

    def _follow(self, before: Project, after: Project) -> None:
        if before.terms is not after.terms or before.model is not after.model:
            self._show()
        if self._training.own_run and self._training.state.busy:
            self._send_weights(before, after)

    def _send_weights(self, before: Project, after: Project) -> None:
        """A weight that changes while its project trains, by any edit or undo, changes in the run too."""
        for name, term in after.terms.items():
            if name in before.terms and before.terms[name].weight != term.weight:
                self._training.set_weight(name, term.weight)

    def _forget_run(self) -> None:
        """Another project is open: a run that still trains has terms of its own, whatever they are called."""
        self._foreign = self._training.run if self._training.state.busy else None


def total_words(project: Project, regularized: bool) -> str:
    """The total as a line of text: `total = 0.5 mse + 1 nll + regularization`."""
    parts = [f"{term.weight:g} {name}" for name, term in project.terms.items() if term.on and term.weight]
    return f"total = {' + '.join([*parts, *(['regularization'] if regularized else [])]) or '0'}"


def _small(value: float) -> str:
    return f"{value:.1e}".replace("e-0", "e-") if value else "0"
