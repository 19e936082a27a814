"""Rows about what a training runs on: the numbers it computes with, and the devices that share its batches."""

from core.project.edits import put
from core.project.facts import Facts
from core.project.schema import Project
from gui.panels.inspecting.rows import UNKNOWN, choice_row
from gui.panels.sheets import Heading, Put, Row, Said
from gui.widgets.searchmenu import Choice

PRECISIONS = (
    Choice("float32", "float32"),
    Choice("mixed_bfloat16", "mixed, bfloat16"),
    Choice("mixed_float16", "mixed, float16"),
)
DEVICES = (Choice("one", "one device"), Choice("all", "all GPUs"))
PRECISION_HELP = (
    "Mixed: layers compute in 16 bits, faster on a GPU; heads, losses and regularization in float32."
)
DEVICES_HELP = "All GPUs share the rows of each batch; only dropout draws other masks than on one device."


def hardware_rows(project: Project, facts: Facts) -> tuple[Row, ...]:
    """What a project asks of the machine, and what the machine has of it."""
    training = project.training
    return (
        Heading("hardware", "Hardware"),
        choice_row(
            "precision", "precision", training.precision, PRECISIONS, _setter("precision"), PRECISION_HELP
        ),
        choice_row("devices", "train on", training.devices, DEVICES, _setter("devices"), DEVICES_HELP),
        Said("found_devices", "this machine", machine(project, facts)),
    )


def machine(project: Project, facts: Facts) -> str:
    """What this machine has, and what that means for the project."""
    found = facts.model.devices if facts.model else ()
    if not found:
        return UNKNOWN
    if len(found) == 1:
        has = "has one GPU" if found[0].startswith("GPU") else "has no GPU"
        return f"{has}, so one device trains" if project.training.devices == "all" else has
    share = "that share each batch" if project.training.devices == "all" else "of which one trains"
    return f"has {len(found)} devices, {share}"


def _setter(key: str) -> Put:
    return lambda project, value: put(project, "training", project.training.model_copy(update={key: value}))
