"""Every template as a user meets it: its card is clicked, Train is pressed, its curves and its balance are looked at.

One window and one warm engine serve all of them, because TensorFlow takes seconds to import.
"""

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel

from core.project.templates import Template, templates
from core.runs.history import History
from gui.plots.feed import live_feed
from tests.e2e.driving import Person, started
from tests.e2e.hands import CONTROL

pytestmark = pytest.mark.keras

EPOCHS, RESIDUAL = 2, 1e-6
REDO = CONTROL | Qt.KeyboardModifier.ShiftModifier


@pytest.fixture(scope="module")
def window_user(qapp: QApplication) -> Iterator[Person]:
    with started(qapp) as person:
        yield person


@pytest.fixture
def person(window_user: Person) -> Iterator[Person]:
    """Somebody before the window; what a test that failed left unsaved or running does not hold up the next."""
    yield window_user
    training = window_user.window.bench.training
    if training.state.busy:
        training.stop()
        window_user.until(lambda: not training.state.busy, "the run has stopped")
    window_user.window.bench.document.undo.setClean()


@pytest.mark.parametrize("one", templates(), ids=lambda one: one.name)
def test_a_template_opens_trains_and_adds_up(person: Person, one: Template) -> None:
    open_from_its_card(person, one)
    asked_for = epochs_of(person)
    set_epochs(person, EPOCHS)
    train(person, one)
    assert_curves(person, one)
    assert_balance(person)
    undo_and_redo(person, asked_for)


def open_from_its_card(person: Person, one: Template) -> None:
    person.press(Qt.Key.Key_Home, CONTROL)
    person.click(f"example_{one.name}")
    bench = person.window.bench
    assert bench.document.project == one.project()
    assert_nothing_is_shown_of_another_run(person)
    person.until(lambda: bench.checking.facts.model is not None, "Keras has answered", 90)
    assert not bench.checking.blocking
    assert person.read("trainButton") == "Train"
    person.picture(f"{one.name} open")


def assert_nothing_is_shown_of_another_run(person: Person) -> None:
    terms = person.window.bench.document.project.terms
    person.until(lambda: {person.read(f"now_{name}") for name in terms} == {"—"}, "the board is empty", 5)
    person.until(lambda: not person.sees("legend") and not person.read("runWords"), "the curves are gone", 5)


def epochs_of(person: Person) -> int:
    return person.window.bench.document.project.training.epochs


def set_epochs(person: Person, epochs: int) -> None:
    person.take("Model", "Training settings")
    person.write("edit_epochs", str(epochs))
    assert epochs_of(person) == epochs


def train(person: Person, one: Template) -> None:
    state = person.window.bench.training
    before = state.run
    person.click("trainButton")
    person.until(lambda: state.run != before and not state.state.busy, f"{one.name} is trained", 120)
    assert state.state.phase == "done", state.state.sentence
    assert person.read("runWords").startswith(f"Done: {EPOCHS} epochs")


def assert_curves(person: Person, one: Template) -> None:
    """Every summand and metric has its line in the legend, with a value for training and one for validation."""
    project, feed = one.project(), live_feed(person.window.bench.training)
    shown = {"total", *(name for name, term in project.terms.items() if term.on), *project.metrics}
    person.until(lambda: shown <= set(person.legend()), "every curve is in the legend")
    person.until(
        lambda: all(all(values) for values in person.legend().values()), "every curve has its values"
    )
    assert all(value[0].isdigit() or value[0] == "-" for pair in person.legend().values() for value in pair)
    assert feed.columns is not None
    assert all(curve.count == feed.columns.count > 1 for curve in feed.columns.pyramids.values())
    person.picture(f"{one.name} trained")


def assert_balance(person: Person) -> None:
    """The sheet closes at every step: in the record, and in the words on the Balance tab."""
    person.tab("Balance")
    person.until(
        lambda: person.find("residual", QLabel).text().startswith("The sum closes"), "the sheet closes"
    )
    person.picture("balance")
    person.tab("Curves")
    assert person.window.bench.training.run is not None
    history = History(person.window.bench.training.run)
    columns = dict(zip(history.series, history.steps().T, strict=True))
    history.close()
    weighted = [
        values * columns[f"weight:{name[5:]}"] for name, values in columns.items() if name[:5] == "term:"
    ]
    residual = np.abs(sum(weighted) + columns["regularization"] - columns["total"])
    assert (residual <= RESIDUAL * np.abs(columns["total"])).all()


def undo_and_redo(person: Person, before: int) -> None:
    person.click(
        "dataPanel" if False else person.canvas.viewport(), person.canvas.viewport().rect().bottomLeft()
    )
    person.press(Qt.Key.Key_Z, CONTROL)
    assert epochs_of(person) == before
    person.press(Qt.Key.Key_Z, REDO)
    assert epochs_of(person) == EPOCHS
    person.press(Qt.Key.Key_Z, CONTROL)
    assert not person.window.isWindowModified()
