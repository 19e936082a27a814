"""Rules about shapes: a target against its head, and tensors against the layers that take them."""

from collections.abc import Iterator
from functools import partial

from core import catalogue
from core.project.edits import set_config
from core.project.facts import ColumnFacts, Shape
from core.project.problems.inference import ELEMENTWISE
from core.project.problems.problem import Fix, Problem
from core.project.problems.repairs import squeeze_head, units_fix, wire_through
from core.project.problems.view import Comparison, View, spell

RANKS = {
    **{f"Conv{n}D": n + 1 for n in (1, 2, 3)},
    **{f"MaxPooling{n}D": n + 1 for n in (1, 2, 3)},
    **{f"AveragePooling{n}D": n + 1 for n in (1, 2, 3)},
    **{f"GlobalMaxPooling{n}D": n + 1 for n in (1, 2, 3)},
    **{f"GlobalAveragePooling{n}D": n + 1 for n in (1, 2, 3)},
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "Bidirectional", "SeparableConv1D", "DepthwiseConv1D"), 2),
    **dict.fromkeys(("SeparableConv2D", "DepthwiseConv2D", "UpSampling2D", "ZeroPadding2D"), 3),
}
"""How many axes after the batch a layer wants."""
AXES = {2: "steps and channels", 3: "height, width and channels", 4: "three lengths and channels"}
ANY_SHAPE = frozenset({"CTC", "Circle", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU", "AUC"})


def targets_against_heads(view: View) -> Iterator[Problem]:
    """`(B, 1)` against `(B, 3)` would broadcast and train on nonsense; `(B,)` against `(B, 1)` gives `(B,
    B)`.
    """
    for one in view.comparisons:
        truth, prediction = view.shape(one.truth), view.shape(one.prediction)
        if truth is None or prediction is None or one.loss.name in ANY_SHAPE:
            continue
        if one.loss.labels == "codes":
            yield from _codes(view, one, truth, prediction)
        elif not _fits(truth, prediction) and not _other_labels(view, one):
            yield _differs(view, one, truth, prediction)


def tensors_in_formulas(view: View) -> Iterator[Problem]:
    """Tensors of different shapes in one formula broadcast."""
    for name, term in view.project.terms.items():
        if term.loss.kind != "expression" or not term.on:
            continue
        used = [value for key, value in term.bind.items() if key in view.arguments[name]]
        known = [(value, shape) for value in used if (shape := view.shape(value)) is not None]
        for value, shape in known[1:]:
            first, other = known[0]
            if not _fits(shape, other):
                message = (
                    f"{name} puts {_named(first)} of shape {spell(other)} together with {_named(value)} "
                    f"of shape {spell(shape)}: they would broadcast."
                )
                fix = _formula_fix(view, (first, other), (value, shape))
                yield Problem("formula-broadcast", "warning", f"term:{name}", message, fix)
                break


def merged_shapes(view: View) -> Iterator[Problem]:
    """Layers that add or multiply want tensors of one shape."""
    for name, layer in view.project.model.layers.items():
        owner = view.owner(layer)
        if owner.class_name not in ELEMENTWISE:
            continue
        shapes = [(source, _node_shape(view, source)) for source in layer.sources]
        known = [(source, shape) for source, shape in shapes if shape is not None]
        for source, shape in known[1:]:
            first, other = known[0]
            if len(shape) == len(other) and not _broadcasts(shape, other):
                both = f"{first} of shape {spell(other)} and {source} of shape {spell(shape)}"
                message = f"{name} ({owner.class_name}) cannot put together {both}."
                fix = units_fix(view, f"layer:{source}", other[-1] if shape[:-1] == other[:-1] else None)
                yield Problem("shapes-differ", "blocking", f"layer:{name}", message, fix)
                break


def numbers_of_axes(view: View) -> Iterator[Problem]:
    """An image layer wants an image, a recurrent one a sequence."""
    for name, layer in view.project.model.layers.items():
        owner = view.owner(layer)
        wanted = RANKS.get(owner.class_name)
        shape = _node_shape(view, layer.sources[0]) if len(layer.sources) == 1 else None
        if wanted is None or shape is None or len(shape) == wanted:
            continue
        message = (
            f"{name} ({owner.class_name}) wants {AXES[wanted]} after the batch, but {layer.sources[0]} gives "
            f"{spell(shape)}."
        )
        fix = _one_axis_more(name, layer.sources[0], shape) if len(shape) == wanted - 1 else None
        yield Problem("wrong-axes", "blocking", f"layer:{name}", message, fix)


def axes_of_layers(view: View) -> Iterator[Problem]:
    """An axis that the tensor does not have: Keras says it in the middle of the run, or as an IndexError."""
    for name, layer in view.project.model.layers.items():
        owner = view.owner(layer)
        shape = _node_shape(view, layer.sources[0]) if layer.sources else None
        wanted = owner.config.get("axis")
        if shape is None or owner.class_name not in catalogue.layers():
            continue
        count = len(shape) + 1
        wrong = [axis for axis in (wanted if isinstance(wanted, list) else [wanted]) if _no_axis(axis, count)]
        if wrong:
            message = (
                f"{name} ({owner.class_name}) works along axis {wrong[0]}, but {layer.sources[0]} gives "
                f"{spell(shape)}, which has the axes 0 to {count - 1}."
            )
            fix = Fix(
                "Use the last axis", partial(set_config, reference=f"layer:{name}", key="axis", value=-1)
            )
            yield Problem("no-such-axis", "blocking", f"layer:{name}", message, None if layer.shares else fix)


def fractions_into_embeddings(view: View) -> Iterator[Problem]:
    """An Embedding looks up whole numbers and cuts off what is behind the point, without a word."""
    for name, layer in view.project.model.layers.items():
        given = view.project.model.inputs.get(layer.sources[0]) if layer.sources else None
        field = view.project.data.fields.get(given.field) if given else None
        if view.owner(layer).class_name != "Embedding" or field is None or field.kind != "number":
            continue
        broken = [column for column in field.columns if _has_fractions(view.columns.get(column))]
        if broken or field.scaling != "none":
            what = f"the column {broken[0]} has fractions" if broken else "its field is scaled"
            message = f"{name} (Embedding) looks up whole numbers, but {what}: use categories, as codes."
            yield Problem("fractions-embedded", "blocking", f"layer:{name}", message)


def _has_fractions(column: ColumnFacts | None) -> bool:
    seen = (*column.values, column.minimum, column.maximum) if column is not None else ()
    return any(isinstance(value, float) and not value.is_integer() for value in seen)


def _no_axis(axis: object, count: int) -> bool:
    return isinstance(axis, int) and not isinstance(axis, bool) and not -count <= axis < count


def refused_by_keras(view: View) -> Iterator[Problem]:
    """What Keras or the user's code said when the model was built, last, where no rule of ours knows
    better.
    """
    if view.model is None:
        return
    for where, sentence in view.model.errors.items():
        yield Problem("keras-refuses", "blocking", where, sentence)


def _codes(view: View, one: Comparison, truth: Shape, prediction: Shape) -> Iterator[Problem]:
    """Class numbers: the head has one axis more, over the classes, or the labels have a last axis of one."""
    labels = truth[:-1] if truth and truth[-1] == 1 and len(truth) == len(prediction) else truth
    if prediction and _fits(labels, prediction[:-1]):
        return
    if not _other_labels(view, one):
        yield _differs(view, one, truth, prediction)


def _other_labels(view: View, one: Comparison) -> bool:
    """Whether labels are written in another way than the loss reads them; then that is what is to be
    mended.
    """
    field = view.field(one.truth)
    if field is None or field.kind != "category":
        return False
    return (one.loss.labels, field.encoding) in (("onehot", "codes"), ("codes", "onehot"))


def _fits(first: Shape, second: Shape) -> bool:
    return len(first) == len(second) and all(
        None in (a, b) or a == b for a, b in zip(first, second, strict=True)
    )


def _broadcasts(first: Shape, second: Shape) -> bool:
    return all(None in (a, b) or a == b or 1 in (a, b) for a, b in zip(first, second, strict=True))


def _differs(view: View, one: Comparison, truth: Shape, prediction: Shape) -> Problem:
    message = (
        f"{one.name} compares {_named(one.truth)} of shape {spell(truth)} with {_named(one.prediction)} "
        f"of shape {spell(prediction)}{_consequence(one, truth, prediction)}"
    )
    return Problem("shape-mismatch", "blocking", one.where, message, _shape_fix(view, one, truth, prediction))


def _consequence(one: Comparison, truth: Shape, prediction: Shape) -> str:
    if one.loss.labels == "codes":
        return ": it wants one number a row and one output a class."
    if len(truth) != len(prediction):
        return (
            ": every row would be compared with every other, (B, B)." if not truth or not prediction else "."
        )
    return ": they would broadcast." if _broadcasts(truth, prediction) else "."


def _shape_fix(view: View, one: Comparison, truth: Shape, prediction: Shape) -> Fix | None:
    if (
        len(truth) == len(prediction)
        and truth
        and truth[:-1] == prediction[:-1]
        and one.loss.labels != "codes"
    ):
        return units_fix(view, one.prediction, truth[-1])
    if one.loss.labels != "codes" and prediction == () and truth == (1,):
        return squeeze_head(view, one.prediction, (1,))
    return None


def _formula_fix(view: View, first: tuple[str, Shape], second: tuple[str, Shape]) -> Fix | None:
    """Give the head as many units as the target has numbers, where one is a head and the other a target."""
    (one, shape), (other, wanted) = first, second
    if one.startswith("target:"):
        one, other, shape, wanted = other, one, wanted, shape
    fits = other.startswith("target:") and len(shape) == len(wanted) and shape[:-1] == wanted[:-1] and wanted
    return units_fix(view, one, wanted[-1]) if fits else None


def _one_axis_more(name: str, source: str, shape: Shape) -> Fix | None:
    if None in shape:
        return None
    return wire_through(source, name, "Reshape", {"target_shape": [*(n or 0 for n in shape), 1]})


def _node_shape(view: View, name: str) -> Shape | None:
    return view.shape(f"input:{name}" if name in view.project.model.inputs else f"layer:{name}")


def _named(reference: str) -> str:
    kind, _, name = reference.partition(":")
    return f"the {kind} {name}"
