"""Rows that list metrics, lead to them and add one: metrics have no node on the canvas, so sheets name them."""

from collections.abc import Iterator

from core.project.edits import fresh_name, put, remove
from core.project.schema import FrozenMap, Metric, Project
from gui.panels.sheets import Heading, Press, Row

# What one usually watches beside a loss; beside any other it is the mean absolute error.
BESIDE = {
    "SparseCategoricalCrossentropy": "SparseCategoricalAccuracy",
    "CategoricalCrossentropy": "CategoricalAccuracy",
    "BinaryCrossentropy": "BinaryAccuracy",
}


def metric_rows(project: Project, head: str | None = None) -> Iterator[Row]:
    """The metrics of the project, or of one head with a button that adds one more."""
    reference = f"head:{head}"
    shown = [
        name for name, part in project.metrics.items() if head is None or reference in part.bind.values()
    ]
    if shown or head:
        yield Heading("metrics", "Metrics")
    for name in shown:
        yield Press(f"metric_{name}", name, project.metrics[name].metric, leads=f"metric:{name}")
    if head:
        yield Press("add_metric", "", "Add a metric", "add", do=lambda p: with_metric(p, head))


def remove_row(name: str) -> Press:
    """Takes a metric out of the project."""
    return Press("remove", "", "Remove this metric", "remove", do=lambda p: remove(p, [f"metric:{name}"]))


def with_metric(project: Project, head: str) -> Project:
    """Return the project with one more metric on a head, held against the target of the head's first loss."""
    reference = f"head:{head}"
    terms = [term for term in project.terms.values() if reference in term.bind.values()]
    targets = [value for term in terms for value in term.bind.values() if value.startswith("target:")]
    losses = [term.loss.name for term in terms if term.loss.kind == "catalogue"]
    kind = next((BESIDE[loss] for loss in losses if loss in BESIDE), "MeanAbsoluteError")
    bind = {"y_true": targets[0]} if targets else {}
    name = fresh_name(project, "metric", f"{head}_{'accuracy' if 'Accuracy' in kind else 'error'}")
    return put(project, f"metric:{name}", Metric(metric=kind, bind=FrozenMap({**bind, "y_pred": reference})))
