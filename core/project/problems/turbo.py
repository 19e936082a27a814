"""The rule about Turbo: where it is switched on and can do nothing."""

from collections.abc import Iterator

from core.project.edits import put
from core.project.problems.problem import Fix, Problem
from core.project.problems.view import View
from core.project.schema import Project

NOT_BY_XLA = frozenset(
    {
        *("HashedCrossing", "Hashing", "IntegerLookup", "StringLookup", "TextVectorization"),
        *("RandomCrop", "RandomPerspective", "RandomRotation", "RandomShear", "RandomTranslation"),
        "RandomZoom",
    }
)
"""Layers that Keras says XLA cannot compile, by class."""


def turbo_without_effect(view: View) -> Iterator[Problem]:
    """Turbo stays off where devices share the batches, or with a layer that XLA cannot compile."""
    if not view.project.training.turbo:
        return
    layers = view.project.model.layers.items()
    refusing = next((name for name, layer in layers if layer.class_name in NOT_BY_XLA), None)
    if view.project.training.devices == "all":
        message = "Turbo is for one device; with all of them, steps are made without it."
    elif refusing:
        message = f"XLA cannot compile the layer {refusing}, so steps are made without Turbo."
    else:
        return
    yield Problem("turbo-off", "hint", "training", message, Fix("Switch Turbo off", _off))


def _off(project: Project) -> Project:
    return put(project, "training", project.training.model_copy(update={"turbo": False}))
