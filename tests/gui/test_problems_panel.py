"""The Problems tab: a line a problem, a click that leads there, a button that mends it."""

from types import SimpleNamespace

import pytest
from pytestqt.qtbot import QtBot

from core.project.edits import put
from core.project.schema import Term
from gui.panels.problems import ProblemsPanel, place_words


@pytest.fixture
def panel(bench: SimpleNamespace, qtbot: QtBot) -> ProblemsPanel:
    panel = bench.panel(ProblemsPanel)
    qtbot.addWidget(panel)
    panel.resize(1200, 300)
    panel.show()
    return panel


def test_a_project_without_problems_says_so(
    panel: ProblemsPanel, bench: SimpleNamespace, qtbot: QtBot
) -> None:
    qtbot.waitUntil(
        lambda: bench.checking.facts.data is not None and not bench.checking.problems, timeout=10_000
    )
    assert panel._fine.isVisible()


def test_an_edit_that_breaks_something_is_listed_with_its_place(
    panel: ProblemsPanel, bench: SimpleNamespace, qtbot: QtBot
) -> None:
    bench.document.edit("Add", put(bench.document.project, "term:loose", Term()))
    qtbot.waitUntil(lambda: bool(bench.checking.of("term:loose")))
    row = next(place for place, one in enumerate(bench.checking.problems) if one.where == "term:loose")
    assert panel.table.item(row, 1).text() == "term loose"
    assert panel.table.item(row, 0).text() in ("problem", "warning")
    panel.table.cellClicked.emit(row, 2)
    assert bench.selection.current == "term:loose"


def test_a_fix_is_applied_by_its_button_and_can_be_undone(
    panel: ProblemsPanel, bench: SimpleNamespace, qtbot: QtBot
) -> None:
    broken = put(bench.document.project, "term:loose", Term())
    bench.document.edit("Add", broken)
    qtbot.waitUntil(lambda: any(one.fix for one in bench.checking.of("term:loose")))
    row, problem = next((place, one) for place, one in enumerate(bench.checking.problems) if one.fix)
    panel.table.cellWidget(row, 3).findChild(object, f"fix_{row}").click()
    assert bench.document.project != broken
    assert bench.document.undo.undoText() == problem.fix.label
    bench.document.undo.undo()
    assert bench.document.project == broken


def test_places_are_said_in_words() -> None:
    assert place_words("term:nll") == "term nll"
    assert place_words("split") == "split"
