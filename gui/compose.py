"""Composing by menu and keyboard: add layers, inputs, heads, terms and metrics, wired to what is selected."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from core import catalogue
from core.catalogue import Entry
from core.project.edits import arguments, can_connect, connect, fresh_name, put, remove
from core.project.references import parse
from core.project.schema import (
    CatalogueLoss,
    ExpressionLoss,
    FrozenMap,
    Head,
    Input,
    Layer,
    Metric,
    Part,
    Project,
    PythonLoss,
    Term,
)
from gui.widgets.searchmenu import Choice
from gui.workbench import Workbench

if TYPE_CHECKING:
    from gui.actions import Shown

FORMULA, FUNCTION = "an expression", "a Python function"


def remove_selected(window: "Shown") -> None:
    """Remove what is selected, and every mention of it."""
    bench = window.bench
    names = [reference.partition(":")[2] for reference in bench.selection.all]
    label = f"Remove {', '.join(names)}"
    bench.document.edit(label, remove(bench.document.project, bench.selection.all))


def show_training(window: "Shown") -> None:
    window.bench.selection.select("training")
    window.show_panel("inspector")


def show_split(window: "Shown") -> None:
    window.bench.selection.select("split")
    window.show_panel("inspector")


def ask_layer(window: "Shown") -> None:
    """Ask for a layer in a menu one types into; it follows the selected layer or input."""
    window.ask("Add a layer", choices(catalogue.layers()), lambda key: add_layer(window.bench, key))


def ask_term(window: "Shown") -> None:
    """Ask for a loss; the term starts with the selected head."""
    written = [
        Choice(FORMULA, "Expression", "a formula over heads and targets", icon="math-operations"),
        Choice(FUNCTION, "Python function", "from the project's functions", icon="code"),
    ]
    window.ask(
        "Add a term", [*written, *choices(catalogue.losses())], lambda key: add_term(window.bench, key)
    )


def ask_metric(window: "Shown") -> None:
    window.ask("Add a metric", choices(catalogue.metrics()), lambda key: add_metric(window.bench, key))


def choices(entries: Mapping[str, Entry]) -> list[Choice]:
    """Lines of a search menu for entries of the catalogue."""
    return [Choice(name, name, entry.category, entry.help) for name, entry in entries.items()]


def add_layer(bench: Workbench, class_name: str) -> str:
    """Add a layer of a class after what is selected; return its reference."""
    config = FrozenMap(catalogue.layers()[class_name].example)
    return _add(bench, "layer", class_name, Layer(class_name=class_name, config=config))


def add_input(window: "Shown") -> str:
    """Add an input, fed by the first field that feeds none yet."""
    project = window.bench.document.project
    used = {part.field for part in project.model.inputs.values()} | _target_fields(project)
    field = next((name for name in project.data.fields if name not in used), "")
    return _add(window.bench, "input", field or "input", Input(field=field))


def add_head(window: "Shown") -> str:
    """Add a head on the selected layer."""
    return _add(window.bench, "head", "head", Head())


def add_term(bench: Workbench, kind: str) -> str:
    """Add a term: a loss of the catalogue by its name, an expression, or a Python function."""
    loss: CatalogueLoss | ExpressionLoss | PythonLoss
    if kind == FORMULA:
        base, loss = "term", ExpressionLoss(code="square(y - p)")
    elif kind == FUNCTION:
        base, loss = "term", PythonLoss()
    else:
        base, loss = (
            _snake(kind),
            CatalogueLoss(name=kind, config=FrozenMap(catalogue.losses()[kind].example)),
        )
    return _add(bench, "term", base, Term(loss=loss))


def add_metric(bench: Workbench, name: str) -> str:
    """Add a metric of the catalogue, bound to the selected head."""
    config = FrozenMap(catalogue.metrics()[name].example)
    return _add(bench, "metric", _snake(name), Metric(metric=name, config=config))


def _add(bench: Workbench, kind: str, base: str, part: Part) -> str:
    """Put a part into the project, wired to what is selected where that fits, and select it."""
    before = bench.document.project
    name = fresh_name(before, kind, _snake(base))
    reference = f"{kind}:{name}"
    project = put(before, reference, part)
    for source in bench.selection.all:
        project = _wired(project, source, reference)
    bench.document.edit(f"Add {name}", project)
    bench.selection.select(reference)
    return reference


def _wired(project: Project, source: str, target: str) -> Project:
    if can_connect(project, source, target) is not None:
        return project
    project = connect(project, source, target)
    found = parse(target)
    if found and found.kind in ("term", "metric") and source.startswith("head:"):
        return _with_target(project, target)
    return project


def _with_target(project: Project, reference: str) -> Project:
    """Where there is only one target that a free argument could mean, bind it."""
    found = parse(reference)
    assert found is not None
    fields = [name for name in project.data.fields if name not in _input_fields(project)]
    free = arguments(project, found.name) if found.kind == "term" else ("y_true",)
    part = project.terms[found.name] if found.kind == "term" else project.metrics[found.name]
    free = tuple(name for name in free if name not in part.bind)
    if len(fields) == 1 and free:
        return connect(project, f"target:{fields[0]}", reference, free[0])
    return project


def _input_fields(project: Project) -> set[str]:
    return {part.field for part in project.model.inputs.values()}


def _target_fields(project: Project) -> set[str]:
    parts: tuple[Term | Metric, ...] = (*project.terms.values(), *project.metrics.values())
    bound = (value for part in parts for value in part.bind.values())
    return {value.removeprefix("target:") for value in bound if value.startswith("target:")}


def _snake(name: str) -> str:
    """`MeanSquaredError` as `mean_squared_error`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
