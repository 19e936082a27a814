"""Sheets of what exists once: the project, its training, the total, regularization."""

from collections.abc import Mapping
from typing import Any

from core import catalogue
from core.catalogue import Parameter
from core.project.edits import put, set_weight
from core.project.facts import Facts
from core.project.schema import EarlyStopping, FrozenMap, Layer, Optimizer, Project
from gui.panels.inspecting.objects import class_of, config_of, parameter_rows
from gui.panels.inspecting.rows import SEED_HELP, choice_row, number_row, switch_row
from gui.panels.sheets import Edit, Heading, Press, Row, Said, Sheet
from gui.widgets.searchmenu import Choice

TEXT = Parameter(name="text", type="str", required=True)
TOTAL_HELP = "The sum of every term times its weight, plus regularization. This is what training makes small."
PENALTY_HELP = (
    "The sum of the penalties that layers put on their weights or outputs. It has no weight of its own."
)
MODES = (Choice("min", "falls"), Choice("max", "rises"))


def project_sheet(project: Project, _facts: Facts) -> Sheet:
    """The project itself, shown while nothing is selected."""
    rows: list[Row] = [
        Edit(
            "title",
            "name",
            TEXT,
            project.name,
            lambda p, v: p.model_copy(update={"name": v}),
            help="Shown on runs and scripts.",
        ),
        number_row(
            "seed",
            "seed",
            project.seed,
            lambda p, v: p.model_copy(update={"seed": v}),
            whole=True,
            minimum=0,
            maximum=2**31 - 1,
            help=SEED_HELP,
        ),
        Heading("parts", "Parts"),
        Said("count_heads", "heads", ", ".join(project.model.heads) or "none yet"),
        Said("count_terms", "terms", ", ".join(project.terms) or "none yet"),
        Press("to_training", "", "Training settings", "settings", leads="training"),
        Press("to_split", "", "Split settings", "settings", leads="split"),
    ]
    return Sheet("Project", "", tuple(rows), "Select a node, a term or a field to see and change it here.")


def training_sheet(project: Project, _facts: Facts) -> Sheet:
    """How the project is trained."""
    training = project.training
    optimizer = training.optimizer
    entry = catalogue.optimizers().get(optimizer.class_name)
    rows: list[Row] = [
        number_row(
            "epochs",
            "epochs",
            training.epochs,
            _setter("epochs"),
            whole=True,
            minimum=1,
            maximum=1_000_000,
            help="Passes over the training rows.",
        ),
        number_row(
            "batch_size",
            "batch size",
            training.batch_size,
            _setter("batch_size"),
            whole=True,
            minimum=1,
            maximum=1_000_000,
            help="Rows a step.",
        ),
        switch_row(
            "shuffle",
            "shuffle",
            training.shuffle,
            _setter("shuffle"),
            "Rows come in another order every epoch, drawn from the seed.",
        ),
        number_row(
            "seed",
            "seed",
            project.seed,
            lambda p, v: p.model_copy(update={"seed": v}),
            whole=True,
            minimum=0,
            maximum=2**31 - 1,
            help=SEED_HELP,
        ),
        Heading("optimizer", "Optimizer"),
        choice_row(
            "optimizer_class",
            "class",
            optimizer.class_name,
            _optimizers(),
            _choose_optimizer,
            "The class of keras.optimizers.",
        ),
        *(parameter_rows(entry, optimizer.config, _configure_optimizer, "optimizer.") if entry else ()),
        Heading("early", "Early stopping"),
        *_early_rows(project),
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
    return _setter("optimizer")(project, optimizer)  # type: ignore[no-any-return]


def _configure_optimizer(project: Project, config: Mapping[str, Any]) -> Project:
    changed = project.training.optimizer.model_copy(update={"config": FrozenMap(config)})
    return _setter("optimizer")(project, changed)  # type: ignore[no-any-return]


def _early_rows(project: Project) -> list[Row]:
    early = project.training.early_stopping
    on = switch_row(
        "early_on",
        "stop early",
        early is not None,
        lambda p, v: _setter("early_stopping")(p, EarlyStopping() if v else None),
        "End the run when validation gets no better.",
    )
    if early is None:
        return [on]

    def change(key: str) -> Any:
        return lambda p, v: _setter("early_stopping")(
            p, p.training.early_stopping.model_copy(update={key: v})
        )

    watched = ["total", *project.terms, *project.metrics]
    return [
        on,
        choice_row(
            "monitor", "watch", early.monitor, watched, change("monitor"), "Measured on the validation rows."
        ),
        choice_row("mode", "better if it", early.mode, MODES, change("mode")),
        number_row(
            "patience",
            "patience",
            early.patience,
            change("patience"),
            whole=True,
            minimum=0,
            help="Epochs without gain until it stops.",
        ),
        number_row(
            "min_delta",
            "least gain",
            early.min_delta,
            change("min_delta"),
            minimum=0,
            help="Smaller gains do not count.",
        ),
        switch_row(
            "restore_best",
            "keep the best",
            early.restore_best,
            change("restore_best"),
            "Go back to the weights of the best epoch.",
        ),
    ]


def _setter(key: str) -> Any:
    return lambda p, v: put(p, "training", p.training.model_copy(update={key: v}))
