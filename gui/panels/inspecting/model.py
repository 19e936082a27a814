"""Sheets of the model: inputs, layers, heads."""

from typing import Any

from core import catalogue
from core.project.edits import put
from core.project.facts import Facts
from core.project.schema import Config, FrozenMap, Layer, Project
from gui.panels.inspecting.metrics import metric_rows
from gui.panels.inspecting.objects import parameter_rows
from gui.panels.inspecting.rows import (
    choice_row,
    keras_rows,
    name_row,
    sources_of,
    switch_row,
)
from gui.panels.sheets import Heading, Press, Put, Row, Said, Sheet
from gui.widgets.searchmenu import Choice

UNSCALE_HELP = "Saved predictions are turned back into the units of this target."
NO_LOSS_HELP = "This head may stay without a term."


def input_sheet(project: Project, facts: Facts, name: str) -> Sheet:
    """A model input and the field that feeds it."""
    reference, part = f"input:{name}", project.model.inputs[name]

    def feed(current: Project, field: str | None) -> Project:
        return put(current, reference, current.model.inputs[name].model_copy(update={"field": field or ""}))

    rows: list[Row] = [
        name_row(reference),
        choice_row(
            "field", "field", part.field, project.data.fields, feed, "The data that this input receives."
        ),
        *keras_rows(facts, reference),
    ]
    if part.field in project.data.fields:
        rows.append(Press("show_field", "", f"Show field {part.field}", "data", leads=f"field:{part.field}"))
    return Sheet(name, "input", tuple(rows), "A named model input, fed by a field of the data.")


def head_sheet(project: Project, facts: Facts, name: str) -> Sheet:
    """A named output of the model."""
    reference, part = f"head:{name}", project.model.heads[name]

    def change(key: str) -> Put:
        return lambda current, value: put(
            current, reference, current.model.heads[name].model_copy(update={key: value})
        )

    def read(current: Project, layer: str | None) -> Project:
        return change("layer")(current, layer or "")

    using = [key for key, term in project.terms.items() if reference in term.bind.values()]
    rows: list[Row] = [
        name_row(reference),
        choice_row("layer", "layer", part.layer, sources_of(project), read, "Its output is the head's."),
        choice_row(
            "unscale", "unscale like", part.unscale, _scaled(project), change("unscale"), UNSCALE_HELP
        ),
        switch_row("no_loss", "no loss wanted", part.no_loss, change("no_loss"), NO_LOSS_HELP),
        *keras_rows(facts, reference),
        Said("terms", "terms", ", ".join(using) or "none yet"),
        *metric_rows(project, name),
    ]
    return Sheet(name, "head", tuple(rows), "A named output of the model.", reference)


def _scaled(project: Project) -> list[Choice]:
    """The fields whose scaling can be undone."""
    fields = project.data.fields.items()
    names = [name for name, field in fields if getattr(field, "scaling", "none") != "none"]
    return [Choice("", "none"), *(Choice(name, name) for name in names)]


def layer_sheet(project: Project, facts: Facts, name: str) -> Sheet:
    """A layer: its class, what it reads, and every parameter of its class."""
    reference, part = f"layer:{name}", project.model.layers[name]
    if part.shares:
        return _shared_sheet(project, facts, name)
    entry = catalogue.layers().get(part.class_name)
    said = keras_rows(facts, reference)
    rows: list[Row] = [name_row(reference), _class_row(project, name), *_source_rows(project, name), *said]
    if entry is not None and entry.parameters:
        rows += [Heading("parameters", "Parameters"), *parameter_rows(entry, part.config, _put_config(name))]
    return Sheet(name, part.class_name, tuple(rows), entry.help if entry else "")


def _shared_sheet(project: Project, facts: Facts, name: str) -> Sheet:
    part = project.model.layers[name]
    rows: list[Row] = [
        name_row(f"layer:{name}"),
        Said("shares", "shares", f"the weights of {part.shares}"),
        Press("show_shared", "", f"Show {part.shares}", leads=f"layer:{part.shares}"),
        *_source_rows(project, name),
        *keras_rows(facts, f"layer:{name}"),
    ]
    return Sheet(name, "shared", tuple(rows), f"Applies the layer {part.shares} once more, to another input.")


def _put_config(name: str) -> Any:
    def put_config(project: Project, config: Config) -> Project:
        layer = project.model.layers[name].model_copy(update={"config": FrozenMap(config)})
        return put(project, f"layer:{name}", layer)

    return put_config


def _class_row(project: Project, name: str) -> Row:
    part = project.model.layers[name]
    known = catalogue.layers()

    def change(current: Project, class_name: str) -> Project:
        return put(current, f"layer:{name}", reclassed(current.model.layers[name], class_name))

    choices = [Choice(each, each, entry.category, entry.help) for each, entry in known.items()]
    return choice_row("class", "class", part.class_name, choices, change, "The class of keras.layers.")


def reclassed(layer: Layer, class_name: str) -> Layer:
    """`layer` as another class, with those of its parameters that the other class has too."""
    entry = catalogue.layers()[class_name]
    kept = {key: value for key, value in layer.config.items() if entry.parameter(key)}
    return layer.model_copy(update={"class_name": class_name, "config": FrozenMap({**entry.example, **kept})})


def _source_rows(project: Project, name: str) -> list[Row]:
    """What the layer reads: one row a source, and one more where its class takes more."""
    part = project.model.layers[name]
    owner = project.model.layers.get(part.shares or "", part)
    entry = catalogue.layers().get(owner.class_name)
    most = (entry.inputs_max if entry else 1) or len(part.sources) + 1
    places = min(max(len(part.sources) + (1 if most > len(part.sources) else 0), 1), most)
    choices = [Choice("", "none"), *(each for each in sources_of(project) if each.key != name)]

    def change(place: int) -> Any:
        return lambda current, source: _with_source(current, name, place, source)

    labels = ["from" if place == 0 else "and from" for place in range(places)]
    return [
        choice_row(
            f"from_{place}",
            labels[place],
            part.sources[place] if place < len(part.sources) else None,
            choices,
            change(place),
            "The input or layer whose output this layer receives.",
        )
        for place in range(places)
    ]


def _with_source(project: Project, name: str, place: int, source: str | None) -> Project:
    layer = project.model.layers[name]
    sources = list(layer.sources)
    sources[place : place + 1] = [source] if source else []
    return put(project, f"layer:{name}", layer.model_copy(update={"sources": tuple(sources)}))
