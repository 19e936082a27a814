"""Rules about classes and their parameters: unknown ones, missing ones, values out of range."""

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any

from pydantic import JsonValue

from core import catalogue
from core.catalogue import Entry, Parameter
from core.project.edits import fresh_name, put, set_config
from core.project.problems.problem import Fix, Problem
from core.project.problems.view import View
from core.project.schema import Layer, Project


def layers(view: View) -> Iterator[Problem]:
    """Every layer is a class of the catalogue with parameters that it knows."""
    for name, layer in view.project.model.layers.items():
        if layer.shares:
            continue
        entry = catalogue.layers().get(layer.class_name)
        if entry is None:
            yield _unknown_class(
                f"layer:{name}", "layer", layer.class_name, catalogue.layers(), _set_layer_class
            )
        else:
            yield from _config(f"layer:{name}", name, entry, layer.config)


def losses(view: View) -> Iterator[Problem]:
    """Every catalogue loss is a class of the catalogue with parameters that it knows."""
    for name, term in view.project.terms.items():
        if term.loss.kind != "catalogue":
            continue
        entry = catalogue.losses().get(term.loss.name)
        if entry is None:
            yield _unknown_class(f"term:{name}", "loss", term.loss.name, catalogue.losses(), _set_loss)
        else:
            yield from _config(f"term:{name}", name, entry, term.loss.config)


def metrics(view: View) -> Iterator[Problem]:
    """Every metric is a class of the catalogue with parameters that it knows."""
    for name, metric in view.project.metrics.items():
        entry = catalogue.metrics().get(metric.metric)
        if entry is None:
            yield _unknown_class(f"metric:{name}", "metric", metric.metric, catalogue.metrics(), _set_metric)
        else:
            yield from _config(f"metric:{name}", name, entry, metric.config)


def optimizer(view: View) -> Iterator[Problem]:
    """The optimizer is a class of the catalogue with parameters that it knows."""
    chosen = view.project.training.optimizer
    entry = catalogue.optimizers().get(chosen.class_name)
    if entry is None:
        yield _unknown_class(
            "training", "optimizer", chosen.class_name, catalogue.optimizers(), _set_optimizer
        )
    else:
        yield from _config("training", chosen.class_name, entry, chosen.config)


def numbers_of_inputs(view: View) -> Iterator[Problem]:
    """A layer takes one tensor, or as many as its class says."""
    for name, layer in view.project.model.layers.items():
        entry, count = view.entry(layer), len(layer.sources)
        if entry is None or not count:
            continue
        most = 1 if entry.call == "one" else entry.inputs_max
        if most is not None and count > most:
            takes = "one input" if most == 1 else f"at most {most} inputs"
            fix = Fix("Join them with a Concatenate", partial(_joined, name=name)) if most == 1 else None
            message = f"{name} ({entry.name}) takes {takes}, but {count} are wired to it."
            yield Problem("too-many-inputs", "blocking", f"layer:{name}", message, fix)
        elif count < entry.inputs_min:
            message = (
                f"{name} ({entry.name}) needs at least {entry.inputs_min} inputs, but {count} is wired to it."
            )
            fix = _query_only(name, layer.sources[0]) if entry.call == "args" else None
            yield Problem("too-few-inputs", "blocking", f"layer:{name}", message, fix)


def _config(where: str, name: str, entry: Entry, config: Mapping[str, JsonValue]) -> Iterator[Problem]:
    known = {parameter.name: parameter for parameter in entry.parameters}
    for key in config:
        if key not in known:
            message = f"{name} ({entry.name}) has no parameter {key}."
            yield Problem(
                "unknown-parameter", "blocking", where, message, _unset(where, key, f"Remove {key}")
            )
    for parameter in entry.parameters:
        if parameter.name in config:
            yield from _value(where, name, entry, parameter, config[parameter.name])
        elif parameter.required:
            example = entry.example.get(parameter.name)
            message = f"{name} ({entry.name}) needs a value for {parameter.name}."
            yield Problem(
                "missing-parameter", "blocking", where, message, _set(where, parameter.name, example)
            )


