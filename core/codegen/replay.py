"""What was changed by hand while a run trained, as the schedule that lets its script train the same way."""

from core.codegen.fitting import Changes
from core.runs.history import History


def changes_of(history: History) -> Changes:
    """Return the weights and rates that were set during a run, by the step (from 0) that first used them."""
    weights: dict[int, dict[str, float]] = {}
    rates: dict[int, float] = {}
    for event in history.events():
        if event.kind == "weight":
            weights.setdefault(int(event.body["step"]), {})[str(event.body["term"])] = float(
                event.body["weight"]
            )
        elif event.kind == "rate":
            rates[int(event.body["step"])] = float(event.body["rate"])
    return Changes(weights=weights, rates=rates)
