"""Rules about labels and activations: one-hot or class numbers, logits or probabilities, numbers in range."""

from collections.abc import Iterator

from core.project.problems.problem import Fix, Problem
from core.project.problems.repairs import (
    activation_fix,
    category_fix,
    field_fix,
    layer_behind,
    loss_fix,
    parameter_fix,
    units_fix,
)
from core.project.problems.view import Comparison, View

SPARSE = {
    "CategoricalCrossentropy": "SparseCategoricalCrossentropy",
    "CategoricalAccuracy": "SparseCategoricalAccuracy",
    "TopKCategoricalAccuracy": "SparseTopKCategoricalAccuracy",
}
ONE_HOT = {sparse: dense for dense, sparse in SPARSE.items()}
PROBABILITIES = frozenset({"sigmoid", "softmax", "hard_sigmoid", "sparsemax", "sparse_sigmoid"})
LOGITS = frozenset({"linear"})
ANY_SIGN = frozenset({"linear", "tanh", "elu", "selu", "leaky_relu", "softsign", "log_softmax"})
NEEDS_POSITIVE = frozenset({"Poisson", "MeanSquaredLogarithmicError"})
NUMBERS = frozenset({"MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh"})


def label_encodings(view: View) -> Iterator[Problem]:
    """A loss for one-hot labels against class numbers, or the other way round."""
    for one in view.comparisons:
        field = view.field(one.truth)
        if field is None or field.kind != "category" or not one.truth.startswith("target:"):
            continue
        target = one.truth.removeprefix("target:")
        single = one.loss.name in ("F1Score", "FBetaScore") and view.shape(one.prediction) == (1,)
        if one.loss.labels == "onehot" and field.encoding == "codes" and not single:
            message = f"{one.name} ({one.loss.name}) wants one-hot labels, but {target} holds class numbers."
            other = SPARSE.get(one.loss.name)
            onehot = field_fix(target, "Make the field one-hot", encoding="onehot")
            fix = loss_fix(one.where, other) if other else onehot
            yield Problem("labels-not-one-hot", "blocking", one.where, message, fix)
        elif one.loss.labels == "codes" and field.encoding == "onehot":
            message = f"{one.name} ({one.loss.name}) wants class numbers, but {target} is one-hot."
            other = ONE_HOT.get(one.loss.name)
            codes = field_fix(target, "Use class numbers", encoding="codes")
            fix = loss_fix(one.where, other) if other else codes
            yield Problem("labels-one-hot", "blocking", one.where, message, fix)


def classes_against_units(view: View) -> Iterator[Problem]:
    """A label outside the number of classes is an error on a CPU and NaN on a GPU."""
    for one in view.comparisons:
        shape = view.shape(one.prediction)
        highest, lowest = _highest(view, one), _lowest(view, one)
        if (
            one.loss.labels != "codes"
            or one.loss.name in ("Circle", "CTC", "IoU", "MeanIoU")
            or not shape
            or not shape[-1]
        ):
            continue
        target, head = one.truth.partition(":")[2], one.prediction.partition(":")[2]
        if highest is not None and highest >= shape[-1]:
            room = f"{shape[-1]} outputs, for classes 0 to {shape[-1] - 1}"
            message = f"{target} has labels up to {highest}, but {head} has {room}."
            fix = units_fix(view, one.prediction, highest + 1)
            yield Problem("label-out-of-range", "blocking", one.where, message, fix)
        elif lowest is not None and lowest < 0:
            message = f"{target} has labels down to {lowest:g}, but classes begin at 0."
            yield Problem("label-out-of-range", "blocking", one.where, message, category_fix(target))


