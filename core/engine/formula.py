"""Finds the part of a formula that made its value or its gradient bad: each part is computed on its own, from the
inside out, with the values that the batch had.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from core.engine.blame import is_bad
from core.project import expressions

PARTS = (ast.Call, ast.BinOp, ast.UnaryOp)


@dataclass(frozen=True)
class Part:
    """A part of a formula, its value, and the values it is computed from."""

    text: str
    value: Any
    sources: Sequence[Any]

    @property
    def nan(self) -> bool:
        """Whether there is a NaN in its value, and not only infinities."""
        return bool(tf.reduce_any(tf.math.is_nan(self.value)))


def guilty_part(code: str, given: Mapping[str, Any], gradient: bool) -> Part | None:
    """Return the first part of the formula `code` that is not finite though what it is computed from is; with
    `gradient`, the first part from the outside through which the gradient is not. None where there is none.

    `given` are the values of its names.
    """
    tree = expressions.parse(code).tree
    with tf.GradientTape(persistent=True) as tape:
        values = {name: tf.convert_to_tensor(value) for name, value in given.items()}
        for value in values.values():
            tape.watch(value)
        parts = list(_parts(tree.body, values))
        whole = tf.reduce_mean(parts[-1].value) if parts else None
    if gradient:
        return next((part for part in reversed(parts) if _breaks(tape, whole, part)), None)
    bad = (part for part in parts if is_bad(part.value) and not any(map(is_bad, part.sources)))
    return next(bad, None)


def _breaks(tape: Any, whole: Any, part: Part) -> bool:
    """Whether the gradient is finite behind `part` and not before it."""
    after, *before = tape.gradient(whole, [part.value, *part.sources])
    return not is_bad(after) and any(is_bad(each) for each in before)


def _parts(tree: ast.expr, values: Mapping[str, Any]) -> Iterator[Part]:
    """The parts of a formula in the order of their computation, each computed once."""
    done: dict[str, Any] = {}
    for node in _inside_out(tree):
        if not isinstance(node, PARTS):
            continue
        names = {f"part{number}": value for number, value in enumerate(done.values())}
        spelt = _Spelling(dict(zip(done, names, strict=True)))
        text = ast.unparse(node)
        inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        code = compile(ast.Expression(ast.fix_missing_locations(spelt.outer(node))), "formula", "eval")
        value = eval(code, {"__builtins__": {}, **_functions(tree), **values, **names})
        if not tf.is_tensor(value):
            continue
        sources = [done.get(ast.unparse(child), values.get(ast.unparse(child))) for child in inner]
        done[text] = value
        yield Part(text, value, [source for source in sources if source is not None])


def _inside_out(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield from _inside_out(child)
    yield node


def _functions(tree: ast.expr) -> dict[str, Any]:
    return {node.id: getattr(keras.ops, node.id) for node in expressions.called_names(tree)}


class _Spelling(ast.NodeTransformer):
    """Writes the name of a value in place of each part that is computed already."""

    def __init__(self, names: Mapping[str, str]):
        self._names = names

    def outer(self, node: ast.expr) -> ast.expr:
        """Return `node` with its parts replaced, but not itself."""
        copied = ast.parse(ast.unparse(node), mode="eval").body
        return super().generic_visit(copied)  # type: ignore[return-value]

    def visit(self, node: ast.AST) -> ast.AST:
        name = self._names.get(ast.unparse(node)) if isinstance(node, PARTS) else None
        return ast.Name(name, ast.Load()) if name else super().generic_visit(node)
