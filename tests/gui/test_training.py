"""What can be known about training without an engine: refusals, words, and what is shown."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from core.project.edits import put
from core.project.facts import DataFacts, ModelFacts
from gui.background import Background
from gui.training import status_words
from gui.trainingstate import TrainingState


def test_code_nobody_trusted_is_not_trained(bench: SimpleNamespace, qtbot: QtBot) -> None:
    project = put(bench.document.project, "functions", "import os\n")
    with qtbot.waitSignal(bench.training.state_changed):
        bench.training.train(project, bench.document.folder)
    assert bench.training.state.phase == "failed"
    assert bench.training.state.where == "functions"
    assert bench.training._thread is None


def test_the_status_sentence_says_phase_step_total_speed_and_time() -> None:
    state = TrainingState("training", epoch=31, epochs=50, step=93, steps=93, speed=3180.4, seconds_left=7.2)
    assert status_words(state, 0.41234) == (
        "Training: epoch 31 of 50, step 2,883 of 4,650, total 0.4123, 3,180 steps/s, 7 s left"
    )


def test_a_paused_run_has_no_speed_and_no_time_left() -> None:
    state = TrainingState("paused", epoch=1, epochs=2, step=3, steps=10, speed=9.0, seconds_left=5.0)
    assert status_words(state, None) == "Paused: epoch 1 of 2, step 3 of 20"


@pytest.mark.parametrize(
    ("state", "share"),
    [
        (TrainingState("building"), 0.0),
        (TrainingState("training", epoch=3, epochs=4, step=5, steps=10), 0.625),
        (TrainingState("done", epoch=4, epochs=4, step=10, steps=10), 1.0),
    ],
)
def test_progress_is_the_share_of_all_steps(state: TrainingState, share: float) -> None:
    assert state.progress == pytest.approx(share)


def test_showing_a_run_opens_its_history(
    bench: SimpleNamespace, qtbot: QtBot, make_run: Callable[..., Path]
) -> None:
    run = make_run()
    with qtbot.waitSignal(bench.training.run_changed):
        bench.training.show_run(run)
    assert bench.training.history.step_count == 60


def test_only_the_latest_question_is_answered(bench: SimpleNamespace, qtbot: QtBot) -> None:
    answers: list[ModelFacts] = []
    bench.training.facts_arrived.connect(answers.append)
    bench.training.ask_facts(bench.document.project, None, True)
    bench.training.ask_facts(bench.document.project, None, True)
    bench.training._take_facts(1, ModelFacts())
    assert answers == []
    bench.training._take_facts(2, ModelFacts())
    assert len(answers) == 1


def test_known_facts_about_the_data_are_used_for_exactly_that_data(
    bench: SimpleNamespace, tmp_path: Path
) -> None:
    project, facts = bench.document.project, DataFacts(rows=5)
    bench.training.known_data = (project.data, tmp_path, facts)
    assert bench.training._facts_of(project, tmp_path) is facts
    assert bench.training._facts_of(project, tmp_path / "elsewhere") is None


def test_slow_work_runs_in_its_own_thread_and_the_answer_comes_home(qtbot: QtBot) -> None:
    worker, here = Background("test"), QThread.currentThread()
    found: list[object] = []
    worker.ask("a", lambda: QThread.currentThread() is here, found.append, found.append)
    qtbot.waitUntil(lambda: bool(found))
    assert found == [False]
    worker.close()


def test_a_newer_job_silences_the_older_one(qtbot: QtBot) -> None:
    worker = Background("test")
    found: list[int] = []
    for number in range(5):
        worker.ask("a", lambda number=number: number, found.append, lambda _error: None)
    qtbot.waitUntil(lambda: bool(found))
    qtbot.wait(20)
    assert found == [4]
    worker.close()


def test_what_goes_wrong_in_slow_work_comes_home_too(qtbot: QtBot) -> None:
    worker = Background("test")
    found: list[Exception] = []
    worker.ask("a", lambda: 1 // 0, lambda _: None, found.append)
    qtbot.waitUntil(lambda: bool(found))
    assert isinstance(found[0], ZeroDivisionError)
    worker.close()
