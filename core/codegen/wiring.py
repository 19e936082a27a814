"""What of a project a script needs, in what order, and by what Python names."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from core.codegen.code import CannotGenerate
from core.codegen.quoting import identifier
from core.project.schema import Metric, Project, Term

BUILD_NAMES = ("keras", "layers", "ops", "np", "train", "TermModel", "inputs", "outputs")


class Wiring:
    """The parts that active terms, metrics and heads of a project need. Properties raise CannotGenerate."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.inputs = project.model.inputs
        self.layers = project.model.layers

    @cached_property
    def terms(self) -> Mapping[str, Term]:
        return {name: term for name, term in self.project.terms.items() if term.on}

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        return {name: metric for name, metric in self.project.metrics.items() if metric.on}

    @cached_property
    def bound(self) -> tuple[str, ...]:
        """What active terms and metrics are bound to, each once, in order."""
        parts: Iterable[Term | Metric] = (*self.terms.values(), *self.metrics.values())
        return tuple(dict.fromkeys(value for part in parts for value in part.bind.values()))

    @cached_property
    def targets(self) -> tuple[str, ...]:
        return tuple(value.removeprefix("target:") for value in self.bound if value.startswith("target:"))

    @cached_property
    def shared(self) -> frozenset[str]:
        """The layers that other nodes apply once more."""
        return frozenset(layer.shares for layer in self.layers.values() if layer.shares)

    @cached_property
    def variables(self) -> frozenset[str]:
        """The Python names of all inputs and layers."""
        return frozenset(self.variable(node) for node in (*self.inputs, *self.layers))

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The layers that heads and bindings need, each after what it is computed from."""
        bound = [value.removeprefix("layer:") for value in self.bound if value.startswith("layer:")]
        needed = [*(head.layer for head in self.project.model.heads.values()), *bound]
        return tuple(name for name in self.sorted(needed) if name in self.layers)

    @cached_property
    def used_inputs(self) -> tuple[str, ...]:
        """The inputs that layers, heads or bindings need, in the order of the project."""
        used = {source for name in self.order for source in self.layers[name].sources}
        used |= {head.layer for head in self.project.model.heads.values()}
        used |= {value.removeprefix("input:") for value in self.bound if value.startswith("input:")}
        return tuple(name for name in self.inputs if name in used)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The fields that the script loads: those of the inputs, then the targets."""
        return tuple(dict.fromkeys([*(self.field_of(name) for name in self.used_inputs), *self.targets]))

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """What the training model puts out, by key: the heads, and layers that terms look at."""
        heads = {name: head.layer for name, head in self.project.model.heads.items()}
        extra = {self.output_key(layer): layer for layer in self._looked_at(heads.values())}
        return heads | extra

    def output_key(self, layer: str) -> str:
        """Under which key the model puts out a layer that a term looks at: a head's name where it is one."""
        heads = self.project.model.heads
        for name, head in heads.items():
            if head.layer == layer:
                return name
        return layer if layer not in heads else next(_numbered(layer, heads))

    def field_of(self, input_name: str) -> str:
        """Return the field that feeds an input."""
        field = self.inputs[input_name].field
        if field not in self.project.data.fields:
            raise CannotGenerate(f"input:{input_name}", f"Input {input_name} has no field; choose one.")
        return field

    def variable(self, node: str) -> str:
        """The Python name of an input or layer inside `build_model`."""
        return identifier(node, BUILD_NAMES)

    def layer_variable(self, node: str) -> str:
        """The Python name of the layer object itself, where it must be kept."""
        name = f"{node}_layer"
        return name if name not in self.variables else next(_numbered(name, self.variables))

    def sorted(self, needed: Iterable[str]) -> Iterator[str]:
        """Inputs and layers that `needed` ones are computed from and themselves, in order of computation."""
        done: dict[str, None] = {}
        for name in needed:
            self._visit(name, done)
        return iter(done)

    def _visit(self, needed: str, done: dict[str, None]) -> None:
        """Depth first without recursion: graphs may be thousands of layers deep."""
        path: dict[str, Iterator[str]] = {}
        self._enter(needed, done, path)
        while path:
            node = next(reversed(path))
            source = next(path[node], None)
            if source is None:
                path.pop(node)
                done[node] = None
            elif source in path:
                raise CannotGenerate(f"layer:{source}", f"Layer {source} is computed from itself.")
            else:
                self._enter(source, done, path)

    def _enter(self, node: str, done: dict[str, None], path: dict[str, Iterator[str]]) -> None:
        if node in done:
            return
        if node in self.layers and node in self.inputs:
            raise CannotGenerate(f"layer:{node}", f"An input and a layer are both called {node}; rename one.")
        path[node] = iter(self._sources(node))

    def _sources(self, node: str) -> tuple[str, ...]:
        layer = self.layers.get(node)
        if layer is None:
            return ()
        for source in layer.sources:
            if source not in self.layers and source not in self.inputs:
                raise CannotGenerate(
                    f"layer:{node}", f"Layer {node} is wired to {source}, which is not there."
                )
        return (*layer.sources, *([layer.shares] if layer.shares and layer.shares in self.layers else []))

    def _looked_at(self, heads: Iterable[str]) -> Iterator[str]:
        known = set(heads)
        for value in self.bound:
            kind, _, name = value.partition(":")
            if kind == "layer" and name in self.layers and name not in known:
                yield name


def _numbered(name: str, taken: Iterable[str]) -> Iterator[str]:
    used = set(taken)
    number = 2
    while True:
        if f"{name}_{number}" not in used:
            yield f"{name}_{number}"
        number += 1
