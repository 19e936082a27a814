"""Rules about the values of fields and how they reach the model: NaN, texts, codes, scaling, leaks."""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

from core.project.edits import put
from core.project.problems.problem import Fix, Problem
from core.project.problems.repairs import category_fix, field_fix, parameter_fix, wire_through
from core.project.problems.view import View
from core.project.references import targets
from core.project.schema import Project

TEXT_LAYERS = frozenset({"TextVectorization", "StringLookup", "Hashing"})
COUNTING = frozenset({"Dense", "Conv1D", "Conv2D", "LSTM", "GRU", "BatchNormalization", "LayerNormalization"})


def missing_values_in_inputs(view: View) -> Iterator[Problem]:
    """One NaN in an input makes the total loss NaN, and with it every weight."""
    for name, given in view.project.model.inputs.items():
        field = view.project.data.fields.get(given.field)
        facts = view.field_facts(f"input:{name}")
        if field is None or field.missing != "keep" or (facts is not None and facts.missing == 0):
            continue
        count = f"{facts.missing:,} missing values" if facts else "its missing values"
        message = f"The input {name} would receive {count} of {given.field}, and the loss would become NaN."
        fix = field_fix(given.field, "Leave those rows out", missing="drop")
        yield Problem("missing-in-input", "blocking", f"field:{given.field}", message, fix)


def infinite_values(view: View) -> Iterator[Problem]:
    """Infinity is no number to learn from."""
    for name in view.project.data.fields:
        facts = view.field_facts(f"field:{name}")
        ends = (facts.minimum, facts.maximum) if facts else ()
        if any(end is not None and not math.isfinite(end) for end in ends):
            message = f"The field {name} holds infinite values, and the loss would become NaN: mend the data."
            yield Problem("infinite-values", "blocking", f"field:{name}", message)


def constant_fields(view: View) -> Iterator[Problem]:
    """A target that is always the same teaches nothing."""
    for name in targets(view.project):
        facts = view.field_facts(f"field:{name}")
        if (
            facts
            and facts.minimum is not None
            and facts.minimum == facts.maximum
            and facts.shape in ((), (1,))
        ):
            message = (
                f"The target {name} is {facts.minimum:g} in every row, so there is nothing to learn from it."
            )
            yield Problem("constant-target", "warning", f"field:{name}", message)


def texts_without_vectorization(view: View) -> Iterator[Problem]:
    """Texts must become numbers inside the model before anything can compute with them."""
    for name, given in view.project.model.inputs.items():
        field = view.project.data.fields.get(given.field)
        if field is None or field.kind != "text":
            continue
        for consumer in view.consumers.get(name, ()):
            owner = view.owner(view.project.model.layers[consumer])
            if owner.class_name and owner.class_name not in TEXT_LAYERS:
                message = (
                    f"{consumer} ({owner.class_name}) cannot read texts: put a TextVectorization between."
                )
                fix = wire_through(
                    name, consumer, "TextVectorization", {"max_tokens": 5000, "output_mode": "multi_hot"}
                )
                yield Problem("text-as-number", "blocking", f"layer:{consumer}", message, fix)


def codes_as_numbers(view: View) -> Iterator[Problem]:
    """Class codes have no order; a dense layer would read one into them."""
    for name, given in view.project.model.inputs.items():
        field = view.project.data.fields.get(given.field)
        if (
            field is None
            or field.kind != "category"
            or field.encoding != "codes"
            or _classes(view, name) <= 2
        ):
            continue
        for consumer in view.consumers.get(name, ()):
            owner = view.owner(view.project.model.layers[consumer])
            if owner.class_name in COUNTING:
                message = f"{consumer} takes the class codes of {given.field} for quantities; use one-hot."
                fix = field_fix(given.field, "Make the field one-hot", encoding="onehot")
                yield Problem("codes-as-numbers", "warning", f"field:{given.field}", message, fix)


