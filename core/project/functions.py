"""The Python that a project carries for its losses, read without ever running it.

Terms use its functions by name and bind their arguments by name; this module says which there are.
"""

import ast
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from core.project import parsing

MAX_LENGTH = 1_000_000

SCRIPT_NAMES = frozenset(
    {
        *("SEED", "EPOCHS", "BATCH_SIZE", "WEIGHTS", "HERE", "keras", "layers", "ops", "np", "pd", "Path"),
        *("load_data", "build_model", "compile_model", "prediction_model", "train", "TermModel", "Batches"),
        *(
            "mean_of_known",
            "checked",
            "number_labels",
            "class_labels",
            "onehot_labels",
            "Changes",
            "NEW_WEIGHTS",
            "NEW_RATES",
        ),
        *("math", "Image", "read_image", "tf"),
        *("device_strategy", "all_rows", "mean_over_rows", "mean_of_unmasked", "SharedLossScale"),
    }
)
"""What a script defines or imports itself; a project's functions cannot define it once more."""

SAME_IMPORTS = frozenset(
    {
        *(
            "import keras",
            "import tensorflow as tf",
            "from keras import layers",
            "from keras import ops",
            "from keras import layers, ops",
        ),
        *(
            "import numpy as np",
            "import pandas as pd",
            "from pathlib import Path",
            "import math",
            "import io",
        ),
    }
)


class FunctionsError(Exception):
    """What is wrong with a project's Python, in one sentence; `line` counts from 1, and 0 means the whole."""

    def __init__(self, sentence: str, line: int = 0) -> None:
        super().__init__(f"Line {line}: {sentence}" if line else sentence)
        self.line = line


@dataclass(frozen=True)
class Signature:
    """The arguments of a function in order, the source text of their defaults, and the line it starts on.

    `refusal` is the sentence why a term cannot use the function, None when it can.
    """

    arguments: tuple[str, ...]
    defaults: Mapping[str, str] = field(default_factory=dict)
    line: int = 0
    refusal: str | None = None


def signatures(code: str) -> Mapping[str, Signature]:
    """Return the functions at the top level of `code`, in order. Raises FunctionsError for all but Python."""
    tree = _tree(code)
    for statement in tree.body:
        _check(statement)
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name: _signature(node) for node in functions}


def defined(code: str) -> tuple[str, ...]:
    """Return every name that `code` defines at its top level, once. Raises FunctionsError."""
    return tuple(dict.fromkeys(name for statement in _tree(code).body for name in _defined(statement)))


def _tree(code: str) -> ast.Module:
    if len(code) > MAX_LENGTH:
        raise FunctionsError(f"The functions are longer than {MAX_LENGTH} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return parsing.module(code)
    except SyntaxError as error:
        raise FunctionsError(error.msg, error.lineno or 0) from None
    except (RecursionError, MemoryError):
        raise FunctionsError("The functions are nested too deeply") from None
    except ValueError as error:
        raise FunctionsError(f"The functions are not readable as Python: {error}") from None


def _check(statement: ast.stmt) -> None:
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        raise FunctionsError("the script cannot take imports from __future__ in its middle", statement.lineno)
    if isinstance(statement, ast.ImportFrom | ast.Import) and ast.unparse(statement) in SAME_IMPORTS:
        return
    for name in _defined(statement):
        if name in SCRIPT_NAMES:
            raise FunctionsError(
                f"{name} is what the script itself defines; choose another name", statement.lineno
            )


def _defined(statement: ast.stmt) -> Iterator[str]:
    """The names that a top-level statement gives to the module."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Signature:
    arguments = [*node.args.posonlyargs, *node.args.args]
    given = arguments[len(arguments) - len(node.args.defaults) :]
    defaults = dict(zip(given, node.args.defaults, strict=True))
    optional = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    defaults |= {argument: default for argument, default in optional if default is not None}
    return Signature(
        arguments=tuple(argument.arg for argument in (*arguments, *node.args.kwonlyargs)),
        defaults={argument.arg: ast.unparse(default) for argument, default in defaults.items()},
        line=node.lineno,
        refusal=_refusal(node),
    )


def _refusal(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    if isinstance(node, ast.AsyncFunctionDef):
        return f"{node.name} is asynchronous; a loss is an ordinary function"
    if node.args.vararg or node.args.kwarg or node.args.posonlyargs:
        return f"{node.name} takes arguments without names; a term binds every argument by its name"
    if any(isinstance(part, ast.Yield | ast.YieldFrom) for part in ast.walk(node)):
        return f"{node.name} yields; a loss returns its value"
    return None
