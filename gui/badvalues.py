"""What the window says when a run's numbers are no numbers any more: where that began, and what helps, as buttons.

Each remedy is one edit of the project, which can be undone; the run it came of can go on from what is kept of it.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtWidgets import QPushButton, QWidget

from core.project.badvalues import BadValues, sentence
from core.project.problems import Fix
from core.project.references import exists
from core.project.remedies import LESS, lower_rate, remedies
from gui import theme
from gui.trainingstate import TrainingState
from gui.widgets.banner import Action, Banner
from gui.widgets.flow import FlowLayout
from gui.widgets.naming import named
from gui.workbench import Workbench

MOST_OFFERS, MOST_LETTERS = 3, 44
LEAST, BROADEST = 190, 320
"""Pixels that an offer may be wide."""


class BadValuesBanner(Banner):
    """Shows what went bad in a run of the open project, until it is closed, another run begins or another project is
    opened. `lead` shows the part that a reference names, `train` trains the project anew.
    """

    def __init__(self, bench: Workbench, lead: Callable[[str], object], train: Callable[[], object]):
        super().__init__()
        self._bench, self._lead, self._train = bench, lead, train
        self._bad: BadValues | None = None
        self._closed: BadValues | None = None
        self._busy = False
        self._run: Path | None = None
        self._rate: float | None = None
        self._went_on: tuple[Path, float] | None = None
        self._mended = False
        self.offers = named(QWidget(), "badValuesOffers", "What helps")
        self._flow = FlowLayout(theme.px(LEAST), theme.px(theme.GAP_S), self.offers)
        self._flow.setContentsMargins(0, 0, 0, 0)
        self.column.insertWidget(1, self.offers)
        bench.training.state_changed.connect(self._follow)
        bench.training.went_bad.connect(self._warn)
        bench.document.changed.connect(lambda _before, _after: self._show_offers())
        bench.document.opened.connect(self._forget)
        self.closed.connect(self._forget)

    def _follow(self, state: TrainingState) -> None:
        if state.phase == "starting":
            self._forget()
            self._closed = None
        elif state.phase == "failed" and state.bad is not None and state.bad not in (self._bad, self._closed):
            self._show_bad(state.bad, state.run, sentence(state.bad), state.details)
        elif state.busy != self._busy:
            self._show_offers()  # a run that is over cannot be stopped, and one that is on cannot go on
        self._busy = state.busy

    def _warn(self, bad: BadValues, _words: str, details: str) -> None:
        self._show_bad(bad, None, sentence(bad), details)

    def _show_bad(self, bad: BadValues, run: Path | None, words: str, details: str) -> None:
        self._bad, self._run, self._mended = bad, run, False
        self._rate = self._lower_rate()
        where = bad.where or ""
        known = exists(self._bench.document.project, where)
        leads: Action | None = (
            (f"Show {where.partition(':')[2] or where}", lambda: self._lead(where)) if known else None
        )
        self.tell(words, "bad" if bad.ended else "warning", leads, details)
        self._show_offers()

    def _do(self) -> None:
        """Leading to a part leaves the offers where they are."""
        if self._bad is not None:
            self._lead(self._bad.where or "")

    def _forget(self) -> None:
        self._closed, self._bad = self._bad or self._closed, None
        self.hide()

    # ---- what helps

    def _show_offers(self) -> None:
        while (item := self._flow.takeAt(0)) is not None:
            if (button := item.widget()) is not None:
                button.deleteLater()
        if self._bad is None:
            return
        for number, fix in enumerate(self._remedies()[:MOST_OFFERS]):
            self._offer(f"remedy{number}", fix.label, partial(self._mend, fix))
        if not self._bench.training.state.busy:
            self._offer_to_go_on()
            if self._mended:
                self._offer("trainAgain", "Train again", self._train, kind="primary")
        else:
            self._offer("stopBadRun", "Stop", self._bench.training.stop)
        self.offers.setVisible(self._flow.count() > 0)
        self.offers.setMaximumWidth(theme.px(BROADEST) * self._flow.count())

    def _remedies(self) -> tuple[Fix, ...]:
        """Edits that change something, of a run of this project only."""
        if self._bad is None or not self._bench.training.own_run:
            return ()
        project = self._bench.document.project
        found = remedies(project, self._bench.checking.facts, self._bad)
        return tuple(fix for fix in found if fix.apply(project) != project)

    def _offer_to_go_on(self) -> None:
        bad, run, rate = self._bad, self._run, self._rate
        if bad is None or run is None or not bad.ended or not bad.kept_epoch or rate is None:
            return
        words = f"Go on after epoch {bad.kept_epoch} at {rate:g}"
        self._offer(
            "goOn", words, lambda: self._go_on(run, rate), "Train the same run on at a lower learning rate"
        )

    def _offer(
        self, name: str, label: str, do: Callable[[], object], tip: str = "", kind: str = ""
    ) -> QPushButton:
        short = label if len(label) <= MOST_LETTERS else f"{label[: MOST_LETTERS - 1]}…"
        button = named(QPushButton(short.replace("&", "&&")), name, label)
        button.setToolTip(tip or label)
        if kind:
            button.setProperty("kind", kind)
        button.clicked.connect(do)
        self._flow.addWidget(button)
        button.show()
        return button

    def _mend(self, fix: Fix) -> None:
        self._mended = True
        document = self._bench.document
        document.edit(fix.label, fix.apply(document.project))

    def _go_on(self, run: Path, rate: float) -> None:
        self._went_on = run, rate
        epochs = self._bench.training.state.epochs
        self._bench.training.resume_run(run, epochs, rate)

    def _lower_rate(self) -> float | None:
        """A tenth of the rate that the run had, None where it follows a schedule or is of another project."""
        if not self._bench.training.own_run:
            return None
        if self._went_on is not None and self._went_on[0] == self._run:
            return float(f"{self._went_on[1] / LESS:.6g}")
        return lower_rate(self._bench.document.project)
