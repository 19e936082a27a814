"""Wires: what may be connected with what, and the edits that draw and cut them.

A wire is a pair of references: input or layer to layer or head, field to input, and head, target, input or
layer to an argument of a term or metric. What a term's arguments are called depends on its loss.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from core import catalogue
from core.project import expressions, functions
from core.project.parts import kind_of, parts, with_parts
from core.project.references import Reference, exists, parse
from core.project.schema import FrozenMap, Layer, Project, Term

PAIR = ("y_true", "y_pred")
"""The arguments of every catalogue loss and metric."""
TARGET_LIKE = ("y_true", "y", "target", "targets", "label", "labels", "truth", "true")
BINDABLE = ("head", "target", "input", "layer")


def arguments(project: Project, term_name: str) -> tuple[str, ...]:
    """Return the argument names that a term's loss needs; for code that does not parse, those that are
    bound."""
    term = project.terms.get(term_name)
    return () if term is None else loss_arguments(project, term)


def loss_arguments(project: Project, term: Term) -> tuple[str, ...]:
    """Return the argument names of a term that need not be in the project yet."""
    if term.loss.kind == "catalogue":
        return PAIR
    try:
        if term.loss.kind == "expression":
            return expressions.parse(term.loss.code).names
        return functions.signatures(project.functions)[term.loss.function].arguments
    except (expressions.ExpressionError, functions.FunctionsError, KeyError):
        return tuple(term.bind)


def optional_arguments(project: Project, term: Term) -> frozenset[str]:
    """Return the arguments of a Python loss that have a default and so need not be bound."""
    if term.loss.kind != "python":
        return frozenset()
    try:
        return frozenset(functions.signatures(project.functions)[term.loss.function].defaults)
    except (functions.FunctionsError, KeyError):
        return frozenset()


def can_connect(project: Project, source: str, target: str) -> str | None:
    """Return why a wire from `source` to `target` cannot work, as a sentence, or None when it can."""
    here, there = _bindable(source), parse(target)
    if here is None or there is None or not exists(project, str(here)) or not exists(project, str(there)):
        return "One end of the wire is not in the project."
    if here == there:
        return "A node cannot feed itself."
    if there.kind in ("term", "metric"):
        return (
            None
            if here.kind in BINDABLE
            else f"A {here.kind} cannot be compared: wire a head, target or layer."
        )
    if there.kind == "input":
        return None if here.kind == "target" else "An input is fed by a field."
    if there.kind not in ("layer", "head"):
        return f"Nothing can be wired to a {there.kind}."
    if here.kind not in ("input", "layer"):
        way = "use an input for it" if here.kind == "target" else "wire the layer before it"
        return f"A {kind_of(here.kind)} cannot feed a {there.kind}; {way}."
    return _layer_refusal(project, here, there) if there.kind == "layer" else None


def connect(project: Project, source: str, target: str, argument: str | None = None) -> Project:
    """Draw a wire; `argument` names the argument of a term or metric, None takes the most fitting one.

    A layer, head, input or argument that takes only one thing gets the new one in place of the old. Raises
    ValueError with a sentence where it cannot work.
    """
    why = can_connect(project, source, target)
    if why:
        raise ValueError(why)
    here, there = _both(source, target)
    if there.kind in ("term", "metric"):
        return _bind(project, here, there, argument)
    if there.kind == "input":
        return _update(project, there, field=here.name)
    if there.kind == "head":
        return _update(project, there, layer=here.name)
    layer: Layer = project.model.layers[there.name]
    old = () if takes_one(project, layer) else layer.sources
    return _update(project, there, sources=(*old, here.name))


def disconnect(project: Project, source: str, target: str, argument: str | None = None) -> Project:
    """Cut a wire; `argument` limits the cut to one argument of a term or metric. What is not wired stays as
    it is."""
    here, there = _both(source, target)
    if not exists(project, str(there)):
        return project
    part = parts(project, there.kind)[there.name]
    if there.kind in ("term", "metric"):
        kept = {key: value for key, value in part.bind.items() if not _cut(key, value, here, argument)}
        return _update(project, there, bind=FrozenMap(kept))
    if there.kind == "layer":
        return _update(project, there, sources=tuple(name for name in part.sources if name != here.name))
    attribute = "layer" if there.kind == "head" else "field"
    return _update(project, there, **{attribute: ""}) if getattr(part, attribute) == here.name else project


def takes_one(project: Project, layer: Layer) -> bool:
    """Whether a layer takes a single tensor, as far as the catalogue knows."""
    entry = catalogue.layers().get(class_of(project, layer))
    return entry is not None and entry.call == "one"


def class_of(project: Project, layer: Layer) -> str:
    """Return the Keras class of a layer; a layer that shares another has the class of that one."""
    owner = project.model.layers.get(layer.shares) if layer.shares else None
    return (owner or layer).class_name


def feeds(project: Project, source: str, target: str) -> bool:
    """Whether the output of node `source` reaches layer `target`, directly or through others (plain
    names)."""
    layers = project.model.layers
    seen: set[str] = set()
    waiting = [target]
    while waiting:
        name = waiting.pop()
        if name == source:
            return True
        if name not in seen:
            seen.add(name)
            waiting.extend(layers[name].sources if name in layers else ())
    return False


def _bindable(source: str) -> Reference | None:
    """Return the reference of a wire's start; a field in the data is a target or the feed of an input."""
    found = parse(source)
    return Reference("target", found.name) if found and found.kind == "field" else found


