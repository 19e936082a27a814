"""The compiled loop over steps, in the two ways that TensorFlow can run one: with the same numbers, bit for bit.

TensorFlow starts the operations of a step in several threads. That pays for large ones; a small step spends more time
on handing its operations over than on making them, so there one thread does better. Which it is depends on model and
machine, so it is measured: real steps of the run are made both ways, and the faster way is kept.

In both ways the step is one function, called by the loop and not copied into it, so that TensorFlow simplifies its
graph as it does that of Keras's own step; a step that is simplified otherwise rounds otherwise.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import tensorflow as tf

from core.engine.readonce import read_once
from core.engine.shapes import tell_shapes

ONE_THREAD, THREADS = "SINGLE_THREADED_EXECUTOR", ""
"""How TensorFlow calls its executors."""
SCOPE = "lossmith_rows"
"""Where the operations that gather a batch are, so that those of the step are called as in Keras's own, which has none:
TensorFlow adds numbers up in the order of their names."""
QUICK = 0.0005
"""A step of fewer seconds is never made faster by threads."""
TIMED, LONG_ENOUGH = 3, 0.005
"""Calls of a loop after which its time is trusted, and the seconds that one must last: in shorter ones the call itself
counts for too much. The first call does not count, because it also prepares the loop."""
TOGETHER = 4
"""Steps that one thread makes in one turn of the loop: what a turn costs is several percent of a small step."""
CONTROL_FLOW = frozenset({"If", "StatelessIf", "While", "StatelessWhile", "Case", "StatelessCase"})
"""Operations that one thread cannot run once TensorFlow has simplified the step."""

Logs = Mapping[str, float]


class Rows(Protocol):
    """What a loop needs to know of the rows: the inputs and targets of batch number `step`."""

    steps: int

    def batch(self, step: Any) -> tuple[dict[str, Any], dict[str, Any]]: ...


class Compiled(Protocol):
    """Knows what earlier runs have compiled."""

    def loop(self, name: str, make: Callable[[], Any], *owners: object) -> tuple[Any, bool]:
        """Return the concrete function called `name`, and whether an earlier run made it; else `make` does."""


class Loop:
    """A compiled loop: calling it makes `count` steps from batch `first` on and returns the metrics by then."""

    def __init__(self, function: Any, executor: str):
        self._function, self._executor = function, executor
        self.called, self._timed = False, 0
        self.seconds = float("inf")
        """The fewest that a step took; infinite until that is known."""

    @property
    def timed(self) -> bool:
        """Whether `seconds` is to be trusted."""
        return self._timed >= TIMED

    @property
    def in_threads(self) -> bool:
        return self._executor == THREADS

    def __call__(self, first: int, count: int) -> Logs:
        began = time.perf_counter()
        with tf.experimental.function_executor_type(self._executor):
            logs = self._function(tf.constant(first, tf.int64), tf.constant(count, tf.int64))
        values = {name: float(value) for name, value in logs.items()}
        took = time.perf_counter() - began
        if self.called:
            self.seconds = min(self.seconds, took / count)
            self._timed += took >= LONG_ENOUGH
        self.called = True
        return values


class Exact:
    """Makes steps with the numbers of `fit`, in the way that is faster here. `name` is what the loops are called."""

    def __init__(self, model: Any, step: Callable[[Any], Any], rows: Rows, name: str, compiled: Compiled):
        self._model, self._step, self._rows, self._name = model, step, rows, name
        self._compiled = compiled
        self._once: Any = None
        self._loops: list[Loop] = []
        self.settled = False
        """Whether the faster loop is known."""
        self.again = False
        """Whether an earlier run has compiled the loop."""

    def prepare(self) -> None:
        """Compile. Raises whatever the step raises while it is traced."""
        function, self.again = self._compiled.loop(self._name, self._first_loop, self._rows)
        self._loops = [Loop(function, _executor(function))]

    @property
    def seconds(self) -> float:
        """The fewest that a step took, infinite until that is known."""
        return min(loop.seconds for loop in self._loops)

    def most(self, first: int) -> int:
        """How many steps one call can make from batch `first` on."""
        return self._rows.steps - first

    def __call__(self, first: int, count: int) -> Logs:
        """Make `count` steps from batch `first` on; return the metrics by then."""
        if not self.settled and self._loops[-1].timed:
            self._settle()
        try:
            return self._loops[-1](first, count)
        except tf.errors.UnimplementedError:
            if not self._refused():
                raise
        return self._loops[-1](first, count)

    def _refused(self) -> bool:
        """Go on in threads where one thread will not even begin.

        It takes no references, by which TensorFlow adds large sums up when memory may become short.
        """
        loop = self._loops[-1]
        if loop.in_threads or loop.called:
            return False
        self._loops, self.settled = [self._in_threads()], True
        return True

    def _in_threads(self) -> Loop:
        name = f"{self._name} in threads"
        function, _ = self._compiled.loop(name, lambda: self._traced(THREADS), self._rows)
        return Loop(function, THREADS)

    def _settle(self) -> None:
        """Go on with the other loop, or leave it at the faster one. The last of the loops is in use."""
        *others, last = self._loops
        if not others and not last.in_threads and last.seconds >= QUICK:
            self._loops += [self._in_threads()]
        else:
            self._loops = [min(self._loops, key=lambda loop: loop.seconds)]
            self.settled = True

    def _first_loop(self) -> Any:
        alone = _one_device(self._model) and not _branches(self._traced_once())
        return self._traced(ONE_THREAD if alone else THREADS)

    def _traced(self, executor: str) -> Any:
        once = self._traced_once()
        together = TOGETHER if executor == ONE_THREAD else 1
        with tf.experimental.function_executor_type(executor):
            return loop_of(self._model, once, together).get_concrete_function()

    def _traced_once(self) -> Any:
        if self._once is None:
            name = f"{self._name}, one step"
            self._once, _ = self._compiled.loop(name, self._one_step, self._rows)
        return self._once

    def _one_step(self) -> Any:
        once = _once(self._step, self._rows, alone=_one_device(self._model))
        with read_once(self._model.optimizer):
            return once.get_concrete_function()


def loop_of(model: Any, once: Callable[[Any], Any], together: int = 1, **options: Any) -> Any:
    """Return a function of the first step and their count, which calls `once` with the number of each.

    `together` is how many steps a turn of the loop makes; `options` are those of `tf.function`.
    """
    signature = [tf.TensorSpec([], tf.int64)] * 2

    @tf.function(input_signature=signature, autograph=False, **options)  # type: ignore[untyped-decorator]
    def run(first: Any, count: Any) -> Any:
        step, last = first, first + count
        if together > 1:
            step = _turns(once, step, last, together)
        _turns(once, step, last, 1)
        return model.get_metrics_result()

    return run


def _turns(once: Callable[[Any], Any], first: Any, last: Any, together: int) -> Any:
    """Make steps from `first` on, `together` at a turn, while so many are left; return the next one."""

    def turn(step: Any) -> Any:
        for _ in range(together):
            step = once(step)
        return [step]

    (following,) = tf.while_loop(lambda step: step + together <= last, turn, [first], parallel_iterations=1)
    return following


def _once(step: Callable[[Any], Any], rows: Rows, *, alone: bool) -> Any:
    kept = {"_noinline": True} if alone else None

    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[tf.TensorSpec([], tf.int64)], autograph=False, experimental_attributes=kept
    )
    def once(number: Any) -> Any:
        with tf.name_scope(SCOPE):
            batch = rows.batch(number)
        step(batch)
        tell_shapes(tf.compat.v1.get_default_graph())
        return number + 1

    return once


def _one_device(model: Any) -> bool:
    """Whether all of a step is made in one place: one thread cannot wait for a second device."""
    return model._distribute_strategy is None and not tf.config.list_physical_devices("GPU")


def _branches(function: Any) -> bool:
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    return any(node.op in CONTROL_FLOW for node in nodes)


def _executor(loop: Any) -> str:
    """The executor that a loop was traced for: only for threads may TensorFlow take it apart."""
    found = next(each for each in loop.graph.get_operations() if each.type in ("While", "StatelessWhile"))
    return THREADS if "_lower_using_switch_merge" in found.node_def.attr else ONE_THREAD
