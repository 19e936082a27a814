"""What one run has compiled serves the next: a second training of the same structure compiles nothing again.

A compiled loop is a graph. The variables, tables and rows it works on are handed to it at each call, so the graph of
an earlier run is called with those of this run: the script has made them afresh, as ever, and no state of the earlier
run comes along. What else could differ is in the graph, which is the same where the code it was made from is
(`core.engine.tracedcode`) and what it works on has the same names, shapes and types. Whatever cannot be told is
compiled anew.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.random import seed_generator
from tensorflow.python.framework import op_def_registry

from core.engine.blocks import Captured
from core.engine.tracedcode import traced_code

MOST_KEPT = 4
"""Structures whose loops are kept; of each only graphs, no weights and no rows."""
WITHOUT_MEMORY = ("Assert", "Assign", "If", "LookupTable", "PartitionedCall", "Print", "ReadVariable", "Resource",
                  "StatefulPartitionedCall", "VarIsInitialized", "VariableShape", "While")  # fmt: skip
"""How operations begin that keep nothing in themselves, though TensorFlow calls them stateful; random ones do."""

AGAIN = "The loops that an earlier run compiled are used again."


@dataclass(frozen=True)
class Owned:
    """A tensor that a loop may be handed: what it is called, its type and shape in words, and itself."""

    name: str
    kind: str
    tensor: Any

    @property
    def place(self) -> tuple[str, str]:
        return self.name, self.kind


@dataclass(frozen=True)
class Loop:
    """A compiled loop and the places of the tensors it is handed; `written` are values that may be in the graph.

    `script` is the one whose lines TensorFlow names in errors.
    """

    function: Any
    script: Path
    places: Sequence[tuple[str, str]]
    written: Mapping[int, Any]


class Shelf:
    """The loops by name of the structures that the last runs of this process have left."""

    def __init__(self) -> None:
        self._kept: dict[str, Mapping[str, Loop]] = {}

    def find(self, key: str) -> Mapping[str, Loop]:
        return self._kept.get(key, {})

    def keep(self, key: str, loops: Mapping[str, Loop]) -> None:
        """Keep `loops` as the newest."""
        self._kept.pop(key, None)
        self._kept[key] = loops
        while len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]


class Compiled:
    """The compiled loops of one run: those of an earlier one where that is possible, else new ones."""

    def __init__(self, shelf: Shelf, script: Path, captured: Captured):
        self._shelf, self._script, self._captured = shelf, script, captured
        self._code = traced_code(script.read_text("utf-8", errors="replace"))
        self._key = ""
        self._owned: list[Owned] = []
        self._found: Mapping[str, Loop] = {}
        self._loops: dict[str, Loop] = {}

    @property
    def again(self) -> bool:
        """Whether there are loops of an earlier run for this structure."""
        return bool(self._found)

    @property
    def scripts(self) -> set[Path]:
        """The scripts whose lines TensorFlow may name in errors."""
        return {loop.script for loop in self._loops.values()}

    def begin(self, model: Any, telemetry: object) -> None:
        """Look for what was compiled for such a model, whose optimizer has been built."""
        if self._code is None or model._distribute_strategy is not None:
            return
        self._owned = [*_of_model(model), *_of("telemetry", telemetry)]
        looks_at = _inputs(self._captured) if self._code.looks_at_rows else {}
        if looks_at is None:
            return
        try:
            self._key = _key(self._code.digest, model, self._captured, self._owned, looks_at)
        except (NotImplementedError, TypeError, ValueError):  # a model by hand that cannot describe itself
            return
        self._found = self._shelf.find(self._key)

    def loop(self, name: str, make: Callable[[], Any], *owners: object) -> tuple[Any, bool]:
        """Return the concrete function called `name` and whether it is an earlier one; else `make` gives it.

        It may work on the model, the telemetry, and what tensors and variables `owners` have as attributes.
        """
        owned = [*self._owned, *(each for owner in owners for each in _of(type(owner).__name__, owner))]
        earlier = self._found.get(name)
        if earlier is not None and _handed_over(earlier, owned):
            self._loops[name] = earlier
            return earlier.function, True
        function = make()
        made = _loop(function, self._script, owned) if self._key else None
        if made is not None:
            self._loops[name] = made
        return function, False

    def close(self) -> None:
        """Keep the loops for later runs, and let go of all they have worked on."""
        for loop in self._loops.values():
            _let_go(loop)
        made = {name: loop for name, loop in self._loops.items() if _has_no_memory(loop.function)}
        if made:
            self._shelf.keep(self._key, {**self._found, **made})


# ---- what loops work on


def _of_model(model: Any) -> Iterator[Owned]:
    """All variables of a model, its optimizer and its metrics, and the tensors and tables of its layers."""
    metrics = [variable for metric in model.metrics for variable in metric.variables]
    for kind, variables in (("weight", model.variables), ("metric", metrics)):
        for number, variable in enumerate(variables):
            yield from _variable(f"{kind} {number} {variable.path}", variable.value)
    for number, variable in enumerate(model.optimizer.variables):
        # Keras counts some of their names on and on.
        yield from _variable(f"optimizer {number}", variable.value)
    for number, layer in enumerate(model._flatten_layers()):
        yield from _of(f"layer {number}", layer)
    generator = global_state.get_global_attribute(seed_generator.GLOBAL_SEED_GENERATOR)
    if generator is not None:
        yield from _variable("seed", generator.state.value)


def _of(name: str, owner: object) -> Iterator[Owned]:
    """The tensors, variables and tables that an object has."""
    for key, value in vars(owner).items():
        yield from _within(f"{name}.{key}", value)


def _within(name: str, value: Any) -> Iterator[Owned]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _within(f"{name}.{key}", each)
    elif isinstance(value, tf.Variable):
        yield from _variable(name, value)
    elif isinstance(value, tf.lookup.StaticHashTable | tf.lookup.experimental.MutableHashTable):
        kind = f"table {value.key_dtype.name} {value.value_dtype.name}"
        yield Owned(name, kind, value.resource_handle)
        yield from _of(name, value)  # what it gives for a key it does not have
    elif isinstance(value, tf.Tensor):
        yield Owned(name, f"{value.dtype.name} {value.shape}", value)


def _variable(name: str, variable: Any) -> Iterator[Owned]:
    yield Owned(name, f"variable {variable.dtype.name} {variable.shape}", variable.handle)


# ---- what makes loops equal


def _key(
    code: str, model: Any, captured: Captured, owned: Iterable[Owned], looks_at: Mapping[str, Any]
) -> str:
    """What two runs have in common whose loops are equal."""
    optimizer = keras.saving.serialize_keras_object(model.optimizer)
    if isinstance(optimizer["config"].get("learning_rate"), float):
        del optimizer["config"]["learning_rate"]
    shapes = [_shapes(batches) for batches in captured.made]
    places = [each.place for each in owned]
    parts = [code, captured.batch_size, shapes, optimizer, model.get_config(), places]
    digest = hashlib.sha256(json.dumps(parts, default=str).encode())
    for array in looks_at.values():
        digest.update(_content(array))
    return digest.hexdigest()


def _shapes(batches: Any) -> list[Any]:
    """Names, types and shapes of the rows in the `Batches` of a script."""
    sides = (getattr(batches, side, None) for side in ("x", "y"))
    arrays = [item for side in sides if isinstance(side, dict) for item in side.items()]
    return [(name, getattr(array, "dtype", None), getattr(array, "shape", None)) for name, array in arrays]


def _inputs(captured: Captured) -> Mapping[str, Any] | None:
    """The rows to train on, None where they are not in memory."""
    found = getattr(captured.made[0], "x", None) if captured.made else None
    arrays = isinstance(found, dict) and all(isinstance(each, np.ndarray) for each in found.values())
    return found if arrays else None


def _content(array: Any) -> Any:
    if array.dtype == object:
        return json.dumps(array.tolist(), default=str).encode()
    return np.ascontiguousarray(array).data.cast("B")


# ---- one loop


def _loop(function: Any, script: Path, owned: Iterable[Owned]) -> Loop | None:
    """Note what `function` is handed; None if something among it is nobody's, or is made new each time."""
    known = {id(each.tensor): each.place for each in owned}
    handed = function.captured_inputs
    if not all(id(tensor) in known for tensor in handed):
        return None
    places = [known[id(tensor)] for tensor in handed]
    written = {
        number: handed[number].numpy() for number, place in enumerate(places) if _may_be_written(place)
    }
    return Loop(function, script, places, written)


