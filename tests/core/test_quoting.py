"""Names and values get into a script through two doors only, and no hostile text gets through them alive."""

import ast
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.codegen.quoting import docstring, identifier, literal

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,30}", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=12,
)


@given(NAMES | st.sampled_from([*keyword.kwlist, "list", "keras", "list_", "match"]))
def test_every_name_becomes_an_identifier(name: str) -> None:
    if not name[0].isalpha():
        return
    made = identifier(name)
    assert made.isidentifier()
    assert not keyword.iskeyword(made)


@given(NAMES, NAMES)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (identifier(one) == identifier(other)) == (one == other)


def test_a_taken_name_and_its_underscored_twin_stay_apart() -> None:
    assert [identifier(name) for name in ("list", "list_", "list__")] == ["list_", "list__", "list___"]


@pytest.mark.parametrize("name", ["", "a b", "a\n", "é", "1a", "_a", "a;b", "a.b", "a\x00"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        identifier(name)


@given(VALUES)
def test_a_literal_evaluates_to_its_value(value: object) -> None:
    assert ast.literal_eval(literal(value)) == value


@given(st.text())
def test_a_text_stays_one_constant_on_one_line(text: str) -> None:
    quoted = literal(text)
    assert "\n" not in quoted
    assert isinstance(ast.parse(quoted, mode="eval").body, ast.Constant)


def test_numbers_without_a_spelling_of_their_own_are_spelt_by_float() -> None:
    assert [literal(float(word)) for word in ("inf", "-inf", "nan")] == [
        'float("inf")',
        'float("-inf")',
        'float("nan")',
    ]


def test_what_has_no_literal_is_refused() -> None:
    with pytest.raises(TypeError, match="no literal"):
        literal(object())


@given(st.text())
def test_a_docstring_stays_one_constant(text: str) -> None:
    (statement,) = ast.parse(docstring(text)).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Constant)
