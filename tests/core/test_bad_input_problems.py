"""Projects that would fail in the middle of a run are said to be wrong before it, with a way out."""

import pytest

from core.project.facts import ColumnFacts, DataFacts, Facts
from core.project.problems import Problem, problems
from core.project.schema import Project
from core.project.storage import loads

TERM = (
    '{"loss": {"kind": "expression", "code": "%s"}, "bind": {"y": "target:y", "p": "head:h"}, "weight": %s}'
)
PROJECT = """{"lossmith": 1, "data": {"source": {"kind": "csv", "path": "d.csv"},
  "fields": {"x": {"columns": ["a", "b"]}, "y": {"columns": ["c"]}}},
 "model": {"inputs": {"x": {"field": "x"}},
  "layers": {"s": {"class": "%s", "from": ["x"], "config": {"axis": %s}},
             "o": {"class": "Dense", "from": ["s"], "config": {"units": 1}}},
  "heads": {"h": {"layer": "o"}}},
 "terms": {"t": %s}}"""


def project(
    layer: str = "Softmax", axis: str = "-1", code: str = "square(y - p)", weight: str = "1"
) -> Project:
    return loads(PROJECT % (layer, axis, TERM % (code, weight)))


def found(code: str, one: Project, data: DataFacts | None = None) -> Problem | None:
    return next((each for each in problems(one, Facts(data=data)) if each.code == code), None)


@pytest.mark.parametrize("axis", ["9", "2", "-3", "[1, 4]"])
def test_an_axis_that_the_tensor_lacks_is_named_and_mended(axis: str) -> None:
    problem = found("no-such-axis", project(axis=axis))
    assert problem is not None
    assert problem.severity == "blocking"
    assert problem.message.endswith("but x gives (B, 2), which has the axes 0 to 1.")
    assert problem.fix is not None
    assert found("no-such-axis", problem.fix.apply(project(axis=axis))) is None


@pytest.mark.parametrize("axis", ["-1", "1", "-2", "[1]", "null"])
def test_an_axis_of_the_tensor_is_fine(axis: str) -> None:
    assert found("no-such-axis", project(axis=axis)) is None


@pytest.mark.parametrize(("least", "problem"), [(0.5, True), (0.0, False), (3, False)])
def test_fractions_are_no_numbers_to_look_up(least: float, problem: bool) -> None:
    column = ColumnFacts(kind="number", dtype="float64", count=9, missing=0, minimum=least, maximum=9.0)
    data = DataFacts(rows=9, exact=True, columns=dict.fromkeys("abc", column))
    assert bool(found("fractions-embedded", project("Embedding", "null"), data)) is problem


def test_a_weight_beyond_float32_is_refused() -> None:
    problem = found("huge-weight", project(weight="1e308"))
    assert problem is not None
    assert problem.where == "term:t"


def test_a_formula_that_leaves_its_head_out_trains_nothing() -> None:
    problem = found("term-without-head", project(code="square(y)"))
    assert problem is not None
    assert problem.severity == "blocking"


def test_too_few_rows_for_validation_are_mended_by_going_without() -> None:
    data = DataFacts(rows=2, exact=True, split={"train": 2, "validation": 0, "test": 0, "dropped": 0})
    problem = found("no-validation-rows", project(), data)
    assert problem is not None
    assert problem.severity == "blocking"
    assert problem.fix is not None
    assert problem.fix.apply(project()).data.split.validation == 0
