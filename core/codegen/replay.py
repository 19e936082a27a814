"""What lets a script train as a run did: what was changed by hand meanwhile, and whether Turbo was possible."""

from core.codegen.fitting import Changes
from core.project.schema import Project
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


def as_trained(project: Project, history: History) -> Project:
    """Return `project` without Turbo where its run was trained without it, so that the script gives its numbers."""
    if not project.training.turbo or history.state.turbo is not False:
        return project
    return project.model_copy(update={"training": project.training.model_copy(update={"turbo": False})})
