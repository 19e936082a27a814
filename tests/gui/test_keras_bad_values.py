"""The real engine trains into infinity behind a real window: what it says, what it offers, and what comes of that."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from core.project.edits import put
from core.project.schema import FrozenMap, Optimizer, Project
from core.project.trust import Trust
from core.runs.history import History
from gui import theme
from gui.settings import Settings
from gui.training import Training
from gui.trainingstate import TrainingState
from gui.window import Window
from gui.workbench import Workbench

pytestmark = [pytest.mark.keras, pytest.mark.timeout(400)]


def too_fast(project: Project) -> Project:
    """The project with a rate at which it diverges after some epochs."""
    optimizer = Optimizer(class_name="SGD", config=FrozenMap({"learning_rate": 0.2}))
    return put(
        project, "training", project.training.model_copy(update={"optimizer": optimizer, "epochs": 40})
    )


@pytest.fixture
def window(qtbot: QtBot, qapp: QApplication, tmp_path: Path, two_heads: Project) -> Iterator[Window]:
    theme.use(qapp, "light", 1.0)
    training = Training(runs=tmp_path / "runs", trust=Trust(tmp_path / "trusted.json"))
    made = Window(Workbench(settings=Settings(tmp_path / "window.ini"), training=training))
    qtbot.addWidget(made, before_close_func=lambda w: w.bench.document.undo.setClean())
    made.resize(1280, 800)
    made.show()
    made.bench.files.new(too_fast(two_heads), tmp_path)
    training.start()
    yield made
    made.bench.document.undo.setClean()
    made.close()


def trained(window: Window, qtbot: QtBot) -> TrainingState:
    """Wait until the run that has just begun is over."""
    training = window.bench.training
    qtbot.waitUntil(lambda: training.state.phase in ("done", "stopped", "failed"), timeout=180_000)
    return training.state


def button(window: Window, name: str) -> QPushButton:
    found = window.bad_values.offers.findChildren(QPushButton, name)
    return found[-1]  # those that were there before are still being deleted


def test_a_run_that_diverges_is_mended_and_goes_on(window: Window, qtbot: QtBot) -> None:
    window.press_train()
    state = trained(window, qtbot)
    assert state.phase == "failed"
    assert state.bad is not None
    assert state.bad.diverged
    assert state.bad.kept_epoch
    assert window.bad_values.isVisible()
    assert button(window, "remedy0").text() == "Lower the learning rate to 0.02"
    assert state.run is not None
    button(window, "goOn").click()
    assert not window.bad_values.isVisible()
    state = trained(window, qtbot)
    assert state.phase == "done", state.sentence
    history = History(state.run)
    assert np.isfinite(history.steps()).all()
    assert len(history.epochs()) == 40
    history.close()


def test_the_project_trains_again_with_a_remedy(window: Window, qtbot: QtBot) -> None:
    window.press_train()
    first = trained(window, qtbot).run
    button(window, "remedy0").click()
    button(window, "trainAgain").click()
    state = trained(window, qtbot)
    assert (state.phase, state.bad) == ("done", None), state.sentence
    assert state.run != first
    assert window.bench.document.project.training.optimizer.config["learning_rate"] == 0.02
