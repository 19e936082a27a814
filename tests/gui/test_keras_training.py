"""A tiny project trained by the real engine behind the window's worker thread. One engine for most of the
tests.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from core.project.edits import put
from core.project.schema import Project, PythonLoss, Term
from core.runs.history import History
from core.runs.launch import attach, live_runs
from gui.plots.feed import live_feed
from gui.training import Training
from gui.trainingstate import TrainingState

pytestmark = [pytest.mark.keras, pytest.mark.timeout(240)]
PATIENCE = 90_000


@pytest.fixture
def desk(bench: SimpleNamespace, qtbot: QtBot) -> Iterator[SimpleNamespace]:
    """The bench with a worker thread that runs, and every state it told."""
    bench.states = []
    bench.training.state_changed.connect(bench.states.append)
    bench.training.start()
    bench.until = lambda what: qtbot.waitUntil(what, timeout=PATIENCE)
    yield bench
    bench.training.close()


def trained(desk: SimpleNamespace, project: Project) -> TrainingState:
    """Train `project` to its end."""
    desk.training.train(project, desk.document.folder)
    assert desk.training.state.phase == "starting"
    desk.until(lambda: not desk.training.state.busy)
    return desk.training.state


def lasting(project: Project, epochs: int) -> Project:
    return project.model_copy(update={"training": project.training.model_copy(update={"epochs": epochs})})


def test_a_project_trains_and_every_step_can_be_seen(desk: SimpleNamespace, two_heads: Project) -> None:
    desk.until(lambda: desk.checking.facts.model is not None)
    assert desk.checking.facts.model.shapes["layer:trunk"] == (8,)
    state = trained(desk, two_heads)
    assert state.phase == "done", state.sentence
    phases = list(dict.fromkeys(state.phase for state in desk.states))
    assert [phase for phase in phases if phase != "ready"] == [
        "starting",
        "building",
        "tracing",
        "training",
        "done",
    ]
    feed = live_feed(desk.training)
    desk.until(lambda: feed.columns is not None and feed.columns.count == 4 * 6)
    assert feed.columns.worst_residual < 1e-6
    assert (desk.training.run / "model.keras").exists()
    _fails_in_a_sentence(desk, two_heads)
    _stops_and_changes_weights(desk, two_heads)
    _survives_a_killed_engine(desk, two_heads)


def _fails_in_a_sentence(desk: SimpleNamespace, project: Project) -> None:
    """A loss that raises ends its run, with the term to blame; the curves before it stay."""
    code = 'def broken(y, p):\n    raise ValueError("no such luck")\n'
    term = Term(loss=PythonLoss(function="broken"), bind={"y": "target:y", "p": "head:prediction"})
    project = put(put(project, "functions", code), "term:own", term)
    desk.training.trust.remember(code)
    feed = live_feed(desk.training)
    before = feed.columns.count
    state = trained(desk, project)
    assert state.phase == "failed"
    assert "no such luck" in state.sentence
    assert state.where in ("term:own", "functions")
    assert "Traceback" in state.details
    desk.until(lambda: feed.columns is not None and feed.columns.count == before > 0)


def _stops_and_changes_weights(desk: SimpleNamespace, project: Project) -> None:
    desk.training.train(lasting(project, 5000), desk.document.folder)
    desk.until(lambda: desk.training.state.phase == "training" and desk.training.state.epoch > 1)
    desk.training.set_weight("mse", 3.0)
    desk.training.pause()
    desk.until(lambda: desk.training.state.phase == "paused")
    desk.training.resume()
    desk.until(lambda: desk.training.state.phase == "training")
    desk.until(lambda: History(desk.training.run).column("weight:mse")[-1] == 3.0)
    desk.training.stop()
    desk.until(lambda: desk.training.state.phase == "stopped")
    assert desk.training.state.engine == "ready"
    _goes_on_where_it_was_stopped(desk)


def _goes_on_where_it_was_stopped(desk: SimpleNamespace) -> None:
    run, feed = desk.training.run, live_feed(desk.training)
    before, shown = len(History(run).epochs()), feed.columns
    desk.training.resume_run(run)
    desk.until(lambda: desk.training.state.phase == "training" and desk.training.state.epoch > before + 1)
    desk.training.stop()
    desk.until(lambda: desk.training.state.phase == "stopped")
    assert desk.training.run == run
    history = History(run)
    assert [epoch.epoch for epoch in history.epochs()] == list(range(1, len(history.epochs()) + 1))
    assert history.column("weight:mse")[-1] == 3.0
    feed.pull(anyway=True)  # nobody looks at the curves here, so nobody else pulls
    desk.until(lambda: feed.columns is not shown and feed.columns.count == history.step_count)


def _survives_a_killed_engine(desk: SimpleNamespace, project: Project) -> None:
    desk.training.train(lasting(project, 5000), desk.document.folder)
    desk.until(lambda: desk.training.state.phase == "training")
    os.kill(desk.training._engines._engine.client.endpoint.pid, signal.SIGKILL)
    desk.until(lambda: desk.training.state.phase == "failed")
    assert "killed" in desk.training.state.sentence
    desk.until(lambda: desk.training.state.engine == "ready")
    assert History(desk.training.state.run).state.status == "killed"


def test_a_run_goes_on_without_the_window_and_the_next_one_finds_it(
    qapp: QApplication, bench: SimpleNamespace, qtbot: QtBot, two_heads: Project
) -> None:
    threads = threading.active_count()
    bench.training.train(lasting(two_heads, 5000), bench.document.folder)
    qtbot.waitUntil(lambda: bench.training.state.phase == "training", timeout=PATIENCE)
    bench.training.close()
    assert threading.active_count() == threads
    assert live_runs(bench.training.runs) == [bench.training.run]
    engine = attach(bench.training.run)
    later = Training(runs=bench.training.runs, trust=bench.training.trust)
    later.start()
    qtbot.waitUntil(lambda: later.run == bench.training.run and later.state.epoch > 0, timeout=PATIENCE)
    later.stop()
    qtbot.waitUntil(lambda: later.state.phase == "stopped", timeout=PATIENCE)
    later.close()
    assert engine.live  # it is not its engine, so it waits a minute for another order and ends by itself
    engine.kill()


def test_a_project_that_makes_no_script_fails_with_the_place(
    bench: SimpleNamespace, qtbot: QtBot, two_heads: Project, make_run: Callable[..., Path]
) -> None:
    bench.training.show_run(make_run())
    before = bench.training.run
    bench.training.train(put(two_heads, "term:loose", Term()), bench.document.folder)
    qtbot.waitUntil(lambda: bench.training.state.phase == "failed", timeout=PATIENCE)
    assert bench.training.state.where == "term:loose"
    assert bench.training.run == before
    assert [path for path in bench.training.runs.iterdir() if path.name[0] != "."] == [before]
