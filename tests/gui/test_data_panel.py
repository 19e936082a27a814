"""The data panel: columns become inputs and targets at a press, and everything stays in step."""

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent

from core.project.facts import ColumnFacts
from core.project.schema import CategoryField, NumberField, Project, TextField
from gui.files import Files
from gui.panels.columns import ROLE, described, role_parts
from gui.panels.data import DataPanel
from gui.roles import roles, with_role
from gui.settings import Settings

COLUMNS = {
    "Flipper length (mm)": ColumnFacts(kind="number", dtype="float64", count=10, missing=0, distinct=9),
    "age": ColumnFacts(kind="number", dtype="float64", count=10, missing=0, distinct=9),
    "species": ColumnFacts(kind="category", dtype="str", count=10, missing=0, values=("a", "b")),
    "review": ColumnFacts(kind="text", dtype="str", count=10, missing=2),
}


@pytest.fixture
def panel(qtbot, bench, tmp_path):
    settings = Settings(tmp_path / "window.ini")
    files = Files(bench.document, settings)
    panel = DataPanel(bench.document, bench.selection, bench.checking, bench.training, files)
    qtbot.addWidget(panel)
    panel.resize(320, 500)
    panel.show()
    qtbot.waitUntil(lambda: bool(panel.table.columns.names), timeout=20_000)
    return panel


def press(qtbot, panel, name, role):
    table = panel.table
    index = table.columns.index(table.columns.names.index(name), ROLE)
    part = role_parts(table.visualRect(index))[("none", "input", "target").index(role)]
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=part.center())


def test_numbers_that_are_inputs_share_one_field():
    project = with_role(Project(), COLUMNS, ["Flipper length (mm)", "age"], "input")
    assert project.data.fields["features"] == NumberField(
        columns=("Flipper length (mm)", "age"), scaling="standardize"
    )
    assert project.model.inputs["features"].field == "features"


def test_texts_and_categories_that_are_inputs_have_their_own():
    project = with_role(Project(), COLUMNS, ["species", "review"], "input")
    assert isinstance(project.data.fields["species"], CategoryField)
    assert isinstance(project.data.fields["review"], TextField)
    assert set(project.model.inputs) == {"species", "review"}


def test_every_target_is_a_field_of_its_own_with_a_name_keras_takes():
    project = with_role(Project(), COLUMNS, ["Flipper length (mm)", "age"], "target")
    assert set(project.data.fields) == {"flipper_length_mm", "age"} or set(project.data.fields) == {
        "Flipper_length_mm",
        "age",
    }
    assert not project.model.inputs


def test_a_column_that_changes_sides_leaves_the_shared_field():
    project = with_role(Project(), COLUMNS, ["Flipper length (mm)", "age"], "input")
    project = with_role(project, COLUMNS, ["age"], "target")
    assert project.data.fields["features"].columns == ("Flipper length (mm)",)
    assert roles(project)["age"] == "target"


def test_the_last_column_takes_its_input_along():
    project = with_role(Project(), COLUMNS, ["age"], "input")
    project = with_role(project, COLUMNS, ["age"], "none")
    assert not project.data.fields
    assert not project.model.inputs


def test_columns_are_shown_with_what_they_are_for(panel):
    columns = panel.table.columns
    assert columns.names == ["a", "b", "y"]
    assert [columns.role_of(name) for name in columns.names] == ["input", "input", "target"]


def test_pressing_a_part_of_the_switch_changes_the_role_as_one_edit(qtbot, panel, bench):
    press(qtbot, panel, "b", "none")
    assert bench.document.project.data.fields["x"].columns == ("a",)
    assert bench.document.undo.undoText() == "Leave out: b"
    bench.document.undo.undo()
    assert bench.document.project.data.fields["x"].columns == ("a", "b")


def test_keys_set_the_role_of_all_selected_columns(qtbot, panel, bench):
    panel.table.setFocus()
    panel.table.selectAll()
    qtbot.keyClick(panel.table, Qt.Key.Key_T)
    assert set(roles(bench.document.project).values()) == {"target"}
    assert bench.document.undo.count() == 1


def test_more_targets_than_a_project_may_have_are_refused_with_a_sentence(panel, bench, monkeypatch):
    said = []
    panel._files.failed.connect(said.append)
    monkeypatch.setattr("core.project.parts.MAX_PARTS", 1)
    panel.table.want(["a", "b", "y"], "target")
    assert "at most 1 parts" in said[0]
    assert roles(bench.document.project)["a"] == "input"


def test_the_split_shows_how_many_rows_each_part_has(qtbot, panel):
    qtbot.waitUntil(lambda: "96" in panel.split._lines["train"][1].text(), timeout=20_000)
    assert panel.split._lines["validation"][1].text() == "24 · 20 %"
    assert not panel.split._lines["test"][1].isVisible()


def test_the_split_settings_are_one_press_away(qtbot, panel, bench):
    panel.split.pressed.emit()
    assert bench.selection.current == "split"


def test_a_filter_narrows_the_columns(panel):
    panel.table.columns.narrow("y")
    assert panel.table.columns.names == ["y"]


def test_the_first_rows_are_shown_as_they_are(qtbot, panel):
    panel.tabs.setCurrentWidget(panel.rows)
    qtbot.waitUntil(lambda: panel.rows.frame.rowCount() == 100, timeout=20_000)
    assert panel.rows.frame.columnCount() == 3


def test_dropping_a_table_opens_it(qtbot, panel, bench, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("one;two\n1,5;2\n3,5;4\n", encoding="utf-8")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(other))])
    event = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    panel.dropEvent(event)
    assert bench.document.project.data.source.path == "other.csv"
    qtbot.waitUntil(lambda: panel.table.columns.names == ["one", "two"], timeout=20_000)


def test_data_that_cannot_be_read_says_why(qtbot, panel, bench, tmp_path):
    (tmp_path / "rows.csv").unlink()
    bench.document.edit("Seed", bench.document.project.model_copy(update={"seed": 8}))
    qtbot.waitUntil(lambda: panel._error.text() != "", timeout=20_000)
    assert "rows.csv" in panel._error.text()


def test_without_data_the_panel_offers_to_open_some(qtbot, bench, tmp_path):
    bench.document.replace(Project(), tmp_path)
    panel = DataPanel(
        bench.document,
        bench.selection,
        bench.checking,
        bench.training,
        Files(bench.document, Settings(tmp_path / "window.ini")),
    )
    qtbot.addWidget(panel)
    panel.show()
    assert panel._empty.isVisible()


def test_what_is_known_of_a_column_is_told():
    facts = ColumnFacts(
        kind="number", dtype="float64", count=8, missing=2, distinct=5, minimum=0.5, maximum=2.25, mean=1.0
    )
    told = described("age", facts)
    assert "2 missing" in told
    assert "from 0.5 to 2.25" in told


def test_parts_of_the_switch_do_not_overlap(qtbot, panel):
    index = panel.table.columns.index(0, ROLE)
    parts = role_parts(panel.table.visualRect(index))
    assert not any(a.intersects(b) for a in parts for b in parts if a is not b)
    assert all(part.contains(QPoint(part.center())) for part in parts)


def test_a_saved_project_takes_its_relative_data_along(bench, tmp_path):
    files = Files(bench.document, Settings(tmp_path / "window.ini"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert files.save_as(elsewhere / "project.lossmith")
    path = Path(bench.document.project.data.source.path)
    assert (bench.document.folder / path).resolve() == (tmp_path / "rows.csv").resolve()
