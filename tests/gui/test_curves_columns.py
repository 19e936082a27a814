"""What is read of a run's record: curves, marks, and a balance sheet that closes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.runs.history import Event, History
from gui.plots.columns import Columns, Piece


def read(run: Path, at_once: int = 10_000) -> Columns:
    """All of a run, in pieces of `at_once` steps."""
    columns, history = Columns(run), History(run)
    while True:
        first, event = columns.wanted
        steps = history.steps(first)
        piece = Piece(
            history.series,
            steps[:at_once],
            history.epochs(),
            history.events(event),
            history.state,
            len(steps) > at_once,
        )
        columns.add(piece)
        if not piece.more:
            history.close()
            return columns


@pytest.mark.parametrize("at_once", [7, 10_000])
def test_the_curves_are_the_record_however_it_is_cut(make_run: Callable[..., Path], at_once: int) -> None:
    run = make_run()
    columns = read(run, at_once)
    assert columns.count == 60
    assert np.allclose(columns.pyramids["term:nll"].values, History(run).column("term:nll"), rtol=1e-6)


def test_the_balance_sheet_closes(make_run: Callable[..., Path]) -> None:
    columns = read(make_run())
    sheet = columns.now()
    assert sheet is not None
    assert sheet.residual < 1e-12
    assert columns.worst_residual < 1e-12
    assert sheet.share("term:mse") + sheet.share("term:nll") + sheet.share("regularization") == pytest.approx(
        1
    )


def test_a_sum_that_misses_the_total_is_told(make_run: Callable[..., Path]) -> None:
    columns = Columns(make_run())
    wrong = np.array([[1.0, 0.0, 0.5, 1.0]])
    state = History(columns.path).state
    columns.add(Piece(("total", "regularization", "term:a", "weight:a"), wrong, [], [], state, False))
    assert columns.worst_residual == pytest.approx(0.5)


def test_where_terms_cancel_the_residual_is_measured_by_their_size() -> None:
    columns = Columns(Path("somewhere"))
    rows = np.array([[1e-9, 0.0, 1.0, 1.0, -1.0, 1.0]])
    series = ("total", "regularization", "term:a", "weight:a", "term:b", "weight:b")
    columns.add(Piece(series, rows, [], [], columns.state, False))
    assert columns.worst_residual == pytest.approx(5e-10)
    sheet = columns.now()
    assert sheet is not None
    assert sheet.residual == pytest.approx(5e-10)


def test_a_changed_rate_is_marked_in_every_chart() -> None:
    columns = Columns(Path("somewhere"))
    event = Event(1, 0.0, "rate", {"step": 12, "rate": 0.0001})
    columns.add(Piece(("total",), np.ones((20, 1)), [], [event], columns.state, False))
    assert columns.marks == [(12, "", "rate 0.0001")]


@pytest.mark.parametrize("at_once", [7, 10_000])
def test_a_changed_weight_is_marked_where_it_changed(make_run: Callable[..., Path], at_once: int) -> None:
    columns = read(make_run(new_weight=2.0), at_once)
    assert [(mark.step, mark.series, mark.words) for mark in columns.marks] == [
        (20, "term:mse", "weight 0.5 → 2")
    ]


def test_the_first_step_that_is_no_number_is_marked(make_run: Callable[..., Path]) -> None:
    columns = read(make_run(bad_step=31), 7)
    assert ("term:nll", 31) in [(mark.series, mark.step) for mark in columns.marks]


def test_a_term_of_weight_zero_may_be_no_number_without_spoiling_the_sheet() -> None:
    columns = Columns(Path("somewhere"))
    rows = np.array([[1.0, 0.0, np.nan, 0.0, 1.0, 1.0]])
    series = ("total", "regularization", "term:a", "weight:a", "term:b", "weight:b")
    columns.add(Piece(series, rows, [], [], History(Path("somewhere")).state, False))
    sheet = columns.now()
    assert sheet is not None
    assert sheet.residual == 0


def test_metrics_and_validation_are_known_by_epoch(make_run: Callable[..., Path]) -> None:
    columns = read(make_run())
    steps, values = columns.by_epoch("metric:mae", validation=True)
    assert steps.tolist() == [20, 40, 60]
    assert values == pytest.approx([1.1, 0.55, 1.1 / 3])


def test_the_clock_of_a_run_knows_when_epochs_ended(make_run: Callable[..., Path]) -> None:
    columns = read(make_run())
    assert float(columns.clock("time").at(40)) == pytest.approx(4.0)
    assert float(columns.clock("epoch").at(30)) == pytest.approx(1.5)
