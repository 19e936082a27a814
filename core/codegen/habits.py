"""What every layer of a class is given in a project because of how it is trained, also one inside another layer."""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from core.codegen import precision
from core.codegen.objects import Habits
from core.project.schema import Training


def habits(training: Training) -> Habits:
    """Return what gives the arguments, as texts, for layers of a class with a config."""

    def given(name: str, config: Mapping[str, JsonValue]) -> Iterator[str]:
        if precision.is_mixed(training) and precision.stays_float32(name, config):
            yield precision.FLOAT32
        if training.devices == "all" and name == "BatchNormalization":
            yield "synchronized=True"  # one mean and variance for the rows of all devices

    return lambda name, config: list(given(name, config))
