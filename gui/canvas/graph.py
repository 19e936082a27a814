"""What the canvas shows, as plain values: the nodes and wires of a project. No Qt, so it can be tested
without a window.

Nodes and wires compare by value: the scene redraws only those that are other ones than before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from core.project.facts import Facts
from core.project.references import targets
from core.project.schema import Project
from gui.canvas import wording

MAX_UNUSED = 12
STAGES = {"input": 0, "layer": 1, "head": 2, "target": 2, "term": 3, "regularization": 3, "total": 4}
"""From left to right, as the loss itself reads."""


@dataclass(frozen=True)
class Node:
    """A card: name, second line, the text at its output, and whether it is drawn quietly (a term that is
    off).
    """

    reference: str
    title: str
    detail: str = ""
    shape: str = ""
    quiet: bool = False
    takes: bool = True
    gives: bool = True

    @property
    def kind(self) -> str:
        return self.reference.partition(":")[0]

    @property
    def name(self) -> str:
        return self.reference.partition(":")[2]

    @property
    def stage(self) -> int:
        return STAGES[self.kind]


@dataclass(frozen=True)
class Wire:
    """From the output of `source` to the input of `target`; `argument` says as what, where that is a term."""

    source: str
    target: str
    argument: str = ""
    quiet: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.source, self.target, self.argument)

    @property
    def dashed(self) -> bool:
        """Targets are compared with, not computed from."""
        return self.source.startswith("target:")

    @property
    def removable(self) -> bool:
        """The wires into the total are there as long as their terms are."""
        return self.target != "total"


@dataclass(frozen=True)
class Graph:
    nodes: Mapping[str, Node] = field(default_factory=dict)
    wires: Mapping[tuple[str, str, str], Wire] = field(default_factory=dict)

    def after(self, reference: str) -> list[str]:
        """The nodes that `reference` feeds, each once."""
        return list(dict.fromkeys(wire.target for wire in self.wires.values() if wire.source == reference))

    def before(self, reference: str) -> list[str]:
        """The nodes that feed `reference`, each once."""
        return list(dict.fromkeys(wire.source for wire in self.wires.values() if wire.target == reference))


def same_meaning(one: Project, other: Project) -> bool:
    """Whether two projects show the same nodes and wires, told by identity alone."""
    return one.model is other.model and one.terms is other.terms and one.data.fields is other.data.fields


def graph(project: Project, facts: Facts) -> Graph:
    """Return the nodes and wires of `project`; wires from or to what is not there are left out."""
    nodes = {node.reference: node for node in _nodes(project, facts)}
    wires = {wire.key: wire for wire in _wires(project) if wire.source in nodes and wire.target in nodes}
    return Graph(nodes, wires)


def source_of(project: Project, name: str) -> str:
    """Return the reference of what a layer or head names as its source: an input or a layer."""
    return f"input:{name}" if name in project.model.inputs else f"layer:{name}"


def shown_targets(project: Project) -> list[str]:
    """Return the fields shown as targets: the bound ones, and a few that nothing uses yet, ready to be
    wired.
    """
    bound = list(targets(project))
    used = {*bound, *(part.field for part in project.model.inputs.values())}
    unused = [name for name in project.data.fields if name not in used]
    free = unused if len(unused) <= MAX_UNUSED and (project.model.inputs or project.terms) else []
    return [name for name in project.data.fields if name in {*bound, *free}]


def _nodes(project: Project, facts: Facts) -> Iterator[Node]:
    model = project.model
    for name in model.inputs:
        yield Node(
            f"input:{name}",
            name,
            wording.of_input(project, facts, name),
            _shape(facts, f"input:{name}"),
            takes=False,
        )
    busy = {source for layer in model.layers.values() for source in layer.sources}
    for name, layer in model.layers.items():
        to_head = name not in busy and any(head.layer == name for head in model.heads.values())
        shape = "" if to_head else _shape(facts, f"layer:{name}")
        yield Node(f"layer:{name}", name, wording.of_layer(project, layer), shape)
    for name in model.heads:
        yield Node(f"head:{name}", name, wording.of_head(project, facts, name))
    bound = set(targets(project))
    for name in shown_targets(project):
        detail = wording.of_target(facts, name, name in bound)
        yield Node(f"target:{name}", name, detail, quiet=name not in bound, takes=False)
    for name, term in project.terms.items():
        yield Node(f"term:{name}", name, wording.of_term(term), quiet=not term.on)
    yield from _sums(project)


def _sums(project: Project) -> Iterator[Node]:
    """Yield the nodes that end the graph: regularization where there is any, and the total."""
    penalties = wording.penalties(project)
    if penalties:
        yield Node("regularization", "regularization", penalties, takes=False)
    if project.terms or penalties:
        yield Node("total", "total", wording.of_total(project), gives=False)


def _shape(facts: Facts, reference: str) -> str:
    return wording.shape(facts.model.shapes.get(reference)) if facts.model else ""


def _wires(project: Project) -> Iterator[Wire]:
    for name, layer in project.model.layers.items():
        for source in layer.sources:
            yield Wire(source_of(project, source), f"layer:{name}")
    for name, head in project.model.heads.items():
        if head.layer:
            yield Wire(source_of(project, head.layer), f"head:{name}")
    for name, term in project.terms.items():
        for argument, source in term.bind.items():
            yield Wire(source, f"term:{name}", argument, quiet=not term.on)
        yield Wire(f"term:{name}", "total", quiet=not term.on)
    yield Wire("regularization", "total")
