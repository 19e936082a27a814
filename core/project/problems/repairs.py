"""Fixes that several rules offer: units, wires through a new layer, another loss, another activation."""

from typing import Any

from core.project.edits import fresh_name, put, set_config
from core.project.parts import with_parts
from core.project.problems.problem import Fix
from core.project.problems.view import View
from core.project.references import parse
from core.project.schema import CatalogueLoss, CategoryField, FrozenMap, Layer, Project


def layer_behind(view: View, reference: str) -> str | None:
    """Return the name of the layer with the settings behind a head or layer, the shared one where it
    shares.
    """
    found = parse(reference)
    if found is None or found.kind not in ("head", "layer"):
        return None
    head = view.project.model.heads.get(found.name) if found.kind == "head" else None
    name = head.layer if head else found.name
    layer = view.project.model.layers.get(name)
    return (layer.shares or name) if layer is not None else None


def units_fix(view: View, reference: str, units: int | None) -> Fix | None:
    """Give the dense layer behind a head another number of units."""
    name = layer_behind(view, reference)
    layer = view.project.model.layers.get(name) if name else None
    if units is None or name is None or layer is None or layer.class_name != "Dense":
        return None
    label = f"Give {name} {units} unit{'s' if units != 1 else ''}"
    return Fix(label, lambda now: set_config(now, f"layer:{name}", "units", units))


def activation_fix(view: View, reference: str, activation: str) -> Fix | None:
    """Set the activation of the layer behind a head."""
    name = layer_behind(view, reference)
    layer = view.project.model.layers.get(name) if name else None
    entry = view.entry(layer) if layer else None
    if name is None or entry is None or entry.parameter("activation") is None:
        return None
    value = None if activation == "linear" and entry.name != "Activation" else activation
    return Fix(
        f"Give {name} a {activation} activation",
        lambda now: set_config(now, f"layer:{name}", "activation", value),
    )


def parameter_fix(where: str, key: str, value: Any, label: str) -> Fix:
    return Fix(label, lambda now: set_config(now, where, key, value))


def loss_fix(where: str, name: str, keep: tuple[str, ...] = ("from_logits",)) -> Fix:
    """Use another loss or metric in the same place, with the parameters in `keep`."""
    kind, _, part = where.partition(":")

    def apply(project: Project) -> Project:
        if kind == "metric":
            metric = project.metrics[part]
            config = FrozenMap({key: value for key, value in metric.config.items() if key in keep})
            return put(project, where, metric.model_copy(update={"metric": name, "config": config}))
        term = project.terms[part]
        old = term.loss.config if term.loss.kind == "catalogue" else {}
        config = FrozenMap({key: value for key, value in old.items() if key in keep})
        return put(project, where, term.model_copy(update={"loss": CatalogueLoss(name=name, config=config)}))

    return Fix(f"Use {name}", apply)


def field_fix(name: str, label: str, **values: Any) -> Fix:
    """Change settings of a field."""

    def apply(project: Project) -> Project:
        return put(project, f"field:{name}", project.data.fields[name].model_copy(update=values))

    return Fix(label, apply)


def category_fix(name: str) -> Fix:
    """Read the columns of a field as categories, numbered from 0."""

    def apply(project: Project) -> Project:
        return put(project, f"field:{name}", CategoryField(columns=project.data.fields[name].columns))

    return Fix("Make it a category", apply)


def wire_through(source: str, consumer: str, class_name: str, config: dict[str, Any]) -> Fix:
    """Put a new layer between a node and a layer that it feeds."""

    def apply(project: Project) -> Project:
        name = fresh_name(project, "layer", class_name)
        layers = dict(project.model.layers)
        sources = tuple(name if one == source else one for one in layers[consumer].sources)
        layers[consumer] = layers[consumer].model_copy(update={"sources": sources})
        layers[name] = Layer(class_name=class_name, sources=(source,), config=config)
        return with_parts(project, "layer", layers)

    return Fix(f"Insert a {class_name}", apply)


def squeeze_head(view: View, reference: str, shape: tuple[int, ...]) -> Fix | None:
    """Give a head another shape of as many numbers by a Reshape behind its layer."""
    found = parse(reference)
    if found is None or found.kind != "head" or found.name not in view.project.model.heads:
        return None

    def apply(project: Project) -> Project:
        head = project.model.heads[found.name]
        name = fresh_name(project, "layer", "reshape")
        layer = Layer(class_name="Reshape", sources=(head.layer,), config={"target_shape": list(shape)})
        project = put(project, f"layer:{name}", layer)
        return put(project, f"head:{found.name}", head.model_copy(update={"layer": name}))

    return Fix("Insert a Reshape", apply)
