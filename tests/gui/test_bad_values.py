"""NaN in a run, in the window: a banner that says where it began and offers edits that help and can be undone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from core.project.badvalues import BadValues, sentence
from core.project.edits import put
from core.project.schema import ExpressionLoss, Project
from core.project.trust import Trust
from gui import theme
from gui.settings import Settings
from gui.training import Training
from gui.trainingstate import TrainingState
from gui.window import Window
from gui.workbench import Workbench


@pytest.fixture
def window(qtbot: QtBot, qapp: QApplication, tmp_path: Path, two_heads: Project) -> Any:
    theme.use(qapp, "light", 1.0)
    training = Training(runs=tmp_path / "runs", trust=Trust(tmp_path / "trusted.json"))
    made = Window(Workbench(settings=Settings(tmp_path / "window.ini"), training=training))
    qtbot.addWidget(made, before_close_func=lambda w: w.bench.document.undo.setClean())
    made.resize(1280, 800)
    made.show()
    made.bench.files.new(two_heads, tmp_path)
    yield made
    made.bench.document.undo.setClean()
    made.close()


RUN = Path("a run")


def ends(window: Window, bad: BadValues, run: Path | None = None) -> None:
    """Let a run of the open project fail of bad values, as the engine tells it."""
    training, run = window.bench.training, run or RUN
    training._begun.add(run)
    training._take_state(TrainingState("starting", run=run))
    training._take_state(TrainingState("failed", run=run, sentence=sentence(bad), where=bad.where, bad=bad))


def offers(window: Window) -> dict[str, QPushButton]:
    flow = window.bad_values.offers.layout()
    assert flow is not None
    buttons = [flow.itemAt(place).widget() for place in range(flow.count())]  # type: ignore[union-attr]
    return {button.accessibleName(): button for button in buttons if isinstance(button, QPushButton)}


LOST = BadValues(step=312, epoch=4, cause="term", where="term:nll", terms=("nll",), heads=("prediction",), ended=True,
                 formula="exp(-s)", kind="infinite", rows=(17,), row_count=1, batch_size=32, source="rows.csv",
                 kept_epoch=3)  # fmt: skip


def test_the_banner_says_where_it_began_and_leads_there(window: Window) -> None:
    ends(window, LOST)
    banner = window.bad_values
    assert banner.isVisible()
    assert not window.banner.isVisible()
    assert (
        "At step 312 (epoch 4) the term nll (head prediction): exp(-s) is infinite in row 17 of rows.csv"
        in (banner.sentence.text())
    )
    banner.action.click()
    assert window.bench.selection.current == "term:nll"
    assert banner.isVisible()


def test_a_stable_formula_is_one_edit_that_can_be_undone(window: Window) -> None:
    document = window.bench.document
    before = document.project
    ends(window, LOST)
    offers(window)["Write exp(-s) as exp(minimum(-s, 50.0))"].click()
    loss = document.project.terms["nll"].loss
    assert isinstance(loss, ExpressionLoss)
    assert loss.code == "exp(minimum(-s, 50.0)) * square(y - p) + s"
    assert document.undo.undoText() == "Write exp(-s) as exp(minimum(-s, 50.0))"
    assert "Train again" in offers(window)
    document.undo.undo()
    assert document.project == before
    assert "Write exp(-s) as exp(minimum(-s, 50.0))" in offers(window)


def test_a_run_that_diverged_is_offered_a_lower_rate_and_clipped_gradients(window: Window) -> None:
    ends(window, LOST.model_copy(update={"diverged": True}))
    lower, clip = list(offers(window))[:2]
    assert (lower, clip) == ("Lower the learning rate to 0.0001", "Clip gradients to a length of 1")
    offers(window)[lower].click()
    offers(window)[clip].click()
    config = window.bench.document.project.training.optimizer.config
    assert (config["learning_rate"], config["clipnorm"]) == (0.0001, 1.0)


def test_a_lower_rate_can_be_lowered_once_more(window: Window) -> None:
    ends(window, LOST.model_copy(update={"diverged": True}))
    offers(window)["Lower the learning rate to 0.0001"].click()
    assert "Lower the learning rate to 1e-05" in offers(window)


def test_an_input_with_gaps_is_offered_to_leave_those_rows_out(window: Window) -> None:
    document = window.bench.document
    gaps = document.project.data.fields["x"].model_copy(update={"missing": "keep"})
    document.edit("Keep gaps", put(document.project, "field:x", gaps))
    ends(window, BadValues(step=1, cause="input", where="input:x", layer="trunk", ended=True))
    button = next(button for name, button in offers(window).items() if "rows" in name)
    button.click()
    assert document.project.data.fields["x"].missing == "drop"


def test_a_run_goes_on_from_its_last_finite_epoch_where_one_is_kept(window: Window, tmp_path: Path) -> None:
    ends(window, LOST, tmp_path)
    assert (
        offers(window)["Go on after epoch 3 at 0.0001"].toolTip()
        == "Train the same run on at a lower learning rate"
    )
    ends(window, LOST.model_copy(update={"kept_epoch": None}), tmp_path)
    assert not [name for name in offers(window) if name.startswith("Go on")]


def test_a_run_that_goes_on_can_be_stopped_there(window: Window) -> None:
    training = window.bench.training
    training.state = TrainingState("training")
    training.went_bad.emit(LOST.model_copy(update={"ended": False}), "The term nll is infinite.", "")
    assert window.bad_values.isVisible()
    training._take_state(TrainingState("training"))
    assert "Stop" in offers(window)
    training._take_state(TrainingState("stopped"))
    assert "Stop" not in offers(window)


def test_a_banner_that_was_closed_stays_closed_until_another_run(window: Window) -> None:
    ends(window, LOST)
    window.bad_values.closed.emit()
    training = window.bench.training
    training._take_state(replace(training.state, engine="ready"))
    assert not window.bad_values.isVisible()
    ends(window, LOST)
    assert window.bad_values.isVisible()


def test_another_run_or_project_takes_the_banner_away(
    window: Window, two_heads: Project, tmp_path: Path
) -> None:
    ends(window, LOST)
    window.bench.training.state_changed.emit(TrainingState("starting"))
    assert not window.bad_values.isVisible()
    ends(window, LOST)
    window.bench.files.new(two_heads, tmp_path)
    assert not window.bad_values.isVisible()


def test_a_run_of_another_project_is_told_without_edits_of_this_one(window: Window) -> None:
    window.bench.training.state_changed.emit(
        TrainingState("failed", sentence="It.", where="term:nll", bad=LOST)
    )
    assert window.bad_values.isVisible()
    assert not offers(window)
