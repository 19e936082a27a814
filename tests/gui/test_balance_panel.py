"""The Balance tab: stacked up, the summands are the total."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from gui.panels.balance import BalancePanel, residual_words
from gui.plots.columns import Columns, Piece
from gui.plots.stack import Layer, stacked
from gui.plots.view import View


@pytest.fixture
def panel(bench: SimpleNamespace, qtbot: QtBot) -> BalancePanel:
    panel = bench.panel(BalancePanel)
    qtbot.addWidget(panel)
    panel.resize(1200, 300)
    panel.show()
    return panel


def test_the_top_of_the_stack_is_the_total(
    panel: BalancePanel, bench: SimpleNamespace, qtbot: QtBot, make_run: Callable[..., Path]
) -> None:
    bench.training.show_run(make_run(new_weight=2.0))
    qtbot.waitUntil(lambda: panel._feed.columns is not None)
    bands = panel.plot.bands(400)
    assert bands is not None
    assert bands.edges[-1][1] == pytest.approx(bands.total, rel=1e-5)


def test_the_sheet_prints_every_summand_and_the_residual(
    panel: BalancePanel, bench: SimpleNamespace, qtbot: QtBot, make_run: Callable[..., Path]
) -> None:
    bench.training.show_run(make_run())
    qtbot.waitUntil(lambda: panel.residual.text() != "")
    names = [panel.sheet.item(row, 0).text() for row in range(panel.sheet.rowCount())]
    assert names == ["mse", "nll", "regularization", "total"]
    assert panel.residual.text().startswith("The sum closes to ")


def test_a_residual_too_large_is_said_as_what_it_is() -> None:
    assert residual_words(0.2, 0.5) == "The sum misses the total by 0.2 of it; at its worst step by 0.5."


def test_negative_terms_stack_downwards() -> None:
    columns = Columns(Path("somewhere"))
    rows = np.tile([0.5, 0.0, 2.0, 1.0, -1.5, 1.0], (60, 1))
    series = ("total", "regularization", "term:a", "weight:a", "term:b", "weight:b")
    columns.add(Piece(series, rows, [], [], columns.state, False))
    view = View()
    view.set_unit("step")
    view.set_end(60)
    bands = stacked(columns, [Layer("term:a", "#000000"), Layer("term:b", "#ffffff")], view, 200)
    assert bands.edges[0][1] == pytest.approx(2.0)
    assert bands.edges[1][1] == pytest.approx(-1.5)


def test_without_a_run_a_sentence_says_what_the_tab_is_for(panel: BalancePanel) -> None:
    assert panel._stack.currentIndex() == 0
