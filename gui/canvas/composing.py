"""Ways to compose a graph: each takes a project and returns the changed one with the reference of what is
new.

No Qt. They rest on `core.project.edits`; what is here is only what the canvas does in one gesture.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from core import catalogue
from core.catalogue import Entry
from core.project import edits, functions
from core.project.parts import parts
from core.project.schema import (
    CatalogueLoss,
    ExpressionLoss,
    FrozenMap,
    Head,
    Input,
    Layer,
    Loss,
    Metric,
    Note,
    Project,
    PythonLoss,
    Term,
)

Made = tuple[Project, str]

SENSIBLE: Mapping[str, Any] = {
    "units": 32, "filters": 32, "kernel_size": 3, "pool_size": 2, "rate": 0.2, "size": 2, "n": 2,
    "input_dim": 1000, "output_dim": 32, "num_heads": 4, "key_dim": 32, "max_tokens": 10_000,
    "num_tokens": 100, "stddev": 0.1, "target_shape": [-1], "depth_multiplier": 1,
}  # fmt: skip
"""What a new layer starts with where Keras asks for a value."""
STARTING: Mapping[str, Mapping[str, Any]] = {
    "Dense": {"activation": "relu"},
    "Conv1D": {"activation": "relu", "padding": "same"},
    "Conv2D": {"activation": "relu", "padding": "same"},
    "TextVectorization": {"max_tokens": 10_000, "output_mode": "int", "output_sequence_length": 64},
}
"""What most people would set first."""
COMPARED = "abs(y - p)"
"""A new expression compares a head p with a target y; its owner writes something better."""
SHORT = {
    "MeanSquaredError": "mse", "MeanAbsoluteError": "mae", "BinaryCrossentropy": "bce", "Huber": "huber",
    "CategoricalCrossentropy": "cce", "SparseCategoricalCrossentropy": "scce", "KLDivergence": "kl",
}  # fmt: skip


def add_input(project: Project, field: str) -> Made:
    """Add an input fed by `field`."""
    name = edits.fresh_name(project, "input", field or "input")
    return edits.put(project, f"input:{name}", Input(field=field)), f"input:{name}"


def add_layer(project: Project, class_name: str, source: str = "") -> Made:
    """Add a layer of a Keras class, fed by the input or layer `source` where one is given."""
    name = edits.fresh_name(project, "layer", class_name)
    reference = f"layer:{name}"
    project = edits.put(project, reference, Layer(class_name=class_name, config=starting(class_name)))
    return (edits.connect(project, source, reference) if source else project), reference


def starting(class_name: str) -> Mapping[str, Any]:
    """Return the config a new layer of a class starts with: what is required, and what most people set
    first.
    """
    entry = catalogue.layers().get(class_name)
    config = dict(entry.example) if entry else {}
    for parameter in entry.parameters if entry else ():
        if parameter.required and parameter.name in SENSIBLE:
            config[parameter.name] = SENSIBLE[parameter.name]
    return FrozenMap({**config, **STARTING.get(class_name, {})})


def insert_layer(project: Project, class_name: str, source: str, target: str) -> Made:
    """Put a new layer into the wire from `source` to the layer or head `target`."""
    project, reference = add_layer(project, class_name, source)
    new = reference.partition(":")[2]
    kind, _, name = target.partition(":")
    old = source.partition(":")[2]
    if kind == "head":
        return edits.put(
            project, target, project.model.heads[name].model_copy(update={"layer": new})
        ), reference
    layer = project.model.layers[name]
    sources = tuple(new if each == old else each for each in layer.sources)
    return edits.put(project, target, layer.model_copy(update={"sources": sources})), reference


def feed_layer(project: Project, class_name: str, target: str) -> Made:
    """Add a layer that feeds the layer or head `target`."""
    project, reference = add_layer(project, class_name)
    return edits.connect(project, reference, target), reference


def add_head(project: Project, source: str = "") -> Made:
    """Add a head on the input or layer `source`, named after it."""
    base = source.partition(":")[2] or "head"
    name = edits.fresh_name(project, "head", base if base not in project.model.heads else "head")
    project = edits.put(project, f"head:{name}", Head())
    return (edits.connect(project, source, f"head:{name}") if source else project), f"head:{name}"


def add_term(project: Project, loss: Loss, source: str = "") -> Made:
    """Add a term with `loss`, bound to the head, target, input or layer `source` where one is given."""
    name = edits.fresh_name(project, "term", name_of_loss(loss))
    reference = f"term:{name}"
    project = edits.put(project, reference, Term(loss=loss))
    return (edits.connect(project, source, reference) if source else project), reference


def name_of_loss(loss: Loss) -> str:
    if isinstance(loss, CatalogueLoss):
        return SHORT.get(loss.name, loss.name)
    return "expression" if isinstance(loss, ExpressionLoss) else loss.function or "python"


def losses(project: Project) -> list[tuple[str, str, Loss]]:
    """Return what a new term can compute: label, one line of help and the loss."""
    found: list[tuple[str, str, Loss]] = [
        ("Expression", "a formula you write", ExpressionLoss(code=COMPARED))
    ]
    found += [
        (f"{name}()", "a Python function of this project", PythonLoss(function=name))
        for name in own_functions(project)
    ]
    return found + [
        (name, entry.help, CatalogueLoss(name=name, config=_required(entry)))
        for name, entry in catalogue.losses().items()
    ]


def own_functions(project: Project) -> list[str]:
    """Return the names of the project's Python functions; none while the code does not parse."""
    try:
        return list(functions.signatures(project.functions))
    except functions.FunctionsError:
        return []


