"""Rules about what a training runs on: numbers of 16 bits, and several devices that share a batch."""

import re
from collections.abc import Iterator
from typing import Any

from core.project.edits import put
from core.project.problems.problem import Fix, Problem
from core.project.problems.repairs import field_fix
from core.project.problems.view import View
from core.project.schema import NumberField, Project

LARGEST_FLOAT16 = 65504.0
PREPARED = frozenset({"Normalization", "Rescaling"})
"""Layers that take their inputs as float32 in mixed precision too."""
LOSS_OBJECT = re.compile(r"\blosses\.([A-Z]\w*)\s*\(")


def slow_precision(view: View) -> Iterator[Problem]:
    """A processor has no units for 16 bits."""
    devices = view.model.devices if view.model else ()
    if view.project.training.precision == "float32" or not devices or devices[0].startswith("GPU"):
        return
    message = "This machine has no GPU, and without one mixed precision is slower than float32."
    fix = Fix("Use float32", lambda now: _training(now, precision="float32"))
    yield Problem("slow-precision", "hint", "training", message, fix)


def numbers_beyond_float16(view: View) -> Iterator[Problem]:
    """A number over 65,504 is infinite in float16, and the loss becomes NaN."""
    if view.project.training.precision != "mixed_float16":
        return
    for name, given in view.project.model.inputs.items():
        field, facts = view.project.data.fields.get(given.field), view.field_facts(f"input:{name}")
        ends = [abs(end) for end in (facts.minimum, facts.maximum) if end is not None] if facts else []
        layers = [view.project.model.layers[layer].class_name for layer in view.consumers.get(name, ())]
        if (
            not isinstance(field, NumberField)
            or set(layers) <= PREPARED
            or max(ends, default=0) <= LARGEST_FLOAT16
        ):
            continue
        message = (
            f"{given.field} reaches {max(ends):g}, but float16 ends at 65,504: the loss would become NaN."
        )
        fix = field_fix(given.field, "Standardize it", scaling="standardize")
        yield Problem("beyond-float16", "blocking", f"field:{given.field}", message, fix)


def penalties_beside_shared_means(view: View) -> Iterator[Problem]:
    """Batch normalization over all devices mixes up the penalties that each of them has for its outputs."""
    layers = view.project.model.layers
    normalizes = any(layer.class_name == "BatchNormalization" for layer in layers.values())
    if view.project.training.devices == "one" or not normalizes:
        return
    for name, layer in layers.items():
        if layer.class_name == "ActivityRegularization" or layer.config.get("activity_regularizer"):
            message = (
                f"Several devices cannot share batches with both batch normalization and {name}, "
                "which has a penalty on its outputs."
            )
            fix = Fix("Train on one device", lambda now: _training(now, devices="one"))
            yield Problem("penalty-on-devices", "blocking", f"layer:{name}", message, fix)


def losses_that_count_devices(view: View) -> Iterator[Problem]:
    """Keras divides what a loss object returns by the number of devices, for loops written by hand."""
    found = LOSS_OBJECT.search(view.project.functions)
    if view.project.training.devices == "all" and found:
        message = (
            f"Where several devices share a batch, losses.{found[1]}() returns only a part of its value: "
            "use the function of that name, or a term of its own."
        )
        yield Problem("loss-object-on-devices", "warning", "functions", message)


def _training(project: Project, **values: Any) -> Project:
    return put(project, "training", project.training.model_copy(update=values))
