"""The terms board by mouse and keyboard: every edit is one named step of undo, and what is shown adds up."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QSlider, QToolButton
from pytestqt.qtbot import QtBot

from core.project.edits import put, remove, set_weight
from core.project.schema import Project, Term
from core.runs import wire
from gui.panels.terms import TermsPanel
from gui.trainingstate import TrainingState

RUN = Path("a run")


@pytest.fixture
def panel(bench: SimpleNamespace, qtbot: QtBot) -> TermsPanel:
    panel = bench.panel(TermsPanel)
    qtbot.addWidget(panel)
    panel.resize(1300, 240)
    panel.show()
    return panel


def commands(bench: SimpleNamespace) -> list[wire.Command]:
    """What is sent to the engine from now on."""
    sent: list[wire.Command] = []
    bench.training._send.connect(sent.append)
    return sent


def labels(bench: SimpleNamespace) -> list[str]:
    """The names of the steps of undo."""
    return [bench.document.undo.text(place) for place in range(bench.document.undo.count())]


def test_each_term_has_a_line_that_says_what_it_compares(panel: TermsPanel) -> None:
    row = panel._rows["nll"]
    assert row._loss.text() == "exp(-s) * square(y - p) + s"
    assert row._bound.text() == "prediction, uncertainty ← y"


def test_regularization_names_its_layers(panel: TermsPanel) -> None:
    assert panel._regularization.isVisible()
    assert panel._regularization._bound.text() == "trunk"


def test_the_total_is_typeset(panel: TermsPanel, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: panel.formula.accessibleName() == "total = 0.5 mse + 1 nll + regularization")
    assert panel.formula._svg.isValid()


def test_a_drag_of_the_slider_is_one_step_of_undo(panel: TermsPanel, bench: SimpleNamespace) -> None:
    slider = panel.findChild(QSlider, "slider_mse")
    middle = slider.height() // 2
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() // 2, middle))
    for x in range(slider.width() // 2, slider.width() - 4, 5):
        QTest.mouseMove(slider, QPoint(x, middle))
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() - 4, middle))
    assert bench.document.project.terms["mse"].weight > 0.7
    assert labels(bench) == ["Weight of mse"]
    bench.document.undo.undo()
    assert bench.document.project.terms["mse"].weight == 0.5


def test_two_drags_are_two_steps(panel: TermsPanel, bench: SimpleNamespace) -> None:
    row = panel._rows["mse"]
    for weight in (60, 70):
        row.slider.setSliderDown(True)
        row.slider.setValue(weight)
        row.slider.setSliderDown(False)
    assert labels(bench) == ["Weight of mse", "Weight of mse"]


def test_arrow_keys_change_the_weight(panel: TermsPanel, bench: SimpleNamespace) -> None:
    slider = panel.findChild(QSlider, "slider_nll")
    slider.setFocus()
    for _ in range(3):
        QTest.keyClick(slider, Qt.Key.Key_Left)
    assert bench.document.project.terms["nll"].weight == pytest.approx(0.97)
    assert len(labels(bench)) == 1


def test_a_weight_can_be_typed_beyond_the_slider(panel: TermsPanel, bench: SimpleNamespace) -> None:
    field = panel.findChild(QLineEdit, "weight_mse")
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "12.5")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert bench.document.project.terms["mse"].weight == 12.5
    assert panel._rows["mse"].slider.toolTip().startswith("0 to 20")


def test_the_switch_takes_a_term_out_of_the_formula(
    panel: TermsPanel, bench: SimpleNamespace, qtbot: QtBot
) -> None:
    qtbot.mouseClick(panel._rows["mse"].on, Qt.MouseButton.LeftButton)
    assert not bench.document.project.terms["mse"].on
    assert labels(bench) == ["Switch mse off"]
    qtbot.waitUntil(lambda: panel.formula.accessibleName() == "total = 1 nll + regularization")


def test_a_term_can_be_renamed_in_its_line(panel: TermsPanel, bench: SimpleNamespace) -> None:
    bench.selection.select("term:mse")
    name = panel.findChild(QLineEdit, "name_mse")
    name.setFocus()
    name.selectAll()
    QTest.keyClicks(name, "rating")
    QTest.keyClick(name, Qt.Key.Key_Return)
    assert list(bench.document.project.terms) == ["rating", "nll"]
    assert bench.selection.current == "term:rating"


def test_a_name_that_is_taken_is_refused_and_the_old_one_comes_back(
    panel: TermsPanel, bench: SimpleNamespace
) -> None:
    name = panel.findChild(QLineEdit, "name_mse")
    name.setFocus()
    name.setText("nll")
    QTest.keyClick(name, Qt.Key.Key_Return)
    assert list(bench.document.project.terms) == ["mse", "nll"]
    assert name.text() == "mse"
    assert "taken" in name.toolTip()


def test_removing_a_term_can_be_undone(panel: TermsPanel, bench: SimpleNamespace) -> None:
    panel.findChild(QToolButton, "remove_mse").click()
    assert list(panel._rows) == ["nll"]
    bench.document.undo.undo()
    assert list(panel._rows) == ["mse", "nll"]


def test_a_click_on_a_line_selects_the_term(panel: TermsPanel, bench: SimpleNamespace, qtbot: QtBot) -> None:
    qtbot.mouseClick(panel._rows["nll"]._bound, Qt.MouseButton.LeftButton)
    assert bench.selection.current == "term:nll"


def test_without_terms_a_sentence_offers_to_add_one(
    panel: TermsPanel, bench: SimpleNamespace, qtbot: QtBot
) -> None:
    bench.document.edit("Clear", remove(bench.document.project, ["term:mse", "term:nll"]))
    assert panel._stack.currentIndex() == 0
    with qtbot.waitSignal(panel.wanted) as asked:
        panel.findChild(object, "emptyStateAddATerm").click()
    assert asked.args == ["add_term"]


def test_live_values_add_up_to_the_total(
    panel: TermsPanel, bench: SimpleNamespace, qtbot: QtBot, make_run: Callable[..., Path]
) -> None:
    bench.training.show_run(make_run())
    qtbot.waitUntil(lambda: panel._total.text() != "")
    weighted = [float(row._weighted.text()) for row in panel._rows.values()]
    shown = sum(weighted) + float(panel._regularization._weighted.text())
    assert shown == pytest.approx(float(panel._total.text()), abs=0.002)
    assert panel._closes.text().startswith("closes to ")


def test_a_weight_that_changes_while_its_project_trains_changes_in_the_run(
    panel: TermsPanel, bench: SimpleNamespace
) -> None:
    sent = commands(bench)
    bench.training._begun.add(RUN)
    bench.training._take_state(TrainingState("training", run=RUN, epoch=1, epochs=4, steps=5))
    bench.document.edit("Weight", set_weight(bench.document.project, "mse", 0.9))
    bench.document.undo.undo()
    assert sent == [wire.SetWeight(term="mse", weight=0.9), wire.SetWeight(term="mse", weight=0.5)]


def test_weights_of_another_project_leave_the_run_alone(panel: TermsPanel, bench: SimpleNamespace) -> None:
    sent = commands(bench)
    bench.training._begun.add(RUN)
    bench.training._take_state(TrainingState("training", run=RUN))
    bench.training.leave_run()  # as the workbench does when another project is opened
    other = set_weight(bench.document.project, "mse", 3.0)
    bench.document.replace(other, bench.document.folder)
    bench.document.edit("Weight", set_weight(other, "mse", 4.0))
    assert sent == []


def test_weights_leave_a_resumed_run_of_another_project_alone(
    panel: TermsPanel, bench: SimpleNamespace
) -> None:
    sent = commands(bench)
    bench.training._take_state(TrainingState("starting"))
    bench.training._take_state(TrainingState("training", run=RUN))
    bench.document.edit("Weight", set_weight(bench.document.project, "mse", 4.0))
    assert sent == []


def test_a_term_added_elsewhere_appears(panel: TermsPanel, bench: SimpleNamespace) -> None:
    project: Project = bench.document.project
    bench.document.edit("Add", put(project, "term:extra", Term()))
    assert list(panel._rows) == ["mse", "nll", "extra"]
    assert panel._rows["extra"]._bound.text() == "bound to nothing yet"
