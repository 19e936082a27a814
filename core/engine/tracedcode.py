"""Which code of a script its compiled steps are made from, so that two scripts can be known to compile alike.

What builds and compiles the model counts, with all that it names, and so do the lines it stands in, because errors
tell them. Of a project's own functions all counts, also what nothing names: it may be found by way of a table that it
has put itself into. Where data come from, how many epochs are made or when training stops early is in no compiled
step; the weights of terms and a plain learning rate are values of variables.
"""

import ast
import hashlib
import symtable
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from core.project import parsing

BUILD, COMPILE, TRAIN = "build_model", "compile_model", "train"
MODEL, WEIGHTS = "TermModel", "WEIGHTS"
WITHOUT_EFFECT = ("load_data", "set_random_seed", "Batches", BUILD, COMPILE)
"""What `train` calls before `fit`: only what BUILD and COMPILE do is in the steps, and they are looked at."""
ELSEWHERE = {"Batches", "Changes", "NEW_RATES", "NEW_WEIGHTS", "prediction_model", TRAIN}
"""What a script itself defines after its model and what is in no step; a project's functions cannot define it."""
AS_PROGRAM = "__name__ == '__main__'"
PLAIN_CALLS = ("Path", "compile")
"""What the constants call that stand before the model."""
PURE_MODULES = {
    "__future__", "abc", "collections", "dataclasses", "enum", "functools", "itertools", "math",
    "numbers", "operator", "re", "string", "typing"
}  # fmt: skip
INSIDE = {
    "keras": {
        "DTypePolicy", "Function", "Input", "KerasTensor", "Layer", "Loss", "Metric", "Model", "Operation",
        "Optimizer", "Regularizer", "Sequential", "Variable", "activations", "backend.backend",
        "backend.epsilon", "backend.floatx", "backend.image_data_format", "backend.is_keras_tensor",
        "backend.standardize_dtype", "config", "constraints", "losses", "metrics", "name_scope", "ops",
        "optimizers", "regularizers", "saving.register_keras_serializable", "tree",
        "utils.register_keras_serializable", "utils.to_categorical"
    },
    "tensorflow": {
        "GradientTape", "IndexedSlices", "RaggedTensor", "SparseTensor", "Tensor", "TensorShape",
        "TensorSpec", "Variable", "abs", "add", "add_n", "argmax", "argmin", "argsort", "bfloat16",
        "bitwise", "bool", "boolean_mask", "broadcast_to", "case", "cast", "clip_by_norm",
        "clip_by_value", "complex", "concat", "cond", "config.list_logical_devices", "constant",
        "control_dependencies", "convert_to_tensor", "cos", "cumsum", "custom_gradient", "debugging",
        "distribute", "divide", "dtypes", "einsum", "ensure_shape", "equal", "errors", "exp",
        "expand_dims", "eye", "fill", "float16", "float32", "float64", "floor", "foldl", "function",
        "gather", "gather_nd", "greater", "greater_equal", "identity", "image", "int32", "int64",
        "is_tensor", "less", "less_equal", "linalg", "linspace", "logical_and", "logical_not",
        "logical_or", "map_fn", "math", "matmul", "maximum", "meshgrid", "minimum", "multiply",
        "name_scope", "negative", "nest", "nn", "norm", "not_equal", "one_hot", "ones", "ones_like", "pad",
        "pow", "ragged", "range", "rank", "reduce_all", "reduce_any", "reduce_logsumexp", "reduce_max",
        "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "repeat", "reshape", "reverse", "roll",
        "round", "scan", "scatter_nd", "searchsorted", "sets", "shape", "sigmoid", "sign", "signal", "sin",
        "size", "slice", "sort", "sparse", "split", "sqrt", "square", "squeeze", "stack", "stop_gradient",
        "string", "strings", "subtract", "switch_case", "tanh", "tensordot", "tile", "transpose",
        "unique", "unstack", "vectorized_map", "where", "while_loop", "zeros", "zeros_like"
    },
}  # fmt: skip
"""What only computes, of modules that also read files, draw numbers or look at a clock."""
ONLY_BUILDING = {"initializers", "layers"}
"""What of Keras gives values of variables where it builds the model, and drawn numbers elsewhere."""
DRAWN = ("dropout", "random", "sampler")
"""What names of functions have in them that draw numbers."""
OUTSIDE_NUMPY = {
    "DataSource", "ctypeslib", "datetime64", "empty", "empty_like", "f2py", "fromregex", "get_printoptions",
    "geterr", "lib", "testing"
}  # fmt: skip
OUTSIDE_WORLD = {
    "GFile", "HERE", "__builtins__", "__dict__", "__file__", "__globals__", "__import__", "add_weight",
    "breakpoint", "default_rng", "environ", "eval", "exec", "fromfile", "genfromtxt", "get_file", "getattr", "getenv",
    "gfile", "globals", "hash", "id", "import_module", "initializers", "input", "io", "load", "load_img",
    "load_model", "load_weights", "loadtxt", "locals", "memmap", "numpy_function", "open", "print",
    "py_function", "random", "read_file", "setattr", "shuffle", "timestamp", "urandom", "vars"
}  # fmt: skip
"""Names of what gives other values another day, or does something each time the steps are compiled."""
CHANGING = {
    "__iadd__", "__setitem__", "add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop",
    "popitem", "popleft", "remove", "reverse", "rotate", "setdefault", "sort", "update"
}  # fmt: skip
"""Methods that change what they are called on."""
ONCE = {"chain", "count", "cycle", "enumerate", "filter", "iter", "map", "reversed", "zip"}
"""Functions that give what can be gone through once."""


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
    modules = _modules(parts)
    if not all(_stays_inside(part, modules) for part in parts):
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
    """The statements that compiled steps depend on: what may be in a step unnamed, and all that it names."""
    named: dict[str, list[ast.stmt]] = {}
    for statement in body:
        for name in _bound(statement):
            named.setdefault(name, []).append(statement)
    starts = [*_unnamed(body)]
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


