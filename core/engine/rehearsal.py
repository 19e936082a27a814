"""Tries each term on a few made-up rows: does its loss run, and what shape does it return?

A per-row loss has the shape (rows,) or (rows, ...). Eleven rows, a number that hardly any other axis has,
betray a broadcast: an axis of eleven behind the first comes from the rows, and is reported as None.
"""

import traceback
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import keras
import numpy as np

from core import catalogue
from core.engine.controls import Interrupted
from core.engine.failure import reason
from core.project import expressions
from core.project.facts import DataFacts, Shape
from core.project.schema import CatalogueLoss, ExpressionLoss, Project, PythonLoss, Term

ROWS = 11
UNKNOWN_AXIS = 5
FUNCTIONS = "functions"
"""The file name that the project's functions have in tracebacks."""


class Found(Protocol):
    """Where findings go."""

    shapes: dict[str, Shape]
    dtypes: dict[str, str]
    term_shapes: dict[str, Shape]

    def refused(self, reference: str, error: BaseException, sentence: str = "") -> None: ...


class NotYet(Exception):
    """A term cannot be tried: something it needs is not known, and a problem says so elsewhere."""


class Rehearsal:
    """The terms of one project; `found` knows the shapes of inputs, layers and heads."""

    def __init__(self, project: Project, data: DataFacts, found: Found, run_user_code: bool):
        self._project, self._data, self._found = project, data, found
        self._run_user_code = run_user_code
        self._functions: dict[str, Any] | None = None

    def all_terms(self) -> None:
        for name, term in self._project.terms.items():
            if term.on:
                self._try(name, term)

    def _try(self, name: str, term: Term) -> None:
        reference = f"term:{name}"
        try:
            arrays = {argument: self._array(value) for argument, value in term.bind.items()}
            loss = self._loss(term)
            result = loss(arrays)
        except NotYet:
            return
        except Interrupted:
            raise
        except BaseException as error:  # sys.exit() in a loss must not end the engine
            self._found.refused(reference, error, self._sentence(error))
            return
        self._judge(name, term, result)

    def _judge(self, name: str, term: Term, result: Any) -> None:
        if keras.ops.is_tensor(result) and isinstance(term.loss, PythonLoss):
            wrong = _why_no_loss(result, term.loss.function)
            if wrong:
                self._found.refused(f"term:{name}", TypeError(wrong), wrong)
                return
        if keras.ops.is_tensor(result):
            self._found.term_shapes[name] = _row_shape(tuple(result.shape))
            return
        what = f"The function {term.loss.function}" if isinstance(term.loss, PythonLoss) else "The loss"
        kind = f"a {type(result).__name__}"
        way_out = "it must return a tensor with one value a row, or their mean"
        if result is None:
            kind = "nothing (None)"
        elif isinstance(result, np.ndarray | np.generic | float | int):
            way_out = "nothing can be learnt from that, so compute with keras.ops"
        sentence = f"{what} returned {kind}; {way_out}."
        self._found.refused(f"term:{name}", TypeError(sentence), sentence)

    def _array(self, value: str) -> Any:
        kind, _, name = value.partition(":")
        if kind == "target":
            facts = self._data.fields.get(name)
            shape, dtype = (facts.shape, facts.dtype) if facts else (None, "")
        else:
            shape, dtype = self._found.shapes.get(value), self._found.dtypes.get(value, "")
        if shape is None or dtype == "string":
            raise NotYet
        dtype = "float32" if "float" in dtype else dtype  # terms see nothing of mixed precision
        sizes = (ROWS, *(UNKNOWN_AXIS if size is None else size for size in shape))
        filled = np.zeros(sizes, dtype) if "int" in dtype else np.full(sizes, 0.5, dtype)
        return keras.ops.convert_to_tensor(filled)

    def _loss(self, term: Term) -> Callable[[Mapping[str, Any]], Any]:
        loss = term.loss
        if isinstance(loss, CatalogueLoss):
            return _catalogue_loss(loss)
        return _expression(loss) if isinstance(loss, ExpressionLoss) else self._python(loss)

    def _python(self, loss: PythonLoss) -> Callable[[Mapping[str, Any]], Any]:
        if not self._run_user_code:
            raise NotYet
        if self._functions is None:
            self._functions = self._define()
        function = self._functions.get(loss.function)
        if not callable(function):
            raise NotYet
        return lambda arrays: function(**arrays)

    def _define(self) -> dict[str, Any]:
        names: dict[str, Any] = {"keras": keras, "ops": keras.ops, "layers": keras.layers, "np": np}
        try:
            exec(compile(self._project.functions, FUNCTIONS, "exec"), names)
        except Interrupted:
            raise
        except BaseException as error:
            self._found.refused("functions", error, self._sentence(error))
            return {}
        return names

    def _sentence(self, error: BaseException) -> str:
        """What went wrong, with the line of the project's functions where there is one."""
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == FUNCTIONS]
        place = f" (line {frames[-1].lineno} of the functions, in {frames[-1].name})" if frames else ""
        return f"{reason(error)}{place}."


def _why_no_loss(result: Any, function: str) -> str | None:
    """What the script's own check of a function's result would say in the first step."""
    if "float" not in keras.backend.standardize_dtype(result.dtype):
        return f"The function {function} returned {result.dtype.name} values, which have no gradient; use floats."
    if len(result.shape) and result.shape[0] != ROWS:
        shape = tuple(result.shape)
        return f"The function {function} returned the shape {shape}; its first axis must be the rows."
    return None


def _row_shape(shape: tuple[int | None, ...]) -> Shape:
    if not shape or shape[0] != ROWS:
        return shape
    return tuple(None if size == ROWS else size for size in shape[1:])


def _catalogue_loss(loss: CatalogueLoss) -> Callable[[Mapping[str, Any]], Any]:
    if loss.name not in catalogue.losses():
        raise NotYet
    made = getattr(keras.losses, loss.name)(**{**loss.config, "reduction": None})
    return lambda arrays: made(arrays["y_true"], arrays["y_pred"]) if len(arrays) == 2 else _not_yet()


def _expression(loss: ExpressionLoss) -> Callable[[Mapping[str, Any]], Any]:
    try:
        parsed = expressions.parse(loss.code)
    except expressions.ExpressionError:
        raise NotYet from None
    code = compile(parsed.tree, "expression", "eval")
    ops = {node.id: getattr(keras.ops, node.id) for node in expressions.called_names(parsed.tree)}

    def compute(arrays: Mapping[str, Any]) -> Any:
        if set(parsed.names) - set(arrays):
            raise NotYet
        try:
            return eval(code, {"__builtins__": {}, **_floats(arrays), **ops})
        except TypeError:  # it takes class codes as they are
            return eval(code, {"__builtins__": {}, **arrays, **ops})

    return compute


def _floats(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Formulas get class codes as floats, as in the script, unless they use them as whole numbers."""
    return {name: keras.ops.cast(array, "float32") for name, array in arrays.items()}


def _not_yet() -> Any:
    raise NotYet
