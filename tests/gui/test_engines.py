"""Engines as the worker thread sees them: whose they are, when they are ended, and how a run ends. No TensorFlow."""

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from core.project.schema import Project
from core.runs import alive, launch, wire
from gui import engines, stopping
from gui.engines import Engines
from gui.trainingstate import Question, TrainingState, TrainOrder
from tests.gui import tame

pytestmark = pytest.mark.timeout(60)
PATIENCE = 15_000


class Worker(Engines):
    """The worker of one window, in this thread, with all that it told."""

    def __init__(self, runs: Path):
        super().__init__(runs / ".engines")
        self.told: list[TrainingState] = []
        self.facts: list[int] = []
        self.lost: list[str] = []
        self.state_changed.connect(self.told.append)
        self.facts_arrived.connect(lambda number, _facts: self.facts.append(number))
        self.question_lost.connect(lambda _number, sentence: self.lost.append(sentence))

    @property
    def state(self) -> TrainingState:
        return self._state

    @property
    def pid(self) -> int | None:
        return self._engine.client.endpoint.pid if self._engine else None


class Desk:
    """Opens windows on one folder of runs."""

    def __init__(self, runs: Path, qtbot: QtBot):
        self.runs, self._qtbot = runs, qtbot
        self.open: list[Worker] = []

    def worker(self, ready: bool = True) -> Worker:
        worker = Worker(self.runs)
        self.open.append(worker)
        worker.begin(self.runs)
        if ready:
            self.until(lambda: worker.state.engine in ("ready", "training"))
        return worker

    def close(self, worker: Worker) -> None:
        self.open.remove(worker)
        worker.close()

    def order(self) -> TrainOrder:
        return TrainOrder(9, self.make_run)

    def make_run(self) -> Path:
        run = self.runs / f"r{len(list(self.runs.glob('r*'))) + 1}"
        run.mkdir()
        (run / "train.py").write_text("# plays\n")
        return run

    def training(self, worker: Worker) -> Path:
        """Let `worker` train a run and return it."""
        worker.train(self.order())
        self.until(lambda: worker.state.phase == "training" and worker.state.step > 0)
        assert worker.state.run is not None
        return worker.state.run

    def until(self, what: Callable[[], object]) -> None:
        self._qtbot.waitUntil(lambda: bool(what()), timeout=PATIENCE)

    def wait(self, seconds: float) -> None:
        self._qtbot.wait(round(seconds * 1000))


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(launch, "_launched", tame.launched)
    desk = Desk(tmp_path, qtbot)
    yield desk
    for worker in desk.open:
        if worker.state.busy:
            worker.send(wire.Stop())
            desk.until(lambda worker=worker: not worker.state.busy)
        worker.close()
    QCoreApplication.processEvents()


def test_a_second_window_leaves_the_engine_of_the_first_when_the_run_is_over(desk: Desk) -> None:
    first = desk.worker()
    run = desk.training(first)
    second = desk.worker()
    assert second.state.run == run
    (run / "end").touch()
    desk.until(lambda: first.state.phase == second.state.phase == "done")
    desk.until(lambda: second.state.engine == "ready")
    assert second.pid != first.pid
    second.ask(Question(7, Project(), None, False))
    desk.until(lambda: second.facts == [7])
    assert first.facts == []
    run = desk.training(first)
    desk.close(second)
    desk.wait(0.5)
    assert (first.state.phase, first.state.run) == ("training", run)


def test_an_order_to_train_during_a_run_changes_nothing(desk: Desk) -> None:
    worker = desk.worker()
    run = desk.training(worker)
    told = len(worker.told)
    worker.train(desk.order())
    assert (worker.told[told].phase, worker.told[told].run) == ("training", run)
    (run / "end").touch()
    desk.until(lambda: worker.state.phase == "done")
    assert worker.state.engine == "ready"


