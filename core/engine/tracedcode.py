"""Which code of a script its compiled steps are made from, so that two scripts can be known to compile alike.

What builds and compiles the model counts, with all that it names, and so do the lines it stands in, because errors
tell them. Where data come from, how many epochs are made or when training stops early is in no compiled step; the
weights of terms and a plain learning rate are values of variables.
"""

import ast
import hashlib
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.project import parsing

BUILD, COMPILE, TRAIN, WEIGHTS = "build_model", "compile_model", "train", "WEIGHTS"
WITHOUT_EFFECT = ("load_data", "set_random_seed", "Batches", BUILD, COMPILE)
"""What `train` calls before `fit`: only what BUILD and COMPILE do is in the steps, and they are looked at."""
PURE_MODULES = {
    "__future__", "abc", "collections", "dataclasses", "enum", "functools", "itertools", "keras",
    "math", "numbers", "numpy", "operator", "re", "string", "tensorflow", "typing"
}  # fmt: skip
OUTSIDE_WORLD = {
    "HERE", "__file__", "__import__", "breakpoint", "default_rng", "environ", "eval", "exec",
    "fromfile", "genfromtxt", "get_file", "getattr", "getenv", "globals", "hash", "id", "import_module",
    "input", "load", "load_model", "load_weights", "loadtxt", "locals", "memmap", "numpy_function",
    "open", "print", "py_function", "random", "setattr", "shuffle", "urandom", "vars"
}  # fmt: skip
"""Names of what gives other values another day, or does something each time the steps are compiled."""


@dataclass(frozen=True)
class TracedCode:
    """`digest` is equal for scripts that compile alike, if their models are given rows of the same shapes.

    With `looks_at_rows` values of the rows are in the compiled steps too, as those that layers adapt to.
    """

    digest: str
    looks_at_rows: bool


def traced_code(text: str) -> TracedCode | None:
    """Return what the steps of the script `text` are made from; None where its text alone does not tell."""
    try:
        parts = _reached(parsing.module(text).body)
    except (SyntaxError, ValueError, RecursionError):
        return None
    if not all(_stays_inside(part) for part in parts):
        return None
    looks_at_rows = any(map(_looks_at_rows, parts))
    _leave_out_values(parts)
    digest = hashlib.sha256()
    for part in parts:
        lines = [node.lineno for node in ast.walk(part) if isinstance(node, ast.stmt | ast.expr)]
        digest.update(f"{ast.dump(part)}{lines}".encode())
    return TracedCode(digest.hexdigest(), looks_at_rows)


# ---- what is reached


