"""Which edits help against what: by the part that bad values began with, and by whether the training had diverged."""

from collections.abc import Iterator, Mapping
from typing import Any

from core import catalogue
from core.project.badvalues import BadValues
from core.project.edits import put, set_config
from core.project.facts import Facts
from core.project.problems import Fix, problems
from core.project.problems.repairs import field_fix
from core.project.references import exists
from core.project.remedies.formulas import stable
from core.project.schema import ExpressionLoss, NumberField, Project

RATE, LESS, LENGTH = 0.001, 10, 1.0
CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
UNBOUNDED = ("exponential",)


def remedies(project: Project, facts: Facts, bad: BadValues) -> tuple[Fix, ...]:
    """Return edits of `project` that help against `bad`, the likeliest first, each with another label. Never raises
    for parts that are not in the project any more.
    """
    diverged = bad.diverged or bad.cause == "update"
    if bad.cause in ("input", "target"):
        found = [*_of_problems(project, facts, bad), *_rows(project, bad)]
    elif diverged:
        found = [*_rate(project), *_clip(project), *_bounds(project, bad), *_scaled(project)]
    elif bad.cause == "layer" or (bad.cause == "gradient" and bad.layer):
        found = [
            *_bounds(project, bad),
            *_scaled(project),
            *_precision(project),
            *_rate(project),
            *_clip(project),
        ]
    else:
        found = [*_formula(project, bad), *_of_problems(project, facts, bad), *_rate(project)]
    return tuple({fix.label: fix for fix in found}.values())


def lower_rate(project: Project) -> float | None:
    """A tenth of the learning rate of a project, None where it follows a schedule."""
    return _less(project.training.optimizer.config.get("learning_rate", RATE))


def _rate(project: Project) -> Iterator[Fix]:
    optimizer = project.training.optimizer
    rate = optimizer.config.get("learning_rate", RATE)
    less = lower_rate(project)
    if less is not None:
        yield _setting(f"Lower the learning rate to {less:g}", "learning_rate", less)
    elif isinstance(rate, Mapping):
        config = rate.get("config")
        first = config.get("initial_learning_rate") if isinstance(config, Mapping) else None
        less = _less(first)
        if isinstance(config, Mapping) and less is not None:
            slower = {**rate, "config": {**config, "initial_learning_rate": less}}
            yield _setting(f"Begin with a learning rate of {less:g}", "learning_rate", slower)


def _clip(project: Project) -> Iterator[Fix]:
    optimizer = project.training.optimizer
    known = catalogue.optimizers().get(optimizer.class_name)
    can = known is not None and known.parameter("clipnorm") is not None
    if can and not any(optimizer.config.get(key) for key in CLIPS):
        yield _setting(f"Clip gradients to a length of {LENGTH:g}", "clipnorm", LENGTH)


def _setting(label: str, key: str, value: Any) -> Fix:
    return Fix(label, lambda now: set_config(now, "training", key, value))


def _formula(project: Project, bad: BadValues) -> Iterator[Fix]:
    """The stable form of the formula to blame."""
    where = bad.where or ""
    term = project.terms.get(where.removeprefix("term:")) if where.startswith("term:") else None
    if term is None or not isinstance(term.loss, ExpressionLoss):
        return
    found = stable(term.loss.code, bad.formula) or stable(term.loss.code)
    if found is None:
        return
    code, part = found
    label = f"Write {bad.formula} as {part}" if part else f"Keep {where[5:]} away from 0 and infinity"
    yield Fix(label, lambda now: _with_formula(now, where, code))


def _with_formula(project: Project, where: str, code: str) -> Project:
    term = project.terms[where.removeprefix("term:")]
    return put(project, where, term.model_copy(update={"loss": ExpressionLoss(code=code)}))


def _bounds(project: Project, bad: BadValues) -> Iterator[Fix]:
    """An activation that grows no faster than its input, in place of one that does."""
    layer = project.model.layers.get(bad.layer or "")
    if layer is not None and layer.config.get("activation") in UNBOUNDED:
        where = f"layer:{bad.layer}"
        label = f"Give {bad.layer} a softplus activation"
        yield Fix(label, lambda now: set_config(now, where, "activation", "softplus"))


def _scaled(project: Project) -> Iterator[Fix]:
    """Inputs of a common size."""
    fed = dict.fromkeys(given.field for given in project.model.inputs.values())
    for name in fed:
        field = project.data.fields.get(name)
        if isinstance(field, NumberField) and field.scaling == "none":
            yield field_fix(name, f"Standardize {name}", scaling="standardize")


def _precision(project: Project) -> Iterator[Fix]:
    """Numbers above 65,504 are infinite in 16 bits."""
    if project.training.precision == "mixed_float16":
        training = project.training.model_copy(update={"precision": "float32"})
        yield Fix("Compute in float32", lambda now: put(now, "training", training))


def _rows(project: Project, bad: BadValues) -> Iterator[Fix]:
    """Leave out rows without a value; those with an infinite one can be mended in the data alone."""
    name = (bad.where or "").partition(":")[2]
    if bad.cause == "input" and name in project.model.inputs:
        name = project.model.inputs[name].field
    field = project.data.fields.get(name)
    if field is None or bad.kind != "nan":
        return
    if field.missing != "drop":
        yield field_fix(name, f"Leave out rows without {name}", missing="drop")


def _of_problems(project: Project, facts: Facts, bad: BadValues) -> Iterator[Fix]:
    """What the problems of the parts to blame offer."""
    heads = [f"head:{name}" for name in bad.heads]
    layers = [f"layer:{project.model.heads[name].layer}" for name in bad.heads if name in project.model.heads]
    about = {bad.where, *heads, *layers, *(f"term:{name}" for name in bad.terms)}
    for problem in problems(project, facts):
        if problem.where in about and problem.fix is not None and exists(project, problem.where):
            yield problem.fix


def _less(rate: object) -> float | None:
    """A tenth of a rate that is a number, to six digits."""
    number = isinstance(rate, int | float) and not isinstance(rate, bool)
    return float(f"{rate / LESS:.6g}") if number else None  # type: ignore[operator]
