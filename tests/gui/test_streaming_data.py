"""How rows are loaded, as a user sees and chooses it."""

import pytest
from PySide6.QtWidgets import QLabel, QWidget

from core.data import inspect
from core.project.facts import Facts
from core.project.schema import Split
from gui.files import Files
from gui.panels.data import DataPanel
from gui.panels.inspector import InspectorPanel, sheet_of
from gui.panels.sheets import Edit, Said
from gui.settings import Settings


@pytest.fixture
def inspector(qtbot, bench):
    made = InspectorPanel(bench.document, bench.selection, bench.checking)
    made.bench = bench
    qtbot.addWidget(made)
    made.resize(320, 900)
    made.show()
    return made


def rows_of(project, folder):
    facts = Facts(data=inspect(project.data, folder, project.seed))
    return {row.key: row for row in sheet_of(project, facts, "data").rows}


def test_the_data_says_how_its_rows_are_loaded_and_why(two_heads, tmp_path):
    rows = rows_of(two_heads, tmp_path)
    assert isinstance(rows["loading"], Edit)
    assert isinstance(rows["how"], Said)
    assert rows["how"].text == "All rows are kept in memory: rows.csv has no more than 1 GiB."
    changed = rows["loading"].put(two_heads, "stream")
    assert rows_of(changed, tmp_path)["how"].text == "The rows stream from disk, as the project says."
    assert rows["rows"].text == "120"


def test_choosing_to_stream_shows_the_new_facts_and_script(qtbot, inspector):
    bench = inspector.bench
    qtbot.waitUntil(lambda: bench.checking.facts.data is not None and not bench.checking.busy)
    before = bench.checking.facts.data.split
    bench.selection.select("data")
    row = next(row for row in inspector._sheet.rows if row.key == "loading")
    inspector._change(row, "stream")
    assert bench.document.project.data.loading == "stream"
    qtbot.waitUntil(lambda: bench.checking.facts.data.loading.streams, timeout=20_000)
    found = bench.checking.facts.data
    assert found.exact
    assert sum(found.split.values()) == sum(before.values()) == 120

    def said() -> list[str]:
        return [label.text() for label in inspector.form.findChildren(QLabel)]

    qtbot.waitUntil(lambda: "The rows stream from disk, as the project says." in said())


def test_a_split_that_needs_all_rows_is_a_problem_with_a_way_out(qtbot, inspector):
    bench = inspector.bench
    project = bench.document.project
    split = Split(kind="stratified", by="a")
    data = project.data.model_copy(update={"loading": "stream", "split": split})
    bench.document.edit("Stream", project.model_copy(update={"data": data}))
    qtbot.waitUntil(
        lambda: any(one.code == "cannot-stream" for one in bench.checking.blocking), timeout=20_000
    )
    bench.selection.select("data")
    problem = bench.checking.of("data")[0]
    assert "by shares of each class" in problem.message
    bench.document.edit("Mend", problem.fix.apply(bench.document.project))
    qtbot.waitUntil(lambda: not bench.checking.blocking, timeout=20_000)


def test_the_data_panel_leads_to_how_the_rows_are_loaded(qtbot, bench, tmp_path):
    files = Files(bench.document, Settings(tmp_path / "window.ini"))
    panel = DataPanel(bench.document, bench.selection, bench.checking, bench.training, files)
    qtbot.addWidget(panel)
    panel.header.findChild(QWidget, "dataSettings").click()
    assert bench.selection.current == "data"