def _value(where: str, name: str, entry: Entry, parameter: Parameter, value: JsonValue) -> Iterator[Problem]:
    why, better = judge(parameter, value)
    if why:
        message = f"{parameter.name} of {name} ({entry.name}) {why}."
        example = better if better is not None else entry.example.get(parameter.name)
        fix = _set(where, parameter.name, example) if example is not None else None
        if fix is None and not parameter.required:
            fix = _unset(where, parameter.name, "Use the default")
        yield Problem("bad-parameter", "blocking", where, message, fix)


def judge(parameter: Parameter, value: JsonValue) -> tuple[str, JsonValue]:
    """Return why a value will not do, "" when it will, and a near one that would, None when there is none."""
    if value is None:
        fine = parameter.optional or (parameter.default is None and not parameter.required)
        return ("" if fine else "needs a value"), None
    if parameter.choices and parameter.type == "choice":
        near = get_close_matches(str(value), parameter.choices, 1)
        shown = ", ".join(parameter.choices)
        return ("" if value in parameter.choices else f"must be one of {shown}"), near[0] if near else None
    check = TYPES.get(parameter.type)
    return check(parameter, value) if check else ("", None)


def _number(parameter: Parameter, value: JsonValue) -> tuple[str, JsonValue]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "must be a number", None
    if parameter.type == "int" and value != int(value):
        return "must be a whole number", round(value)
    return _range(parameter, value)


def _range(parameter: Parameter, value: float) -> tuple[str, JsonValue]:
    whole = parameter.type in ("int", "ints")
    if parameter.minimum is not None and value < parameter.minimum:
        end = parameter.minimum
        return f"must be at least {end:g}, not {value:g}", int(end) if whole else end
    if parameter.maximum is not None and value > parameter.maximum:
        end = parameter.maximum
        return f"must be at most {end:g}, not {value:g}", int(end) if whole else end
    return "", None


def _bool(_parameter: Parameter, value: JsonValue) -> tuple[str, JsonValue]:
    return ("" if isinstance(value, bool) else "must be true or false"), None


def _whole_numbers(parameter: Parameter, value: JsonValue) -> tuple[str, JsonValue]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, bool) or not isinstance(item, int):
            return "must be a whole number or a list of them", None
        why, better = _range(parameter, item)
        if why:
            return why, better if not isinstance(value, list) else None
    return "", None


def _schedule(parameter: Parameter, value: JsonValue) -> tuple[str, JsonValue]:
    return (
        _object(catalogue.schedules())(parameter, value)
        if isinstance(value, dict)
        else _number(parameter, value)
    )


def _function(parameter: Parameter, value: JsonValue) -> tuple[str, JsonValue]:
    names = catalogue.activations()
    if isinstance(value, str) and value in names:
        return "", None
    near = get_close_matches(str(value), names, 1)
    return f"cannot be {str(value)[:40]}, which is no activation of Keras", near[0] if near else None


def _object(table: Mapping[str, Entry]) -> Callable[[Parameter, JsonValue], tuple[str, JsonValue]]:
    """A class by its name, or by its name with parameters: `{"class": "L2", "config": {"l2": 0.01}}`."""
    by_old_name = {
        name.replace("_", "").lower() for name in (*table, "zeros", "ones", "uniform", "normal", "l1_l2")
    }

    def check(_parameter: Parameter, value: JsonValue) -> tuple[str, JsonValue]:
        name = value.get("class") if isinstance(value, dict) else value
        if isinstance(name, str) and (name in table or name.replace("_", "").lower() in by_old_name):
            return _inner(table.get(name), value)
        return f"cannot be {str(name)[:40]}, which Keras does not have here", None

    return check