def texts_as_targets(view: View) -> Iterator[Problem]:
    """No loss compares texts."""
    for name in targets(view.project):
        field = view.project.data.fields[name]
        if field.kind == "text":
            message = f"The target {name} is text, which no loss can compare: make it a category."
            fix = category_fix(name)
            yield Problem("text-target", "blocking", f"field:{name}", message, fix)


def brightness_of_images(view: View) -> Iterator[Problem]:
    """Image fields are 0 to 1, while Keras's image layers take 0 to 255 unless they are told."""
    for name in view.project.model.inputs:
        field = view.field(f"input:{name}")
        for consumer in view.consumers.get(name, ()) if field is not None and field.kind == "image" else ():
            layer = view.project.model.layers[consumer]
            entry = view.entry(layer)
            ranged = entry is not None and entry.parameter("value_range") is not None
            if ranged and not layer.shares and layer.config.get("value_range", [0, 255]) == [0, 255]:
                message = (
                    f"{consumer} ({layer.class_name}) expects pixels of 0 to 255, but {name} gives 0 to 1."
                )
                fix = parameter_fix(
                    f"layer:{consumer}", "value_range", [0.0, 1.0], "Set value_range to 0 and 1"
                )
                yield Problem("pixel-range", "warning", f"layer:{consumer}", message, fix)


def scaled_targets(view: View) -> Iterator[Problem]:
    """A head trained on a scaled target predicts scaled numbers, unless the saved model undoes it."""
    for comparison in view.comparisons:
        target, head = comparison.truth, comparison.prediction
        field = view.field(target)
        if not comparison.where.startswith("term:") or not head.startswith("head:") or field is None:
            continue
        name, scaled = head.removeprefix("head:"), field.kind == "number" and field.scaling != "none"
        if scaled and target.startswith("target:") and view.project.model.heads[name].unscale is None:
            of = target.removeprefix("target:")
            message = f"{name} learns the scaled {of}, so the saved model would predict scaled numbers."
            fix = Fix(f"Give predictions in the units of {of}", partial(_head, name=name, unscale=of))
            yield Problem("scaled-prediction", "hint", head, message, fix)


def unscaling_by_unknown_field(view: View) -> Iterator[Problem]:
    """A head can only undo the scaling of a field that has one."""
    for name, head in view.project.model.heads.items():
        field = view.project.data.fields.get(head.unscale) if head.unscale else None
        scaled = field is not None and field.kind == "number" and field.scaling != "none"
        if head.unscale and not scaled:
            what = "is not scaled" if field else "is not a field of the data"
            message = f"{name} should undo the scaling of {head.unscale}, which {what}."
            fix = Fix("Leave it as it is", partial(_head, name=name, unscale=None))
            yield Problem("unscale-unknown", "blocking", f"head:{name}", message, fix)


def leaks(view: View) -> Iterator[Problem]:
    """A column that is both given and asked for makes learning too easy to be true."""
    fields = view.project.data.fields
    inputs = {given.field for given in view.project.model.inputs.values()} & fields.keys()
    for name in targets(view.project):
        for other in sorted(inputs - {name}):
            both = [column for column in fields[name].columns if column in fields[other].columns]
            if both:
                message = (
                    f"The column {both[0]} is in the target {name} and the input field {other}: it leaks."
                )
                columns = tuple(column for column in fields[other].columns if column not in both)
                fix = field_fix(other, f"Take it out of {other}", columns=columns)
                yield Problem("leak", "warning", f"field:{other}", message, fix)


def _classes(view: View, name: str) -> int:
    field = view.field(f"input:{name}")
    given = field.classes if field is not None and field.kind == "category" else None
    facts = view.field_facts(f"input:{name}")
    known = (facts.classes if facts else None) or given
    return len(known) if known else 0


def _head(project: Project, name: str, **values: Any) -> Project:
    return put(project, f"head:{name}", project.model.heads[name].model_copy(update=values))
