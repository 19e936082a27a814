"""Rules about what terms and metrics are bound to."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import NamedTuple

from core import catalogue
from core.project.edits import connect, put
from core.project.problems.problem import Fix, Problem, Severity
from core.project.problems.view import View
from core.project.references import exists, parse
from core.project.schema import FrozenMap, Project
from core.project.wiring import BINDABLE, PAIR, TARGET_LIKE, optional_arguments


class Bound(NamedTuple):
    """A term or metric with what its arguments are bound to."""

    where: str
    name: str
    bind: Mapping[str, str]
    arguments: tuple[str, ...]
    optional: frozenset[str]


def unbound_arguments(view: View) -> Iterator[Problem]:
    """A term without a target or without a head."""
    for part in _parts(view):
        for argument in part.arguments:
            if argument not in part.bind and argument not in part.optional:
                yield _unbound(view, part, argument)


def unknown_arguments(view: View) -> Iterator[Problem]:
    """Something is bound that the loss does not take."""
    for part in _parts(view):
        for argument in part.bind:
            if part.arguments and argument not in part.arguments:
                message = f"{part.name} has no argument {argument}; it takes {', '.join(part.arguments)}."
                fix = _unbind(part.where, argument, f"Let go of {argument}")
                yield Problem("unknown-argument", "warning", part.where, message, fix)


def dangling_bindings(view: View) -> Iterator[Problem]:
    """Something is bound that does not exist, or that cannot be compared."""
    for part in _parts(view):
        for argument, value in part.bind.items():
            found = parse(value)
            if found is not None and found.kind in BINDABLE and exists(view.project, value):
                continue
            if found is not None and found.kind == "field" and exists(view.project, value):
                message = f"{part.name} binds {argument} to a field; a term compares with it as a target."
                fix = _rebind(part.where, argument, f"target:{found.name}", f"Use target:{found.name}")
            else:
                message = f"{part.name} binds {argument} to {value or 'nothing'}, which does not exist."
                fix = _unbind(part.where, argument, f"Let go of {argument}")
            yield Problem("dangling-binding", "blocking", part.where, message, fix)


def terms_without_heads(view: View) -> Iterator[Problem]:
    """A term that no output of the model reaches has no gradient."""
    for name, term in view.project.terms.items():
        used = {key: value for key, value in term.bind.items() if key in view.arguments[name]}
        kinds = {value.partition(":")[0] for value in used.values()}
        complete = all(argument in term.bind for argument in view.arguments[name])
        if term.on and complete and kinds and not kinds & {"head", "layer"}:
            message = f"{name} compares no head and no layer, so it has no gradient and trains nothing."
            alone = not any(other.on for key, other in view.project.terms.items() if key != name)
            severity: Severity = "blocking" if alone else "warning"
            yield Problem("term-without-head", severity, f"term:{name}", message)


def heads_without_terms(view: View) -> Iterator[Problem]:
    """A head that no loss reaches is not trained; fine where it is meant."""
    trained = {
        value
        for term in view.project.terms.values()
        if term.on and term.weight
        for value in term.bind.values()
    }
    mentioned = {value for term in view.project.terms.values() for value in term.bind.values()}
    for name, head in view.project.model.heads.items():
        where = f"head:{name}"
        if head.no_loss and where in trained:
            fix = Fix("Take the mark away", partial(_no_loss, name=name, meant=False))
            yield Problem(
                "no-loss-with-term",
                "hint",
                where,
                f"{name} is marked as having no loss, but a term uses it.",
                fix,
            )
        elif not head.no_loss and where not in trained:
            yield _untrained(name, where in mentioned)


def _untrained(name: str, mentioned: bool) -> Problem:
    why = "its terms are switched off or weigh 0" if mentioned else "no term uses it"
    message = f'The head {name} is not trained: {why}. Add a term, or say "no loss" if it is meant.'
    fix = Fix("Say that no loss is meant", lambda now: _no_loss(now, name, True))
    return Problem("head-without-term", "hint" if mentioned else "warning", f"head:{name}", message, fix)


def _parts(view: View) -> Iterator[Bound]:
    for name, term in view.project.terms.items():
        optional = optional_arguments(view.project, term)
        yield Bound(f"term:{name}", name, term.bind, view.arguments[name], optional)
    for name, metric in view.project.metrics.items():
        known = PAIR if metric.metric in catalogue.metrics() else ()
        yield Bound(f"metric:{name}", name, metric.bind, known, frozenset())


def _unbound(view: View, part: Bound, argument: str) -> Problem:
    wants_target = argument.lower() in TARGET_LIKE
    what = "target" if wants_target else "head" if argument == "y_pred" else "value"
    message = f"{part.name} has no {what}: wire one to its argument {argument}."
    code = f"{part.where.partition(':')[0]}-without-{what}"
    return Problem(code, "blocking", part.where, message, _only_candidate(view, part, argument, wants_target))


def _only_candidate(view: View, part: Bound, argument: str, wants_target: bool) -> Fix | None:
    """Offer the one thing that could be meant, where there is only one."""
    bound = set(part.bind.values())
    if wants_target:
        given = {one.field for one in view.project.model.inputs.values()}
        found = [f"target:{name}" for name in view.project.data.fields if name not in given]
    else:
        found = [f"head:{name}" for name in view.project.model.heads if f"head:{name}" not in bound]
    if len(found) != 1:
        return None
    return Fix(f"Use {found[0]}", lambda now: connect(now, found[0], part.where, argument))


def _rebind(where: str, argument: str, value: str | None, label: str) -> Fix:
    def apply(project: Project) -> Project:
        kind, _, name = where.partition(":")
        part = project.terms[name] if kind == "term" else project.metrics[name]
        bind = {key: old for key, old in part.bind.items() if key != argument or value is not None}
        bind |= {} if value is None else {argument: value}
        return put(project, where, part.model_copy(update={"bind": FrozenMap(bind)}))

    return Fix(label, apply)


def _unbind(where: str, argument: str, label: str) -> Fix:
    return _rebind(where, argument, None, label)


def _no_loss(project: Project, name: str, meant: bool) -> Project:
    return put(project, f"head:{name}", project.model.heads[name].model_copy(update={"no_loss": meant}))
