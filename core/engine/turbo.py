"""Turbo: the same loop over steps, compiled by XLA, where that can be done and is faster.

XLA joins operations, so it rounds otherwise and the numbers are close to those of the exact loop, not equal. Random
layers make it slower than the exact loop on some machines, so both are tried on the run's own state, which is put back
afterwards. The last batch of an epoch may be short; it is made by the exact loop, because XLA compiles for one shape.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import tensorflow as tf

from core.engine import state
from core.engine.loops import THREADS, Compiled, Exact, Logs, Loop, loop_of
from core.engine.telemetry import Telemetry

TRIAL_SECONDS, ROUNDS, MOST_ROUNDS = 0.02, 4, 12
"""How long the blocks of a trial last, where the rows are enough, and how many there are of each."""
NODE = re.compile(r"\{\{node ([^}]+)\}\}")
OPERATION = re.compile(r"No registered '(\w+)' OpKernel")
PYTHON = ("EagerPyFunc", "PyFunc", "PyFuncStateless")


class NoTurbo(Exception):
    """Steps cannot be made in Turbo, or not faster; `str()` says why, as a sentence."""


class Rows(Protocol):
    """What Turbo needs to know of the rows."""

    steps: int
    texts: bool
    """Whether there are strings among them."""
    whole: int
    """How many batches are whole; they come before the short one, if there is one."""

    def batch(self, step: Any) -> tuple[dict[str, Any], dict[str, Any]]: ...

    def whole_batch(self, step: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return inputs and targets of batch number `step`, whose shapes are known beforehand."""


class Turbo:
    """Makes steps by XLA, and a short last one as `exact` does."""

    def __init__(self, model: Any, step: Callable[[Any], Any], rows: Rows, exact: Exact):
        self._model, self._step, self._rows, self._exact = model, step, rows, exact
        self._loop: Any = None

    def prepare(self, name: str, compiled: Compiled) -> None:
        """Compile the graph; XLA does its part when the loop is called first. Raises NoTurbo."""
        if self._rows.texts:
            raise NoTurbo("XLA cannot compile steps on text.")
        try:
            function, _ = compiled.loop(f"{name} in Turbo", self._traced, self._rows)
        except Exception as error:  # the same step was traced already, so this is about shapes or XLA
            raise NoTurbo(
                f"the step does not compile for batches of one size ({_first_line(error)})."
            ) from error
        self._loop = Loop(function, THREADS)

    def try_out(self, telemetry: Telemetry, *, compare: bool = True) -> float:
        """Compile by XLA; return how many times as fast as the exact loop it is, where that is to be compared.

        Model, optimizer and telemetry are as before afterwards. Raises NoTurbo where XLA cannot compile the step.
        """
        with _put_back(self._model, telemetry):
            try:
                self._loop(0, 1)
            except (tf.errors.OpError, ValueError) as error:
                raise NoTurbo(_why(error, self._model)) from error
            if not compare:
                return 1.0
            self._race()
        return self._exact.seconds / self._loop.seconds

    def most(self, first: int) -> int:
        """How many steps one call can make from batch `first` on."""
        whole = self._rows.whole - first
        return whole if whole > 0 else self._exact.most(first)

    def __call__(self, first: int, count: int) -> Logs:
        """Make `count` steps from batch `first` on; return the metrics by then."""
        return (self._loop if first < self._rows.whole else self._exact)(first, count)

    def _race(self) -> None:
        """Time both, in turns, so that what else the machine does harms both alike."""
        for number in range(MOST_ROUNDS):
            self._loop(0, self._count(self._loop.seconds))
            self._exact(0, self._count(self._exact.seconds))
            if number >= ROUNDS and self._exact.settled:
                return

    def _count(self, seconds: float) -> int:
        return max(1, min(int(TRIAL_SECONDS / seconds), self._rows.whole))

    def _traced(self) -> Any:
        def once(number: Any) -> Any:
            self._step(self._rows.whole_batch(number))
            return number + 1

        return loop_of(self._model, once, jit_compile=True).get_concrete_function()


@contextlib.contextmanager
def _put_back(model: Any, telemetry: Telemetry) -> Iterator[None]:
    """Leave no trace of the steps that are made meanwhile."""
    made, kept = telemetry.made, dict(state.arrays(model, ()))
    try:
        yield
    finally:
        state.put(model, kept)
        model.reset_metrics()
        telemetry.made = made


def _why(error: Exception, model: Any) -> str:
    """Return the sentence that names what XLA cannot compile."""
    text = str(error)
    operation = OPERATION.search(text)
    if operation and operation[1] in PYTHON:
        return "XLA cannot compile Python code that TensorFlow calls at each step."
    layer = _layer(text, model)
    if layer:
        return f"XLA cannot compile the layer {layer}{f' ({operation[1]})' if operation else ''}."
    return f"XLA cannot compile {operation[1] if operation else f'the step: {_first_line(error)}'}."


def _layer(text: str, model: Any) -> str:
    """The innermost layer that an error is about; TensorFlow counts scopes that have the name of a layer."""
    names = {layer.name for layer in model._flatten_layers(include_self=False)}
    for path in NODE.findall(text):
        for part in reversed(path.split("/")):
            for name in (part, re.sub(r"_\d+$", "", part)):
                if name in names:
                    return str(name)
    return ""


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
