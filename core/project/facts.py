"""Facts: what is known about a project beyond its text, measured elsewhere and handed to the problems.

`DataFacts` come from reading the source (`core.data`), `ModelFacts` from Keras itself in the warm engine. Both are
plain values that travel as JSON. A fact that is not known yet is None, and a rule that needs it stays silent.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict

from core.project.schema import EMPTY, Frozen

Shape = tuple[int | None, ...]
"""Without the batch axis: `(64,)` stands for (batch, 64). None is an axis of unknown length."""


class Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class ColumnFacts(Fact):
    """One column of the source: its type, how full it is, its range and how its values are spread.

    `count` values and `missing` ones make up the rows. `histogram` counts values in equal steps from `minimum` to
    `maximum`, for categories each of `values`.
    """

    kind: Literal["number", "category", "text", "time", "array"]
    dtype: str
    count: int
    missing: int
    distinct: int | None = None
    minimum: float | str | None = None
    maximum: float | str | None = None
    mean: float | None = None
    histogram: tuple[int, ...] = ()
    values: tuple[str | int | float | bool, ...] = ()
    """The distinct values in sorted order where there are at most 1,000 of them."""
    shape: Shape = ()
    """Of one row; () for a plain column."""
    length: float | None = None
    """Of texts: how many characters they have in the mean."""


class FieldFacts(Fact):
    """A field as the model would receive it."""

    shape: Shape
    dtype: Literal["float32", "int32", "string"]
    classes: tuple[str | int | float | bool, ...] | None = None
    missing: int = 0
    minimum: float | None = None
    maximum: float | None = None


class Loading(Fact):
    """How the rows reach the training: kept in memory, or read from disk as they are needed."""

    streams: bool
    sentence: str
    """Which of the two, and why."""
    too_large: bool = False
    """They are kept in memory although the file is so large that they would rather be read from disk."""
    why_not: str | None = None
    """Why they are not read from disk though they ought to be, a clause without a full stop."""


class DataFacts(Fact):
    """What reading the source gave. `error` is a sentence for the user when it could not be read."""

    rows: int = 0
    exact: bool = True
    """False while only the first rows of a large file were read."""
    columns: Annotated[Mapping[str, ColumnFacts], Frozen] = EMPTY
    fields: Annotated[Mapping[str, FieldFacts], Frozen] = EMPTY
    split: Annotated[Mapping[str, int], Frozen] = EMPTY
    """Rows of `train`, `validation` and `test`, and `dropped`."""
    error: str | None = None
    errors: Annotated[Mapping[str, str], Frozen] = EMPTY
    """Sentences by reference (`field:rating`) for what could not be made."""
    loading: Loading | None = None


class ModelFacts(Fact):
    """What Keras said when it built the model: by reference (`input:x`, `layer:trunk`, `head:p`)."""

    shapes: Annotated[Mapping[str, Shape], Frozen] = EMPTY
    dtypes: Annotated[Mapping[str, str], Frozen] = EMPTY
    parameters: Annotated[Mapping[str, int], Frozen] = EMPTY
    term_shapes: Annotated[Mapping[str, Shape], Frozen] = EMPTY
    """The shape that a term's loss has before its mean, by the term's name."""
    errors: Annotated[Mapping[str, str], Frozen] = EMPTY
    """Sentences by reference for what Keras or the user's code refused."""
    details: Annotated[Mapping[str, str], Frozen] = EMPTY
    """The traceback behind each error, for the curious."""
    devices: tuple[str, ...] = ()
    """What all devices are on this machine: its GPUs (`GPU:0`), else its processor; () while not known."""


class Facts(Fact):
    data: DataFacts | None = None
    model: ModelFacts | None = None
