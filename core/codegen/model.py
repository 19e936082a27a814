"""The model as Python: one statement a node, in the order of computation, as one would write it by hand.

The same statements make the `build_model` of a script and, run one by one in the engine, tell the shapes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.codegen import devices, precision
from core.codegen.code import CannotGenerate, Code, join, mark
from core.codegen.habits import habits
from core.codegen.objects import LAYER, construct, find
from core.codegen.quoting import literal
from core.codegen.wiring import Wiring
from core.project.facts import DataFacts, FieldFacts
from core.project.schema import ImageField, Layer, Project, TextField

LEARNT = ("vocabulary", "mean", "bin_boundaries")
"""Settings with which a layer that adapts already knows what it would learn."""

BUILD = '''def build_model(train):
    """Return the model, not yet compiled; shapes come from the rows to train on."""'''


@dataclass(frozen=True)
class Statement:
    """The lines that make one node; `variable` is the Python name its output has after them."""

    reference: str
    text: str
    variable: str


def statements(project: Project, facts: DataFacts) -> list[Statement]:
    """Return the statements of all inputs and layers, also those that no head needs.

    Shapes come from `facts`, and layers that adapt do so on a stand-in of the right shape. The text needs the
    names `keras`, `layers` and `np`. Raises CannotGenerate for the first node that cannot be written.
    """
    wiring = Wiring(project)
    nodes = list(wiring.sorted([*project.model.inputs, *project.model.layers]))
    rows = {name: _stand_in(facts, wiring.field_of(name)) for name in project.model.inputs}
    return [_statement(wiring, node, rows) for node in nodes]


def build_model(wiring: Wiring, model_class: str = "TermModel") -> Code:
    """Return the function `build_model(train)`, which makes a model of the class spelt `model_class`."""
    fields = {name: f"train[{literal(wiring.field_of(name))}]" for name in wiring.used_inputs}
    nodes = [*wiring.used_inputs, *wiring.order]
    made = [_statement(wiring, node, fields) for node in nodes]
    lines = [mark(statement.reference, statement.text) for statement in made]
    ending = [_inputs(wiring), _outputs(wiring), f"return {model_class}(inputs, outputs)"]
    body = Code("\n".join([*lines, "", *ending])).indented()
    return join([Code(BUILD, ("import keras", "from keras import layers")), body])


def _inputs(wiring: Wiring) -> str:
    pairs = [f"{literal(name)}: {wiring.variable(name)}" for name in wiring.used_inputs]
    return f"inputs = {{{', '.join(pairs)}}}"


def _outputs(wiring: Wiring) -> str:
    heads = wiring.project.model.heads
    if not heads:
        raise CannotGenerate("total", "The model has no head; add one to a layer.")
    pairs = []
    for key, node in wiring.outputs.items():
        reference = f"head:{key}" if key in heads else f"layer:{node}"
        if node not in wiring.layers and node not in wiring.inputs:
            raise CannotGenerate(reference, f"Head {key} has no layer; wire one to it.")
        pairs.append(mark(reference, f"{literal(key)}: {precision.output(wiring, key, node)},"))
    return "\n".join(["outputs = {", *pairs, "}"])


def _statement(wiring: Wiring, node: str, rows: Mapping[str, str]) -> Statement:
    variable = wiring.variable(node)
    if node in wiring.inputs:
        return Statement(f"input:{node}", f"{variable} = {_input(wiring, node, rows[node])}", variable)
    layer = wiring.layers[node]
    lines = _shared(wiring, node, layer) if layer.shares else _own(wiring, node, layer, rows)
    return Statement(f"layer:{node}", "\n".join(lines), variable)


def _input(wiring: Wiring, name: str, rows: str) -> str:
    field = wiring.project.data.fields[wiring.field_of(name)]
    dtype = ""
    if isinstance(field, TextField):
        dtype = 'dtype="string", '
    elif field.kind == "category" and field.encoding == "codes":
        dtype = 'dtype="int32", '
    shape = (
        literal((field.height, field.width, field.channels))
        if isinstance(field, ImageField)
        else f"{rows}.shape[1:]"
    )
    return f"keras.Input({shape}, {dtype}name={literal(name)})"


def _own(wiring: Wiring, node: str, layer: Layer, rows: Mapping[str, str]) -> Iterator[str]:
    where = f"layer:{node}"
    extra = [f"name={literal(node)}", *precision.of_head(wiring, node)]
    made = construct(
        LAYER, layer.class_name, layer.config, where, extra, habits=habits(wiring.project.training)
    )
    adapts = find(LAYER, layer.class_name, where).adapts and all(
        layer.config.get(key) is None for key in LEARNT
    )
    name = made
    if adapts or node in wiring.shared:
        name = wiring.layer_variable(node)
        yield f"{name} = {made}"
    if adapts:
        yield f"{name}.adapt({_seen(wiring, node, layer, rows)})"
    call = f"{name}({_call(wiring, node, layer, layer.class_name)})"
    yield f"{wiring.variable(node)} = {_as_declared(wiring, node, layer, call)}"


def _shared(wiring: Wiring, node: str, layer: Layer) -> Iterator[str]:
    where = f"layer:{node}"
    original = wiring.layers.get(layer.shares or "")
    if original is None or original.shares:
        raise CannotGenerate(
            where, f"Layer {node} shares {layer.shares}, which is no layer of its own; choose one."
        )
    call = _call(wiring, node, layer, original.class_name)
    call = f"{wiring.layer_variable(layer.shares or '')}({call})"
    yield f"{wiring.variable(node)} = {_as_declared(wiring, node, original, call)}"


def _as_declared(wiring: Wiring, node: str, layer: Layer, call: str) -> str:
    """Keras 3.15 declares bags of words as (rows, 1, words) but computes (rows, words); Flatten says so."""
    if layer.class_name != "TextVectorization" or layer.config.get("output_mode", "int") == "int":
        return call
    name = f"{node}_flat"
    while name in wiring.layers or name in wiring.inputs:
        name += "_"
    return f"layers.Flatten(name={literal(name)})({call})"


def _call(wiring: Wiring, node: str, layer: Layer, class_name: str) -> str:
    """The arguments of a layer's call: one tensor, a list of tensors, or several arguments."""
    where = f"layer:{node}"
    entry = find(LAYER, class_name, where)
    count = len(layer.sources)
    if count < entry.inputs_min or (entry.inputs_max is not None and count > entry.inputs_max):
        raise CannotGenerate(
            where, f"{class_name} {node} takes {_span(entry.inputs_min, entry.inputs_max)}, not {count}."
        )
    sources = ", ".join(wiring.variable(source) for source in layer.sources)
    return f"[{sources}]" if entry.call == "list" else sources