def _may_be_written(place: tuple[str, str]) -> bool:
    """Whether TensorFlow may have looked at the values: at those of rows nobody does before a step is made."""
    name, kind = place
    return name.startswith("layer ") and not kind.startswith(("variable", "table", "resource"))


def _handed_over(loop: Loop, owned: Iterable[Owned]) -> bool:
    """Let `loop` work on what this run owns, if that is alike."""
    tensors = {each.place: each.tensor for each in owned}
    if not all(place in tensors for place in loop.places):
        return False
    handed = [tensors[place] for place in loop.places]
    if not all(np.array_equal(handed[number].numpy(), value) for number, value in loop.written.items()):
        return False
    loop.function.set_external_captures(handed)
    return True


def _let_go(loop: Loop) -> None:
    """Free the variables and rows of a run that has ended: only the graphs are kept."""
    loop.function.set_external_captures([])
    for graph in _graphs(loop.function.graph):
        graph.function_captures.clear()
        assert not graph.captures  # asked for, because it is remembered until then
        graph.variables = ()  # it asks for them where another function calls it


def _graphs(graph: Any) -> Iterator[Any]:
    """A graph and those of the functions that it calls."""
    yield graph
    for function in graph._functions.values():
        if getattr(function, "graph", None) is not None:
            yield from _graphs(function.graph)


def _has_no_memory(function: Any) -> bool:
    """Whether every call of a loop depends on what it is handed alone."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    found = {name: op_def_registry.get(name) for name in {node.op for node in nodes}}
    return all(
        name.startswith(WITHOUT_MEMORY)
        for name, operation in found.items()
        if operation is not None and operation.is_stateful
    )