def binary_labels(view: View) -> Iterator[Problem]:
    """Yes-or-no losses want labels of 0 and 1."""
    for one in view.comparisons:
        if one.loss.labels != "binary" or not one.truth.startswith("target:"):
            continue
        target = one.truth.removeprefix("target:")
        field, facts = view.field(one.truth), view.field_facts(one.truth)
        onehot = field is not None and field.kind == "category" and field.encoding == "onehot"
        highest, lowest = _highest(view, one), _lowest(view, one)
        if onehot or facts is None or highest is None or (highest <= 1 and (lowest is None or lowest >= 0)):
            continue
        reach = f"from {lowest or 0:g} to {highest:g}"
        message = f"{one.name} ({one.loss.name}) wants labels of 0 and 1, but {target} goes {reach}."
        several = field is not None and field.kind == "category" and one.loss.name.endswith("Crossentropy")
        fix = loss_fix(one.where, "SparseCategoricalCrossentropy") if several else None
        yield Problem("label-out-of-range", "blocking", one.where, message, fix)


def codes_in_regression(view: View) -> Iterator[Problem]:
    """Class numbers have no distances."""
    for one in view.comparisons:
        field, classes = view.field(one.truth), _classes(view, one)
        plain = field is not None and field.kind == "category" and field.encoding == "codes" and classes > 2
        if plain and one.loss.name in NUMBERS and one.where.startswith("term:"):
            target = one.truth.removeprefix("target:")
            message = (
                f"{one.name} ({one.loss.name}) takes the {classes} class numbers of {target} for quantities."
            )
            yield Problem(
                "codes-as-quantities",
                "warning",
                one.where,
                message,
                loss_fix(one.where, "SparseCategoricalCrossentropy"),
            )


def logits_and_probabilities(view: View) -> Iterator[Problem]:
    """Softmax before `from_logits=True`, or raw values where probabilities are wanted: trains, and badly."""
    for one in view.comparisons:
        activation = head_activation(view, one.prediction)
        if activation is None or one.loss.activation_hint is None:
            continue
        logits = one.config.get("from_logits") is True or one.loss.activation_hint == "logits"
        if logits and activation in PROBABILITIES:
            yield _probabilities_as_logits(view, one, activation)
        elif not logits and activation in LOGITS:
            yield _logits_as_probabilities(view, one)
        elif not logits and activation not in PROBABILITIES:
            wanted = _squash(one)
            message = (
                f"{one.name} ({one.loss.name}) wants probabilities, but {_head(one)} ends in {activation}."
            )
            yield Problem(
                "not-probabilities",
                "warning",
                one.where,
                message,
                activation_fix(view, one.prediction, wanted),
            )


def softmax_over_one(view: View) -> Iterator[Problem]:
    """A softmax over one value is always 1."""
    for name in view.project.model.heads:
        reference = f"head:{name}"
        shape = view.shape(reference)
        if shape and shape[-1] == 1 and head_activation(view, reference) == "softmax":
            message = f"{name} is a softmax over a single value, which is always 1."
            yield Problem(
                "softmax-over-one", "warning", reference, message, activation_fix(view, reference, "sigmoid")
            )


def softmax_with_binary_loss(view: View) -> Iterator[Problem]:
    """Yes-or-no labels side by side are no choice of one."""
    for one in view.comparisons:
        crossentropy = one.loss.name in ("CategoricalCrossentropy", "SparseCategoricalCrossentropy")
        shape = view.shape(one.prediction)
        if (
            not crossentropy
            or head_activation(view, one.prediction) != "sigmoid"
            or not shape
            or shape[-1] == 1
        ):
            continue
        message = (
            f"{one.name} ({one.loss.name}) chooses one of several classes, but {_head(one)} ends in sigmoid."
        )
        yield Problem(
            "sigmoid-for-classes",
            "warning",
            one.where,
            message,
            activation_fix(view, one.prediction, "softmax"),
        )


def positive_predictions(view: View) -> Iterator[Problem]:
    """Counts and logarithms need predictions above zero."""
    for one in view.comparisons:
        if one.loss.name in NEEDS_POSITIVE and head_activation(view, one.prediction) in ANY_SIGN:
            message = (
                f"{one.name} ({one.loss.name}) needs predictions above zero, but {_head(one)} may go below."
            )
            fix = activation_fix(view, one.prediction, "softplus")
            yield Problem("may-be-negative", "warning", one.where, message, fix)