def _both(source: str, target: str) -> tuple[Reference, Reference]:
    here, there = _bindable(source), parse(target)
    if here is None or there is None:
        raise ValueError("One end of the wire is not in the project.")
    return here, there


def _layer_refusal(project: Project, here: Reference, there: Reference) -> str | None:
    layer: Layer = project.model.layers[there.name]
    if feeds(project, there.name, here.name):
        return f"That would make a cycle: {there.name} feeds {here.name} already."
    entry = catalogue.layers().get(class_of(project, layer))
    if here.name in layer.sources and (entry is None or entry.call != "args"):
        return f"{here.name} feeds {there.name} already."
    limit = entry.inputs_max if entry and entry.call != "one" else None
    if limit is not None and len(layer.sources) >= limit:
        return f"{there.name} ({class_of(project, layer)}) takes at most {limit} inputs; cut a wire first."
    return None


def _cut(key: str, value: str, source: Reference, argument: str | None) -> bool:
    return value == str(source) and argument in (None, key)


def _update(project: Project, reference: Reference, **values: Any) -> Project:
    before: Mapping[str, Any] = parts(project, reference.kind)
    part = before[reference.name].model_copy(update=values)
    return with_parts(project, reference.kind, {**before, reference.name: part})


def _bind(project: Project, source: Reference, target: Reference, argument: str | None) -> Project:
    part = parts(project, target.kind)[target.name]
    known = loss_arguments(project, part) if isinstance(part, Term) else PAIR
    chosen = argument or _fitting(source, known, part.bind)
    if chosen is None:
        raise ValueError(
            f"The loss of {target.name} has no arguments yet: write its formula or choose its function first."
        )
    if chosen not in known:
        raise ValueError(f"{target.name} has no argument {chosen}; it takes {', '.join(known) or 'none'}.")
    return _update(project, target, bind=FrozenMap({**part.bind, chosen: str(source)}))


def _fitting(source: Reference, known: Iterable[str], bound: Mapping[str, str]) -> str | None:
    """Return the argument that a wire most probably means: free before bound, truth for targets, the rest
    for heads."""
    is_target = source.kind == "target"

    def unfitting(name: str) -> tuple[bool, bool]:
        return (name.lower() in TARGET_LIKE) != is_target, name in bound

    fitting = [name for name in known if not unfitting(name)[0]]
    free = [name for name in known if name not in bound]
    best = [name for name in fitting if name in free]
    return next(iter((*best, *fitting, *free, *known)), None)
