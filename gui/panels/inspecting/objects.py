"""Rows for the parameters of classes of Keras, also for those inside others: initializers, schedules...

A value is written as the project file has it: plain, the name of a class, or `{"class": ..., "config": ...}`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import JsonValue

from core.catalogue import Entry, Parameter
from core.project.schema import FrozenMap, Project
from gui.panels.editors import NONE, TABLES
from gui.panels.sheets import Edit, Row
from gui.widgets.searchmenu import Choice

Config = Mapping[str, JsonValue]
PutConfig = Callable[[Project, Config], Project]
PLAIN_NUMBER = "fixed"


def parameter_rows(entry: Entry, config: Config, put: PutConfig, prefix: str = "") -> tuple[Row, ...]:
    """A row for every parameter of a class; `put` gives the project with another config."""
    return tuple(_row(parameter, config, put, prefix) for parameter in entry.parameters)


def _row(parameter: Parameter, config: Config, put: PutConfig, prefix: str) -> Edit:
    name = parameter.name
    value = config.get(name, parameter.default)

    def put_value(project: Project, new: Any) -> Project:
        return put(project, with_value(config, parameter, new))

    def reset(project: Project) -> Project:
        return put(project, without(config, name))

    kept = None if parameter.required else reset
    changed = name in config and config[name] != parameter.default
    label, key = name.replace("_", " "), f"{prefix}{name}"
    if parameter.type not in TABLES:
        return Edit(key, label, parameter, value, put_value, changed=changed, reset=kept, help=parameter.help)
    return Edit(
        key,
        label,
        parameter,
        class_of(value),
        lambda project, new: put_value(project, _fresh(parameter, new, value)),
        choices=_classes(parameter),
        changed=changed,
        reset=kept,
        help=parameter.help,
        nested=_nested(parameter, value, put_value, f"{key}.") if changed or _always_open(parameter) else (),
    )


def _always_open(parameter: Parameter) -> bool:
    """Whether the object's own parameters are shown even while it is the default."""
    return parameter.required or parameter.type == "schedule"


def with_value(config: Config, parameter: Parameter, value: JsonValue) -> Config:
    """`config` with a value; what equals the default is left out, so that files and scripts stay short."""
    if value == parameter.default and type(value) is type(parameter.default) and not parameter.required:
        return without(config, parameter.name)
    if value is None and parameter.required:
        return without(config, parameter.name)
    return FrozenMap({**config, parameter.name: value})


def without(config: Config, name: str) -> Config:
    return FrozenMap({key: value for key, value in config.items() if key != name})


def class_of(value: JsonValue) -> str | None:
    """The class that a value names; "" for a plain number, None for None."""
    if isinstance(value, Mapping):
        return str(value.get("class", ""))
    return value if isinstance(value, str) else None if value is None else PLAIN_NUMBER


def config_of(value: JsonValue) -> Config:
    """The parameters that a value gives its class."""
    inner = value.get("config", {}) if isinstance(value, Mapping) else {}
    return inner if isinstance(inner, Mapping) else {}


def written(name: str, config: Config) -> JsonValue:
    """A class with its parameters, as short as the file allows."""
    return {"class": name, "config": dict(config)} if config else name


def _classes(parameter: Parameter) -> tuple[Choice, ...]:
    known = TABLES[parameter.type]()
    none = (Choice("", NONE),) if parameter.optional else ()
    number = (Choice(PLAIN_NUMBER, PLAIN_NUMBER),) if parameter.type == "schedule" else ()
    kinds = known.items()
    if parameter.type == "layer":
        kinds = {name: entry for name, entry in known.items() if not entry.adapts}.items()
    return (*none, *number, *(Choice(name, name, words=entry.help) for name, entry in kinds))


def _fresh(parameter: Parameter, name: str | None, before: JsonValue) -> JsonValue:
    """The value that choosing class `name` gives: the class with what it needs, or its plain number."""
    if name is None:
        return None
    if name == PLAIN_NUMBER:
        inner = config_of(before).get("initial_learning_rate")
        return inner if isinstance(inner, int | float) else 0.001
    entry = TABLES[parameter.type]()[name]
    config = dict(entry.example)
    if parameter.type == "schedule" and isinstance(before, int | float) and "initial_learning_rate" in config:
        config["initial_learning_rate"] = before
    return written(name, config)


def _nested(
    parameter: Parameter, value: JsonValue, put_value: Callable[[Project, Any], Project], prefix: str
) -> tuple[Row, ...]:
    """Rows of the parameters of the object that `value` names."""
    name = class_of(value)
    if name == PLAIN_NUMBER:
        number = Parameter(name="value", type="float", required=True, minimum=parameter.minimum)
        return (Edit(f"{prefix}value", "value", number, value, put_value, help=parameter.help),)
    entry = TABLES[parameter.type]().get(name or "")
    if entry is None or name is None:
        return ()
    return parameter_rows(
        entry, config_of(value), lambda p, config: put_value(p, written(name, config)), prefix
    )
