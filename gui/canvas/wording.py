"""The second line of each node: what it is and its main parameters, in a few words."""

from collections.abc import Iterator, Mapping
from typing import Any

from core.project.facts import Facts, Shape
from core.project.schema import Layer, Project, Term

MAIN = (
    "units", "filters", "kernel_size", "pool_size", "rate", "num_heads", "key_dim", "output_dim",
    "max_tokens", "num_tokens", "num_bins", "target_shape", "stddev", "n", "size", "factor", "axis", "groups",
)  # fmt: skip
"""Parameters that say most about a layer, in the order in which they are named."""
MAX_MAIN = 2
TIMES = "\N{MULTIPLICATION SIGN}"


def shape(value: Shape | None) -> str:
    """`(64)`, `(28, 28, 1)`, `(?, 16)`; () for one number a row, and nothing while it is not known."""
    return "" if value is None else f"({', '.join('?' if axis is None else str(axis) for axis in value)})"


def of_input(project: Project, facts: Facts, name: str) -> str:
    field = project.model.inputs[name].field
    if field not in project.data.fields:
        return f"input · no field {field}".rstrip()
    known = facts.data.fields.get(field) if facts.data else None
    if known is None:
        return f"input · {project.data.fields[field].kind}"
    return "input · text" if known.dtype == "string" else f"input · {shape(known.shape)}"


def of_layer(project: Project, layer: Layer) -> str:
    """`Dense 64 · relu · L2`."""
    if layer.shares:
        return f"shares {layer.shares}"
    numbers = [_value(layer.config[key]) for key in MAIN if layer.config.get(key) is not None][:MAX_MAIN]
    activation = layer.config.get("activation")
    parts = [" ".join([layer.class_name or "no class", *numbers])]
    if activation and activation != "linear":
        parts.append(_name(activation))
    return " · ".join([*parts, *dict.fromkeys(_penalties_of(layer))])


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return TIMES.join(_value(part) for part in value)
    return str(value)


def _name(value: Any) -> str:
    """The name of an activation, regularizer or the like: written plainly, or as `{"class": ...,
    "config": ...}`.
    """
    return str(value.get("class", "")) if isinstance(value, Mapping) else str(value)


def of_head(project: Project, facts: Facts, name: str) -> str:
    head = project.model.heads[name]
    known = shape(facts.model.shapes.get(f"head:{name}")) if facts.model else ""
    remark = "no layer" if not head.layer else "no loss" if head.no_loss else ""
    return " · ".join(part for part in ("head", known, remark) if part)


def of_target(facts: Facts, name: str, bound: bool) -> str:
    known = facts.data.fields.get(name) if facts.data else None
    return f"{'target' if bound else 'unused field'}{f' · {shape(known.shape)}' if known else ''}"


def of_term(term: Term) -> str:
    weight = f"weight {weighted(term.weight)}"
    if not term.on:
        return f"off · {weight}"
    return weight if term.weight else "weight 0 · watched"


def weighted(weight: float) -> str:
    """Two digits as in the table of terms; more where two would hide the weight."""
    return f"{weight:.2f}" if 0.01 <= abs(weight) < 10_000 else f"{weight:.3g}"


def of_total(project: Project) -> str:
    count = sum(1 for term in project.terms.values() if term.on)
    return "sum of 1 term" if count == 1 else f"sum of {count} terms"


def penalties(project: Project) -> str:
    """`L2 on trunk`, `L2, L1 on 3 layers`, or nothing where no layer adds a penalty."""
    found = {
        name: tuple(_penalties_of(layer)) for name, layer in project.model.layers.items() if not layer.shares
    }
    found = {name: kinds for name, kinds in found.items() if kinds}
    if not found:
        return ""
    kinds = ", ".join(dict.fromkeys(kind for kinds in found.values() for kind in kinds))
    return f"{kinds} on {next(iter(found)) if len(found) == 1 else f'{len(found)} layers'}"


def _penalties_of(layer: Layer) -> Iterator[str]:
    """Yield what a layer adds to `model.losses`."""
    if layer.class_name == "ActivityRegularization":
        yield "activity penalty"
    for key, value in layer.config.items():
        if value and (key.endswith("_regularizer") or key == "regularizer"):
            yield _name(value)
        elif isinstance(value, Mapping):  # a layer within a layer, as in Bidirectional
            config = value.get("config")
            if isinstance(config, Mapping):
                yield from _penalties_of(Layer(class_name=str(value.get("class", "")), config=config))
