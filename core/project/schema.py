"""The project: the one document a user edits, as immutable values.

The schema takes a project that is incomplete (a term without a target, an input without a field): while it
is being composed a project is unfinished most of the time. Only `problems` judges. What the schema does
refuse is what no program could mean: unknown keys, wrong types, names that are no names.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    JsonValue,
    StringConstraints,
    Tag,
    model_serializer,
)
from pydantic import (
    Field as Setting,
)
from pydantic_core import core_schema

VERSION: Literal[1] = 1
MAX_PARTS = 10_000
MAX_SOURCES = 1_000
"""Wires into one layer."""
ALWAYS_WRITTEN = ("lossmith", "name", "kind", "class_name")

T = TypeVar("T")

# Keras takes no other characters in a name without changing or refusing it later, at `fit`.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=80)]


class FrozenMap(dict[str, T]):
    """A dict that refuses to change: projects are shared between threads and the undo stack."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a project is immutable: make a changed copy with core.project.edits")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __deepcopy__(self, memo: object) -> "FrozenMap[T]":
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("projects travel as JSON, never as pickles")

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        """Let pydantic write defaults of this type into the JSON Schema."""
        return core_schema.no_info_after_validator_function(cls, core_schema.dict_schema())


Frozen = AfterValidator(FrozenMap)
EMPTY: FrozenMap[Any] = FrozenMap()
Named = Annotated[Mapping[Name, T], Setting(max_length=MAX_PARTS), Frozen]
Config = Annotated[Mapping[str, JsonValue], Setting(max_length=MAX_PARTS), Frozen]
Bind = Annotated[Mapping[str, str], Setting(max_length=MAX_PARTS), Frozen]
"""What each argument of a loss or metric stands for: `head:NAME`, `target:FIELD`, `input:NAME` or
`layer:NAME`."""


class Part(BaseModel):
    """A piece of a project: frozen, and unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_by_name=True, validate_by_alias=True
    )

    @model_serializer(mode="wrap")
    def _brief(self, handler: Any) -> dict[str, Any]:
        """Leave out what equals its default, so that files stay short; `kind` stays, it tells parts apart."""
        written: dict[str, Any] = handler(self)
        for name, setting in type(self).model_fields.items():
            if name not in ALWAYS_WRITTEN and getattr(self, name) == setting.default:
                written.pop(setting.alias if setting.alias in written else name, None)
        return written


# ---- data: source -> fields -> split


class CsvSource(Part):
    """A table as text. What is None is recognised from the file (`core.data`)."""

    kind: Literal["csv"] = "csv"
    path: str = ""
    delimiter: str | None = None
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None


class ParquetSource(Part):
    kind: Literal["parquet"] = "parquet"
    path: str = ""


class NumpySource(Part):
    """Arrays of a .npz by their names, or the one array of a .npy, called `array`. Rows are the first
    axis."""

    kind: Literal["numpy"] = "numpy"
    path: str = ""


SklearnSet = Literal["breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine"]


class SklearnSource(Part):
    """A data set that scikit-learn carries in its wheel."""

    kind: Literal["sklearn"] = "sklearn"
    name: SklearnSet = "iris"


Source = Annotated[CsvSource | ParquetSource | NumpySource | SklearnSource, Setting(discriminator="kind")]
Missing = Literal["drop", "fill", "keep"]
"""Rows with a missing value are dropped, filled, or kept; kept in a target, terms skip them (a missing
label)."""


class NumberField(Part):
    """Columns as float32: shape (rows, number of columns), or (rows, *shape)."""

    kind: Literal["number"] = "number"
    columns: tuple[str, ...] = ()
    shape: tuple[Annotated[int, Setting(gt=0)], ...] | None = None
    scaling: Literal["none", "standardize", "minmax"] = "none"
    missing: Missing = "drop"
    fill: float | Literal["mean", "median"] = "mean"


class CategoryField(Part):
    """Columns as int32 codes in the order of `classes`, shape (rows, columns); or one-hot float32, (rows,
    classes)."""

    kind: Literal["category"] = "category"
    columns: tuple[str, ...] = ()
    encoding: Literal["codes", "onehot"] = "codes"
    classes: tuple[str | int | float | bool, ...] | None = None
    missing: Missing = "drop"
    fill: str | int | float | bool | None = None


class TextField(Part):
    """One column of strings, shape (rows, 1); a TextVectorization layer turns it into numbers inside the
    model."""

    kind: Literal["text"] = "text"
    columns: tuple[str, ...] = ()
    missing: Missing = "fill"
    fill: str = ""


class ImageField(Part):
    """One column of image paths, relative to the table, read as float32 in 0..1: (rows, height, width,
    channels)."""

    kind: Literal["image"] = "image"
    columns: tuple[str, ...] = ()
    height: Annotated[int, Setting(gt=0, le=4096)] = 32
    width: Annotated[int, Setting(gt=0, le=4096)] = 32
    channels: Literal[1, 3] = 3
    missing: Literal["drop"] = "drop"


def _field_kind(value: Any) -> str:
    return str(
        value.get("kind", "number") if isinstance(value, Mapping) else getattr(value, "kind", "number")
    )


Field = Annotated[
    Annotated[NumberField, Tag("number")]
    | Annotated[CategoryField, Tag("category")]
    | Annotated[TextField, Tag("text")]
    | Annotated[ImageField, Tag("image")],
    Discriminator(_field_kind),
]

Fraction = Annotated[float, Setting(ge=0.0, lt=1.0)]


class Split(Part):
    """Which rows train, validate and test.

    `random` and `stratified` (same shares of each value of column `by`) draw with the project's seed; `time`
    sorts by column `by` and takes the last rows for validation, then test; `column` reads the words train,
    validation or test from column `by`.
    """

    kind: Literal["random", "stratified", "time", "column"] = "random"
    validation: Fraction = 0.2
    test: Fraction = 0.0
    by: str | None = None


class Data(Part):
    """Rows and what is made of them. `loading` says whether they are all kept in memory while training or read from
    disk as they are needed; `auto` decides by the size of the file."""

    source: Source | None = None
    fields: Named[Field] = EMPTY
    split: Split = Split()
    loading: Literal["auto", "memory", "stream"] = "auto"


# ---- model: inputs -> layers -> heads


class Input(Part):
    field: str = ""


class Layer(Part):
    """A node of the model graph; with `shares` it applies the layer of that other node once more, to its own
    `from`."""

    class_name: str = Setting("", alias="class")
    sources: tuple[str, ...] = Setting((), alias="from", max_length=MAX_SOURCES)
    config: Config = EMPTY
    shares: str | None = None


class Head(Part):
    """A named output. `unscale` names a target field whose scaling the saved prediction model undoes."""

    layer: str = ""
    no_loss: bool = False
    unscale: str | None = None


class Model(Part):
    inputs: Named[Input] = EMPTY
    layers: Named[Layer] = EMPTY
    heads: Named[Head] = EMPTY


# ---- terms and metrics


class CatalogueLoss(Part):
    """A class of `keras.losses` with its parameters."""

    kind: Literal["catalogue"] = "catalogue"
    name: str = "MeanSquaredError"
    config: Config = EMPTY


class ExpressionLoss(Part):
    """One formula over `keras.ops` names and the bound names; its mean over the batch is the term's value."""

    kind: Literal["expression"] = "expression"
    code: str = ""


