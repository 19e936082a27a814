"""A project's Python is read, never run, and what a term could not use says why."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.project.functions import FunctionsError, signatures


def test_functions_are_listed_in_order_with_their_arguments() -> None:
    found = signatures("import math\n\ndef b(y, p, *, k=2.0):\n    return y\n\ndef a(p):\n    return p\n")
    assert list(found) == ["b", "a"]
    assert found["b"].arguments == ("y", "p", "k")
    assert found["b"].defaults == {"k": "2.0"}
    assert (found["b"].line, found["a"].line) == (3, 6)


def test_nothing_is_run(tmp_path) -> None:
    trace = tmp_path / "ran"
    signatures(f"open({str(trace)!r}, 'w')\ndef f(y): return y")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def f(:", "Line 1"),
        ("x = 1\ndef load_data(): pass", "Line 2: load_data"),
        ("keras = 3", "keras is what the script itself defines"),
        ("import tensorflow as keras", "keras"),
        ("for ops in (1,): pass", "ops"),
        ("from __future__ import annotations", "__future__"),
        ("x = '\ud800'", "not readable"),
        ("a = " + "-" * 9000 + "b", "nested"),
    ],
)
def test_what_cannot_stand_in_a_script_is_refused(code: str, says: str) -> None:
    with pytest.raises(FunctionsError, match=says):
        signatures(code)


@pytest.mark.parametrize("line", ["import keras", "from keras import ops", "import numpy as np"])
def test_importing_what_the_script_imports_too_is_fine(line: str) -> None:
    assert signatures(line) == {}


@pytest.mark.parametrize(
    "code", ["def f(*a): pass", "def f(a, /): pass", "async def f(a): pass", "def f(a): yield a"]
)
def test_a_function_no_term_could_call_says_why(code: str) -> None:
    assert signatures(code)["f"].refusal


@given(st.text())
def test_no_text_raises_anything_but_a_sentence(code: str) -> None:
    with contextlib.suppress(FunctionsError):
        signatures(code)
