"""Formulas: expressions as mathematics writes them, and the total with its weights."""

import xml.etree.ElementTree as ET

import pytest

from core.project.schema import Project
from gui import typeset
from tests.gui.canvas_bench import EXAMPLE

PROJECT = Project.model_validate(EXAMPLE)


def text(element: ET.Element) -> str:
    return "".join(element.itertext())


def test_exp_square_and_division_become_powers_and_fractions():
    tags = {element.tag for element in typeset.expression("exp(-s) * square(y - p) / 2").iter()}
    assert {"msup", "mfrac"} <= tags


def test_brackets_stay_where_they_mean_something():
    assert text(typeset.expression("a - (b - c)")) == "a-(b-c)".replace("-", typeset.MINUS)
    assert text(typeset.expression("(a * b) + c")) == "a·b+c"


def test_greek_names_are_greek():
    assert text(typeset.expression("sigma")) == "\N{GREEK SMALL LETTER SIGMA}"


@pytest.mark.parametrize("code", ["", "a +", "lambda: 1", "a.b", "x" * 5000, "(" * 500])
def test_what_is_no_formula_yet_gives_none(code):
    assert typeset.expression(code) is None


def test_the_total_names_terms_that_weigh_something():
    formula = text(typeset.total(PROJECT, lambda _reference: "#000000", "#888888"))
    assert formula == "total=1.00·nll+0.50·bce+regularization"


def test_a_typeset_formula_is_valid_svg_with_a_size(qtbot):
    made = typeset.typeset(typeset.term(PROJECT, "nll", "#d55e00"), 20, "#222222")
    assert made.renderer().isValid()
    assert made.width > made.height > 10
    assert "#d55e00" in made.svg


def test_hostile_names_cannot_break_out(qtbot):
    made = typeset.typeset(typeset.symbol("</mi><script>"), 20, "#222222")
    assert "script" not in made.svg.lower().replace("<path", "")
