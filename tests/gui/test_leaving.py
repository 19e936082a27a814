"""Closing the window while a run trains: it asks once, and does exactly what was chosen."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QCheckBox, QDialog, QPushButton
from pytestqt.qtbot import QtBot

from core.project.edits import put
from core.project.schema import Project
from gui.settings import Settings
from gui.training import Training
from gui.trainingstate import TrainingState
from gui.window import Window
from gui.workbench import Workbench

TRAINING = TrainingState("training", "training", epoch=12, epochs=50, step=3, steps=9, seconds_left=32)
STOPPING = TrainingState("stopping", "training", epoch=12, epochs=50, sentence="Saving the model.")
STOPPED = TrainingState("stopped", "ready", sentence="Stopped as asked.")


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, two_heads: Project) -> Iterator[Window]:
    training = Training(runs=tmp_path / "runs")
    window = Window(Workbench(settings=Settings(tmp_path / "window.ini"), training=training))
    qtbot.addWidget(window, before_close_func=_end)
    window.bench.document.replace(two_heads, tmp_path)
    window.show()
    yield window
    window.close()


def _end(window: Window) -> None:
    """Nothing is left to ask about."""
    window.bench.training._take_state(STOPPED)
    window.bench.document.undo.setClean()


def closing(window: Window, answer: Callable[[QDialog], None]) -> list[QDialog]:
    """Close the window and answer the question that comes up; return the questions."""
    asked: list[QDialog] = []

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QDialog):
            watch.stop()
            asked.append(dialog)
            answer(dialog)

    watch = QTimer(interval=20)
    watch.timeout.connect(look)
    watch.start()
    window.close()
    watch.stop()
    return asked


def press(name: str) -> Callable[[QDialog], None]:
    return lambda dialog: dialog.findChild(QPushButton, name).click()


def stops(window: Window) -> list[bool]:
    asked: list[bool] = []
    window.bench.training._stop.connect(lambda: asked.append(True))
    return asked


def test_without_a_run_nothing_is_asked(window: Window) -> None:
    assert closing(window, lambda dialog: dialog.reject()) == []
    assert not window.isVisible()


def test_the_run_goes_on_when_return_is_pressed(window: Window, qtbot: QtBot) -> None:
    window.bench.training._take_state(TRAINING)
    stopped = stops(window)
    asked = closing(window, lambda dialog: qtbot.keyClick(dialog, Qt.Key.Key_Return))
    assert len(asked) == 1
    assert not window.isVisible()
    assert not stopped


def test_escape_keeps_window_and_run(window: Window, qtbot: QtBot) -> None:
    window.bench.training._take_state(TRAINING)
    stopped = stops(window)
    assert len(closing(window, lambda dialog: qtbot.keyClick(dialog, Qt.Key.Key_Escape))) == 1
    assert window.isVisible()
    assert not stopped


def test_stop_and_save_waits_for_the_run_and_closes_then(window: Window, qtbot: QtBot) -> None:
    window.bench.training._take_state(TRAINING)
    stopped = stops(window)
    closing(window, press("leavingStop"))
    assert stopped
    assert window.isVisible()
    assert window.findChild(QDialog, "leavingWait").isVisible()
    window.bench.training._take_state(STOPPED)
    qtbot.waitUntil(lambda: not window.isVisible())


def test_a_run_that_is_stopping_already_is_not_told_again(window: Window) -> None:
    window.bench.training._take_state(STOPPING)
    stopped = stops(window)
    closing(window, press("leavingStop"))
    assert not stopped
    assert window.findChild(QDialog, "leavingWait").isVisible()


def test_whoever_stays_open_stays_when_the_run_has_stopped(window: Window, qtbot: QtBot) -> None:
    window.bench.training._take_state(TRAINING)
    closing(window, press("leavingStop"))
    window.findChild(QPushButton, "leavingStay").click()
    window.bench.training._take_state(STOPPED)
    qtbot.wait(50)
    assert window.isVisible()


def test_unsaved_changes_are_saved_in_the_same_question(window: Window, tmp_path: Path) -> None:
    document = window.bench.document
    assert window.bench.files.save_as(tmp_path / "houses.lossmith")
    document.edit("Rename", put(document.project, "functions", "# Other houses\n"))
    window.bench.training._take_state(TRAINING)
    asked = closing(window, press("leavingKeep"))
    assert len(asked) == 1
    assert "houses.lossmith" in asked[0].findChild(QCheckBox, "leavingSave").text()
    assert not window.isVisible()
    assert "Other houses" in (tmp_path / "houses.lossmith").read_text()


def test_changes_that_are_not_to_be_saved_are_not_asked_about_again(window: Window, tmp_path: Path) -> None:
    document = window.bench.document
    assert window.bench.files.save_as(tmp_path / "houses.lossmith")
    document.edit("Rename", put(document.project, "functions", "# Other houses\n"))
    window.bench.training._take_state(TRAINING)

    def leave(dialog: QDialog) -> None:
        dialog.findChild(QCheckBox, "leavingSave").setChecked(False)
        press("leavingKeep")(dialog)

    closing(window, leave)
    assert not window.isVisible()
    assert "Other houses" not in (tmp_path / "houses.lossmith").read_text()
