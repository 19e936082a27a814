"""Sheets of terms and metrics: the loss, what its arguments stand for, and the weight."""

from typing import Any

from core import catalogue
from core.catalogue import Parameter
from core.project import expressions, functions
from core.project.edits import put, set_on, set_weight
from core.project.facts import Facts
from core.project.schema import (
    CatalogueLoss,
    ExpressionLoss,
    FrozenMap,
    Metric,
    Project,
    PythonLoss,
    Term,
)
from core.project.wiring import PAIR, loss_arguments, optional_arguments
from gui.panels.inspecting.metrics import remove_row
from gui.panels.inspecting.objects import parameter_rows
from gui.panels.inspecting.rows import choice_row, name_row, number_row, shaped, switch_row
from gui.panels.sheets import Edit, Heading, Press, Row, Said, Sheet
from gui.widgets.searchmenu import Choice

KINDS = (
    Choice("catalogue", "a loss of Keras"),
    Choice("expression", "an expression"),
    Choice("python", "a Python function"),
)
KIND_HELP = "Where the loss comes from: the catalogue, a formula, or a function you write."
CODE = Parameter(name="code", type="str")
FORMULA_HELP = (
    "A formula over names you bind below, with functions of keras.ops; its mean over the batch is the loss."
)
FUNCTION_HELP = "Takes arrays by the names of its arguments and returns one loss a row, or one number."
FIRST_FUNCTION = '''def my_loss(y_true, y_pred):
    """One loss a row."""
    return ops.mean(ops.square(y_true - y_pred), axis=-1)
'''


def term_sheet(project: Project, facts: Facts, name: str) -> Sheet:
    """A term of the total loss."""
    reference, term = f"term:{name}", project.terms[name]
    rows: list[Row] = [
        name_row(reference),
        switch_row("on", "on", term.on, lambda p, v: set_on(p, name, v), "Off, the term is not computed."),
        number_row(
            "weight",
            "weight",
            term.weight,
            lambda p, v: set_weight(p, name, v),
            help="Its factor in the total.",
        ),
        Heading("loss", "Loss"),
        choice_row(
            "loss_kind", "from", term.loss.kind, KINDS, lambda p, v: _with_kind(p, name, v), KIND_HELP
        ),
        *_loss_rows(project, name, term),
        Heading("bind", "Arguments"),
        *_bind_rows(project, reference, loss_arguments(project, term), optional_arguments(project, term)),
    ]
    shape = facts.model.term_shapes.get(name) if facts.model else None
    if shape is not None:
        rows.append(Said("shape", "before its mean", shaped(shape) if shape else "one number"))
    help = ""
    if isinstance(term.loss, CatalogueLoss):
        entry = catalogue.losses().get(term.loss.name)
        help = entry.help if entry else ""
    return Sheet(name, "term" if term.on else "term · off", tuple(rows), help, reference)


def metric_sheet(project: Project, _facts: Facts, name: str) -> Sheet:
    """A metric: measured and shown, never trained on."""
    reference, metric = f"metric:{name}", project.metrics[name]
    entry = catalogue.metrics().get(metric.metric)

    def change(key: str) -> Any:
        return lambda p, v: put(p, reference, p.metrics[name].model_copy(update={key: v}))

    def choose(current: Project, chosen: str) -> Project:
        config = FrozenMap(catalogue.metrics()[chosen].example)
        return put(
            current, reference, current.metrics[name].model_copy(update={"metric": chosen, "config": config})
        )

    rows: list[Row] = [
        name_row(reference),
        switch_row("on", "on", metric.on, change("on"), "Off, the metric is not measured."),
        choice_row(
            "metric",
            "metric",
            metric.metric,
            _lines(catalogue.metrics()),
            choose,
            "The class of keras.metrics.",
        ),
        *(
            parameter_rows(entry, metric.config, lambda p, c: change("config")(p, FrozenMap(c)))
            if entry
            else ()
        ),
        Heading("bind", "Arguments"),
        *_bind_rows(project, reference, PAIR, frozenset()),
        remove_row(name),
    ]
    return Sheet(name, "metric", tuple(rows), entry.help if entry else "", reference)


def functions_sheet(project: Project, _facts: Facts) -> Sheet:
    """The project's own Python."""
    return Sheet("Functions", "Python", (_functions_row(project),), FUNCTION_HELP)


# ---- the loss


def _loss_rows(project: Project, name: str, term: Term) -> list[Row]:
    match term.loss:
        case CatalogueLoss():
            return _catalogue_rows(name, term.loss)
        case ExpressionLoss():
            return [_formula_row(name, term.loss)]
        case PythonLoss():
            return _python_rows(project, name, term.loss)


def _catalogue_rows(name: str, loss: CatalogueLoss) -> list[Row]:
    entry = catalogue.losses().get(loss.name)

    def choose(current: Project, chosen: str) -> Project:
        example = catalogue.losses()[chosen].example
        return _with_loss(current, name, CatalogueLoss(name=chosen, config=FrozenMap(example)))

    def configure(current: Project, config: Any) -> Project:
        return _with_loss(current, name, loss.model_copy(update={"config": FrozenMap(config)}))

    rows: list[Row] = [
        choice_row(
            "loss", "loss", loss.name, _lines(catalogue.losses()), choose, "The class of keras.losses."
        )
    ]
    return rows + list(parameter_rows(entry, loss.config, configure) if entry else ())


