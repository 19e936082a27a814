"""Facts about a project that only Keras knows: shapes, parameters, what it refuses, what a term's loss
returns.

The model's statements are the script's own, run one by one, so that a refusal has its node and what comes
before is still known. Terms are computed on a few made-up rows. What can be said without Keras is left to the
problems.
"""

import ast
import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from core.codegen.code import CannotGenerate
from core.codegen.model import Statement, statements
from core.engine import sharing
from core.engine.controls import Interrupted, Interrupter
from core.engine.failure import details, reason
from core.engine.rehearsal import Rehearsal
from core.engine.settings import settings_kept
from core.project.facts import DataFacts, ModelFacts, Shape
from core.project.schema import Project

BAG_OF_WORDS = re.compile(r"(?s)_layer\.adapt\(.*\.Flatten\(")
"""A layer that counts the words of a vocabulary it learns."""


def answer(project: Project, data: DataFacts | None, trusted: bool, interrupter: Interrupter) -> ModelFacts:
    """Return the facts, also when a user's function never does."""
    try:
        with _silence(), interrupter:
            return model_facts(project, data, trusted)
    except Exception as error:  # a mistake of ours or a broken Keras: said in the window, which goes on
        sentence = f"Keras could not be asked about this project: {reason(error)}."
        return ModelFacts(errors={"total": sentence}, details={"total": details(error)})
    except Interrupted:
        sentence = (
            "The functions did not return when they were tried on a few rows: look for an endless loop."
        )
        return ModelFacts(errors={"functions": sentence})


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """What functions print while they are only tried is nothing for the engine's log, however much it is."""
    with contextlib.ExitStack() as stack:
        nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
        stack.enter_context(contextlib.redirect_stdout(nowhere))
        stack.enter_context(contextlib.redirect_stderr(nowhere))
        yield


def model_facts(project: Project, data: DataFacts | None, run_user_code: bool) -> ModelFacts:
    """Build what can be built of `project`. Code from the project runs only when `run_user_code`."""
    if data is None:
        return ModelFacts(devices=sharing.devices())
    keras.utils.clear_session(free_memory=False)
    keras.config.set_dtype_policy(project.training.precision)
    found = Findings()
    _build(project, data, found)
    keras.config.set_dtype_policy("float32")
    for name, head in project.model.heads.items():
        found.alias(f"head:{name}", f"layer:{head.layer}", f"input:{head.layer}")
        found.as_put_out(f"head:{name}")
    with settings_kept():
        Rehearsal(project, data, found, run_user_code).all_terms()
    keras.utils.clear_session()
    return ModelFacts(**vars(found), devices=sharing.devices())


@dataclass
class Findings:
    """Facts while they are being found; the fields are those of `ModelFacts`."""

    shapes: dict[str, Shape] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)
    term_shapes: dict[str, Shape] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)

    def refused(self, reference: str, error: BaseException, sentence: str = "") -> None:
        self.errors[reference] = sentence or f"{reason(error)}."
        self.details[reference] = details(error)

    def as_put_out(self, reference: str) -> None:
        """Heads are float32 whatever their layers compute in."""
        if "float" in self.dtypes.get(reference, ""):
            self.dtypes[reference] = "float32"

    def alias(self, reference: str, *originals: str) -> None:
        """Let `reference` be shaped like the first of `originals` that is known."""
        for original in originals:
            if original in self.shapes:
                self.shapes[reference] = self.shapes[original]
                self.dtypes[reference] = self.dtypes[original]
                return


def _build(project: Project, data: DataFacts, found: Findings) -> None:
    names: dict[str, Any] = {"keras": keras, "layers": keras.layers, "ops": keras.ops, "np": np}
    missing: set[str] = set()
    unsettled: set[str] = set()
    for statement in _writable(project, data):
        if missing & _names_in(statement.text):
            missing.add(statement.variable)  # it hangs on what was refused, and has no fault of its own
            continue
        try:
            exec(compile(statement.text, statement.reference, "exec"), names)
            _note(statement, names[statement.variable], found)
            if BAG_OF_WORDS.search(statement.text) or unsettled & _names_in(statement.text):
                _unsettle(statement, found, unsettled)
        except Exception as error:
            missing.add(statement.variable)
            found.refused(statement.reference, error)


def _note(statement: Statement, tensor: Any, found: Findings) -> None:
    outputs = tensor if isinstance(tensor, list | tuple) else [tensor]
    found.shapes[statement.reference] = tuple(outputs[0].shape[1:])
    found.dtypes[statement.reference] = str(outputs[0].dtype)
    found.parameters[statement.reference] = int(outputs[0]._keras_history.operation.count_params())


def _unsettle(statement: Statement, found: Findings, unsettled: set[str]) -> None:
    """Forget sizes that come from the size of a vocabulary, which only the training rows know."""
    if not found.parameters.get(statement.reference):
        unsettled.add(statement.variable)
        found.shapes[statement.reference] = (*found.shapes[statement.reference][:-1], None)
    found.parameters.pop(statement.reference, None)


def _writable(project: Project, data: DataFacts) -> list[Statement]:
    """The statements of the part of the model that can be written; what is in the way is left out."""
    while True:
        try:
            return statements(project, data)
        except CannotGenerate as refusal:
            smaller = _without(project, refusal.where)
            if smaller is None:
                return []
            project = smaller


def _without(project: Project, reference: str) -> Project | None:
    """The project without a node, or without the inputs of a field; None when nothing goes away."""
    kind, _, name = reference.partition(":")
    model = project.model
    layers = {key: layer for key, layer in model.layers.items() if not (kind == "layer" and key == name)}
    inputs = {
        key: source
        for key, source in model.inputs.items()
        if not ((kind == "input" and key == name) or (kind == "field" and source.field == name))
    }
    if len(layers) == len(model.layers) and len(inputs) == len(model.inputs):
        return None
    return project.model_copy(update={"model": model.model_copy(update={"layers": layers, "inputs": inputs})})


def _names_in(text: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
