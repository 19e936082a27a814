"""What is known of the step in which a run's numbers stopped being finite: a fact that engine, record, command line
and window share, and the sentence that tells it.
"""

from typing import Literal

from core.project.facts import Fact

MOST_ROWS = 10
"""Rows that are named one by one."""

Cause = Literal["input", "target", "layer", "term", "regularization", "gradient", "update", "unknown"]


class BadValues(Fact):
    """The first step whose values, gradients or weights were not finite, and the part it began with.

    `step` and `epoch` count from 1. `cause` says what began: an input's or a target's values, a layer's output, a
    term's or the regularization's value, a gradient (of the term or layer in `where`), the update of the weights, or
    nothing that could be found. `terms` and `heads` went bad with it. `rows` are at most ten of the `row_count` rows
    of the batch (of `batch_size`) that are to blame: numbers of rows in `source`, from 1, or of training rows where
    `source` is empty; `batch` are all rows of that batch.
    """

    step: int
    epoch: int | None = None
    cause: Cause = "unknown"
    kind: Literal["nan", "infinite"] = "nan"
    where: str | None = None
    layer: str | None = None
    terms: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    formula: str = ""
    """The part of a term's formula that was computed first among those that went bad."""
    line: int | None = None
    """The line of the run's train.py that did, in a Python loss."""
    rows: tuple[int, ...] = ()
    row_count: int = 0
    batch: tuple[int, ...] = ()
    batch_size: int = 0
    source: str = ""
    values: tuple[str, ...] = ()
    """What stands in the rows to blame, or was computed with there: `row 17: stars = inf`."""
    diverged: bool = False
    """Whether the weights or the total had grown out of all measure before."""
    ended: bool = False
    """Whether the weights were lost and the run ended there."""
    kept_epoch: int | None = None
    """The last whole epoch whose state is kept, if any."""
    kept_step: int | None = None
    """The step after which the model in `last-finite.keras` is, if it was written."""
    validation: bool = False
    """Whether it was in the validation after `step`, and not in a training step."""
    note: str = ""
    """Why no more is known."""


def sentence(bad: BadValues) -> str:
    """Say what went bad where, with the rows, what it took along, and what is kept."""
    epoch = f" (epoch {bad.epoch})" if bad.epoch else ""
    place = f"At step {bad.step:,}{epoch}" if not bad.validation else f"In the validation{epoch}"
    before = " the training had diverged:" if bad.diverged else ""
    return f"{place}{before} {_began(bad)}{_rows(bad)}{_taken_along(bad)}.{_kept(bad)}"


def advice(bad: BadValues) -> str:
    """Say in general what helps against it."""
    if bad.cause in ("input", "target"):
        return "Mend those values in the data, or leave those rows out."
    if bad.diverged or bad.cause == "update":
        return "A smaller learning rate helps most often, and clipping the gradients."
    if bad.cause == "layer":
        return "A smaller learning rate, clipped gradients or an activation with bounds helps."
    return "Most often a formula without a log of 0 and a division by 0 helps, or a smaller learning rate."


def _word(bad: BadValues) -> str:
    return "infinite" if bad.kind == "infinite" else "not a number (NaN)"


def _name(bad: BadValues) -> str:
    return (bad.where or "").partition(":")[2]


def _began(bad: BadValues) -> str:
    name, word = _name(bad), _word(bad)
    match bad.cause:
        case "input":
            return f"the input {name} had values that are {word}"
        case "target":
            return f"the target {name} had values that are {word}"
        case "layer":
            return f"the output of the layer {bad.layer or name} became {word}"
        case "term":
            part = f": {bad.formula} is" if bad.formula else " became"
            line = f" (line {bad.line} of train.py)" if bad.line else ""
            return f"the term {name}{_of(bad.heads)}{part} {word}{line}"
        case "gradient" if bad.layer:
            return f"the gradient through the layer {bad.layer} became {word}"
        case "gradient":
            part = f", through {bad.formula}," if bad.formula else ""
            return f"the gradient of the term {name}{_of(bad.heads)}{part} became {word}"
        case "regularization":
            return f"the regularization{f' of the layer {bad.layer}' if bad.layer else ''} became {word}"
        case "update":
            what = f" of the layer {bad.layer}" if bad.layer else ""
            return f"the optimizer made the weights{what} {word}, from gradients that are finite"
    if bad.terms:
        return f"the {_listed('term', bad.terms)}{_of(bad.heads)} became {word}"
    return f"the total became {word}"


def _of(heads: tuple[str, ...]) -> str:
    return f" ({_listed('head', heads)})" if heads else ""


def _rows(bad: BadValues) -> str:
    if not bad.row_count:
        return ""
    if bad.row_count == bad.batch_size > 1:
        return f" for all {bad.row_count} rows of its batch"
    if bad.row_count > len(bad.rows):
        return f" for {bad.row_count} of the {bad.batch_size} rows of its batch"
    named = ", ".join(str(row) for row in bad.rows)
    word = "row" if bad.row_count == 1 else "rows"
    return f" in {word} {named} of {bad.source or 'the training rows'}"


def _taken_along(bad: BadValues) -> str:
    own = {_name(bad)} if bad.cause in ("term", "gradient") else set()
    others = tuple(name for name in bad.terms if name not in own)
    if not others or bad.cause == "unknown":
        return ""
    heads = _of(bad.heads) if not own else ""
    return f", and with it the {_listed('term', others)}{heads}"


def _kept(bad: BadValues) -> str:
    if not bad.ended:
        return ""
    epoch, model = bad.kept_epoch, bad.kept_step is not None
    whole = f"epoch {epoch} is kept to go on from" if epoch else "no epoch was whole by then"
    before = ", and last-finite.keras has the model before that" if model else ""
    return f" The weights were lost with it, so the run ended; {whole}{before}."


def _listed(word: str, names: tuple[str, ...]) -> str:
    if len(names) == 1:
        return f"{word} {names[0]}"
    return f"{word}s {', '.join(names[:-1])} and {names[-1]}"
