"""Rows that several sheets share: names, links between parts, and what Keras says of a part."""

from collections.abc import Iterable

from core.catalogue import Parameter
from core.project.edits import rename
from core.project.facts import Facts, Shape
from core.project.references import parse
from core.project.schema import Project
from gui.panels.sheets import Edit, Put, Row, Said
from gui.widgets.searchmenu import Choice

NAME_HELP = "Letters, digits and _; every mention of it follows a new name."
SEED_HELP = "Everything random starts from it: the split, the first weights, the order of batches."
UNKNOWN = "—"
MOST, MOST_SEED = 1_000_000, 2**31 - 1
NAME, CHOSEN = Parameter(name="name", type="str", required=True), Parameter(name="choice", type="choice")


def name_row(reference: str) -> Edit:
    """The name of a part. The inspector follows the part to its new name."""
    found = parse(reference)
    assert found is not None
    return Edit(
        "name", "name", NAME, found.name, lambda project, new: rename(project, reference, new), help=NAME_HELP
    )


def choice_row(
    key: str, label: str, value: str | None, names: Iterable[str | Choice], put: Put, help: str = ""
) -> Edit:
    """One of several names; "" or None where nothing is chosen yet."""
    choices = tuple(each if isinstance(each, Choice) else Choice(each, each) for each in names)
    return Edit(key, label, CHOSEN, value or None, put, choices=choices, help=help)


def number_row(
    key: str,
    label: str,
    value: float | None,
    put: Put,
    *,
    whole: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
    help: str = "",
) -> Edit:
    """A number that is always there."""
    parameter = Parameter(
        name=key, type="int" if whole else "float", required=True, minimum=minimum, maximum=maximum
    )
    return Edit(key, label, parameter, value, put, help=help)


def count_row(
    key: str, label: str, value: int, put: Put, help: str = "", most: int = MOST, least: int = 1
) -> Edit:
    """How many of something."""
    return number_row(key, label, value, put, whole=True, minimum=least, maximum=most, help=help)


def share_row(key: str, label: str, value: float, put: Put, help: str = "") -> Edit:
    """A share of the rows, less than all of them."""
    return number_row(key, label, value, put, minimum=0, maximum=0.95, help=help)


def seed_row(project: Project) -> Edit:
    """The seed of the project."""

    def reseed(current: Project, seed: int) -> Project:
        return current.model_copy(update={"seed": seed})

    return count_row("seed", "seed", project.seed, reseed, SEED_HELP, most=MOST_SEED, least=0)


def switch_row(key: str, label: str, value: bool, put: Put, help: str = "") -> Edit:
    return Edit(key, label, Parameter(name=key, type="bool"), value, put, help=help)


def keras_rows(facts: Facts, reference: str) -> tuple[Row, ...]:
    """The shape, type and parameters that Keras finds. The rows are there before it has answered: rows that come
    and go would move the form under the mouse and close what is open in it.
    """
    model = facts.model
    known = model is not None and reference in model.shapes
    shape = (
        f"{shaped(model.shapes[reference])} {model.dtypes.get(reference, '')}" if model and known else UNKNOWN
    )
    rows = (Said("shape", "output", shape.strip()),)
    if not reference.startswith("layer:"):
        return rows
    count = model.parameters.get(reference) if model else None
    return (*rows, Said("parameters", "parameters", UNKNOWN if count is None else f"{count:,}"))


def shaped(shape: Shape) -> str:
    """`(64)` for a row of 64 numbers; `?` is a length that varies."""
    return f"({', '.join('?' if size is None else str(size) for size in shape)})"


def sources_of(project: Project) -> list[Choice]:
    """What a layer or head may read from."""
    inputs = [Choice(name, name, "input") for name in project.model.inputs]
    return inputs + [Choice(name, name, layer.class_name) for name, layer in project.model.layers.items()]
