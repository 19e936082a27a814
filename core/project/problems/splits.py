"""Rules about which rows train, validate and test."""

from collections.abc import Iterator, Mapping
from typing import Any

from core.project.edits import put
from core.project.problems.problem import Fix, Problem
from core.project.problems.view import View
from core.project.schema import Project


def shares_of_the_split(view: View) -> Iterator[Problem]:
    """Something must be left to train on."""
    split = view.project.data.split
    if split.kind != "column" and split.validation + split.test >= 1:
        message = f"Validation {split.validation:g} and test {split.test:g} leave no rows to train on."
        yield Problem(
            "no-training-rows",
            "blocking",
            "split",
            message,
            _split("Use 0.2 and 0.1", validation=0.2, test=0.1),
        )


def column_of_the_split(view: View) -> Iterator[Problem]:
    """Splitting by anything but chance needs a column."""
    split = view.project.data.split
    if split.kind == "random":
        return
    random = _split("Split at random", kind="random", by=None)
    if not split.by:
        yield Problem(
            "split-column", "blocking", "split", f"A {split.kind} split needs a column to go by.", random
        )
    elif view.columns and split.by not in view.columns:
        message = f"The split goes by the column {split.by}, which the data does not have."
        yield Problem("split-column", "blocking", "split", message, random)


def empty_splits(view: View) -> Iterator[Problem]:
    """Counts of rows as they came out when the data was read."""
    if view.data is None or view.data.error or not view.data.split or not view.data.exact:
        return
    train = view.data.split.get("train")
    if train == 0:
        yield Problem(
            "no-training-rows", "blocking", "split", "No rows are left to train on after the split."
        )
    elif view.project.data.split.kind == "column":
        if view.data.split.get("validation") == 0:
            message = f"No row says validation in the column {view.project.data.split.by}."
            yield Problem("no-validation-rows", "warning", "split", message)
    else:
        yield from _empty_shares(view, view.data.split)


def _empty_shares(view: View, counts: Mapping[str, int]) -> Iterator[Problem]:
    """Keras refuses a part without rows: the validation after the first epoch, the test after the last."""
    split = view.project.data.split
    for part, share in (("validation", split.validation), ("test", split.test)):
        if share and counts.get(part) == 0:
            message = f"The data has too few rows for {part}: none came out of the split."
            fix = _split(f"Set {part} to 0", **{part: 0.0})
            yield Problem(f"no-{part}-rows", "blocking", "split", message, fix)


def dropped_rows(view: View) -> Iterator[Problem]:
    """Rows that go missing quietly are worth a word when they are many."""
    if view.data is None or view.data.error or not view.data.exact:
        return
    dropped, rows = view.data.split.get("dropped", 0), view.data.rows
    if rows and dropped / rows > 0.2:
        message = f"{dropped:,} of {rows:,} rows are left out because a value is missing."
        yield Problem("many-rows-dropped", "warning", "data", message)


def batches_larger_than_the_data(view: View) -> Iterator[Problem]:
    """A batch cannot hold more rows than there are."""
    if view.data is None or view.data.error or not view.data.exact:
        return
    train, size = view.data.split.get("train", 0), view.project.training.batch_size
    if train and size > train:
        message = f"A batch of {size:,} is larger than the {train:,} training rows: every epoch is one step."
        fix = Fix("Use batches of 32", lambda now: _training(now, batch_size=min(32, train)))
        yield Problem("large-batch", "hint", "training", message, fix if train > 32 else None)


def _split(label: str, **values: Any) -> Fix:
    return Fix(label, lambda now: put(now, "split", now.data.split.model_copy(update=values)))


def _training(project: Project, **values: Any) -> Project:
    return put(project, "training", project.training.model_copy(update=values))
