"""The Code tab: the script as it would be exported, and the functions while they are typed."""

import ast
from types import SimpleNamespace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from core.codegen.script import script
from core.project.edits import put, remove
from gui.panels.code import CodePanel
from gui.panels.functions import diagnosis

GOOD = "def twice(y, p):\n    return 2 * ops.abs(y - p)\n"


@pytest.fixture
def panel(bench: SimpleNamespace, qtbot: QtBot) -> CodePanel:
    panel = bench.panel(CodePanel)
    qtbot.addWidget(panel)
    panel.resize(1200, 400)
    panel.show()
    qtbot.waitUntil(lambda: panel.view.toPlainText() != "", timeout=10_000)
    return panel


def test_the_script_is_the_one_that_would_be_exported(panel: CodePanel, bench: SimpleNamespace) -> None:
    folder = bench.document.folder
    expected = script(bench.document.project, folder=folder, out=folder / "train.py")
    ast.parse(panel.view.toPlainText())
    assert panel.view.toPlainText().strip() == expected.text.strip()


def test_the_lines_of_what_is_selected_are_marked(panel: CodePanel, bench: SimpleNamespace) -> None:
    bench.selection.select("layer:trunk")
    first, last = panel.view.marked[0]
    lines = panel.view.toPlainText().splitlines()[first - 1 : last]
    assert "trunk" in "\n".join(lines)
    assert panel.view.numbers.marked >= {first, last}


def test_the_script_follows_an_edit(panel: CodePanel, bench: SimpleNamespace, qtbot: QtBot) -> None:
    bench.document.edit("Remove", remove(bench.document.project, ["term:nll"]))
    qtbot.waitUntil(lambda: "nll" not in panel.view.toPlainText(), timeout=10_000)


def test_a_project_without_a_script_keeps_the_last_one_and_says_why(
    panel: CodePanel, bench: SimpleNamespace, qtbot: QtBot
) -> None:
    bench.document.edit("Break", remove(bench.document.project, ["layer:trunk"]))
    qtbot.waitUntil(panel.refusal.isVisible, timeout=10_000)
    assert panel.refusal.sentence.text()
    assert "trunk" in panel.view.toPlainText()


def test_the_script_can_be_copied(panel: CodePanel) -> None:
    panel.findChild(QPushButton, "copyScript").click()
    assert QGuiApplication.clipboard().text() == panel.view.toPlainText()


def test_typing_a_function_is_one_step_of_undo(
    panel: CodePanel, bench: SimpleNamespace, qtbot: QtBot
) -> None:
    editor = panel.functions.editor
    editor.setFocus()
    QTest.keyClicks(editor, "def f(y, p):")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QTest.keyClicks(editor, "return y - p")
    qtbot.waitUntil(lambda: bench.document.project.functions == "def f(y, p):\n    return y - p")
    assert bench.document.undo.count() == 1
    bench.document.undo.undo()
    assert editor.toPlainText() == ""


def test_functions_changed_elsewhere_are_shown(panel: CodePanel, bench: SimpleNamespace) -> None:
    bench.document.edit("Functions", put(bench.document.project, "functions", GOOD))
    assert panel.functions.editor.toPlainText() == GOOD


def test_what_is_wrong_is_said_while_typing(panel: CodePanel, bench: SimpleNamespace, qtbot: QtBot) -> None:
    bench.document.edit("Functions", put(bench.document.project, "functions", "def f(y:\n    return"))
    qtbot.waitUntil(lambda: panel.functions.message.text().startswith("Line 1"))


def test_an_example_is_one_click_away(panel: CodePanel, bench: SimpleNamespace, qtbot: QtBot) -> None:
    panel.findChild(QPushButton, "insertExample").click()
    assert "def mean_absolute" in bench.document.project.functions
    assert diagnosis(bench.document.project.functions) is None


def test_code_that_came_with_a_file_asks_for_trust(
    panel: CodePanel, bench: SimpleNamespace, qtbot: QtBot
) -> None:
    project = put(bench.document.project, "functions", GOOD)
    bench.document.replace(project, bench.document.folder)
    strip = panel.functions.trust_strip
    qtbot.waitUntil(strip.isVisible)
    strip.action.click()
    assert bench.checking.trusted
    assert not strip.isVisible()


@pytest.mark.parametrize(
    ("code", "line", "words"),
    [
        ("def f(y, p):\n    return squre(y - p)\n", 2, "squre"),
        ("def f(*args):\n    return 1\n", 1, "names"),
        ("def f(y)\n", 1, "Line 1"),
        ("import os\nSEED = 3\n", 2, "SEED"),
    ],
)
def test_functions_are_diagnosed_without_running_them(code: str, line: int, words: str) -> None:
    found = diagnosis(code)
    assert found is not None
    assert found[0] == line
    assert words in found[1]


def test_the_scripts_own_names_are_known() -> None:
    assert diagnosis("def f(y, p):\n    return ops.mean(keras.ops.abs(np.float32(1) * (y - p)))\n") is None
