"""Typesets formulas: the total loss as a textbook would print it, and the expression of a term.

A formula is built as MathML elements, never as text, so nothing a user types can break out of it. ziamath
turns it into SVG paths, which need no font and no web engine, and `QSvgRenderer` paints them at any scale.
"""

import ast
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from PySide6.QtCore import QByteArray, QSizeF
from PySide6.QtSvg import QSvgRenderer

from core.project import parsing
from core.project.schema import CatalogueLoss, ExpressionLoss, Project, Term

MAX_CODE = 2_000
MAX_DEPTH = 40
GREEK = {
    name: chr(code)
    for name, code in {
        "alpha": 0x3B1, "beta": 0x3B2, "gamma": 0x3B3, "delta": 0x3B4, "epsilon": 0x3B5, "eta": 0x3B7,
        "theta": 0x3B8, "kappa": 0x3BA, "lam": 0x3BB, "mu": 0x3BC, "nu": 0x3BD, "pi": 0x3C0, "rho": 0x3C1,
        "sigma": 0x3C3, "tau": 0x3C4, "phi": 0x3C6, "chi": 0x3C7, "psi": 0x3C8, "omega": 0x3C9,
    }.items()
}  # fmt: skip
MINUS = "\N{MINUS SIGN}"
BINARY: dict[type[ast.operator], tuple[str, int]] = {
    ast.Add: ("+", 1),
    ast.Sub: (MINUS, 1),
    ast.Mult: ("·", 2),
    ast.MatMult: ("@", 2),
    ast.FloorDiv: ("//", 2),
    ast.Mod: ("mod", 2),
}
COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "≤",
    ast.Gt: ">",
    ast.GtE: "≥",
    ast.Eq: "=",
    ast.NotEq: "≠",
}
SHORT = {"maximum": "max", "minimum": "min"}
ATOM = 9


@dataclass(frozen=True)
class Typeset:
    """A formula ready to paint: `svg` text and its size in pixels at scale 1; `ascent` is the baseline's
    depth.
    """

    svg: str
    width: float
    height: float
    ascent: float

    def renderer(self) -> QSvgRenderer:
        return QSvgRenderer(QByteArray(self.svg.encode()))

    def size(self) -> QSizeF:
        return QSizeF(self.width, self.height)


def typeset(formula: ET.Element, size: float, colour: str) -> Typeset:
    """Return `formula` in `size` pixels, in `colour` (`#rrggbb`) where it has no colour of its own."""
    return _typeset(ET.tostring(formula, encoding="unicode"), size, colour)


@lru_cache(maxsize=256)
def _typeset(mathml: str, size: float, colour: str) -> Typeset:
    math = ET.Element("math")
    ET.SubElement(math, "mrow", mathcolor=colour).append(ET.fromstring(mathml))
    made = _ziamath()(math, size=size)
    svg = made.svgxml()
    _left, top, width, height = (float(part) for part in svg.attrib["viewBox"].split())
    return Typeset(ET.tostring(svg, encoding="unicode"), width, height, -top)


@cache
def _ziamath() -> Any:
    """Import the typesetter: it takes 0.2 s, so only once a formula is shown."""
    with warnings.catch_warnings():
        # Up to version 0.13 it opens its fonts by a function that newer Pythons call old.
        warnings.simplefilter("ignore", DeprecationWarning)
        from ziamath.config import config
        from ziamath.zmath import Math
    config.svg2 = False  # Qt's SVG has no <symbol>
    return Math


def total(
    project: Project, colour_of: Callable[[str], str], muted: str, regularized: bool = True
) -> ET.Element:
    """Return `total = 0.5 · mse + nll + regularization`: the terms that are on and weigh something, in
    their colours.

    `colour_of` gives a colour for a reference (`term:mse`); pass one that is readable as text.
    """
    row = _row(_word("total"), _op("="))
    summands = [(name, term) for name, term in project.terms.items() if term.on and term.weight]
    for position, (name, term) in enumerate(summands):
        row.extend(_summand(name, term, first=position == 0, colour=colour_of(f"term:{name}")))
    if regularized:
        row.extend([_op("+")] if summands else [])
        row.append(_coloured(_word("regularization"), muted))
    if not summands and not regularized:
        row.append(_number("0"))
    return row


def _summand(name: str, term: Term, first: bool, colour: str) -> Iterable[ET.Element]:
    """Yield `+ 0.50 · nll`; the sign of the first only where it is negative."""
    if term.weight < 0 or not first:
        yield _op(MINUS if term.weight < 0 else "+")
    yield _number(f"{abs(term.weight):.2f}" if 0.01 <= abs(term.weight) < 1000 else f"{abs(term.weight):.3g}")
    yield _op("·")
    yield _coloured(_word(name), colour)


def term(project: Project, name: str, colour: str) -> ET.Element:
    """Return what the term `name` computes: `nll = mean(e^-s (y-p)^2 + s)` or `mse =
    MeanSquaredError(rating, p)`.
    """
    part = project.terms[name]
    row = _row(_coloured(_word(name), colour), _op("="))
    body = expression(part.loss.code) if isinstance(part.loss, ExpressionLoss) else None
    row.append(_call("mean", [body]) if body is not None else _call(_function(part), _bound(part)))
    return row


