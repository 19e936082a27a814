"""Write the tables of core/catalogue from the signatures of the installed Keras.

For maintainers, after a change of Keras: `python scripts/make_catalogue.py`. Names, parameters and defaults
come from Keras; types, ranges and choices from catalogue_types.toml and help from catalogue_words.toml
beside this file. It stops where something new has no type or no help, and says what.
"""

import inspect
import json
import os
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import keras  # noqa: E402

from core.catalogue import FOLDER, Entry, LossEntry, Parameter  # noqa: E402

TYPES = tomllib.loads((HERE / "catalogue_types.toml").read_text(encoding="utf-8"))
WORDS = tomllib.loads((HERE / "catalogue_words.toml").read_text(encoding="utf-8"))
OPS = tomllib.loads((HERE / "catalogue_ops.toml").read_text(encoding="utf-8"))

LEFT_OUT = {
    "layers": {
        *("Layer", "Wrapper", "InputLayer", "InputSpec"),  # no nodes of a graph
        *("Lambda", "JaxLayer", "FlaxLayer", "TFSMLayer", "TorchModuleWrapper"),  # need code or files
        *("GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"),  # live inside RNN only
        "Pipeline",  # a list of layers, which the graph draws as nodes
        *("CutMix", "MixUp", "MaxNumBoundingBoxes"),  # change labels too, which a graph cannot see
    },
    "initializers": {"Initializer"},
    "regularizers": {"Regularizer"},
    "constraints": {"Constraint"},
    "losses": {"Loss"},
    "metrics": {"Metric", "Mean", "Sum", "MeanMetricWrapper"},  # do not compare y_true with y_pred
    "optimizers": {"Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"},
    "schedules": {"LearningRateSchedule"},
}
# get, serialize and deserialize are no activations; glu halves its input and threshold needs arguments.
NO_ACTIVATIONS = {"get", "serialize", "deserialize", "glu", "threshold"}
CELLS = ("GRUCell", "LSTMCell", "SimpleRNNCell")