def _inner(entry: Entry | None, value: JsonValue) -> tuple[str, JsonValue]:
    """Judge the parameters of an object inside a parameter."""
    config = value.get("config", {}) if isinstance(value, dict) else {}
    if not isinstance(config, dict):
        return 'needs an object as its "config"', None
    for parameter in entry.parameters if entry else ():
        why = judge(parameter, config[parameter.name])[0] if parameter.name in config else ""
        if not why and parameter.required and parameter.name not in config:
            why = "needs a value"
        if why:
            return f"has a {entry.name if entry else ''} whose {parameter.name} {why}", None
    unknown = [key for key in config if entry and entry.parameter(key) is None]
    return (
        f"has a {entry.name if entry else ''} with the unknown parameter {unknown[0]}" if unknown else ""
    ), None


def _layer(parameter: Parameter, value: JsonValue) -> tuple[str, JsonValue]:
    table = catalogue.cells() if parameter.name == "cell" else catalogue.layers()
    return _object(table)(parameter, value) if isinstance(value, dict) else ("must be a layer", None)


TYPES: Mapping[str, Callable[[Parameter, JsonValue], tuple[str, JsonValue]]] = {
    "int": _number,
    "float": _number,
    "bool": _bool,
    "ints": _whole_numbers,
    "schedule": _schedule,
    "activation": _function,
    "initializer": lambda parameter, value: _object(catalogue.initializers())(parameter, value),
    "regularizer": lambda parameter, value: _object(catalogue.regularizers())(parameter, value),
    "constraint": lambda parameter, value: _object(catalogue.constraints())(parameter, value),
    "layer": _layer,
}


def _unknown_class(
    where: str, what: str, name: str, table: Mapping[str, Any], change: Callable[[Project, str, str], Project]
) -> Problem:
    near = get_close_matches(name, table, 1)
    fix = Fix(f"Use {near[0]}", lambda now: change(now, where.partition(":")[2], near[0])) if near else None
    message = f"Keras has no {what} called {name}." if name else f"Choose a class for this {what}."
    return Problem(f"unknown-{what}", "blocking", where, message, fix)


def _set(where: str, key: str, value: JsonValue) -> Fix | None:
    shown = value if isinstance(value, (int, float, str)) else "an example"
    return (
        None
        if value is None
        else Fix(f"Set {key} to {shown}", lambda now: set_config(now, where, key, value))
    )


def _unset(where: str, key: str, label: str) -> Fix:
    return Fix(label, lambda now: set_config(now, where, key, None))


def _set_layer_class(project: Project, name: str, class_name: str) -> Project:
    layer = project.model.layers[name].model_copy(update={"class_name": class_name})
    return put(project, f"layer:{name}", layer)


def _set_loss(project: Project, name: str, loss_name: str) -> Project:
    term = project.terms[name]
    loss = term.loss.model_copy(update={"name": loss_name})
    return put(project, f"term:{name}", term.model_copy(update={"loss": loss}))


def _set_metric(project: Project, name: str, metric_name: str) -> Project:
    return put(project, f"metric:{name}", project.metrics[name].model_copy(update={"metric": metric_name}))


def _set_optimizer(project: Project, _name: str, class_name: str) -> Project:
    optimizer = project.training.optimizer.model_copy(update={"class_name": class_name})
    return put(project, "training", project.training.model_copy(update={"optimizer": optimizer}))


def _joined(project: Project, name: str) -> Project:
    """Put a Concatenate in front of a layer that takes one input."""
    layer = project.model.layers[name]
    joint = fresh_name(project, "layer", "joined")
    project = put(project, f"layer:{joint}", Layer(class_name="Concatenate", sources=layer.sources))
    return put(project, f"layer:{name}", layer.model_copy(update={"sources": (joint,)}))


def _query_only(name: str, source: str) -> Fix:
    """Attention over one tensor: it is query and value."""

    def apply(project: Project) -> Project:
        layer = project.model.layers[name].model_copy(update={"sources": (source, source)})
        return put(project, f"layer:{name}", layer)

    return Fix("Use it as query and value", apply)