def _span(fewest: int, most: int | None) -> str:
    if most == fewest:
        return f"{fewest} input" if fewest == 1 else f"{fewest} inputs"
    return f"at least {fewest} inputs" if most is None else f"{fewest} to {most} inputs"


def _seen(wiring: Wiring, node: str, layer: Layer, rows: Mapping[str, str]) -> str:
    """What a layer that adapts learns from: the training rows, as they reach it."""
    if len(layer.sources) != 1:
        raise CannotGenerate(f"layer:{node}", f"{layer.class_name} {node} takes one input.")
    (source,) = layer.sources
    if source in rows:
        return rows[source]
    feeding = [name for name in wiring.sorted([source]) if name in wiring.inputs]
    inputs = ", ".join(f"{literal(name)}: {wiring.variable(name)}" for name in feeding)
    arrays = ", ".join(f"{literal(name)}: {_array(wiring, name, rows[name])}" for name in feeding)
    computed = f"keras.Model({{{inputs}}}, {wiring.variable(source)})"
    if devices.are_shared(wiring.project.training):  # Keras 3.15 cannot predict a few rows on several devices
        return f"{computed}({{{arrays}}})"
    return f"{computed}.predict({{{arrays}}}, verbose=0)"


def _array(wiring: Wiring, name: str, rows: str) -> str:
    """The rows of an input for Keras, which takes strings as tensors only."""
    text = isinstance(wiring.project.data.fields[wiring.field_of(name)], TextField)
    return f'keras.ops.convert_to_tensor({rows}, "string")' if text else rows


def _stand_in(facts: DataFacts, field: str) -> str:
    known: FieldFacts | None = facts.fields.get(field)
    if known is None:
        raise CannotGenerate(f"field:{field}", f"The shape of field {field} is not known; look at its data.")
    shape = literal((1, *(size or 1 for size in known.shape)))
    if known.dtype == "string":
        return f'np.full({shape}, "a", dtype=object)'
    return f"np.zeros({shape}, {literal(known.dtype)})"
