"""Rules about losses that users write: expressions and Python functions."""

import ast
import functools
from collections.abc import Iterator
from difflib import get_close_matches

from core.project import expressions, parsing
from core.project import functions as python_code
from core.project.edits import put
from core.project.problems.problem import Fix, Problem
from core.project.problems.view import View, expression_error, functions_error
from core.project.schema import Project, PythonLoss, Term

FLAT = frozenset(
    {
        *(
            "argmax",
            "argmin",
            "ceil",
            "count_nonzero",
            "equal",
            "floor",
            "floor_divide",
            "greater",
            "greater_equal",
        ),
        *(
            "isclose",
            "isfinite",
            "isinf",
            "isnan",
            "less",
            "less_equal",
            "logical_and",
            "logical_not",
            "logical_or",
        ),
        *(
            "logical_xor",
            "not_equal",
            "one_hot",
            "ones_like",
            "round",
            "shape",
            "sign",
            "stop_gradient",
            "trunc",
        ),
        *("zeros_like", "all", "any", "full_like"),
    }
)
"""Functions that are flat nearly everywhere: no gradient passes through them."""


def expressions_that_do_not_parse(view: View) -> Iterator[Problem]:
    """A formula is checked as it is typed."""
    for name, term in view.project.terms.items():
        if term.loss.kind != "expression":
            continue
        why = expression_error(term.loss.code)
        if why:
            message = f"The formula of {name} cannot be read: {_sentence(why)}"
            yield Problem("bad-expression", "blocking", f"term:{name}", message)


def functions_that_do_not_parse(view: View) -> Iterator[Problem]:
    """The project's Python, read but never run; the script carries it whole, used or not."""
    why = functions_error(view.project.functions)
    if why:
        message = f"The Python functions cannot be read: {_sentence(why)}"
        yield Problem("bad-functions", "blocking", "functions", message)


def unknown_functions(view: View) -> Iterator[Problem]:
    """A term names one of the project's functions."""
    if functions_error(view.project.functions):
        return
    known = python_code.signatures(view.project.functions)
    for name, term in view.project.terms.items():
        if term.loss.kind != "python":
            continue
        wanted = term.loss.function
        if wanted not in known:
            yield _unknown_function(name, wanted, tuple(known))
        elif known[wanted].refusal:
            message = f"{name} cannot use its function: {_sentence(known[wanted].refusal or '')}"
            yield Problem("unusable-function", "blocking", f"term:{name}", message)


def formulas_without_a_gradient(view: View) -> Iterator[Problem]:
    """Where every head passes through something flat, the head freezes and training seems to hang."""
    for name, term in view.project.terms.items():
        if term.loss.kind != "expression" or not term.on or expression_error(term.loss.code):
            continue
        heads = {key for key, value in term.bind.items() if value.startswith(("head:", "layer:"))}
        tree = expressions.parse(term.loss.code).tree
        used = heads & {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if used and not used & set(_names_with_gradient(tree)):
            message = (
                f"The formula of {name} has no gradient: {', '.join(sorted(used))} only meets flat functions."
            )
            yield Problem("no-gradient", "warning", f"term:{name}", message)


def one_number_a_batch(view: View) -> Iterator[Problem]:
    """A function that returns one number for the whole batch cannot weigh or skip rows."""
    if functions_error(view.project.functions):
        return
    scalar = _scalar_functions(view.project.functions)
    for name, term in view.project.terms.items():
        if term.loss.kind == "python" and term.loss.function in scalar and _has_missing_labels(view, term):
            message = (
                f"{term.loss.function} returns one number for the whole batch, so rows without a label "
                "cannot be skipped; return one a row, for example with mean(..., axis=-1)."
            )
            yield Problem("scalar-loss", "warning", f"term:{name}", message)


def rows_against_rows(view: View) -> Iterator[Problem]:
    """An axis that grows with the batch behind the first: `(B,)` met `(B, 1)`, as the trial run showed."""
    for name, shape in view.model.term_shapes.items() if view.model else ():
        term = view.project.terms.get(name)
        if term is not None and term.on and term.loss.kind != "catalogue" and None in shape:
            message = (
                f"{name} compares every row with every other (B, B): do the shapes of its arguments fit?"
            )
            yield Problem("rows-broadcast", "warning", f"term:{name}", message)


def _has_missing_labels(view: View, term: Term) -> bool:
    fields = [view.field(value) for value in term.bind.values() if value.startswith("target:")]
    return any(field is not None and field.missing == "keep" for field in fields)


@functools.lru_cache(maxsize=16)
def _scalar_functions(code: str) -> frozenset[str]:
    """The functions whose every return is a mean or sum over everything."""
    made = (node for node in parsing.module(code).body if isinstance(node, ast.FunctionDef))
    returns = {node.name: [part for part in ast.walk(node) if isinstance(part, ast.Return)] for node in made}
    return frozenset(
        name for name, found in returns.items() if found and all(_over_all(one) for one in found)
    )


def _over_all(node: ast.Return) -> bool:
    call = node.value
    if not isinstance(call, ast.Call) or len(call.args) != 1 or call.keywords:
        return False
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return called in ("mean", "sum", "reduce_mean", "reduce_sum", "max", "min")


def _names_with_gradient(node: ast.AST) -> Iterator[str]:
    """The names that a gradient can reach; iterative, since formulas may nest."""
    waiting: list[ast.AST] = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, ast.Compare) or (
            isinstance(here, ast.BinOp) and isinstance(here.op, ast.FloorDiv)
        ):
            continue
        if isinstance(here, ast.Call) and isinstance(here.func, ast.Name):
            if here.func.id in FLAT:
                continue
            # `where` passes gradients through its branches only, never through its condition.
            waiting.extend(here.args[1:] if here.func.id == "where" else here.args)
            waiting.extend(keyword.value for keyword in here.keywords)
            continue
        if isinstance(here, ast.Name):
            yield here.id
        waiting.extend(ast.iter_child_nodes(here))


def _unknown_function(term: str, wanted: str, known: tuple[str, ...]) -> Problem:
    near = get_close_matches(wanted, known, 1) or (list(known) if len(known) == 1 else [])
    fix = Fix(f"Use {near[0]}", lambda now: _use(now, term, near[0])) if near else None
    offer = f"; there are {', '.join(known[:5])}" if known else ", and no others either"
    message = f"{term} uses the function {wanted}, which is not in the project{offer}."
    if not wanted:
        message = f"Choose a function for {term}."
    return Problem("unknown-function", "blocking", f"term:{term}", message, fix)


def _use(project: Project, term: str, function: str) -> Project:
    loss = PythonLoss(function=function)
    return put(project, f"term:{term}", project.terms[term].model_copy(update={"loss": loss}))


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else text + "."
