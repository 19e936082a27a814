"""Sheets of what exists once: the project, its training, the total, regularization."""

from collections.abc import Mapping
from typing import Any

from core import catalogue
from core.catalogue import Parameter
from core.project.edits import put, set_weight
from core.project.facts import Facts
from core.project.schema import EarlyStopping, FrozenMap, Layer, Optimizer, Project
from gui.panels.inspecting.hardware import hardware_rows
from gui.panels.inspecting.metrics import metric_rows
from gui.panels.inspecting.objects import class_of, config_of, parameter_rows
from gui.panels.inspecting.rows import choice_row, count_row, number_row, seed_row, switch_row
from gui.panels.sheets import Edit, Heading, Press, Put, Row, Said, Sheet
from gui.widgets.searchmenu import Choice

TEXT = Parameter(name="text", type="str", required=True)
TOTAL_HELP = "The sum of every term times its weight, plus regularization. This is what training makes small."
PENALTY_HELP = (
    "The sum of the penalties that layers put on their weights or outputs. It has no weight of its own."
)
OPTIMIZER_HELP = "The class of keras.optimizers."
TURBO_HELP = "Faster, where XLA can compile the model; numbers are close to those without it, not equal."
SHUFFLE_HELP = "Rows come in another order every epoch, drawn from the seed."
EARLY_HELP = {
    "on": "End the run when validation gets no better.",
    "monitor": "Measured on the validation rows.",
    "patience": "Epochs without gain until it stops.",
    "gain": "Smaller gains do not count.",
    "best": "Go back to the weights of the best epoch.",
}
MODES = (Choice("min", "falls"), Choice("max", "rises"))


def project_sheet(project: Project, _facts: Facts) -> Sheet:
    """The project itself, shown while nothing is selected."""

    def retitle(current: Project, name: str) -> Project:
        return current.model_copy(update={"name": name})

    rows: list[Row] = [
        Edit("title", "name", TEXT, project.name, retitle, help="Shown on runs and scripts."),
        seed_row(project),
        Heading("parts", "Parts"),
        Said("count_heads", "heads", ", ".join(project.model.heads) or "none yet"),
        Said("count_terms", "terms", ", ".join(project.terms) or "none yet"),
        Press("to_training", "", "Training settings", "settings", leads="training"),
        Press("to_split", "", "Split settings", "settings", leads="split"),
        *metric_rows(project),
    ]
    return Sheet("Project", "", tuple(rows), "Select a node, a term or a field to see and change it here.")


def training_sheet(project: Project, facts: Facts) -> Sheet:
    """How the project is trained."""
    training = project.training
    kind = training.optimizer.class_name
    entry = catalogue.optimizers().get(kind)
    config = training.optimizer.config
    rows: list[Row] = [
        count_row("epochs", "epochs", training.epochs, _setter("epochs"), "Passes over the training rows."),
        count_row("batch_size", "batch size", training.batch_size, _setter("batch_size"), "Rows a step."),
        switch_row("shuffle", "shuffle", training.shuffle, _setter("shuffle"), SHUFFLE_HELP),
        seed_row(project),
        switch_row("turbo", "Turbo (XLA)", training.turbo, _setter("turbo"), TURBO_HELP),
        Heading("optimizer", "Optimizer"),
        choice_row("optimizer_class", "class", kind, _optimizers(), _choose_optimizer, OPTIMIZER_HELP),
        *(parameter_rows(entry, config, _configure_optimizer, "optimizer.") if entry else ()),
        Heading("early", "Early stopping"),
        *_early_rows(project),
        *hardware_rows(project, facts),
    ]
    return Sheet("Training", "", tuple(rows), entry.help if entry else "")


def total_sheet(project: Project, _facts: Facts) -> Sheet:
    """The total and the weights of its terms."""

    def setter(name: str) -> Any:
        return lambda p, v: set_weight(p, name, v)

    rows: list[Row] = [
        number_row(
            f"weight_{name}", name, term.weight, setter(name), help=f"The factor of {name} in the total."
        )
        for name, term in project.terms.items()
        if term.on
    ]
    off = [name for name, term in project.terms.items() if not term.on]
    if off:
        rows.append(Said("off", "switched off", ", ".join(off)))
    rows.append(Press("to_penalty", "", "Show regularization", leads="regularization"))
    return Sheet("total", "loss", (Heading("weights", "Weights"), *rows), TOTAL_HELP, "total")


def regularization_sheet(project: Project, _facts: Facts) -> Sheet:
    """Which layers have penalties."""
    rows: list[Row] = [
        Press(f"layer_{name}", name, penalty, leads=f"layer:{name}")
        for name, layer in project.model.layers.items()
        for penalty in penalties(layer)
    ]
    none = Said("none", "", "No layer has a penalty. Choose a kernel regularizer in a layer to add one.")
    return Sheet("regularization", "", tuple(rows) or (none,), PENALTY_HELP, "regularization")


def penalties(layer: Layer) -> list[str]:
    """The penalties of a layer, written short: `kernel L2 0.0001`."""
    found = []
    for key, value in layer.config.items():
        if key.endswith("_regularizer") and value is not None:
            numbers = [str(each) for each in config_of(value).values()]
            found.append(" ".join([key.removesuffix("_regularizer"), class_of(value) or "", *numbers]))
    return found


# ---- optimizer and early stopping


def _optimizers() -> list[Choice]:
    return [Choice(name, name, words=entry.help) for name, entry in catalogue.optimizers().items()]


def _choose_optimizer(project: Project, name: str) -> Project:
    """Another optimizer with those parameters that it has too: the learning rate stays."""
    entry = catalogue.optimizers()[name]
    before = project.training.optimizer.config
    kept = {key: value for key, value in before.items() if entry.parameter(key)}
    optimizer = Optimizer(class_name=name, config=FrozenMap({**entry.example, **kept}))
    return _setter("optimizer")(project, optimizer)


def _configure_optimizer(project: Project, config: Mapping[str, Any]) -> Project:
    changed = project.training.optimizer.model_copy(update={"config": FrozenMap(config)})
    return _setter("optimizer")(project, changed)


def _early_rows(project: Project) -> list[Row]:
    early = project.training.early_stopping

    def switch(current: Project, on: bool) -> Project:
        return _setter("early_stopping")(current, EarlyStopping() if on else None)

    row = switch_row("early_on", "stop early", early is not None, switch, EARLY_HELP["on"])
    return [row] if early is None else [row, *_early_settings(project, early)]


def _early_settings(project: Project, early: EarlyStopping) -> list[Row]:
    def change(key: str) -> Put:
        changed = _setter("early_stopping")
        return lambda current, value: changed(current, early.model_copy(update={key: value}))

    watched = ["total", *project.terms, *project.metrics]
    help, best = EARLY_HELP, early.restore_best
    return [
        choice_row("monitor", "watch", early.monitor, watched, change("monitor"), help["monitor"]),
        choice_row("mode", "better if it", early.mode, MODES, change("mode")),
        count_row("patience", "patience", early.patience, change("patience"), help["patience"], least=0),
        number_row(
            "min_delta", "least gain", early.min_delta, change("min_delta"), minimum=0, help=help["gain"]
        ),
        switch_row("restore_best", "keep the best", best, change("restore_best"), help["best"]),
    ]


def _setter(key: str) -> Put:
    """What sets one value of the training."""
    return lambda project, value: put(project, "training", project.training.model_copy(update={key: value}))
