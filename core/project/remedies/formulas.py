"""The stable form of a formula: the same numbers wherever it was fine, finite ones where it was not."""

import ast
from collections.abc import Callable

from core.project import expressions, parsing

TINY, HIGHEST = 1e-7, 50.0
"""What stands for 0 under a log, a root or a division, and the most that is raised to."""
LOWEST = -5
"""The lowest exponent to which TINY is a finite number in float32."""

Rewrite = Callable[[ast.expr], ast.expr]


def stable(code: str, part: str = "") -> tuple[str, str] | None:
    """Return the formula `code` with its `part` in a stable form, and that form; None where there is none.

    Without `part` all parts are looked at, and the second text is empty.
    """
    try:
        tree = parsing.formula(ast.unparse(expressions.parse(code).tree))
    except (expressions.ExpressionError, SyntaxError):
        return None
    spelling = _Stable(part)
    text = ast.unparse(ast.fix_missing_locations(spelling.visit(tree)))
    if not spelling.written:
        return None
    try:
        expressions.parse(text)
    except expressions.ExpressionError:
        return None
    return text, spelling.written[0] if part else ""


class _Stable(ast.NodeTransformer):
    def __init__(self, part: str):
        self._part = part
        self.written: list[str] = []

    def visit(self, node: ast.AST) -> ast.AST:
        wanted = isinstance(node, ast.expr) and (not self._part or ast.unparse(node) == self._part)
        inner = super().generic_visit(node)
        safe = _safe(inner) if wanted and isinstance(inner, ast.expr) else None
        if safe is None:
            return inner
        self.written.append(ast.unparse(safe))
        return safe


def _safe(node: ast.expr) -> ast.expr | None:
    """The stable form of one operation, by its operands, None where it has none."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        rewrite = CALLS.get(node.func.id)
        inner = node.args[0]
        if rewrite is None or _is_safe(inner):
            return None
        return ast.Call(node.func, [rewrite(inner)], node.keywords)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not _is_safe(node.right):
        return ast.BinOp(node.left, ast.Div(), _not_zero(node.right))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and not _is_safe(node.left):
        return _safe_power(node)
    return None


def _safe_power(node: ast.BinOp) -> ast.expr | None:
    """The stable form of a power with a written exponent: with a whole one, numbers below 0 have powers as well."""
    exponent = _number(node.right)
    if exponent is None or exponent < LOWEST or (exponent >= 0 and exponent.is_integer()):
        return None
    keep = _not_zero if exponent.is_integer() else _above_zero
    return ast.BinOp(keep(node.left), ast.Pow(), node.right)


def _is_safe(node: ast.expr) -> bool:
    """Whether it is a number, or kept in bounds already."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in ("maximum", "minimum", "clip", "where")
    return isinstance(node, ast.Constant)


def _number(node: ast.expr) -> float | None:
    """The number that is written there, also with a sign or as a fraction; None where it is computed."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            number = _number(operand)
            return None if number is None else -number
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            above, below = _number(left), _number(right)
            return None if above is None or not below else above / below
    return None


def _called(name: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _above_zero(node: ast.expr) -> ast.expr:
    return _called("maximum", node, ast.Constant(TINY))


def _above_minus_one(node: ast.expr) -> ast.expr:
    return _called("maximum", node, ast.Constant(TINY - 1))


def _below_highest(node: ast.expr) -> ast.expr:
    return _called("minimum", node, ast.Constant(HIGHEST))


def _within_highest(node: ast.expr) -> ast.expr:
    return _called("clip", node, ast.Constant(-HIGHEST), ast.Constant(HIGHEST))


def _not_zero(node: ast.expr) -> ast.expr:
    enough = ast.Compare(_called("abs", node), [ast.Gt()], [ast.Constant(TINY)])
    return _called("where", enough, node, ast.Constant(TINY))


CALLS: dict[str, Rewrite] = {
    **dict.fromkeys(("log", "log2", "log10", "sqrt", "rsqrt"), _above_zero),
    "log1p": _above_minus_one,
    **dict.fromkeys(("exp", "exp2", "expm1"), _below_highest),
    **dict.fromkeys(("sinh", "cosh"), _within_highest),
    "reciprocal": _not_zero,
}