def _unnamed(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """All that is not known to be in no step: before the model a script has its own code alone, which reads data."""
    first = next((number for number, each in enumerate(body) if BUILD in _bound(each)), 0)
    for number, statement in enumerate(body):
        if not (_only_binds(statement) if number < first else _is_elsewhere(statement)):
            yield statement


def _only_binds(statement: ast.stmt) -> bool:
    """Whether a statement gives names a meaning and does nothing else."""
    match statement:
        case ast.Import() | ast.ImportFrom():
            return "*" not in _bound(statement)
        case ast.Assign() | ast.AnnAssign():
            called = (each.func for each in ast.walk(statement) if isinstance(each, ast.Call))
            return any(_bound(statement)) and all(_tail(each) in PLAIN_CALLS for each in called)
        case ast.FunctionDef() | ast.ClassDef(bases=[], keywords=[]):
            return not statement.decorator_list
    return _is_text(statement)


def _is_elsewhere(statement: ast.stmt) -> bool:
    match statement:
        case ast.If(test=test, orelse=[]) if ast.unparse(test) == AS_PROGRAM:
            return True  # a script in the engine is imported
        case ast.Import() | ast.ImportFrom():
            return False
        case ast.FunctionDef() | ast.ClassDef() if statement.decorator_list:
            return False
    return _is_text(statement) or ELSEWHERE >= {*_bound(statement)} > set()


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


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
        # In a class, `SEED = SEED` reads the one of the script.
        outer = scope.get_type() in ("module", "class")
        names |= {
            one.get_name()
            for one in scope.get_symbols()
            if one.is_referenced() and (outer or one.is_global())
        }
    return names


# ---- what is in it


def _stays_inside(part: ast.stmt, modules: Mapping[str, set[str]]) -> bool:
    """Whether code depends on nothing but itself, as far as its names tell."""
    builds = isinstance(part, ast.FunctionDef) and part.name == BUILD
    for node in ast.walk(part):
        match node:
            case ast.Global() | ast.Nonlocal() | ast.Name(id="__name__"):
                return False
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in OUTSIDE_WORLD:
                if not (builds and name in ONLY_BUILDING):
                    return False
            case ast.ImportFrom(level=level) if level:
                return False
            case ast.keyword(arg="initializer") if not builds:
                return False
            case ast.Call(args=[ast.Constant(value=str()), *_]) if _tail(node.func) == "Variable":
                return False  # the name of an initializer
            case ast.Import() | ast.ImportFrom() if not all(map(_is_pure, _imported(node))):
                return False
    used = all(_only_computes(path, builds) for path in _used(part, modules))
    return used and not _runs_out(part) and not any(_remembers(node, modules) for node in ast.walk(part))


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """The dotted paths of what an import gives names to."""
    module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    yield from (f"{module}{each.name}" for each in node.names)


def _is_pure(path: str) -> bool:
    root, *names = path.split(".")
    drawn = OUTSIDE_WORLD - ONLY_BUILDING
    return root in {*PURE_MODULES, *INSIDE, "numpy"} and "*" not in names and drawn.isdisjoint(names)


def _modules(parts: Iterable[ast.stmt]) -> Mapping[str, set[str]]:
    """The dotted paths of what imports give names to, by these names."""
    found: dict[str, set[str]] = defaultdict(set)
    for node in (node for part in parts for node in ast.walk(part)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for path, alias in zip(_imported(node), node.names, strict=True):
                whole = alias.asname or isinstance(node, ast.ImportFrom)
                found[alias.asname or alias.name.partition(".")[0]].add(
                    path if whole else path.partition(".")[0]
                )
    return found


def _used(part: ast.stmt, modules: Mapping[str, set[str]]) -> Iterator[str]:
    """The dotted paths of all that is taken from modules, each as far as it is written out."""
    nodes = list(ast.walk(part))
    inner = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    for node in nodes:
        if isinstance(node, ast.expr) and id(node) not in inner:
            yield from _paths(node, modules)


def _paths(node: ast.expr, modules: Mapping[str, set[str]]) -> set[str]:
    match node:
        case ast.Name(id=name):
            return modules.get(name, set())
        case ast.Attribute(value=value, attr=attribute):
            return {f"{path}.{attribute}" for path in _paths(value, modules)}
    return set()


def _only_computes(path: str, builds: bool) -> bool:
    """Whether what a dotted path leads to gives the same values each time; a module as a whole may do anything."""
    root, _, rest = path.partition(".")
    names = rest.split(".")
    if builds and root == "keras" and names[0] in ONLY_BUILDING:
        return True
    if any(word in rest for word in DRAWN):
        return False
    if root == "numpy":
        return bool(rest) and OUTSIDE_NUMPY.isdisjoint(names)
    heads = {".".join(names[:count]) for count in (1, 2)}
    return root in PURE_MODULES or not heads.isdisjoint(INSIDE.get(root, ()))


def _runs_out(part: ast.stmt) -> bool:
    """Whether a name is given to something that is empty when it is gone through again."""
    value = getattr(part, "value", None)
    return isinstance(value, ast.GeneratorExp) or (isinstance(value, ast.Call) and _tail(value.func) in ONCE)


def _remembers(function: ast.AST, modules: Mapping[str, set[str]]) -> bool:
    """Whether a function changes what outlives a call: it would give other values when it is traced again."""
    if not isinstance(function, ast.FunctionDef | ast.Lambda) or getattr(function, "name", "") == "__init__":
        return False
    nodes = list(ast.walk(function))
    own = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    changed = {_root(target) for node in nodes for target in _changed(node, modules)}
    return not changed <= own - {*_other_names(nodes)}


def _other_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that stand for something that may have another one."""
    for node in nodes:
        match node:
            case ast.arg(arg=name):
                yield name
            case ast.Assign(targets=targets, value=ast.Name() | ast.Attribute() | ast.Subscript()):
                yield from (each.id for each in targets if isinstance(each, ast.Name))


def _changed(node: ast.AST, modules: Mapping[str, set[str]]) -> Iterator[ast.expr]:
    """What a node changes of something that there is already."""
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            yield node.value
        case ast.Attribute(value=value, attr=name) if name in CHANGING and not _paths(value, modules):
            yield value
        case ast.AugAssign(target=ast.Name() as target, value=ast.List() | ast.Dict() | ast.Set()):
            yield target
        case ast.Call(func=ast.Name(id="next"), args=[ast.Name() as iterator, *_]):
            yield iterator


def _root(node: ast.expr) -> str:
    """The name that an expression like `a.b[0]` begins with, empty where it begins with none."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


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
    models = (part for part in parts if isinstance(part, ast.ClassDef) and part.name == MODEL)
    if loads == sum(map(_fills_variables, (node for model in models for node in ast.walk(model)))):
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