def _function(part: Term) -> str:
    if isinstance(part.loss, CatalogueLoss):
        return part.loss.name
    return "expression" if isinstance(part.loss, ExpressionLoss) else part.loss.function or "function"


def _bound(part: Term) -> list[ET.Element]:
    return [_word(value.partition(":")[2]) for value in part.bind.values()]


def expression(code: str) -> ET.Element | None:
    """Return the formula that `code` spells, or None where it cannot be read as one yet."""
    if not code.strip() or len(code) > MAX_CODE:
        return None
    try:
        return _formula(parsing.formula(code.strip()).body, 0)[0]
    except (SyntaxError, ValueError, RecursionError, MemoryError, _Untypesettable):
        return None


class _Untypesettable(Exception):
    """The code has a piece that no formula shows."""


def _formula(node: ast.expr, depth: int) -> tuple[ET.Element, int]:
    """Return the element of `node` and how tightly it binds (1 sums, 2 products, 3 signs and powers, 9
    atoms).
    """
    if depth > MAX_DEPTH:
        raise _Untypesettable
    match node:
        case ast.Name(id=name):
            return symbol(name), ATOM
        case ast.Constant(value=bool() | int() | float() as value):
            return _number(f"{value:g}" if isinstance(value, float) else str(value)), ATOM
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _row(_op(MINUS), _within(inner, 2, depth)), 1
        case ast.BinOp():
            return _binary(node, depth)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            return _called(name, args, keywords, depth)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARE:
            return _row(_within(left, 1, depth), _op(COMPARE[type(op)]), _within(right, 1, depth)), 0
        case ast.Subscript(value=ast.Name(id=name), slice=part):
            return _under(symbol(name), ast.unparse(part)), ATOM
    raise _Untypesettable


def _within(node: ast.expr, least: int, depth: int) -> ET.Element:
    """Return the element of `node`, in brackets where it binds less tightly than `least`."""
    element, strength = _formula(node, depth + 1)
    return element if strength >= least else _brackets(element)


def _binary(node: ast.BinOp, depth: int) -> tuple[ET.Element, int]:
    if isinstance(node.op, ast.Div):
        return _element("mfrac", _within(node.left, 0, depth), _within(node.right, 0, depth)), 3
    if isinstance(node.op, ast.Pow):
        return _element("msup", _within(node.left, ATOM, depth), _within(node.right, 0, depth)), 4
    if type(node.op) not in BINARY:
        raise _Untypesettable
    sign, strength = BINARY[type(node.op)]
    right = strength if isinstance(node.op, ast.Add | ast.Mult) else strength + 1
    return _row(_within(node.left, strength, depth), _op(sign), _within(node.right, right, depth)), strength


def _called(
    name: str, args: list[ast.expr], keywords: list[ast.keyword], depth: int
) -> tuple[ET.Element, int]:
    """Return `name(args)` as mathematics writes it: powers, roots and bars where there is a sign for it."""
    if len(args) == 1 and not keywords:
        if name == "exp":
            return _element("msup", symbol("e"), _within(args[0], 0, depth)), 4
        if name == "square":
            return _element("msup", _within(args[0], ATOM, depth), _number("2")), 4
        if name == "sqrt":
            return _element("msqrt", _within(args[0], 0, depth)), ATOM
        if name in ("abs", "absolute"):
            return _row(_op("|"), _within(args[0], 0, depth), _op("|")), ATOM
    shown = [_within(arg, 0, depth) for arg in args]
    shown += [_row(_word(key.arg or "**"), _op("="), _within(key.value, 1, depth)) for key in keywords]
    return _call(SHORT.get(name, name), shown), ATOM


def symbol(name: str) -> ET.Element:
    """Return a variable as it is written: Greek, one slanted letter, `y` with a subscript, or a plain
    word.
    """
    head, _, rest = name.partition("_")
    if rest and (len(head) == 1 or head in GREEK):
        return _under(symbol(head), rest)
    element = ET.Element("mi") if name in GREEK or len(name) == 1 else ET.Element("mi", mathvariant="normal")
    element.text = GREEK.get(name, name)
    return element


def _under(base: ET.Element, below: str) -> ET.Element:
    return _element("msub", base, _word(below))


def _call(name: str, args: Iterable[ET.Element]) -> ET.Element:
    inside = ET.Element("mrow")
    for position, arg in enumerate(args):
        inside.extend([_op(","), arg] if position else [arg])
    return _row(_word(name), _brackets(inside))


def _brackets(inner: ET.Element) -> ET.Element:
    return _row(_op("("), inner, _op(")"))


def _element(tag: str, *children: ET.Element) -> ET.Element:
    element = ET.Element(tag)
    element.extend(children)
    return element


def _row(*children: ET.Element) -> ET.Element:
    return _element("mrow", *children)


def _coloured(element: ET.Element, colour: str) -> ET.Element:
    row = ET.Element("mrow", mathcolor=colour)
    row.append(element)
    return row


def _text(tag: str, text: str, **attributes: str) -> ET.Element:
    element = ET.Element(tag, attributes)
    element.text = text
    return element


def _word(text: str) -> ET.Element:
    return _text("mi", text, mathvariant="normal")


def _number(text: str) -> ET.Element:
    return _text("mn", text)


def _op(text: str) -> ET.Element:
    return _text("mo", text)
