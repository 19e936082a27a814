"""What fits at the end of a wire, or onto empty ground: the lines of the menu, each with the edit it
makes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from core import catalogue
from core.project import edits
from core.project.schema import Loss, Project
from gui.canvas import composing
from gui.canvas.composing import Made
from gui.widgets.searchmenu import Choice

FIRST = ("Dense", "Dropout", "Concatenate", "Flatten", "Conv2D", "BatchNormalization", "LSTM", "Embedding")
FIRST_LOSSES = (
    "MeanSquaredError",
    "Expression",
    "BinaryCrossentropy",
    "SparseCategoricalCrossentropy",
    "MeanAbsoluteError",
)
"""What most people want stands at the top."""
ICONS = {
    "layer": "stack",
    "head": "arrow-square-out",
    "term": "math-operations",
    "input": "sign-in",
    "metric": "gauge",
    "wire": "link",
}


@dataclass(frozen=True)
class Offer:
    """One line: `make` returns the changed project and what to select; `edit` names the step of undo."""

    choice: Choice
    edit: str
    make: Callable[[Project], Made]


def offers(project: Project, source: str = "", target: str = "") -> list[Offer]:
    """Return what can follow the node `source`, or feed the node `target`, or stand alone where neither
    is given.
    """
    if target:
        return list(_before(project, target))
    kind = source.partition(":")[0]
    if kind in ("input", "layer"):
        return [_head(source), *_layers(source), *_terms(project, source)]
    if kind in ("head", "target"):
        uses = [_as_input(source)] if kind == "target" else []
        return [*_terms(project, source), *uses, *_metrics(source)]
    if kind in ("term", "regularization", "total"):
        return []
    return [*_inputs(project), *_layers(""), *_terms(project, "")]


def _key(kind: str, name: str) -> str:
    return f"{kind} {name}"


def _layers(source: str) -> Iterator[Offer]:
    for name in sorted(catalogue.layers(), key=_rank(FIRST)):
        entry = catalogue.layers()[name]
        choice = Choice(_key("layer", name), name, entry.category, entry.help, ICONS["layer"])
        make = partial(composing.add_layer, class_name=name, source=source)
        yield Offer(choice, f"Add {name}", make)


def _head(source: str) -> Offer:
    choice = Choice("head", "New head", "a named output of the model", "output prediction", ICONS["head"])
    return Offer(choice, "Add head", lambda project: composing.add_head(project, source))


def _terms(project: Project, source: str) -> Iterator[Offer]:
    found = {label: (help_, loss) for label, help_, loss in composing.losses(project)}
    for label in sorted(found, key=_rank(FIRST_LOSSES)):
        help_, loss = found[label]
        short = composing.SHORT.get(label, "")
        choice = Choice(_key("term", label), f"New term: {label}", "loss", f"{help_} {short}", ICONS["term"])
        yield Offer(choice, f"Add term {label}", _term_maker(loss, source))


def _term_maker(loss: Loss, source: str) -> Callable[[Project], Made]:
    return lambda project: composing.add_term(project, loss, source)


def _metrics(source: str) -> Iterator[Offer]:
    if not source.startswith("head:"):
        return
    for name, entry in catalogue.metrics().items():
        choice = Choice(_key("metric", name), f"New metric: {name}", "metric", entry.help, ICONS["metric"])
        make = partial(composing.add_metric, class_name=name, head=source)
        yield Offer(choice, f"Add metric {name}", make)


def _inputs(project: Project) -> Iterator[Offer]:
    fed = {part.field for part in project.model.inputs.values()}
    for name, field in project.data.fields.items():
        detail = f"{field.kind} field" + (" · an input already" if name in fed else "")
        choice = Choice(_key("input", name), f"New input: {name}", detail, "data", ICONS["input"])
        yield Offer(choice, f"Add input {name}", partial(composing.add_input, field=name))


def _as_input(source: str) -> Offer:
    field = source.partition(":")[2]
    choice = Choice("input", "Use as input", "feed the model with it", field, ICONS["input"])
    return Offer(choice, f"Add input {field}", lambda project: composing.add_input(project, field))


def _before(project: Project, target: str) -> Iterator[Offer]:
    """Yield what can feed `target`: nodes that are there, and new layers where one fits."""
    for reference in _sources(project):
        if edits.can_connect(project, reference, target) is None:
            kind, _, name = reference.partition(":")
            choice = Choice(_key("wire", reference), name, kind, "connect", ICONS["wire"])
            make = partial(composing.wire, source=reference, target=target)
            yield Offer(choice, f"Wire {name} to {target.partition(':')[2]}", make)
    if target.partition(":")[0] in ("layer", "head"):
        for offer in _layers(""):
            name = offer.choice.label
            yield Offer(
                offer.choice, offer.edit, partial(composing.feed_layer, class_name=name, target=target)
            )


def _sources(project: Project) -> list[str]:
    model = project.model
    kinds = (
        ("head", model.heads),
        ("target", project.data.fields),
        ("input", model.inputs),
        ("layer", model.layers),
    )
    return [f"{kind}:{name}" for kind, parts in kinds for name in parts]


def _rank(first: tuple[str, ...]) -> Callable[[str], tuple[int, str]]:
    return lambda name: (first.index(name) if name in first else len(first), name)
