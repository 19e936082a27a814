"""The Runs tab over real run folders."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from core.project.edits import set_weight
from core.runs.folder import facts_of
from gui import shelf
from gui.panels.runs import COMPARE, EPOCHS, NAME, STATE, RunsPanel, lasted


@pytest.fixture
def panel(bench: SimpleNamespace, qtbot: QtBot, make_run: Callable[..., Path]) -> RunsPanel:
    make_run(name="first")
    make_run(name="second", status="stopped", epochs=2)
    panel = bench.panel(RunsPanel)
    qtbot.addWidget(panel)
    panel.resize(1200, 300)
    panel.show()
    qtbot.waitUntil(lambda: panel.table.rowCount() == 2)
    return panel


def row_of(panel: RunsPanel, name: str) -> int:
    return next(row for row in range(panel.table.rowCount()) if panel.table.item(row, NAME).text() == name)


def choose(panel: RunsPanel, name: str) -> Path:
    panel.table.selectRow(row_of(panel, name))
    return panel.chosen[0].path


def press(panel: RunsPanel, button: str) -> None:
    panel.findChild(QPushButton, button).click()


def test_runs_are_listed_with_how_they_ended(panel: RunsPanel) -> None:
    row = row_of(panel, "second")
    assert panel.table.item(row, STATE).text() == "stopped"
    assert panel.table.item(row, EPOCHS).text() == "2 / 5"


def test_the_curves_of_a_run_are_shown_on_request(
    panel: RunsPanel, bench: SimpleNamespace, qtbot: QtBot
) -> None:
    run = choose(panel, "first")
    with qtbot.waitSignal(panel.wanted) as asked:
        press(panel, "showRun")
    assert bench.training.run == run
    assert asked.args == ["curves"]
    assert panel.table.item(row_of(panel, "first"), NAME).font().bold()


def test_only_an_interrupted_run_can_be_resumed(panel: RunsPanel) -> None:
    resume = panel.findChild(QPushButton, "resumeRun")
    choose(panel, "first")
    assert not resume.isEnabled()
    choose(panel, "second")
    assert resume.isEnabled()
    panel.table.selectAll()
    assert not resume.isEnabled()


def test_resume_takes_the_run_up_and_shows_its_curves(
    panel: RunsPanel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[object] = []
    monkeypatch.setattr(panel._training, "resume_run", lambda *what: taken.append(what))
    run = choose(panel, "second")
    with qtbot.waitSignal(panel.wanted) as asked:
        press(panel, "resumeRun")
    assert (taken, asked.args) == ([(run, 5)], ["curves"])


def test_a_tick_compares_a_run(panel: RunsPanel, bench: SimpleNamespace) -> None:
    row = row_of(panel, "second")
    panel.table.item(row, COMPARE).setCheckState(Qt.CheckState.Checked)
    assert [path.name for path in bench.training.overlay] == [panel._runs[row].path.name]
    panel.table.item(row, COMPARE).setCheckState(Qt.CheckState.Unchecked)
    assert bench.training.overlay == ()


def test_a_run_can_be_renamed_in_its_line(panel: RunsPanel, qtbot: QtBot) -> None:
    run = choose(panel, "first")
    panel.table.item(row_of(panel, "first"), NAME).setText("the good one")
    qtbot.waitUntil(lambda: facts_of(run)["name"] == "the good one")
    assert json.loads((run / "run.json").read_text())["folder"]


def test_an_empty_name_is_refused_in_a_sentence(panel: RunsPanel, qtbot: QtBot) -> None:
    panel.table.item(row_of(panel, "first"), NAME).setText("  ")
    qtbot.waitUntil(panel.strip.isVisible)
    assert "needs a name" in panel.strip.sentence.text()


def test_lines_stay_where_they_are_while_a_name_is_typed(
    panel: RunsPanel, qtbot: QtBot, make_run: Callable[..., Path]
) -> None:
    choose(panel, "first")
    press(panel, "renameRun")
    editor = panel.table.findChild(QLineEdit)
    make_run(name="third")
    with qtbot.waitSignal(panel._worker._desk.done):
        panel.refresh()
    qtbot.wait(20)
    assert panel.table.rowCount() == 2
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: panel.table.rowCount() == 3)


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(
    panel: RunsPanel, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "nowhere" / "train.py"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), ""))
    choose(panel, "first")
    press(panel, "exportRun")
    qtbot.waitUntil(panel.strip.isVisible)
    assert panel.strip.sentence.text().startswith(f"{out} cannot be written: there is no such folder")


def test_a_run_that_cannot_be_renamed_keeps_its_name_in_the_list(
    panel: RunsPanel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(run: Path, _name: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(run / "run.json"))

    monkeypatch.setattr(shelf, "rename", refuse)
    row = row_of(panel, "first")
    panel.table.item(row, NAME).setText("another")
    qtbot.waitUntil(panel.strip.isVisible)
    assert "run.json cannot be written" in panel.strip.sentence.text()
    qtbot.waitUntil(lambda: panel.table.item(row, NAME).text() == "first")


def test_a_deleted_run_can_be_put_back(panel: RunsPanel, qtbot: QtBot) -> None:
    run = choose(panel, "first")
    press(panel, "deleteRun")
    qtbot.waitUntil(lambda: panel.table.rowCount() == 1)
    assert not run.exists()
    panel.strip.action.click()
    qtbot.waitUntil(lambda: panel.table.rowCount() == 2)
    assert (run / "run.db").exists()


def test_a_run_that_trains_is_not_deleted(
    panel: RunsPanel, bench: SimpleNamespace, qtbot: QtBot, make_run: Callable[..., Path]
) -> None:
    run = make_run(name="live", status="running")
    panel.refresh()
    qtbot.waitUntil(lambda: panel.table.rowCount() == 3)
    choose(panel, "live")
    press(panel, "deleteRun")
    assert run.exists()
    assert "still training" in panel.strip.sentence.text()


def test_the_project_of_a_run_can_be_restored_and_that_undone(
    panel: RunsPanel, bench: SimpleNamespace, qtbot: QtBot
) -> None:
    bench.document.edit("Weight", set_weight(bench.document.project, "mse", 9.0))
    choose(panel, "first")
    press(panel, "restoreRun")
    qtbot.waitUntil(lambda: bench.document.project.terms["mse"].weight == 0.5)
    bench.document.undo.undo()
    assert bench.document.project.terms["mse"].weight == 9.0


def test_data_of_a_restored_project_is_found_from_another_folder(
    make_run: Callable[..., Path], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    project = shelf.project_of(make_run(), elsewhere)
    assert Path(project.data.source.path) == tmp_path / "rows.csv"


def test_the_script_of_a_run_is_exported(make_run: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / "again.py"
    shelf.export_script(make_run(), out)
    compile(out.read_text(), str(out), "exec")


@pytest.mark.parametrize(
    ("seconds", "words"), [(4.25, "4.2 s"), (125, "2:05"), (3725, "1:02:05"), (None, "—")]
)
def test_times_are_said_in_words(seconds: float | None, words: str) -> None:
    assert lasted(seconds) == words