CATEGORIES = {
    "core": "Core",
    "convolutional": "Convolution",
    "rnn": "Recurrent",
    "attention": "Attention",
    "merging": "Merging",
    "pooling": "Pooling",
    "normalization": "Normalization",
    "regularization": "Regularization",
    "activations": "Activation",
    "reshaping": "Reshaping",
    "preprocessing": "Preparation",
    "image_preprocessing": "Image preparation",
    "regression_metrics": "Regression",
    "accuracy_metrics": "Accuracy",
    "probabilistic_metrics": "Probability",
    "confusion_metrics": "Classification",
    "f_score_metrics": "Classification",
    "iou_metrics": "Overlap",
    "hinge_metrics": "Margin",
    "correlation_metrics": "Correlation",
}
LOSS_CATEGORIES = {
    "Regression": (
        *("MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "Huber", "LogCosh"),
        *("MeanSquaredLogarithmicError", "CosineSimilarity", "Poisson"),
    ),
    "Margin": ("Hinge", "SquaredHinge", "CategoricalHinge"),
    "Overlap": ("Dice", "Tversky"),
    "Embedding and sequence": ("Circle", "CTC"),
}
INPUTS: dict[str, tuple[str, int, int | None]] = {
    **dict.fromkeys(("Add", "Average", "Concatenate", "HashedCrossing", "Maximum"), ("list", 2, None)),
    **dict.fromkeys(("Minimum", "Multiply"), ("list", 2, None)),
    **dict.fromkeys(("Dot", "Subtract"), ("list", 2, 2)),
    **dict.fromkeys(("Attention", "AdditiveAttention"), ("list", 2, 3)),
    **dict.fromkeys(("MultiHeadAttention", "GroupQueryAttention"), ("args", 2, 3)),
}
RANDOM = {
    *("AlphaDropout", "AugMix", "Dropout", "GaussianDropout", "GaussianNoise", "RandAugment", "Solarization"),
    *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
}
LABELS = {
    "onehot": (
        *("CategoricalCrossentropy", "CategoricalFocalCrossentropy", "CategoricalHinge", "KLDivergence"),
        *(
            "CategoricalAccuracy",
            "TopKCategoricalAccuracy",
            "OneHotIoU",
            "OneHotMeanIoU",
            "F1Score",
            "FBetaScore",
        ),
    ),
    "codes": (
        *("SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy", "Circle", "CTC"),
        *("SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy", "IoU", "MeanIoU"),
    ),
    "binary": (
        *("BinaryCrossentropy", "BinaryFocalCrossentropy", "BinaryAccuracy", "BinaryIoU", "AUC", "Precision"),
        *("Recall", "PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity", "Dice", "Tversky"),
        *("SpecificityAtSensitivity", "FalseNegatives", "FalsePositives", "TrueNegatives", "TruePositives"),
    ),
    "signs": ("Hinge", "SquaredHinge"),
}
# Those without `from_logits` that only make sense on probabilities.
PROBABILITIES = {"CategoricalGeneralizedCrossEntropy", "KLDivergence", "Dice", "Tversky", "BinaryIoU"}
LOGITS = {"CTC"}


def named(module: Any, left_out: set[str]) -> Iterator[tuple[str, type]]:
    """The classes of a module, each once: under its own name, or the first where it is exported by others only."""
    found: dict[int, tuple[str, type]] = {}
    for name in sorted(dir(module)):
        made = getattr(module, name)
        if inspect.isclass(made) and (id(made) not in found or name == made.__name__):
            found[id(made)] = (name, made)
    return (
        (name, made) for name, made in sorted(found.values(), key=lambda one: one[0]) if name not in left_out
    )


def look_up(table: dict[str, Any], owner: str, name: str) -> Any:
    return table.get(f"{owner}.{name}", table.get(name))


def type_of(owner: str, name: str) -> dict[str, Any]:
    found = look_up(TYPES["parameters"], owner, name)
    for suffix, spec in TYPES["suffixes"].items():
        found = found or (spec if name.endswith(suffix) else None)
    if found is None:
        raise SystemExit(f"catalogue_types.toml has no type for {owner}.{name}")
    return dict(found)


def default_of(parameter: inspect.Parameter, spec: dict[str, Any]) -> Any:
    """Return the default as JSON; initializers by the name of their class, whatever Keras calls them."""
    if parameter.default is inspect.Parameter.empty:
        return None
    if spec["type"] == "initializer":
        return type(keras.initializers.get(parameter.default)).__name__
    return json.loads(json.dumps(parameter.default))


def parameter(owner: str, given: inspect.Parameter) -> Parameter:
    spec = type_of(owner, given.name)
    required = spec.pop("required", given.default is inspect.Parameter.empty)
    default = default_of(given, spec)
    optional = (default is None and not required) or spec.pop("optional", False)
    spec.pop("optional", None)
    words = look_up(WORDS["parameters"], owner, given.name) or ""
    return Parameter(
        name=given.name, default=default, required=required, optional=optional, help=words, **spec
    )


def parameters(owner: str, made: Callable[..., Any]) -> tuple[Parameter, ...]:
    skip = set(TYPES["skip"])
    given = inspect.signature(made).parameters.values()
    kept = [
        one
        for one in given
        if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
        and not skip & {one.name, f"{owner}.{one.name}"}
    ]
    return tuple(parameter(owner, one) for one in kept)


def example(owner: str, taken: tuple[Parameter, ...]) -> dict[str, Any]:
    examples = TYPES["examples"]
    wanted = (one for one in taken if one.required or f"{owner}.{one.name}" in examples)
    return {one.name: look_up(examples, owner, one.name) for one in wanted}


def help_of(table: str, name: str) -> str:
    words: str | None = WORDS[table].get(name)
    if words is None:
        raise SystemExit(f"catalogue_words.toml has no help for {table}.{name}")
    return words


def category(made: type, table: str) -> str:
    if table == "losses":
        found = [name for name, classes in LOSS_CATEGORIES.items() if made.__name__ in classes]
        return found[0] if found else "Classification"
    folders = made.__module__.split(".")
    return next(
        (CATEGORIES[folder] for folder in reversed(folders) if folder in CATEGORIES), table.capitalize()
    )


def trainable(taken: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """The switch that freezes a layer, for layers that have weights; every Keras layer takes it."""
    if not any(one.type in ("initializer", "layer") for one in taken):
        return ()
    return (parameter("", inspect.Parameter("trainable", inspect.Parameter.KEYWORD_ONLY, default=True)),)


def layer(name: str, made: type) -> Entry:
    call, fewest, most = INPUTS.get(name, ("one", 1, 1))
    taken = parameters(name, made)
    return Entry(
        name=name,
        category=category(made, "layers"),
        parameters=(*taken, *trainable(taken)),
        help=help_of("layers", name),
        call=call,
        inputs_min=fewest,
        inputs_max=most,
        adapts=hasattr(made, "adapt"),
        random=name in RANDOM or name.startswith("Random"),
        example=example(name, taken),
    )


def plain(table: str) -> Callable[[str, type], Entry]:
    def entry(name: str, made: type) -> Entry:
        taken = parameters(name, made)
        return Entry(
            name=name,
            category=category(made, table),
            parameters=taken,
            help=help_of(table, name),
            example=example(name, taken),
        )

    return entry


def compared(table: str) -> Callable[[str, type], LossEntry]:
    """Entries of what compares y_true with y_pred: losses and metrics."""

    def entry(name: str, made: type) -> LossEntry:
        base = plain(table)(name, made)
        labels = next((kind for kind, names in LABELS.items() if name in names), "number")
        probabilities = name in PROBABILITIES or base.parameter("from_logits") is not None
        hint = "logits" if name in LOGITS else "probabilities" if probabilities else None
        return LossEntry(**dict(base), labels=labels, activation_hint=hint)

    return entry


def activations() -> Iterator[Entry]:
    """The activations by the name that goes into a config; of several names for one, the function's own."""
    for name in sorted(dir(keras.activations)):
        made = getattr(keras.activations, name)
        if inspect.isfunction(made) and made.__name__ == name and name not in NO_ACTIVATIONS:
            yield Entry(name=name, category="Activation", help=help_of("activations", name))


def write(table: str, lines: list[Any]) -> None:
    text = ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    (FOLDER / f"{table}.json").write_text(f"[\n{text}\n]\n", encoding="utf-8")
    print(f"{table}.json: {len(lines)}")


def dump(entry: Entry) -> dict[str, Any]:
    """An entry without what is as usual, so that the tables stay readable; `default` stays where there is
    one."""
    return entry.model_dump(mode="json", exclude_defaults=True)


def main() -> None:
    write("layers", [dump(layer(*one)) for one in named(keras.layers, LEFT_OUT["layers"])])
    write("cells", [dump(plain("cells")(name, getattr(keras.layers, name))) for name in CELLS])
    write("activations", [dump(entry) for entry in activations()])
    for table in ("initializers", "regularizers", "constraints", "optimizers"):
        found = named(getattr(keras, table), LEFT_OUT[table])
        write(table, [dump(plain(table)(*one)) for one in found])
    for table in ("losses", "metrics"):
        found = named(getattr(keras, table), LEFT_OUT[table])
        write(table, [dump(compared(table)(*one)) for one in found])
    schedules = named(keras.optimizers.schedules, LEFT_OUT["schedules"])
    write("schedules", [dump(plain("schedules")(*one)) for one in schedules])
    write("ops", sorted(name for names in OPS.values() for name in names))


if __name__ == "__main__":
    main()
