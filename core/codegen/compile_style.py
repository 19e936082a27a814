"""The other style of script: plain `compile(loss={...}, loss_weights={...})`, where it can say the same.

It trains the same weights on the same total. What it cannot do is show the same: Keras averages the losses of
single heads over batches, not rows, and names no regularization; so it stands beside the script.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from core.codegen import fitting, model, turbo
from core.codegen.code import CannotGenerate, Code, join, mark
from core.codegen.objects import LOSS, METRIC, construct
from core.codegen.quoting import literal
from core.codegen.rows_code import from_disk, from_memory, streamed
from core.codegen.script import RUN, Script, active, assembled, constants_of
from core.codegen.wiring import Wiring
from core.project.facts import DataFacts
from core.project.schema import CatalogueLoss, Metric, Project, Term


def why_not(project: Project) -> str | None:
    """Return the sentence why plain `compile` cannot express the project, None when it can."""
    wiring = Wiring(project)
    if not wiring.terms:
        return "There is no term to train on."
    for name, term in wiring.terms.items():
        if not isinstance(term.loss, CatalogueLoss):
            return f"Term {name} is no loss of the catalogue."
        if sentence := _not_plain("Term", name, term.bind, project):
            return sentence
    heads = [_head(term) for term in wiring.terms.values()]
    for head in project.model.heads:
        if heads.count(head) != 1:
            count = "no active term" if head not in heads else "more than one active term"
            return f"Head {head} has {count}; compile takes exactly one loss a head."
    return _not_plain_metrics(wiring) or _not_plain_training(project)


def compile_script(project: Project, *, folder: Path, out: Path, facts: DataFacts | None = None) -> Script:
    """Return the script in this style. Raises CannotGenerate with what `why_not` says, or as `script` does."""
    sentence = why_not(project)
    if sentence:
        raise CannotGenerate("total", sentence)
    wiring = Wiring(project)
    labels = {_head(term): _target(term) for term in wiring.terms.values()}
    named = {head: labels[head] for head in project.model.heads}
    streams = streamed(project, folder)
    reading = from_disk if streams else from_memory
    opened, batches = reading(wiring, active(wiring), folder, out, facts, named)
    pieces = [
        opened,
        model.build_model(wiring, "keras.Model"),
        batches,
        _compile_model(wiring),
        fitting.prediction_model(wiring),
        fitting.train(wiring, fitting.Changes(), streams),
        Code(RUN),
    ]
    return assembled(project, join(constants_of(project)), pieces)


def _compile_model(wiring: Wiring) -> Code:
    training = wiring.project.training
    made = f"optimizer={fitting.optimizer(training)}, {turbo.argument(training)},"
    lines = [mark("training", made), *_losses(wiring), *_weights(wiring), *_metrics(wiring)]
    comment = turbo.comment(training)
    built = fitting.built(training)
    text = "\n".join(["def compile_model(model):", *comment, "    model.compile(", *lines, "    )", *built])
    return Code(text, ("import keras",))


def _losses(wiring: Wiring) -> Iterable[str]:
    yield "loss={"
    for name, term in wiring.terms.items():
        assert isinstance(term.loss, CatalogueLoss)
        made = construct(LOSS, term.loss.name, term.loss.config, f"term:{name}")
        yield mark(f"term:{name}", f"{literal(_head(term))}: {made},")
    yield "},"


def _weights(wiring: Wiring) -> Iterable[str]:
    yield "loss_weights={"
    for name, term in wiring.terms.items():
        yield mark(f"term:{name}", f"{literal(_head(term))}: {literal(term.weight)},")
    yield "},"


def _metrics(wiring: Wiring) -> Iterable[str]:
    if not wiring.metrics:
        return
    yield "metrics={"
    for head in dict.fromkeys(_head(metric) for metric in wiring.metrics.values()):
        yield f"{literal(head)}: ["
        for name, metric in wiring.metrics.items():
            if _head(metric) == head:
                where = f"metric:{name}"
                yield mark(where, f"{construct(METRIC, metric.metric, metric.config, where, _named(name))},")
        yield "],"
    yield "},"


def _named(name: str) -> list[str]:
    return [f"name={literal(name)}"]


def _not_plain(word: str, name: str, bind: Mapping[str, str], project: Project) -> str | None:
    target, head = bind.get("y_true", ""), bind.get("y_pred", "")
    if not target.startswith("target:") or not head.startswith("head:"):
        return f"{word} {name} does not compare one head with one target."
    field = project.data.fields.get(target.removeprefix("target:"))
    if field is None or head.removeprefix("head:") not in project.model.heads:
        return f"{word} {name} is bound to what is not there."
    return f"Labels of {word.lower()} {name} have gaps." if field.missing == "keep" else None


def _not_plain_metrics(wiring: Wiring) -> str | None:
    labels = {_head(term): _target(term) for term in wiring.terms.values()}
    for name, metric in wiring.metrics.items():
        if sentence := _not_plain("Metric", name, metric.bind, wiring.project):
            return sentence
        if labels.get(_head(metric)) != _target(metric):
            return f"Metric {name} compares its head with another target than the head's loss."
    return None


def _not_plain_training(project: Project) -> str | None:
    early = project.training.early_stopping
    if early is not None and early.monitor != "total":
        return "Early stopping watches something else than the total."
    if project.training.devices == "all":
        return "Among several devices, plain losses are means of each device's rows, not of the whole batch."
    return None


def _head(part: Term | Metric) -> str:
    return part.bind.get("y_pred", "").removeprefix("head:")


def _target(part: Term | Metric) -> str:
    return part.bind.get("y_true", "").removeprefix("target:")