def test_a_spare_engine_that_cannot_start_leaves_the_run_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = desk.worker()
    desk.training(worker)
    monkeypatch.setattr(engines, "SPARE_AFTER", 0.1)

    def full(folder: Path, _idle: float) -> launch.Detached:
        raise OSError(errno.ENOSPC, "No space left on device", str(folder))

    monkeypatch.setattr(launch, "_launched", full)
    worker.ask(Question(1, Project(), None, False))
    desk.until(lambda: worker.lost)
    assert "cannot start" in worker.lost[0]
    assert (worker.state.phase, worker.state.engine) == ("training", "training")


@pytest.mark.parametrize("pause", [0.0, 0.3])
def test_stop_pressed_twice_at_once_is_one_order(desk: Desk, pause: float) -> None:
    (desk.runs / "saving").write_text("0.8")
    worker = desk.worker()
    run = desk.training(worker)
    worker.stop()
    desk.wait(pause)
    worker.stop()
    desk.until(lambda: not worker.state.busy)
    assert worker.state.sentence == "Stopped as asked."
    assert (run / "model.keras").exists()


def test_while_the_model_is_saved_force_takes_a_third_order(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "SAME_ORDER", 0.0)
    (desk.runs / "saving").write_text("30")
    worker = desk.worker()
    desk.training(worker)
    worker.stop()
    desk.until(lambda: worker.state.sentence == "Saving the model.")
    worker.stop()
    assert worker.state.phase == "stopping"
    assert "the model is lost" in worker.state.sentence
    worker.stop()
    assert worker.state.phase == "stopped"
    assert "by force" in worker.state.sentence


def test_after_a_forced_stop_the_spare_engine_is_ready_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "SAME_ORDER", 0.0)
    monkeypatch.setattr(engines, "SPARE_AFTER", 0.1)
    (desk.runs / "saving").write_text("30")
    worker = desk.worker()
    desk.training(worker)
    worker.ask(Question(1, Project(), None, False))
    desk.until(lambda: worker.facts == [1])
    for _ in range(3):
        worker.stop()
    assert (worker.state.phase, worker.state.engine) == ("stopped", "ready")


def test_a_run_that_ends_while_it_is_joined_has_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first = desk.worker()
    run = desk.training(first)
    (run / "end").touch()
    desk.until(lambda: first.state.phase == "done")
    launch.write_endpoint(run, first._engine.client.endpoint)
    with alive.hold(run):  # as it is for a moment after the last message was sent
        monkeypatch.setattr(engines, "bury_all", lambda _runs: None)
        second = desk.worker(ready=False)
        assert second.state.phase == "training"
    desk.until(lambda: second.state.phase == "done")
    assert second.state.sentence == "Done."
    desk.until(lambda: second.state.engine == "ready")


def test_of_several_runs_that_live_one_that_answers_is_joined(desk: Desk) -> None:
    first = desk.worker()
    run = desk.training(first)
    deaf = desk.make_run()
    (deaf / "train.py").write_text("# held by nobody who listens\n")
    with alive.hold(deaf):
        assert deaf.name > run.name
        assert desk.worker().state.run == run


def test_an_engine_found_again_keeps_the_spare_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "SPARE_AFTER", 0.1)
    monkeypatch.setattr(engines, "SHORT", 0.0)
    worker = desk.worker()
    run, trains = desk.training(worker), worker.pid
    worker.ask(Question(1, Project(), None, False))
    desk.until(lambda: worker.facts == [1])
    spare = worker._spare
    worker._hear(worker._engine, wire.Gone(sentence="The connection broke."))
    assert (worker.pid, worker._spare) == (trains, spare)
    (run / "end").touch()
    desk.until(lambda: worker.state.phase == "done")


def test_the_way_of_the_steps_is_known_until_the_next_run(desk: Desk) -> None:
    worker = desk.worker()
    run = desk.training(worker)
    (run / "end").touch()
    desk.until(lambda: worker.state.phase == "done")
    assert worker.state.way == "In compiled blocks of steps, without Turbo: it only plays."
