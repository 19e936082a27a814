"""A project with its facts, looked at once, so that no rule has to search."""

import functools
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from core import catalogue
from core.catalogue import Entry, LossEntry
from core.project import expressions, functions
from core.project.facts import ColumnFacts, DataFacts, Facts, FieldFacts, ModelFacts, Shape
from core.project.problems.inference import output_shape
from core.project.references import exists, parse
from core.project.schema import (
    CategoryField,
    Field,
    FrozenMap,
    ImageField,
    Layer,
    Metric,
    NumberField,
    Project,
    Term,
)
from core.project.wiring import loss_arguments


class Comparison(NamedTuple):
    """A term or metric that is on and compares `y_true` with `y_pred`, with its line of the catalogue."""

    where: str
    name: str
    loss: LossEntry
    config: Mapping[str, object]
    truth: str
    prediction: str


@dataclass(frozen=True)
class View:
    """What every rule is given. Whatever is not known is None or missing, and then a rule says nothing."""

    project: Project
    facts: Facts

    @property
    def data(self) -> DataFacts | None:
        return self.facts.data

    @property
    def model(self) -> ModelFacts | None:
        return self.facts.model

    @property
    def columns(self) -> Mapping[str, ColumnFacts]:
        """The columns of the source, empty while they are not known."""
        return self.data.columns if self.data else FrozenMap()

    @functools.cached_property
    def nodes(self) -> frozenset[str]:
        """The names of inputs and layers."""
        return frozenset((*self.project.model.inputs, *self.project.model.layers))

    @functools.cached_property
    def consumers(self) -> Mapping[str, list[str]]:
        """The layers that each node feeds."""
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for name, layer in self.project.model.layers.items():
            for source in dict.fromkeys(layer.sources):
                if source in found:
                    found[source].append(name)
        return found

    @functools.cached_property
    def order(self) -> tuple[str, ...]:
        """The layers in an order in which each comes after what feeds it; those on or behind a cycle are
        left out.
        """
        layers = self.project.model.layers
        waiting = {name: len({s for s in layer.sources if s in layers}) for name, layer in layers.items()}
        ready = deque(name for name, count in waiting.items() if count == 0)
        done = []
        while ready:
            done.append(name := ready.popleft())
            for consumer in self.consumers.get(name, ()):
                waiting[consumer] -= 1
                if waiting[consumer] == 0:
                    ready.append(consumer)
        return tuple(done)

    @functools.cached_property
    def useful(self) -> frozenset[str]:
        """The nodes that reach a head, a term or a metric."""
        parts: tuple[Term | Metric, ...] = (*self.project.terms.values(), *self.project.metrics.values())
        bound = (value for part in parts for value in part.bind.values())
        found = (parse(value) for value in bound)
        waiting = [
            reference.name for reference in found if reference and reference.kind in ("layer", "input")
        ]
        waiting += [head.layer for head in self.project.model.heads.values()]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                layer = self.project.model.layers.get(name)
                waiting.extend(layer.sources if layer else ())
        return frozenset(seen)

    def owner(self, layer: Layer) -> Layer:
        """The layer whose class and settings `layer` has: itself, or the one it shares."""
        return (self.project.model.layers.get(layer.shares) or layer) if layer.shares else layer

    def entry(self, layer: Layer) -> Entry | None:
        return catalogue.layers().get(self.owner(layer).class_name)

    def field(self, reference: str) -> Field | None:
        """The field behind a target or an input."""
        found = parse(reference)
        if found is None or found.kind not in ("target", "field", "input"):
            return None
        given = self.project.model.inputs.get(found.name) if found.kind == "input" else None
        return self.project.data.fields.get(given.field if given else found.name)

    def field_facts(self, reference: str) -> FieldFacts | None:
        """What is known of the field behind a target or an input."""
        found = parse(reference)
        if found is None or self.data is None or found.kind not in ("target", "field", "input"):
            return None
        given = self.project.model.inputs.get(found.name) if found.kind == "input" else None
        return self.data.fields.get(given.field if given else found.name)

    def shape(self, reference: str) -> Shape | None:
        """The shape of a target, input, layer or head without the batch, from the project or from facts."""
        found = parse(reference)
        if found is None or not exists(self.project, reference):
            return None
        if found.kind in ("target", "field", "input"):
            return self._field_shape(reference)
        name = self.project.model.heads[found.name].layer if found.kind == "head" else found.name
        if found.kind not in ("head", "layer"):
            return None
        known = self._shapes.get(name)
        if known is None and self.model is not None:
            known = self.model.shapes.get(reference, self.model.shapes.get(f"layer:{name}"))
        return known

    def _field_shape(self, reference: str) -> Shape | None:
        """From the project where that is sure, so that it is right while facts are still those of before."""
        field, facts = self.field(reference), self.field_facts(reference)
        known = None if field is None else self._shape_of_field(field)
        return known if known is not None or facts is None else facts.shape

    def _shape_of_field(self, field: Field) -> Shape | None:
        if isinstance(field, ImageField):
            return (field.height, field.width, field.channels)
        source = self.project.data.source
        if source is None or source.kind != "csv" or not field.columns:
            return None
        if isinstance(field, CategoryField) and field.encoding == "onehot":
            return (len(field.classes),) if field.classes else None
        if isinstance(field, NumberField) and field.shape is not None:
            return field.shape
        return (len(field.columns),)

    @functools.cached_property
    def _shapes(self) -> Mapping[str, Shape | None]:
        """The shapes of all nodes by name, as far as they follow without Keras, else as Keras said."""
        said = self.model.shapes if self.model else {}
        shapes: dict[str, Shape | None] = {
            name: self._field_shape(f"input:{name}") for name in self.project.model.inputs
        }
        for name in self.order:
            layer = self.project.model.layers[name]
            owner = self.owner(layer)
            inputs = [shapes.get(source) for source in layer.sources]
            inferred = output_shape(owner.class_name, owner.config, inputs)
            shapes[name] = inferred if inferred is not None else said.get(f"layer:{name}")
        return shapes

    @functools.cached_property
    def arguments(self) -> Mapping[str, tuple[str, ...]]:
        """The arguments that each term's loss needs."""
        return {name: loss_arguments(self.project, term) for name, term in self.project.terms.items()}

    @functools.cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The terms and metrics that are on, from the catalogue, and bound to parts that exist."""
        return tuple(self._compare())

    def _compare(self) -> Iterator[Comparison]:
        for name, term in self.project.terms.items():
            loss = catalogue.losses().get(term.loss.name) if term.loss.kind == "catalogue" else None
            if loss and term.on and term.loss.kind == "catalogue" and self._both(term.bind):
                yield Comparison(f"term:{name}", name, loss, term.loss.config, *self._both(term.bind))
        for name, metric in self.project.metrics.items():
            entry = catalogue.metrics().get(metric.metric)
            if entry and metric.on and self._both(metric.bind):
                yield Comparison(f"metric:{name}", name, entry, metric.config, *self._both(metric.bind))

    def _both(self, bind: Mapping[str, str]) -> tuple[str, ...]:
        both = (bind.get("y_true", ""), bind.get("y_pred", ""))
        return both if all(exists(self.project, end) for end in both) else ()


def spell(shape: Shape) -> str:
    """Write a shape with its batch axis: `(B, 3)`, and `(B,)` for one number a row."""
    lengths = ", ".join("?" if length is None else str(length) for length in shape)
    return f"(B, {lengths})" if shape else "(B,)"


@functools.lru_cache(maxsize=256)
def expression_error(code: str) -> str | None:
    """Return what is wrong with an expression, or None."""
    try:
        expressions.parse(code)
    except expressions.ExpressionError as error:
        return str(error)
    return None


@functools.lru_cache(maxsize=16)
def functions_error(code: str) -> str | None:
    """Return what is wrong with a project's Python, or None."""
    try:
        functions.signatures(code)
    except functions.FunctionsError as error:
        return str(error)
    return None
