"""The whole story of a new user, told by mouse and keyboard in the real window, from a CSV to a script that agrees."""

import csv
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit

from core.runs.history import History
from gui.widgets.codeview import CodeView
from gui.widgets.pill import Pill
from tests.e2e.driving import Person, started

pytestmark = pytest.mark.keras

INPUTS, TARGETS, ROWS = ("width", "height", "depth", "age"), ("price", "rent"), 600
FUNCTION = "def mean_absolute(y_true, y_pred):\nreturn ops.mean(ops.abs(y_true - y_pred), axis=-1)"
MANY, FEW = 20_000, 4
CURVES = {"total", "price_loss", "rent_loss", "regularization"}
SAME, SHOWN = 1e-6, 1e-3


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Houses: four numbers that say something about two others."""
    dice, path = random.Random(3), tmp_path / "houses.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*INPUTS, *TARGETS])
        for _ in range(ROWS):
            width, height, depth, age = (round(dice.uniform(1, 9), 3) for _ in INPUTS)
            price = width * height - 0.5 * age + dice.gauss(0, 1)
            rows.writerow(
                [width, height, depth, age, round(price, 4), round(depth * 2 + dice.gauss(0, 1), 4)]
            )
    return path


@pytest.fixture
def person(qapp: QApplication) -> Iterator[Person]:
    with started(qapp) as person:
        yield person


def test_from_a_csv_to_a_script_that_gives_the_same_numbers(
    person: Person, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.picture("start page")
    open_the_table(person, table, monkeypatch)
    choose_inputs_and_targets(person)
    build_a_trunk_and_two_heads(person)
    write_a_function(person)
    bind_a_loss_to_each_head(person)
    set_the_weights(person, price="0.5", rent="0.5")
    watch_it_train(person)
    stop(person)
    what_is_shown_adds_up(person)
    first = person.window.bench.training.run
    set_the_weights(person, rent="0.8")
    train_again(person)
    second = person.window.bench.training.run
    assert second is not None
    assert second != first
    look_at_the_script(person)
    script = export_the_script(person, tmp_path / "taken away" / "houses.py")
    quit_without_saving(person)
    assert_same(second, run_in_a_shell(script, tmp_path))


# ---- the stages of the story


def open_the_table(person: Person, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(table), ""))
    person.click("startData")
    person.until(lambda: person.sees("columnTable"), "the columns are shown")
    person.picture("data opened")


def choose_inputs_and_targets(person: Person) -> None:
    person.use_columns(INPUTS, "input")
    person.use_columns(TARGETS, "target")
    person.until(lambda: "target:rent" in person.canvas.graph_scene.nodes, "the targets stand on the canvas")
    person.picture("inputs and targets")


def build_a_trunk_and_two_heads(person: Person) -> None:
    person.grow("input:features", "dense", "Dense", "trunk")
    person.pick("kernel_regularizer", "L2")
    for name in TARGETS:
        layer = person.grow("layer:trunk", "dense", "Dense", f"{name}_dense")
        person.write("edit_units", "1")
        person.pick("activation", "none")
        person.grow(layer, "new head", "New head", name)
    model = person.window.bench.document.project.model
    assert {name: head.layer for name, head in model.heads.items()} == {
        name: f"{name}_dense" for name in TARGETS
    }
    person.picture("trunk and heads")


def write_a_function(person: Person) -> None:
    person.tab("Code")
    person.click("functionsEditor")
    person.type(FUNCTION)
    project = person.window.bench.document
    person.until(lambda: "axis=-1" in project.project.functions, "the function is in the project")
    person.picture("function")


def bind_a_loss_to_each_head(person: Person) -> None:
    for name, typed, label in (
        ("price", "mse", "New term: MeanSquaredError"),
        ("rent", "mean_absolute()", "New term: mean_absolute()"),
    ):
        term = person.grow(f"head:{name}", typed, label, f"{name}_loss")
        person.wire(f"target:{name}", term)
    person.until(lambda: not person.window.bench.checking.blocking, "nothing keeps the project from training")
    person.until(lambda: person.find("problemsPill", Pill).text() == "no problems", "no problems are left")
    person.picture("terms")


def set_the_weights(person: Person, **weights: str) -> None:
    for name, weight in weights.items():
        person.write(f"weight_{name}_loss", weight)
    terms = person.window.bench.document.project.terms
    assert {name: terms[f"{name}_loss"].weight for name in weights} == {
        name: float(weight) for name, weight in weights.items()
    }


def set_epochs(person: Person, epochs: int) -> None:
    person.take("Model", "Training settings")
    person.write("edit_epochs", str(epochs))
    assert person.window.bench.document.project.training.epochs == epochs


def watch_it_train(person: Person) -> None:
    set_epochs(person, MANY)
    person.picture("before training")
    person.click("trainButton")
    person.until(lambda: person.sees("legend"), "the curves are shown", 90)
    seen: dict[str, tuple[set[str], set[str]]] = {curve: (set(), set()) for curve in CURVES}
    said: set[str] = set()

    def moved() -> bool:
        """Whether everything has been seen at three values, in training and in validation."""
        said.add(person.read("runWords"))
        for curve, values in person.legend().items():
            for known, value in zip(seen[curve], values, strict=True):
                known.update({value} - {"", "—"})
        return all(len(known) >= 3 for both in seen.values() for known in both)

    person.until(moved, "every summand and the total move", 120)
    person.picture("training")
    assert any(re.search(rf"epoch \d+ of {MANY} · [\d:]+ left", words) for words in said), said


def stop(person: Person) -> None:
    person.click("stopButton")
    person.until(lambda: person.window.bench.training.state.phase == "stopped", "the run has stopped")
    person.picture("stopped")


def what_is_shown_adds_up(person: Person) -> None:
    """On the terms board: now times weight is weighted, and these with the regularization are the total."""
    person.rest(300)
    weighted = [person.number(f"weighted_{name}_loss") for name in TARGETS]
    now = [person.number(f"now_{name}_loss") for name in TARGETS]
    assert weighted == pytest.approx([0.5 * value for value in now], rel=SHOWN)
    regularization = person.number("now_regularization")
    assert regularization > 0
    assert sum(weighted) + regularization == pytest.approx(person.number("totalNow"), rel=SHOWN)
    assert float(person.read("closesTo").split()[2]) <= SAME


def train_again(person: Person) -> None:
    set_epochs(person, FEW)
    person.click("trainButton")
    person.until(lambda: person.window.bench.training.state.phase == "done", "the second run is done", 90)
    person.picture("done")


def look_at_the_script(person: Person) -> None:
    person.tab("Code")
    view = person.find("scriptView", CodeView)
    person.until(lambda: "def mean_absolute" in view.toPlainText(), "the script is shown")
    person.picture("script")


def export_the_script(person: Person, out: Path) -> Path:
    out.parent.mkdir()

    def fill_in() -> None:
        person.picture("export dialog")
        person.write(person.find("exportPlace", QLineEdit), str(out))
        if person.sees("exportWrite"):
            person.click("exportWrite")

    with person.answering(fill_in):
        person.click("exportScript")
    assert out.is_file()
    return out


def quit_without_saving(person: Person) -> None:
    with person.answering(lambda: person.click(person.button("Discard"))):
        person.take("File", "Quit")
    assert not person.window.isVisible()


def run_in_a_shell(script: Path, elsewhere: Path) -> dict[str, list[float]]:
    """Run the script where Lossmith cannot be imported, and return what it wrote."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    without = "import runpy, sys; sys.modules['core'] = sys.modules['gui'] = None"
    command = [sys.executable, "-I", "-c", f"{without}; runpy.run_path(sys.argv[1], run_name='__main__')"]
    subprocess.run(
        [*command, str(script)], cwd=elsewhere, check=True, env=clean, capture_output=True, timeout=200
    )
    with script.with_name("history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {key: [float(row[key]) for row in rows] for key in rows[0]}


def assert_same(run: Path, script: dict[str, list[float]]) -> None:
    """Every term, the regularization and the total of every epoch, in training and validation."""
    history = History(run)
    epochs = history.epochs()
    history.close()
    assert len(epochs) == FEW
    names = {"total": "loss", **{f"term:{name}_loss": f"{name}_loss" for name in TARGETS}}
    names["regularization"] = "regularization"
    for number, epoch in enumerate(epochs):
        for series, name in names.items():
            assert epoch.train[series] == pytest.approx(script[name][number], rel=SAME)
            assert epoch.validation[series] == pytest.approx(script[f"val_{name}"][number], rel=SAME)
