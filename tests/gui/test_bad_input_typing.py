"""What is typed reaches the project it was typed for, and before anything is done with that."""

from pathlib import Path

import pytest
from PySide6.QtTest import QTest

from core.project.edits import put
from core.project.schema import Project
from core.project.storage import load
from gui.panels.functions import FunctionsEditor
from gui.settings import Settings
from gui.window import Window
from gui.workbench import Workbench

CODE = "def f(y_true, y_pred):\n    return y_true - y_pred\n"


@pytest.fixture
def editor(bench, qtbot):
    made = FunctionsEditor(bench.document, bench.checking)
    qtbot.addWidget(made)
    yield made
    made.close_worker()


def test_showing_functions_is_no_typing(bench, editor, qtbot):
    bench.document.edit("First", put(bench.document.project, "functions", CODE))
    qtbot.wait(20)
    assert not editor._take_soon.isActive()
    bench.document.edit("Second", put(bench.document.project, "functions", "def g(:\n"))
    qtbot.wait(400)
    assert bench.document.project.functions == "def g(:\n"
    assert editor.editor.toPlainText() == "def g(:\n"
    assert bench.document.undo.count() == 2


def test_what_was_typed_for_one_project_never_gets_into_another(bench, editor, qtbot):
    QTest.keyClicks(editor.editor, "typed just now")
    bench.document.replace(Project(name="Another", functions=CODE), bench.document.folder)
    qtbot.wait(400)
    assert bench.document.project.functions == CODE
    assert editor.editor.toPlainText() == CODE


@pytest.fixture
def window(qtbot, tmp_path):
    made = Window(Workbench(settings=Settings(tmp_path / "s.ini")))
    made.show()
    made.activateWindow()
    made.bench.files.new(Project(name="Mine"), tmp_path)
    yield made
    made.bench.files.window = None  # nobody is asked about what a failed test left unsaved
    made.close()
    made.deleteLater()


def test_a_shortcut_saves_what_is_still_being_typed(window, qtbot, tmp_path):
    path: Path = tmp_path / "p.lossmith"
    assert window.bench.files.save_as(path)
    window.show_panel("code")
    editor = window.findChild(FunctionsEditor).editor
    editor.setFocus()
    qtbot.waitUntil(editor.hasFocus)
    QTest.keyClicks(editor, "# typed")
    window.do("save")  # as its shortcut does: the keyboard stays where it is
    assert load(path).functions == "# typed"
    assert not window.bench.document.unsaved
