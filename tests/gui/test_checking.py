"""Facts and problems follow the document, and code is trusted as it should be."""

import time
from pathlib import Path
from types import SimpleNamespace

from pytestqt.qtbot import QtBot

from core.project.edits import put, remove, set_weight
from core.project.facts import ModelFacts
from core.project.schema import CsvSource, Term
from core.project.trust import Trust
from gui.checking import _what_keras_sees

CODE = "def f(y, p):\n    return y - p\n"


def ready(bench: SimpleNamespace, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: bench.checking.facts.data is not None, timeout=10_000)


def test_facts_about_the_data_are_read_from_the_file(bench: SimpleNamespace, qtbot: QtBot) -> None:
    ready(bench, qtbot)
    assert bench.checking.facts.data.rows == 120
    assert bench.checking.facts.data.error is None
    assert not bench.checking.busy


def test_a_problem_appears_soon_after_the_edit(bench: SimpleNamespace, qtbot: QtBot) -> None:
    ready(bench, qtbot)
    start = time.monotonic()
    bench.document.edit("Add", put(bench.document.project, "term:loose", Term()))
    qtbot.waitUntil(lambda: bool(bench.checking.of("term:loose")), timeout=10_000)
    assert time.monotonic() - start < 5.0  # 150 ms on a machine that does nothing else


def test_a_problem_goes_with_its_cause(bench: SimpleNamespace, qtbot: QtBot) -> None:
    bench.document.edit("Add", put(bench.document.project, "term:loose", Term()))
    qtbot.waitUntil(lambda: bool(bench.checking.blocking))
    bench.document.edit("Remove", remove(bench.document.project, ["term:loose"]))
    qtbot.waitUntil(lambda: not bench.checking.blocking)


def test_a_file_that_is_gone_is_a_problem_not_a_crash(bench: SimpleNamespace, qtbot: QtBot) -> None:
    data = bench.document.project.data.model_copy(update={"source": CsvSource(path="gone.csv")})
    bench.document.edit("Data", put(bench.document.project, "data", data))
    qtbot.waitUntil(lambda: any("gone.csv" in one.message for one in bench.checking.blocking), timeout=10_000)


def test_facts_of_the_model_reach_the_problems(bench: SimpleNamespace, qtbot: QtBot) -> None:
    ready(bench, qtbot)
    sentence = "The layer trunk cannot take this."
    with qtbot.waitSignal(bench.checking.changed):
        bench.training.facts_arrived.emit(ModelFacts(errors={"layer:trunk": sentence}))
    assert bench.checking.facts.model is not None
    assert [one.message for one in bench.checking.of("layer:trunk")] == [sentence]


def test_a_weight_is_nothing_to_ask_keras_about(bench: SimpleNamespace) -> None:
    project = bench.document.project
    assert _what_keras_sees(project) == _what_keras_sees(set_weight(project, "mse", 3.0))
    assert _what_keras_sees(project) != _what_keras_sees(remove(project, ["layer:trunk"]))


def test_code_that_came_with_a_file_blocks_until_it_is_trusted(bench: SimpleNamespace, qtbot: QtBot) -> None:
    bench.document.replace(put(bench.document.project, "functions", CODE), bench.document.folder)
    qtbot.waitUntil(lambda: any(one.where == "functions" for one in bench.checking.blocking))
    assert not bench.checking.trusted
    bench.checking.trust()
    qtbot.waitUntil(lambda: not bench.checking.blocking)


def test_code_typed_in_this_window_is_trusted(bench: SimpleNamespace) -> None:
    bench.document.edit("Functions", put(bench.document.project, "functions", CODE))
    assert bench.checking.trusted


def test_typing_into_code_that_is_not_trusted_does_not_trust_it(bench: SimpleNamespace) -> None:
    bench.document.replace(put(bench.document.project, "functions", CODE), bench.document.folder)
    bench.document.edit("Functions", put(bench.document.project, "functions", CODE + "\n"))
    assert not bench.checking.trusted


def test_opening_code_after_trusted_code_does_not_trust_it(bench: SimpleNamespace) -> None:
    bench.document.edit("Functions", put(bench.document.project, "functions", CODE))
    bench.document.replace(
        put(bench.document.project, "functions", CODE + "import os\n"), bench.document.folder
    )
    assert not bench.checking.trusted


def test_typed_code_is_remembered_only_once_it_is_trained(bench: SimpleNamespace, tmp_path: Path) -> None:
    project = put(bench.document.project, "functions", CODE)
    bench.document.edit("Functions", project)
    assert not Trust(tmp_path / "trusted.json").covers(project)
    bench.training.trust_lastingly(project)
    assert Trust(tmp_path / "trusted.json").covers(project)