def exact_accuracy(view: View) -> Iterator[Problem]:
    """`Accuracy` counts predictions that equal the label to the last digit."""
    for one in view.comparisons:
        if one.loss.name == "Accuracy" and one.where.startswith("metric:"):
            better = _accuracy(view, one)
            message = (
                f"{one.name} counts predictions that equal the label exactly, which hardly ever happens."
            )
            yield Problem(
                "exact-accuracy",
                "warning",
                one.where,
                message,
                loss_fix(one.where, better) if better else None,
            )


def head_activation(view: View, reference: str) -> str | None:
    """Return the activation that a head ends in, `linear` for none, None where that cannot be told."""
    name = layer_behind(view, reference)
    layer = view.project.model.layers.get(name) if name else None
    if layer is None:
        return None
    if layer.class_name in ("Softmax", "ReLU", "ELU", "LeakyReLU"):
        return {"Softmax": "softmax", "ReLU": "relu", "ELU": "elu", "LeakyReLU": "leaky_relu"}[
            layer.class_name
        ]
    if layer.class_name not in ("Dense", "Activation", "EinsumDense", "Conv1D", "Conv2D", "Conv3D"):
        return None
    activation = layer.config.get("activation") or "linear"
    return activation if isinstance(activation, str) else None


def _probabilities_as_logits(view: View, one: Comparison, activation: str) -> Problem:
    message = (
        f"{one.name} ({one.loss.name}) takes raw values (logits), but {_head(one)} ends in {activation}."
    )
    if one.config.get("from_logits") is True:
        fix: Fix | None = parameter_fix(one.where, "from_logits", False, "Let the loss take probabilities")
    else:
        fix = activation_fix(view, one.prediction, "linear")
    return Problem("probabilities-as-logits", "warning", one.where, message, fix)


def _logits_as_probabilities(view: View, one: Comparison) -> Problem:
    message = f"{one.name} ({one.loss.name}) takes probabilities, but {_head(one)} gives raw values (logits)."
    if one.loss.parameter("from_logits") is not None:
        fix: Fix | None = parameter_fix(one.where, "from_logits", True, "Let the loss take raw values")
    else:
        fix = activation_fix(view, one.prediction, _squash(one))
    return Problem("logits-as-probabilities", "warning", one.where, message, fix)


def _squash(one: Comparison) -> str:
    return "sigmoid" if one.loss.labels == "binary" else "softmax"


def _accuracy(view: View, one: Comparison) -> str | None:
    field, shape = view.field(one.truth), view.shape(one.prediction)
    if field is None or field.kind != "category":
        return None
    if field.encoding == "onehot":
        return "CategoricalAccuracy"
    return "BinaryAccuracy" if shape and shape[-1] == 1 else "SparseCategoricalAccuracy"


def _head(one: Comparison) -> str:
    return one.prediction.partition(":")[2]


def _classes(view: View, one: Comparison) -> int:
    facts, field = view.field_facts(one.truth), view.field(one.truth)
    given = field.classes if field is not None and field.kind == "category" else None
    known = (facts.classes if facts else None) or given
    return len(known) if known else 0


def _highest(view: View, one: Comparison) -> int | None:
    """The highest label, from the classes of a category or the range of a number."""
    classes, facts, field = _classes(view, one), view.field_facts(one.truth), view.field(one.truth)
    if field is not None and field.kind == "category":
        return classes - 1 if classes else None
    scaled = field is not None and field.kind == "number" and field.scaling != "none"
    return (
        int(facts.maximum)
        if facts and facts.maximum is not None and not scaled and abs(facts.maximum) < 1e9
        else None
    )


def _lowest(view: View, one: Comparison) -> float | None:
    facts, field = view.field_facts(one.truth), view.field(one.truth)
    return facts.minimum if facts and field is not None and field.kind == "number" else None
