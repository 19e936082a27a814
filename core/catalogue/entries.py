"""What one line of the catalogue says: a class of Keras, its parameters, and how a graph may use it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

ParameterType = Literal[
    "int",
    "float",
    "bool",
    "str",
    "choice",
    "ints",
    "shape",
    "floats",
    "activation",
    "initializer",
    "regularizer",
    "constraint",
    "layer",
    "schedule",
    "json",
]


class Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Parameter(Line):
    """A parameter of a constructor. `ints` is a whole number or a list of them; `schedule` a number or a
    schedule."""

    name: str
    type: ParameterType
    default: JsonValue = None
    required: bool = False
    optional: bool = False
    """Whether None may be given."""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    help: str = ""


class Entry(Line):
    """A class of Keras that a project can name.

    `call` says how a layer takes its inputs: `one` tensor, a `list` of tensors, or several `args`. A layer
    that `adapts` learns from the training rows before training; a `random` one draws numbers at every step.
    """

    name: str
    category: str
    parameters: tuple[Parameter, ...] = ()
    help: str = ""
    call: Literal["one", "list", "args"] = "one"
    inputs_min: int = 1
    inputs_max: int | None = 1
    adapts: bool = False
    random: bool = False
    example: dict[str, JsonValue] = {}
    """Values for the required parameters with which the class can be constructed."""

    def parameter(self, name: str) -> Parameter | None:
        """Return the parameter of that name, or None."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


class LossEntry(Entry):
    """A loss: what it expects of the head (`logits` or `probabilities`) and how labels are written."""

    activation_hint: Literal["logits", "probabilities"] | None = None
    labels: Literal["onehot", "codes", "number", "binary", "signs"] | None = None