def _formula_row(name: str, loss: ExpressionLoss) -> Edit:
    def change(current: Project, code: str) -> Project:
        return _with_loss(current, name, ExpressionLoss(code=code))

    return Edit(
        "code",
        "formula",
        CODE,
        loss.code,
        change,
        code=True,
        help=FORMULA_HELP,
        error=_formula_error(loss.code),
    )


def _formula_error(code: str) -> str:
    try:
        expressions.parse(code)
    except expressions.ExpressionError as error:
        return str(error)
    return ""


def _python_rows(project: Project, name: str, loss: PythonLoss) -> list[Row]:
    if not project.functions.strip():
        return [
            Press("first", "", "Write a first function", "code", do=lambda p: _with_first_function(p, name))
        ]

    def choose(current: Project, chosen: str | None) -> Project:
        return _with_loss(current, name, PythonLoss(function=chosen or ""))

    try:
        known = list(functions.signatures(project.functions))
    except functions.FunctionsError:
        known = [loss.function] if loss.function else []
    return [choice_row("function", "function", loss.function, known, choose), _functions_row(project)]


def _functions_row(project: Project) -> Edit:
    sentence, line = "", None
    try:
        functions.signatures(project.functions)
    except functions.FunctionsError as error:
        sentence, line = str(error), error.line

    def change(current: Project, code: str) -> Project:
        return put(current, "functions", code)

    return Edit(
        "functions",
        "the project's functions",
        CODE,
        project.functions,
        change,
        code=True,
        help=FUNCTION_HELP,
        error=sentence,
        error_line=line,
    )


def _with_first_function(project: Project, name: str) -> Project:
    project = put(project, "functions", FIRST_FUNCTION)
    return _with_loss(project, name, PythonLoss(function="my_loss"))


def _with_kind(project: Project, name: str, kind: str) -> Project:
    known: dict[str, CatalogueLoss | ExpressionLoss | PythonLoss] = {
        "catalogue": CatalogueLoss(),
        "expression": ExpressionLoss(code="square(y - p)"),
        "python": PythonLoss(),
    }
    return _with_loss(project, name, known[kind])


def _with_loss(project: Project, name: str, loss: CatalogueLoss | ExpressionLoss | PythonLoss) -> Project:
    """Another loss; where it has one argument for a target and one for a head, what was bound stays bound."""
    term = project.terms[name]
    changed = term.model_copy(update={"loss": loss})
    wanted = loss_arguments(project, changed)
    bind = {key: value for key, value in term.bind.items() if key in wanted}
    if not bind and len(wanted) == 2 and term.loss.kind != loss.kind:
        bind = _handed_over(wanted, list(term.bind.values()))
    if loss.kind == term.loss.kind:
        bind = dict(term.bind)
    return put(project, f"term:{name}", changed.model_copy(update={"bind": FrozenMap(bind)}))


def _handed_over(wanted: tuple[str, ...], values: list[str]) -> dict[str, str]:
    target = next((value for value in values if value.startswith("target:")), None)
    head = next((value for value in values if value.startswith("head:")), None)
    first, second = wanted
    if target is None or head is None:
        return {}
    return {first: target, second: head}


# ---- what the arguments stand for


def _bind_rows(project: Project, reference: str, wanted: tuple[str, ...], spare: frozenset[str]) -> list[Row]:
    part: Term | Metric
    kind, _, name = reference.partition(":")
    part = project.terms[name] if kind == "term" else project.metrics[name]
    unused = tuple(key for key in part.bind if key not in wanted)
    choices = [Choice("", "not bound"), *bindable(project)]
    rows: list[Row] = []
    for argument in (*wanted, *unused):
        label = f"{argument} (not used)" if argument in unused else argument
        tip = (
            "Has a default, so it may stay unbound."
            if argument in spare
            else "What this argument stands for."
        )
        rows.append(
            choice_row(
                f"bind_{argument}", label, part.bind.get(argument), choices, _binder(reference, argument), tip
            )
        )
    return rows or [Said("nobind", "", "The loss names no arguments yet.")]


def bindable(project: Project) -> list[Choice]:
    """Everything that an argument may stand for."""
    kinds = (
        ("head", project.model.heads),
        ("target", project.data.fields),
        ("input", project.model.inputs),
        ("layer", project.model.layers),
    )
    return [Choice(f"{kind}:{name}", f"{name}  ({kind})") for kind, names in kinds for name in names]


def _binder(reference: str, argument: str) -> Any:
    def bind(project: Project, value: str | None) -> Project:
        kind, _, name = reference.partition(":")
        part = project.terms[name] if kind == "term" else project.metrics[name]
        bound = {key: old for key, old in part.bind.items() if key != argument or value}
        if value:
            bound[argument] = value
        return put(project, reference, part.model_copy(update={"bind": FrozenMap(bound)}))

    return bind


def _lines(entries: Any) -> list[Choice]:
    return [Choice(name, name, entry.category, entry.help) for name, entry in entries.items()]
