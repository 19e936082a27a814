"""How the training stands after a message of the engine, and that the way of its steps stays in sight."""

from pathlib import Path

from pytestqt.qtbot import QtBot

from core.runs import wire
from gui.settings import Settings
from gui.standing import after_outcome, after_phase
from gui.training import Training
from gui.trainingstate import TrainingState
from gui.widgets.card import ElidedLabel
from gui.window import Window
from gui.workbench import Workbench

WAY = "In compiled blocks of steps, without Turbo: XLA cannot compile the layer words."


def test_the_way_of_the_steps_is_kept_when_more_is_said() -> None:
    state = after_phase(TrainingState("tracing"), wire.Phase(phase="training", sentence=f"Training. {WAY}"))
    state = after_phase(state, wire.Phase(phase="paused", sentence="Paused. For a while."))
    state = after_outcome(state, wire.Outcome(run="r", status="done", sentence="Done."))
    assert (state.phase, state.way) == ("done", WAY)


def test_the_way_of_the_steps_stands_in_the_status_line_and_at_the_engine(
    qtbot: QtBot, tmp_path: Path
) -> None:
    training = Training(runs=tmp_path / "runs")
    window = Window(Workbench(settings=Settings(tmp_path / "window.ini"), training=training))
    qtbot.addWidget(window)
    for phase in ("training", "done"):
        training._take_state(TrainingState(phase, way=WAY, versions={"keras": "3"}))
        assert window.findChild(ElidedLabel, "statusWay").text() == WAY
        assert window.bar.engine.toolTip() == f"{WAY}\nkeras 3"
    window.close()


def test_a_line_that_does_not_fit_beside_its_padding_ends_in_an_ellipsis(qtbot: QtBot) -> None:
    label = ElidedLabel(WAY)
    label.setStyleSheet("padding: 0 40px")
    qtbot.addWidget(label)
    label.resize(label.fontMetrics().horizontalAdvance(WAY) + 20, 20)
    label.show()
    assert super(ElidedLabel, label).text().endswith("…")
    assert label.toolTip() == WAY
