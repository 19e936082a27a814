"""Rules about the graph: what feeds what, cycles, loose ends."""

from collections.abc import Iterator
from difflib import get_close_matches
from functools import partial
from typing import Any

from core.project.edits import disconnect, fresh_name, put, remove
from core.project.parts import with_parts
from core.project.problems.problem import Fix, Problem
from core.project.problems.view import View
from core.project.references import targets
from core.project.schema import Head, Input, Layer, Project
from core.project.wiring import feeds


def no_inputs(view: View) -> Iterator[Problem]:
    """A model begins with an input."""
    if view.project.model.inputs:
        return
    asked = set(targets(view.project))
    free = [name for name in view.project.data.fields if name not in asked]
    fix = Fix(f"Make an input of {free[0]}", lambda now: _add_input(now, free[0])) if free else None
    yield Problem(
        "no-inputs", "blocking", "total", "The model has no input: add one and choose its field.", fix
    )


def no_heads(view: View) -> Iterator[Problem]:
    """A model ends in a head."""
    if view.project.model.heads:
        return
    last = [name for name in view.project.model.layers if not view.consumers.get(name)]
    fix = Fix(f"Make a head of {last[-1]}", lambda now: _add_head(now, last[-1])) if last else None
    yield Problem("no-heads", "blocking", "total", "The model has no head: name the output of a layer.", fix)


def inputs_without_fields(view: View) -> Iterator[Problem]:
    """An input is fed by a field."""
    fields = view.project.data.fields
    for name, given in view.project.model.inputs.items():
        if given.field in fields:
            continue
        lost = f"the field {given.field}, which does not exist" if given.field else "no field"
        near = [name] if name in fields else get_close_matches(given.field, fields, 1) if given.field else []
        near = near or (list(fields) if len(fields) == 1 else [])
        fix = _fed(name, near[0]) if near else None
        message = f"The input {name} is fed by {lost}: choose a field."
        yield Problem("input-without-field", "blocking", f"input:{name}", message, fix)


def unknown_sources(view: View) -> Iterator[Problem]:
    """A wire from nowhere."""
    for name, layer in view.project.model.layers.items():
        for source in dict.fromkeys(layer.sources):
            if source not in view.nodes:
                message = f"{name} takes its input from {source}, which does not exist."
                fix = Fix("Cut the wire", partial(_without_source, name=name, source=source))
                yield Problem("unknown-source", "blocking", f"layer:{name}", message, fix)


def heads_without_layers(view: View) -> Iterator[Problem]:
    """A head is the output of a layer."""
    for name, head in view.project.model.heads.items():
        if head.layer in view.nodes:
            continue
        lost = f"{head.layer}, which does not exist" if head.layer else "nothing"
        near = get_close_matches(head.layer or name, sorted(view.nodes), 1)
        fix = Fix(f"Wire {near[0]} to it", partial(_wired, head=name, node=near[0])) if near else None
        message = f"The head {name} is the output of {lost}: wire a layer to it."
        yield Problem("head-without-layer", "blocking", f"head:{name}", message, fix)


def cycles(view: View) -> Iterator[Problem]:
    """Values flow one way; a layer cannot feed itself, directly or through others."""
    path = _cycle(view)
    if path:
        shown = " -> ".join(path if len(path) < 8 else (*path[:4], "...", *path[-3:]))
        first, last = path[0], path[-2]
        fix = Fix(
            f"Cut the wire from {last} to {first}",
            lambda now: disconnect(now, f"layer:{last}", f"layer:{first}"),
        )
        yield Problem(
            "cycle", "blocking", f"layer:{first}", f"The layers go round in a circle: {shown}.", fix
        )


def loose_layers(view: View) -> Iterator[Problem]:
    """A layer without an input, or one that reaches no head."""
    for name, layer in view.project.model.layers.items():
        fix = Fix(f"Remove {name}", partial(remove, references=[f"layer:{name}"]))
        if not layer.sources and name in view.useful:
            message = f"Nothing feeds the layer {name}: wire an input or a layer to it."
            yield Problem(
                "layer-without-input", "blocking", f"layer:{name}", message, _only_input(view, name)
            )
        elif name not in view.useful:
            message = f"The layer {name} reaches no head, so it is not trained and not part of the model."
            yield Problem("disconnected-layer", "warning", f"layer:{name}", message, fix)


def loose_inputs(view: View) -> Iterator[Problem]:
    """An input that nothing uses."""
    for name in view.project.model.inputs:
        if name not in view.useful:
            message = f"The input {name} reaches no head, so the model does not see it."
            fix = Fix(f"Remove {name}", partial(remove, references=[f"input:{name}"]))
            yield Problem("unused-input", "warning", f"input:{name}", message, fix)


def shared_layers(view: View) -> Iterator[Problem]:
    """A layer shares one that has its own class, not one that shares in turn."""
    layers = view.project.model.layers
    for name, layer in layers.items():
        if layer.shares is None:
            continue
        owner = layers.get(layer.shares)
        if owner is None or owner is layer:
            message = (
                f"{name} shares the layer {layer.shares}, which {'is itself' if owner else 'does not exist'}."
            )
        elif owner.shares is not None:
            message = f"{name} shares {layer.shares}, which shares {owner.shares} in turn: share that one."
        else:
            continue
        root = owner.shares if owner is not None and owner is not layer and owner.shares in layers else None
        label = f"Share {root}" if root else "Make it a layer of its own"
        fix = Fix(label, partial(_layer, name=name, shares=root if root != name else None))
        yield Problem("unknown-shared-layer", "blocking", f"layer:{name}", message, fix)


def _cycle(view: View) -> list[str]:
    """Return the names round one cycle, the first once more at the end; [] where there is none."""
    layers = view.project.model.layers
    stuck = layers.keys() - set(view.order)
    name = next((one for one in layers if one in stuck), None)
    seen: dict[str, None] = {}
    while name is not None and name not in seen:
        seen[name] = None
        name = next((source for source in layers[name].sources if source in stuck), None)
    if name is None:
        return []
    ring = list(seen)[list(seen).index(name) :]
    return [*reversed([*ring, name])]


def _only_input(view: View, name: str) -> Fix | None:
    """Offer the one input there is, or the one node whose output is loose."""
    inputs = list(view.project.model.inputs)
    if len(inputs) != 1 or feeds(view.project, name, inputs[0]):
        return None
    return Fix(f"Wire {inputs[0]} to it", lambda now: _layer(now, name, sources=(inputs[0],)))


def _fed(name: str, field: str) -> Fix:
    return Fix(f"Feed it with {field}", lambda now: put(now, f"input:{name}", Input(field=field)))


def _add_input(project: Project, field: str) -> Project:
    return put(project, f"input:{fresh_name(project, 'input', field)}", Input(field=field))


def _add_head(project: Project, layer: str) -> Project:
    return put(project, f"head:{fresh_name(project, 'head', layer)}", Head(layer=layer))


def _wired(project: Project, head: str, node: str) -> Project:
    return put(project, f"head:{head}", project.model.heads[head].model_copy(update={"layer": node}))


def _without_source(project: Project, name: str, source: str) -> Project:
    kept = tuple(one for one in project.model.layers[name].sources if one != source)
    return _layer(project, name, sources=kept)


def _layer(project: Project, name: str, **values: Any) -> Project:
    layers: dict[str, Layer] = dict(project.model.layers)
    layers[name] = layers[name].model_copy(update=values)
    return with_parts(project, "layer", layers)