class PythonLoss(Part):
    """A function of the project's `functions`, its arguments bound by name."""

    kind: Literal["python"] = "python"
    function: str = ""


Loss = Annotated[CatalogueLoss | ExpressionLoss | PythonLoss, Setting(discriminator="kind")]


class Term(Part):
    """One summand of the total loss. Switched off it is not computed; with weight 0 it is computed and
    shown."""

    loss: Loss = CatalogueLoss()
    bind: Bind = EMPTY
    weight: float = 1.0
    on: bool = True


class Metric(Part):
    """A class of `keras.metrics`, bound like a term."""

    metric: str = "MeanAbsoluteError"
    config: Config = EMPTY
    bind: Bind = EMPTY
    on: bool = True


# ---- training


class Optimizer(Part):
    class_name: str = Setting("Adam", alias="class")
    config: Config = FrozenMap({"learning_rate": 0.001})


class EarlyStopping(Part):
    """Stop when `monitor` (`total`, a term or a metric, on validation rows) has not improved for `patience`
    epochs."""

    monitor: str = "total"
    patience: Annotated[int, Setting(ge=0)] = 10
    min_delta: Annotated[float, Setting(ge=0)] = 0.0
    mode: Literal["min", "max"] = "min"
    restore_best: bool = True


Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]


class Training(Part):
    """How the model is trained. With a mixed `precision` layers compute in 16 bits; what they learn, heads,
    terms and regularization stay float32. `devices` is one, or all GPUs, which then share the rows of a batch.
    With `turbo` XLA compiles the steps: faster, and with numbers close to those without it, not equal."""

    optimizer: Optimizer = Optimizer()
    epochs: Annotated[int, Setting(ge=1, le=1_000_000)] = 20
    batch_size: Annotated[int, Setting(ge=1, le=1_000_000)] = 32
    shuffle: bool = True
    early_stopping: EarlyStopping | None = None
    precision: Precision = "float32"
    devices: Literal["one", "all"] = "one"
    turbo: bool = False


# ---- the canvas, kept apart: nothing here changes a result


class Note(Part):
    """A remark on the canvas, in scene units (one is one pixel at 100 %)."""

    text: str
    x: float
    y: float
    width: float = 220.0


Position = tuple[float, float]
Positions = Annotated[Mapping[str, Position], Setting(max_length=5 * MAX_PARTS), Frozen]


class Canvas(Part):
    """Where nodes stand, by reference (`layer:trunk`, `term:nll`); a node without a position is laid out."""

    positions: Positions = EMPTY
    notes: tuple[Note, ...] = ()


class Project(Part):
    """The whole document."""

    lossmith: Literal[1] = VERSION
    name: str = "Untitled"
    seed: Annotated[int, Setting(ge=0, lt=2**31)] = 7
    data: Data = Data()
    model: Model = Model()
    functions: str = ""
    terms: Named[Term] = EMPTY
    metrics: Named[Metric] = EMPTY
    training: Training = Training()
    canvas: Canvas = Canvas()

    def meaning(self) -> "Project":
        """The project without its canvas: two projects of equal meaning train alike."""
        return self.model_copy(update={"canvas": Canvas()})
