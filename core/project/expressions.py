"""Expressions: one formula over `keras.ops` names and bound names, `exp(-s) * square(y - p) + s`.

A white list of syntax and of functions, so that a formula from a stranger's project needs no trust: it can
compute with what it is given, and nothing else. Nothing is ever evaluated here.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from core import catalogue
from core.project import parsing

MAX_LENGTH = 4_000
MAX_DEPTH = 60
MAX_INTEGER = 2**31
MAX_EXPONENT = 64

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult)
SIGNS = (ast.USub, ast.UAdd)
COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
SHAPES = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.Call,
    ast.keyword,
    ast.Subscript,
    ast.Slice,
)
LEAVES = (ast.Name, ast.Constant, ast.Tuple, ast.Load)
NODES = (*SHAPES, *LEAVES, *ARITHMETIC, *SIGNS, *COMPARISONS)
HINTS: dict[type[ast.AST], str] = {
    ast.BoolOp: "use logical_and(a, b) or logical_or(a, b) instead of `and` and `or`",
    ast.Not: "use logical_not(a) instead of `not`",
    ast.IfExp: "use where(condition, a, b) instead of `if`",
    ast.BitXor: "use ** for powers, not ^",
    ast.Attribute: "a dot cannot follow a name; write functions by their bare name, like exp(x)",
    ast.Lambda: "an expression cannot define functions; write a Python loss for that",
    ast.NamedExpr: "an expression cannot assign",
}


class ExpressionError(Exception):
    """What is wrong with an expression, in one sentence; `column` counts from 1, and 0 means the whole."""

    def __init__(self, sentence: str, column: int = 0) -> None:
        super().__init__(f"Column {column}: {sentence}" if column else sentence)
        self.column = column


@dataclass(frozen=True)
class Expression:
    """A formula that passed the white list: its free names in order of appearance, and its syntax tree."""

    names: tuple[str, ...]
    tree: ast.Expression


def parse(code: str) -> Expression:
    """Return the expression that `code` spells. Raises ExpressionError, with its column, for all else."""
    tree = _tree(code)
    _check_depth(tree)
    nodes = list(ast.walk(tree))
    for node in nodes:
        _check(node)
    return Expression(tuple(_free_names(tree)), tree)


def called_names(tree: ast.AST) -> Iterator[ast.Name]:
    """The name nodes that stand for functions in a checked tree."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return (call.func for call in calls if isinstance(call.func, ast.Name))


def _tree(code: str) -> ast.Expression:
    if not code.strip():
        raise ExpressionError("The expression is empty")
    if len(code) > MAX_LENGTH:
        raise ExpressionError(f"The expression is longer than {MAX_LENGTH} characters")
    for column, char in enumerate(code, 1):
        if (not char.isascii() or not char.isprintable() or char == "#") and char not in "\r\n\t":
            raise ExpressionError(f"{char!r} cannot be used in an expression", column)
    line = re.sub(r"[\r\n\t]", " ", code)
    indent = len(line) - len(line.lstrip())
    try:
        return _shifted(parsing.formula(line.lstrip()), indent)
    except SyntaxError as error:
        raise ExpressionError(f"{error.msg}", indent + (error.offset or 1)) from None
    except (RecursionError, MemoryError, ValueError):
        raise ExpressionError("The expression is nested too deeply") from None


def _shifted(tree: ast.Expression, by: int) -> ast.Expression:
    """Count columns from the start of what the user wrote, blanks included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            node.col_offset += by
    return tree


def _check_depth(tree: ast.AST) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise ExpressionError("The expression is nested too deeply")


def _check(node: ast.AST) -> None:
    column = getattr(node, "col_offset", -1) + 1
    if not isinstance(node, NODES):
        unknown = f"{type(node).__name__} cannot be used in an expression"
        raise ExpressionError(HINTS.get(type(node), unknown), column)
    check = CHECKS.get(type(node))
    sentence = check(node) if check else None
    if sentence:
        raise ExpressionError(sentence, column)


def _check_call(node: ast.Call) -> str | None:
    if not isinstance(node.func, ast.Name):
        return "only functions of keras.ops can be called, by their bare name"
    if any(keyword.arg is None for keyword in node.keywords):
        return "** cannot be used in a call"
    if node.func.id in catalogue.ops():
        return None
    near = get_close_matches(node.func.id, sorted(catalogue.ops()), 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{node.func.id} is not a function of keras.ops that an expression can use{hint}"


def _check_name(node: ast.Name) -> str | None:
    return None if NAME.match(node.id) else f"{node.id} is no name here: a name starts with a letter"


def _check_constant(node: ast.Constant) -> str | None:
    if node.value is not None and type(node.value) not in (bool, int, float):
        return "only numbers, True, False and None can be written out"
    if type(node.value) is int and node.value >= MAX_INTEGER:
        return f"a whole number must be below {MAX_INTEGER}; write a decimal point for a larger one"
    return None


def _check_compare(node: ast.Compare) -> str | None:
    if len(node.ops) > 1:
        return "compare two things at a time: logical_and(a < b, b < c)"
    return None


def _check_power(node: ast.BinOp) -> str | None:
    """Refuse towers like 9**9**9, which would be computed exactly, for ever."""
    exact = not any(isinstance(part, ast.Name) for part in ast.walk(node))
    if not isinstance(node.op, ast.Pow) or not exact or (_is_small(node.left) and _is_small(node.right)):
        return None
    return f"a power of plain numbers takes an exponent of at most {MAX_EXPONENT}"


def _is_small(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    return (
        isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value <= MAX_EXPONENT
    )


def _check_subscript(node: ast.Subscript) -> str | None:
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    constant = all(_is_index(end) for part in parts for end in _ends(part))
    return None if constant else "an index is a whole number or a slice of them: p[:, 0]"


def _ends(part: ast.expr) -> tuple[ast.expr | None, ...]:
    return (part.lower, part.upper, part.step) if isinstance(part, ast.Slice) else (part,)


def _is_index(node: ast.expr | None) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return node is None or (isinstance(node, ast.Constant) and type(node.value) in (int, type(None)))


CHECKS: dict[type[ast.AST], Callable[[Any], str | None]] = {
    ast.Call: _check_call,
    ast.Name: _check_name,
    ast.Constant: _check_constant,
    ast.Compare: _check_compare,
    ast.BinOp: _check_power,
    ast.Subscript: _check_subscript,
}


def _free_names(tree: ast.Expression) -> Iterator[str]:
    functions = {id(node) for node in called_names(tree)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions]
    return iter(dict.fromkeys(node.id for node in sorted(names, key=lambda node: node.col_offset)))
