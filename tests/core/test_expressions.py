"""Expressions compute with what they are given, and nothing else gets through the white list."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.project.expressions import NODES, Expression, ExpressionError, parse


def test_free_names_come_in_order_of_appearance() -> None:
    assert parse("exp(-s) * square(y - p) + s").names == ("s", "y", "p")


def test_a_name_can_be_like_a_function() -> None:
    assert parse("exp(exp) + square(p)").names == ("exp", "p")


@pytest.mark.parametrize(
    "code",
    [
        "mean(abs(y - p), axis=-1)",
        "p[:, 0] - p[:, 1:2]",
        "where(y > 0.5, 2.0, 1.0) * square(y - p)",
        "1e-7 + 2 ** 0.5",
        " p +\n q",
        "sum(p, axis=(1, 2), keepdims=True)",
    ],
)
def test_what_a_loss_needs_is_allowed(code: str) -> None:
    assert isinstance(parse(code), Expression)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("", "empty"),
        ("y.numpy()", "by their bare name"),
        ("y.shape", "Column 1: a dot"),
        ("p + __import__('os')", "Column 5: __import__"),
        ("eval('1')", "eval is not a function"),
        ("open(p)", "open is not a function"),
        ("(lambda: 1)()", "bare name"),
        ("[x for x in p]", "ListComp"),
        ("'a'", "only numbers"),
        ("f'{p}'", "JoinedStr"),
        ("(p := 1)", "cannot assign"),
        ("exp(*p)", "Starred"),
        ("exp(**p)", r"\*\*"),
        ("p[y]", "an index is"),
        ("p ^ 2", "for powers"),
        ("0 < y < 1", "two things at a time"),
        ("y and p", "logical_and"),
        ("p if y else 0", "where"),
        ("9**9**9", "exponent"),
        ("_p + 1", "starts with a letter"),
        ("sqare(p)", "did you mean square"),
        ("y - \u2212p", "Column 5"),
        ("p # q", "Column 3"),
        ("p +", "Column"),
        ("(" * 300 + ")" * 300, "nested|parentheses"),
        ("-" * 3000 + "p", "nested"),
        ("1+" * 1500 + "p", "nested"),
        ("p" * 5000, "longer"),
        ("10000000000000", "decimal point"),
        ("1j * p", "only numbers"),
    ],
)
def test_everything_else_is_refused_with_its_place(code: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=says):
        parse(code)


def test_columns_count_the_blanks_in_front() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("   y + q.x")
    assert caught.value.column == 8


PIECES = st.sampled_from([*"()+-.[]:,1'=\npy", "exp", "**", "lambda", "__class__", "if"])


@given(st.lists(PIECES, max_size=12).map(" ".join) | st.text(max_size=40))
def test_what_passes_holds_only_listed_syntax_and_functions(code: str) -> None:
    try:
        tree = parse(code).tree
    except ExpressionError:
        return
    assert all(isinstance(node, NODES) for node in ast.walk(tree))
