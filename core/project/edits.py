"""Edits: pure functions from a project to a changed project.

Every edit keeps the references between parts right: what is renamed is renamed wherever it is named, what is
removed is named nowhere. Parts that an edit does not touch stay the same objects, so that panels redraw by
identity.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import JsonValue

from core.project.names import fresh_name, refusal, taken
from core.project.parts import TYPES, changed_parts, kind_of, parts, with_parts
from core.project.references import KINDS, Reference, exists, parse
from core.project.schema import (
    Data,
    FrozenMap,
    Input,
    Layer,
    Metric,
    Part,
    Project,
    Split,
    Term,
    Training,
)
from core.project.wiring import arguments, can_connect, connect, disconnect

__all__ = [
    "arguments",
    "can_connect",
    "connect",
    "disconnect",
    "fresh_name",
    "move",
    "put",
    "remove",
    "rename",
    "set_config",
    "set_on",
    "set_weight",
]

Rename = Callable[[str], str | None]


def put(project: Project, reference: str, part: Part | str) -> Project:
    """Insert or replace the part that `reference` names; a replaced part keeps its place in the order.

    `functions` takes the code as text. Raises ValueError with a sentence where the name or the part will not
    do.
    """
    kind, name = _known(reference)
    if kind in ("data", "split", "training", "functions"):
        return _put_single(project, kind, part)
    kind = kind_of(kind)
    if not isinstance(part, TYPES.get(kind, ())):
        raise ValueError(f"A {type(part).__name__} is no {kind}.")
    before = parts(project, kind)
    if name not in before:
        _refuse_name(project, kind, name)
    return with_parts(project, kind, {**before, name: part})


def remove(project: Project, references: Iterable[str]) -> Project:
    """Remove parts and every mention of them; what is not there is ignored."""
    for reference in references:
        found = parse(reference)
        if found and found.name and exists(project, reference):
            project = _remove(project, kind_of(found.kind), found.name)
    return project


def rename(project: Project, reference: str, name: str) -> Project:
    """Rename a part wherever it is named. Raises ValueError with a sentence on a bad or taken name."""
    kind, old = _known(reference)
    kind = kind_of(kind)
    if not exists(project, reference) or kind not in TYPES:
        raise ValueError(f"There is no {kind} called {old}.")
    if name == old:
        return project
    _refuse_name(project, kind, name)
    renamed = {name if key == old else key: part for key, part in parts(project, kind).items()}
    project = with_parts(project, kind, renamed)
    return _follow(project, kind, old, lambda _: name)


def set_weight(project: Project, term: str, weight: float) -> Project:
    """Set the weight of a term. Raises ValueError with a sentence where it is no finite number."""
    if not math.isfinite(weight):
        raise ValueError("A weight is a finite number.")
    return _update(project, f"term:{term}", weight=float(weight))


def set_on(project: Project, term: str, on: bool) -> Project:
    """Switch a term on or off."""
    return _update(project, f"term:{term}", on=on)


def set_config(project: Project, reference: str, key: str, value: JsonValue) -> Project:
    """Set a parameter of a layer, a metric, a term's catalogue loss or (`training`) the optimizer; None is
    the default.

    Raises ValueError with a sentence where the part takes no parameters or the value is no plain JSON.
    """
    kind, name = _known(reference)
    if kind == "training":
        optimizer = project.training.optimizer
        changed = optimizer.model_copy(update={"config": _config(optimizer.config, key, value)})
        return put(project, "training", project.training.model_copy(update={"optimizer": changed}))
    part = _part(project, kind, name)
    if isinstance(part, (Layer, Metric)):
        return _update(project, reference, config=_config(part.config, key, value))
    if isinstance(part, Term) and part.loss.kind == "catalogue":
        loss = part.loss.model_copy(update={"config": _config(part.loss.config, key, value)})
        return _update(project, reference, loss=loss)
    raise ValueError(f"The {kind} {name} takes no parameters.")


def move(project: Project, positions: Mapping[str, tuple[float, float]]) -> Project:
    """Place nodes on the canvas, by reference, in scene units."""
    placed = {key: (float(x), float(y)) for key, (x, y) in positions.items()}
    if not all(math.isfinite(value) for place in placed.values() for value in place):
        raise ValueError("A position is two finite numbers.")
    return _with_positions(project, {**project.canvas.positions, **placed})


def _known(reference: str) -> Reference:
    found = parse(reference)
    if found is None:
        raise ValueError(f'"{reference}" names no part of a project; its kinds are {", ".join(KINDS)}.')
    return found


def _part(project: Project, kind: str, name: str) -> Any:
    if kind_of(kind) not in TYPES or name not in parts(project, kind):
        raise ValueError(f"There is no {kind} called {name}.")
    return parts(project, kind)[name]


def _refuse_name(project: Project, kind: str, name: str) -> None:
    why = refusal(kind, name)
    if why is None and name in taken(project, kind):
        why = f'"{name}" is taken already; choose another name.'
    if why:
        raise ValueError(why)


def _update(project: Project, reference: str, **values: Any) -> Project:
    kind, name = _known(reference)
    part = _part(project, kind, name).model_copy(update=values)
    return with_parts(project, kind, {**parts(project, kind), name: part})


def _put_single(project: Project, kind: str, part: Part | str) -> Project:
    wanted = {"data": Data, "split": Split, "training": Training, "functions": str}[kind]
    if not isinstance(part, wanted):
        raise ValueError(f"A {type(part).__name__} cannot stand for {kind}.")
    if kind == "split":
        kind, part = "data", project.data.model_copy(update={"split": part})
    return project.model_copy(update={kind: part})


def _config(config: Mapping[str, JsonValue], key: str, value: JsonValue) -> Mapping[str, JsonValue]:
    """Return `config` with another value, checked by the schema of a layer's config; None takes the key
    out."""
    kept = {name: old for name, old in config.items() if name != key or value is not None}
    if value is not None:
        kept[key] = value
    return Layer(config=kept).config


def _with_positions(project: Project, positions: Mapping[str, tuple[float, float]]) -> Project:
    canvas = project.canvas.model_copy(update={"positions": FrozenMap(positions)})
    return project.model_copy(update={"canvas": canvas})


def _remove(project: Project, kind: str, name: str) -> Project:
    if kind == "layer":
        project = _hand_over_shared(project, name)
    kept = {key: part for key, part in parts(project, kind).items() if key != name}
    return _follow(with_parts(project, kind, kept), kind, name, lambda _: None)


def _hand_over_shared(project: Project, name: str) -> Project:
    """Let the first layer that shares layer `name` take over its class and config; the others then share
    that one."""
    layers = dict(project.model.layers)
    sharers = [key for key, layer in layers.items() if layer.shares == name]
    if not sharers:
        return project
    heir, gone = sharers[0], layers[name]
    taken_over = {"class_name": gone.class_name, "config": gone.config, "shares": gone.shares}
    layers[heir] = layers[heir].model_copy(update=taken_over)
    for other in sharers[1:]:
        layers[other] = layers[other].model_copy(update={"shares": heir})
    return with_parts(project, "layer", layers)


def _follow(project: Project, kind: str, old: str, new: Rename) -> Project:
    """Replace or clear (where `new` gives None) every mention of the part `old` of a kind."""
    name = new(old)
    if kind == "field":
        project = changed_parts(project, "input", lambda part: _field_of_input(part, old, name))
        project = changed_parts(project, "head", lambda part: _swap(part, "unscale", old, name))
    if kind in ("input", "layer"):
        project = changed_parts(project, "layer", lambda part: _sources(part, old, name))
        project = changed_parts(project, "head", lambda part: _swap(part, "layer", old, name or ""))
    if kind == "layer":
        project = changed_parts(project, "layer", lambda part: _swap(part, "shares", old, name))
    if kind in ("term", "metric"):
        project = _monitor(project, old, name)
    project = _binds(project, "target" if kind == "field" else kind, old, name)
    return _positions(project, kind, old, name)


def _swap(part: Any, attribute: str, old: str, new: str | None) -> Any:
    return part.model_copy(update={attribute: new}) if getattr(part, attribute) == old else part


def _field_of_input(part: Input, old: str, new: str | None) -> Any:
    return _swap(part, "field", old, new or "")


def _sources(layer: Layer, old: str, new: str | None) -> Layer:
    if old not in layer.sources:
        return layer
    kept = tuple(new if source == old else source for source in layer.sources)
    return layer.model_copy(update={"sources": tuple(source for source in kept if source is not None)})


def _binds(project: Project, kind: str, old: str, new: str | None) -> Project:
    before, after = f"{kind}:{old}", None if new is None else f"{kind}:{new}"

    def change(part: Any) -> Any:
        if before not in part.bind.values():
            return part
        swapped = {key: after if value == before else value for key, value in part.bind.items()}
        kept = FrozenMap({key: value for key, value in swapped.items() if value is not None})
        return part.model_copy(update={"bind": kept})

    return changed_parts(changed_parts(project, "term", change), "metric", change)


def _monitor(project: Project, old: str, new: str | None) -> Project:
    stopping = project.training.early_stopping
    if stopping is None or stopping.monitor != old:
        return project
    stopping = stopping.model_copy(update={"monitor": new or "total"})
    return put(project, "training", project.training.model_copy(update={"early_stopping": stopping}))


def _positions(project: Project, kind: str, old: str, new: str | None) -> Project:
    """Let the node of a renamed part stay where it is, and forget the node of a removed one."""
    keys = {f"{kind}:{old}", *([f"target:{old}"] if kind == "field" else [])}
    if not keys & project.canvas.positions.keys():
        return project
    kept = {
        f"{key.partition(':')[0]}:{new}" if key in keys else key: place
        for key, place in project.canvas.positions.items()
        if key not in keys or new is not None
    }
    return _with_positions(project, kept)
