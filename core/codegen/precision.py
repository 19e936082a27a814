"""Mixed precision in a script: what computes in 16 bits, and what must not.

Layers do, by one policy for all of them; what they learn stays float32 anyway. Float32 are also the layers of heads,
because a softmax or a large number does not fit into 16 bits; penalties on outputs, which are sums over a whole batch;
and layers that prepare raw numbers. So terms, metrics and predictions see float32 alone.
"""

from collections.abc import Mapping

from pydantic import JsonValue

from core.codegen.objects import LAYER, find
from core.codegen.quoting import literal
from core.codegen.wiring import Wiring
from core.project.schema import Training

PREPARING = ("Normalization", "Rescaling", "MelSpectrogram", "STFTSpectrogram")
FLOAT32 = 'dtype="float32"'


def is_mixed(training: Training) -> bool:
    return training.precision != "float32"


def policy(training: Training) -> list[str]:
    """Return the line that sets the policy, to be run before the model is built; none for plain float32."""
    return [f"keras.config.set_dtype_policy({literal(training.precision)})"] if is_mixed(training) else []


def stays_float32(name: str, config: Mapping[str, JsonValue]) -> bool:
    """Whether a layer of the class `name` computes in float32 wherever it stands."""
    penalizes = name == "ActivityRegularization" or config.get("activity_regularizer") is not None
    return penalizes or name in PREPARING


def of_head(wiring: Wiring, node: str) -> list[str]:
    """Return the argument that makes a layer float32 because a head is wired to it."""
    layer = wiring.layers[node]
    is_own = _makes_heads(wiring, node) and not stays_float32(layer.class_name, layer.config)
    return [FLOAT32] if is_own else []


def output(wiring: Wiring, key: str, node: str) -> str:
    """Return what the model puts out under `key`, as float32 where the layer `node` does not compute in it."""
    made = wiring.variable(node)
    if not is_mixed(wiring.project.training) or node in wiring.inputs:
        return made
    layer = wiring.layers.get(node)
    original = layer.shares if layer and layer.shares else node
    known = wiring.layers.get(original)
    if known is None or stays_float32(known.class_name, known.config) or _makes_heads(wiring, original):
        return made
    return f"layers.Identity({FLOAT32}, name={literal(_free_name(wiring, key))})({made})"


def _makes_heads(wiring: Wiring, node: str) -> bool:
    """Whether a head is wired to this layer, and all that it computes is computed by itself."""
    layer = wiring.layers[node]
    if not is_mixed(wiring.project.training) or layer.shares:
        return False
    entry = find(LAYER, layer.class_name, f"layer:{node}")
    is_plain = entry.category != "Preparation" and all(each.type != "layer" for each in entry.parameters)
    return is_plain and any(head.layer == node for head in wiring.project.model.heads.values())


def _free_name(wiring: Wiring, key: str) -> str:
    name = f"{key}_float32"
    while name in wiring.layers or name in wiring.inputs:
        name += "_"
    return name
