"""Prints what a run recorded: every epoch or every step, each term raw and weighted."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.cli.opening import Refused
from core.cli.output import print_csv, print_json, says
from core.runs.history import Epoch, History

Row = dict[str, float | int | None]


def print_history(run: Path, *, steps: bool, form: str) -> None:
    """Print the record of a run as CSV or JSON. Raises Refused when there is none yet."""
    history = History(run)
    try:
        if not history.series:
            raise Refused(f"{run.name} has recorded nothing: {history.state.sentence or 'it has not begun'}")
        rows = list(step_rows(history) if steps else epoch_rows(history))
        if history.damage:
            says.print(history.damage, markup=False)
        state = history.state
        if state.status in ("failed", "killed"):
            says.print(f"{run.name} has not ended well: {state.sentence}", markup=False)
        columns = list(dict.fromkeys(column for row in rows for column in row))
        if form == "json":
            about = {
                "run": str(run),
                "status": state.status,
                "sentence": state.sentence,
                "damage": history.damage,
            }
            print_json(about | {"steps" if steps else "epochs": rows})
        else:
            print_csv(columns or list(history.series), rows)
    finally:
        history.close()


def step_rows(history: History) -> Iterator[Row]:
    """One row a step: step (from 1), total, regularization, and term:, weight: and weighted: of each term."""
    series, values = history.series, history.steps()
    for number, values_of_step in enumerate(values.tolist(), start=1):
        row: Row = {"step": number, **dict(zip(series, values_of_step, strict=True))}
        yield _with_weighted(row, _terms(series))


def epoch_rows(history: History) -> Iterator[Row]:
    """One row an epoch: its means, and with `val_` in front those of the validation rows."""
    terms, first = _terms(history.series), 0
    for epoch in history.epochs():
        weights = _weights(history, terms, first, epoch.step)
        row: Row = {"epoch": epoch.epoch, "step": epoch.step, "seconds": epoch.seconds}
        yield row | _means(epoch, terms, weights)
        first = epoch.step


def _means(epoch: Epoch, terms: Sequence[str], weights: dict[str, float]) -> Row:
    row: Row = {}
    for prefix, means in (("", epoch.train), ("val_", epoch.validation)):
        for key, value in means.items():
            row[prefix + key] = value
            name = key.removeprefix("term:")
            if key.startswith("term:") and name in terms:
                row[f"{prefix}weighted:{name}"] = weights[name] * value
    return row


def _weights(history: History, terms: Sequence[str], first: int, end: int) -> dict[str, float]:
    """The weight of each term in the steps from `first` to `end`; where it changed among them, the mean."""
    columns = {name: history.column(f"weight:{name}", first)[: end - first] for name in terms}
    return {name: _mean(column) for name, column in columns.items()}


def _mean(column: NDArray[np.float64]) -> float:
    if not len(column):
        return float("nan")
    return float(column[0]) if np.all(column == column[0]) else float(np.nanmean(column))


def _with_weighted(row: Row, terms: Sequence[str]) -> Row:
    for name in terms:
        row[f"weighted:{name}"] = (row[f"weight:{name}"] or 0.0) * (row[f"term:{name}"] or 0.0)
    return row


def _terms(series: Sequence[str]) -> list[str]:
    return [name.removeprefix("term:") for name in series if name.startswith("term:")]
