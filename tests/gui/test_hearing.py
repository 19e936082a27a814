"""What is heard of an engine: cut to what a window can show, and told no oftener than it can."""

import math

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from core.project.facts import ModelFacts
from core.runs import wire
from gui.hearsay import MOST_COUNT, MOST_DETAILS, MOST_LETTERS, tamed
from gui.runbar import words
from gui.telling import Telling
from gui.trainingstate import TrainingState
from gui.turns import Turn


def test_honest_messages_stay_as_they_are() -> None:
    for message in (
        wire.Progress(epoch=1, epochs=2, step=3, steps=4, speed=5.5, seconds_left=None),
        wire.Outcome(
            run="r", status="failed", sentence="It fell.", where="term:a", line=3, details="Traceback"
        ),
        wire.FactsFound(request=1, facts=ModelFacts(shapes={"layer:a": (3,)})),
    ):
        assert tamed(message) == message


def test_texts_are_cut_and_lines_beyond_any_script_dropped() -> None:
    found = tamed(wire.Outcome(run="r", status="done", sentence="s" * 10**6, details="d" * 10**6, line=-1))
    assert isinstance(found, wire.Outcome)
    assert len(found.sentence) <= MOST_LETTERS + 3
    assert len(found.details) <= MOST_DETAILS + 3
    assert found.line is None


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, 1e300])
def test_numbers_nobody_can_show_are_none(odd: float) -> None:
    found = tamed(wire.Progress(epoch=10**400, epochs=-3, step=1, steps=0, speed=odd, seconds_left=odd))
    assert isinstance(found, wire.Progress)
    assert (found.epoch, found.epochs, found.speed, found.seconds_left) == (MOST_COUNT, 0, 0.0, None)


def test_facts_about_more_than_any_project_has_are_not_heard() -> None:
    assert (
        tamed(wire.FactsFound(request=1, facts=ModelFacts(shapes={f"l{n}": () for n in range(30_000)})))
        is None
    )


def test_phases_that_change_without_end_are_told_seldom(qtbot: QtBot) -> None:
    owner, told = QObject(), list[TrainingState]()
    telling = Telling(owner)
    telling.start()
    telling.state_changed.connect(told.append)
    for number in range(2_000):
        telling.say(TrainingState(("paused", "training")[number % 2], sentence=str(number)))
    qtbot.wait(120)
    telling.stop()
    assert len(told) < 40
    assert told[-1].sentence == "1999"


def test_of_many_warnings_the_newest_few_are_told(qtbot: QtBot) -> None:
    owner, told = QObject(), list[wire.Trouble]()
    telling = Telling(owner)
    telling.start()
    telling.trouble.connect(told.append)
    for number in range(1_000):
        telling.warn(wire.Trouble(sentence=str(number)))
    qtbot.waitUntil(lambda: len(told) > 1 and told[-1].sentence == "999")
    assert len(told) < 6
    telling.stop()


def test_a_silent_engine_is_seen_in_the_run_bar() -> None:
    state = TrainingState("training", epoch=3, epochs=9, silent=12.4, silence="No step for 12 s.")
    assert words(state) == "epoch 3 of 9 · no step for 12 s"
    assert words(TrainingState("building", silent=130)) == "no step for 2:10"


def test_what_was_asked_often_is_drawn_once_and_never_for_nobody(qtbot: QtBot) -> None:
    done: list[str] = []
    here, gone = QObject(), QObject()
    turn, orphan = Turn(here, lambda: done.append("here")), Turn(gone, lambda: done.append("gone"))
    for _ in range(5):
        turn.ask()
        orphan.ask()
    gone.deleteLater()
    qtbot.wait(60)
    assert done == ["here"]