def _reached(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements that compiled steps depend on: those that always run, the builders, all that these name."""
    named: dict[str, list[ast.stmt]] = {}
    for statement in body:
        for name in _bound(statement):
            named.setdefault(name, []).append(statement)
    starts = [*filter(_always_runs, body), *named.get(BUILD, []), *named.get(COMPILE, [])]
    for train in named.get(TRAIN, []):
        starts += _preparations(train) if {BUILD, COMPILE} <= set(named) else [train]
    found, todo = list(starts), list(starts)
    while todo:
        new = [each for name in _names(todo.pop()) for each in named.get(name, []) if each not in found]
        found += dict.fromkeys(new)
        todo += new
    return sorted(found, key=lambda statement: statement.lineno)


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement at the top of the script gives a meaning."""
    match statement:
        case ast.FunctionDef() | ast.ClassDef():
            yield statement.name
        case ast.Import() | ast.ImportFrom():
            yield from ((each.asname or each.name).partition(".")[0] for each in statement.names)
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            yield name


def _always_runs(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant()):
            return False
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return False  # a script in the engine is imported
    return not any(_bound(statement))


def _preparations(train: ast.stmt) -> Iterator[ast.stmt]:
    """What `train` does itself before it calls `fit`."""
    for statement in train.body if isinstance(train, ast.FunctionDef) else [train]:
        calls = {_tail(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call)}
        if "fit" in calls:
            return
        if not isinstance(statement, ast.Expr | ast.Assign) or not calls <= set(WITHOUT_EFFECT):
            yield statement


def _tail(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _names(statement: ast.stmt) -> set[str]:
    """The names of the script's top level that a statement refers to, at once or when it is called."""
    todo = [symtable.symtable(ast.unparse(statement), TRAIN, "exec")]
    names: set[str] = set()
    while todo:
        scope = todo.pop()
        todo += scope.get_children()
        top = scope.get_type() == "module"
        names |= {
            one.get_name() for one in scope.get_symbols() if one.is_referenced() and (top or one.is_global())
        }
    return names


# ---- what is in it


def _stays_inside(part: ast.stmt) -> bool:
    """Whether code depends on nothing but itself, as far as its names tell."""
    for node in ast.walk(part):
        match node:
            case ast.Global() | ast.Name(id="__name__"):
                return False
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in OUTSIDE_WORLD:
                return False
            case ast.ImportFrom(level=level) if level:
                return False
            case ast.Import(names=names) if not _pure(each.name for each in names):
                return False
            case ast.ImportFrom(module=module, names=names):
                if not _pure([module or ""]) or OUTSIDE_WORLD & {each.name for each in names}:
                    return False
    return True


def _pure(modules: Iterable[str]) -> bool:
    return all(module.partition(".")[0] in PURE_MODULES for module in modules)


def _looks_at_rows(part: ast.stmt) -> bool:
    """Whether `build_model(rows)` takes more from the rows than shapes."""
    if not isinstance(part, ast.FunctionDef) or part.name != BUILD:
        return False
    names = {each.arg for each in part.args.args}
    used = sum(isinstance(node, ast.Name) and node.id in names for node in ast.walk(part))
    return used != sum(_is_shape(node, names) for node in ast.walk(part))


def _is_shape(node: ast.AST, names: set[str]) -> bool:
    match node:
        case ast.Attribute(attr="shape", value=ast.Subscript(value=ast.Name(id=name))):
            return name in names
    return False


def _leave_out_values(parts: list[ast.stmt]) -> None:
    """Put zeros where numbers only become values of variables."""
    nodes = [node for part in parts for node in ast.walk(part)]
    loads = sum(isinstance(each, ast.Name) and each.id == WEIGHTS and _loaded(each) for each in nodes)
    if loads == sum(map(_fills_variables, nodes)):
        for part in parts:
            if isinstance(part, ast.Assign) and WEIGHTS in _bound(part) and isinstance(part.value, ast.Dict):
                part.value.values = [_zero(value) for value in part.value.values]
    for part in parts:
        if isinstance(part, ast.FunctionDef) and part.name == COMPILE:
            for node in ast.walk(part):
                if isinstance(node, ast.keyword) and node.arg == "learning_rate":
                    node.value = _zero(node.value)


def _loaded(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Load)


def _fills_variables(node: ast.AST) -> bool:
    """Whether WEIGHTS is used as it should: only to fill variables, or only for its names."""
    match node:
        case ast.DictComp(
            value=ast.Call(func=ast.Attribute(attr="Variable"), args=[ast.Name(id=filled)]),
            generators=[
                ast.comprehension(
                    target=ast.Tuple(elts=[ast.Name(), ast.Name(id=weight)]),
                    iter=ast.Call(func=ast.Attribute(value=ast.Name(id=source), attr="items")),
                )
            ],
        ):
            return source == WEIGHTS and filled == weight
        case ast.Starred(value=ast.Name(id=source)):
            return source == WEIGHTS
    return False


def _zero(value: ast.expr) -> ast.expr:
    number = value.operand if isinstance(value, ast.UnaryOp) else value
    plain = isinstance(number, ast.Constant) and isinstance(number.value, float)
    return ast.copy_location(ast.Constant(0.0), value) if plain else value