def wire(project: Project, source: str, target: str) -> Made:
    """Draw a wire; what is fed is what to look at next."""
    return edits.connect(project, source, target), target


def add_metric(project: Project, class_name: str, head: str) -> Made:
    """Add a metric that watches a head, compared with the target of the head's first term."""
    entry = catalogue.metrics()[class_name]
    bind = {"y_pred": head}
    target = target_of(project, head)
    if target:
        bind["y_true"] = target
    name = edits.fresh_name(
        project, "metric", f"{head.partition(':')[2]}_{SHORT.get(class_name, class_name)}"
    )
    metric = Metric(metric=class_name, config=_required(entry), bind=bind)
    return edits.put(project, f"metric:{name}", metric), f"metric:{name}"


def target_of(project: Project, head: str) -> str | None:
    """Return the target that the first term of a head compares it with."""
    for term in project.terms.values():
        if head in term.bind.values():
            return next((value for value in term.bind.values() if value.startswith("target:")), None)
    return None


def _required(entry: Entry) -> Mapping[str, Any]:
    return FrozenMap(entry.example)


def duplicate(project: Project, references: Iterable[str]) -> tuple[Project, list[str]]:
    """Copy layers, heads, terms and inputs with what feeds them; wires among the copies join the copies."""
    chosen = [each for each in references if each.partition(":")[0] in ("input", "layer", "head", "term")]
    copies: dict[str, str] = {}
    for reference in chosen:
        kind, _, name = reference.partition(":")
        copies[reference] = f"{kind}:{edits.fresh_name(project, kind, name)}"
        project = edits.put(project, copies[reference], _part(project, kind, name))
    for copy in copies.values():
        project = _rewired(project, copy, copies)
    return _beside(project, copies), list(copies.values())


def _part(project: Project, kind: str, name: str) -> Any:
    return parts(project, kind)[name]


def _rewired(project: Project, copy: str, copies: Mapping[str, str]) -> Project:
    """Let a copy name the other copies where its original named their originals."""
    kind, _, name = copy.partition(":")
    part = _part(project, kind, name)
    names = {
        old.partition(":")[2]: new.partition(":")[2]
        for old, new in copies.items()
        if old[:4] in ("inpu", "laye")
    }
    if kind == "layer":
        part = part.model_copy(update={"sources": tuple(names.get(each, each) for each in part.sources)})
    elif kind == "head":
        part = part.model_copy(update={"layer": names.get(part.layer, part.layer)})
    elif kind == "term":
        bind = FrozenMap({key: copies.get(value, value) for key, value in part.bind.items()})
        part = part.model_copy(update={"bind": bind})
    return edits.put(project, copy, part)


def _beside(project: Project, copies: Mapping[str, str]) -> Project:
    """Place copies a little below their originals, where those have places."""
    stored = project.canvas.positions
    places = {new: (stored[old][0] + 24, stored[old][1] + 72) for old, new in copies.items() if old in stored}
    return edits.move(project, places) if places else project


def cut(project: Project, wires: Iterable[tuple[str, str, str]]) -> Project:
    """Cut wires, each by source, target and argument."""
    for source, target, argument in wires:
        project = edits.disconnect(project, source, target, argument or None)
    return project


def without_places(project: Project) -> Project:
    """Forget where nodes stand: all are laid out again. Notes stay."""
    return project.model_copy(update={"canvas": project.canvas.model_copy(update={"positions": FrozenMap()})})


def with_notes(project: Project, notes: Iterable[Note]) -> Project:
    return project.model_copy(update={"canvas": project.canvas.model_copy(update={"notes": tuple(notes)})})
