"""Rules about terms as a whole and about training: weights, early stopping, the optimizer's rate."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from core.project.edits import put, set_config, set_on, set_weight
from core.project.problems.problem import Fix, Problem
from core.project.problems.view import View
from core.project.schema import Project

MOST_WEIGHT = 1e30

HIGHER_IS_BETTER = frozenset(
    {
        *("AUC", "Accuracy", "BinaryAccuracy", "BinaryIoU", "CategoricalAccuracy", "ConcordanceCorrelation"),
        *(
            "CosineSimilarity",
            "F1Score",
            "FBetaScore",
            "IoU",
            "MeanIoU",
            "OneHotIoU",
            "OneHotMeanIoU",
            "R2Score",
        ),
        *(
            "PearsonCorrelation",
            "Precision",
            "PrecisionAtRecall",
            "Recall",
            "RecallAtPrecision",
            "TruePositives",
        ),
        *(
            "SensitivityAtSpecificity",
            "SparseCategoricalAccuracy",
            "SparseTopKCategoricalAccuracy",
            "TrueNegatives",
        ),
        *("SpecificityAtSensitivity", "TopKCategoricalAccuracy"),
    }
)


def no_terms(view: View) -> Iterator[Problem]:
    """A model without a term has nothing to learn."""
    terms = view.project.terms
    if not terms:
        yield Problem("no-terms", "blocking", "total", "There is no loss to train on: add a term.")
    elif not any(term.on for term in terms.values()):
        first = next(iter(terms))
        fix = Fix(f"Switch {first} on", lambda now: set_on(now, first, True))
        yield Problem(
            "no-terms", "blocking", "total", "All terms are switched off, so nothing is trained.", fix
        )
    elif not any(term.on and term.weight for term in terms.values()):
        first = next(name for name, term in terms.items() if term.on)
        fix = Fix(f"Give {first} the weight 1", lambda now: set_weight(now, first, 1.0))
        yield Problem(
            "all-weights-zero", "blocking", "total", "Every term weighs 0, so nothing is trained.", fix
        )


def negative_weights(view: View) -> Iterator[Problem]:
    """A negative weight makes training look for a large loss."""
    for name, term in view.project.terms.items():
        if term.on and term.weight < 0:
            message = f"{name} weighs {term.weight:g}: training makes it as large as it can."
            fix = Fix(f"Use {-term.weight:g}", partial(set_weight, term=name, weight=-term.weight))
            yield Problem("negative-weight", "warning", f"term:{name}", message, fix)


def huge_weights(view: View) -> Iterator[Problem]:
    """Losses are float32, and so is what a weight makes of them."""
    for name, term in view.project.terms.items():
        if term.on and abs(term.weight) > MOST_WEIGHT:
            message = f"{name} weighs {term.weight:g}: its weighted loss cannot be computed in float32."
            fix = Fix("Use 1", partial(set_weight, term=name, weight=1.0))
            yield Problem("huge-weight", "blocking", f"term:{name}", message, fix)


def learning_rate(view: View) -> Iterator[Problem]:
    """A rate of zero learns nothing, one above 1 hardly anything."""
    rate = view.project.training.optimizer.config.get("learning_rate")
    if isinstance(rate, bool) or not isinstance(rate, (int, float)):
        return
    fix = Fix("Use 0.001", lambda now: set_config(now, "training", "learning_rate", 0.001))
    if rate == 0:
        yield Problem(
            "zero-rate", "blocking", "training", "The learning rate is 0, so nothing is trained.", fix
        )
    elif rate > 1 and view.project.training.optimizer.class_name != "Adadelta":
        message = f"A learning rate of {rate:g} is very large; training will most probably diverge."
        yield Problem("large-rate", "warning", "training", message, fix)


def early_stopping(view: View) -> Iterator[Problem]:
    """Early stopping watches something that exists, on rows that exist, in the right direction."""
    stopping = view.project.training.early_stopping
    if stopping is None:
        return
    name, metric = stopping.monitor, view.project.metrics.get(stopping.monitor)
    term = view.project.terms.get(name)
    watched = metric if metric is not None else term
    if name not in ("total", "regularization") and (watched is None or not watched.on):
        why = "does not exist" if watched is None else "is switched off"
        message = f"Early stopping watches {name}, which {why}."
        yield Problem(
            "unknown-monitor", "blocking", "training", message, _stopping("Watch the total", monitor="total")
        )
    higher = metric is not None and metric.metric in HIGHER_IS_BETTER
    if higher and stopping.mode == "min":
        message = f"Early stopping waits for {name} to fall, but higher is better."
        yield Problem(
            "wrong-direction", "warning", "training", message, _stopping("Wait for it to rise", mode="max")
        )
    elif stopping.mode == "max" and not higher:
        message = f"Early stopping waits for {name} to rise, but lower is better."
        yield Problem(
            "wrong-direction", "warning", "training", message, _stopping("Wait for it to fall", mode="min")
        )


def validation_for_early_stopping(view: View) -> Iterator[Problem]:
    """Early stopping looks at validation rows."""
    split, data = view.project.data.split, view.data
    none = split.kind != "column" and split.validation == 0
    none = none or (data is not None and not data.error and data.exact and data.split.get("validation") == 0)
    if view.project.training.early_stopping is not None and none:
        message = "Early stopping needs validation rows, and the split gives none."
        fix = Fix("Use 0.2 for validation", lambda now: _validation(now))
        yield Problem("no-validation", "blocking", "split", message, fix)


def _stopping(label: str, **values: Any) -> Fix:
    def apply(project: Project) -> Project:
        stopping = project.training.early_stopping
        changed = stopping.model_copy(update=values) if stopping else None
        return put(project, "training", project.training.model_copy(update={"early_stopping": changed}))

    return Fix(label, apply)


def _validation(project: Project) -> Project:
    return put(project, "split", project.data.split.model_copy(update={"validation": 0.2}))
