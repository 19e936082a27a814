"""What computes each term: its loss by name, and the model class that adds terms up.

One mechanism for every kind of loss: `TermModel.terms` returns scalars by name, `compute_loss` adds them up.
Rows without a label are left out by a `where` on what goes in and one on what comes out, because one NaN on
either side spoils every gradient (https://github.com/keras-team/keras/issues/1628).
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cached_property

from core.codegen import devices
from core.codegen.code import CannotGenerate, Code, join, mark
from core.codegen.objects import LOSS, METRIC, construct
from core.codegen.quoting import identifier, literal
from core.codegen.wiring import Wiring
from core.project import expressions, functions, parsing
from core.project.schema import CatalogueLoss, CategoryField, ExpressionLoss, Field, Metric, PythonLoss, Term

ARGUMENT_NAMES = ("ops", "keras")
METHOD_NAMES = ("self", "x", "y", "y_pred", "sample_weight", "ops", "keras")
WHOLE_BATCH = ("Circle", "Dice", "Tversky")
"""Losses that compare the rows of a batch with each other, so that no row can be left out."""
WHOLE_NUMBERS = ("one_hot", "multi_hot", "take", "take_along_axis", "sparse_categorical_crossentropy", "cast")
"""Functions whose arguments may be class codes as they are."""
PURE = ("import keras", "from keras import ops")

LABELS = {
    "number_labels": '''def number_labels(y):
    """Return labels with 1 where they are missing, and which rows have all of theirs."""
    missing = ops.isnan(y)
    known = ops.logical_not(ops.any(missing, axis=tuple(range(1, len(y.shape)))))
    return ops.where(missing, 1.0, y), known''',
    "class_labels": '''def class_labels(y):
    """Return class codes with 0 where they are missing, and which rows have all of theirs."""
    missing = y < 0
    return ops.where(missing, 0, y), ops.logical_not(ops.any(missing, axis=1))''',
    "onehot_labels": '''def onehot_labels(y):
    """Return one-hot labels with the first class where they are missing, and which rows have theirs."""
    known = ops.any(y > 0, axis=1)
    first = ops.one_hot(0, y.shape[1])
    return ops.where(ops.expand_dims(known, 1), y, first), known''',
}
MEAN_OF_KNOWN = '''def mean_of_known(values, known):
    """Return the mean of `values` over the rows whose label is known, and 0 where there are none."""
    if len(values.shape) == 0:
        raise ValueError("a loss over labels with gaps must return a number for each sample, not one for all")
    values = ops.mean(ops.reshape(values, (ops.shape(values)[0], -1)), axis=1)
    count = ops.sum(ops.cast(known, values.dtype))
    return ops.sum(ops.where(known, values, 0.0)) / ops.maximum(count, 1.0)'''
CHECKED = '''def checked(loss, **arguments):
    """Return what a loss function gives for a batch, or say why it cannot be a loss."""
    values = loss(**arguments)
    if values is None:
        raise ValueError(f"{loss.__name__} returned nothing; it must return a number for each sample")
    values = ops.convert_to_tensor(values)
    if "float" not in keras.backend.standardize_dtype(values.dtype):
        raise ValueError(f"{loss.__name__} returned {values.dtype}, which has no gradient")
    rows = [argument.shape[0] for argument in arguments.values()]
    if len(values.shape) and values.shape[0] not in (None, *rows):
        raise ValueError(f"{loss.__name__} returned {values.shape}; the first axis must be the samples")
    return values'''
TERM_MODEL = '''@keras.saving.register_keras_serializable()
class TermModel(keras.Model):
    """A model trained on named terms: loss = sum of weight * term, plus regularization."""

    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.term_weights = {
            term: keras.Variable(weight, trainable=False, name=f"{term}_weight")
            for term, weight in WEIGHTS.items()
        }
        self.term_means = {name: keras.metrics.Mean(name=name) for name in (*WEIGHTS, "regularization")}'''
TERMS_HEAD = '''    def terms(self, x, y, y_pred):
        """Return the value of each term over a batch, before its weight."""'''
COMPUTE_LOSS = '''    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return the total, and keep the mean of every term over the rows of the epoch."""
        terms = self.terms(x, y, y_pred)
#@ regularization
        regularization = sum((ops.sum(loss) for loss in self.losses), ops.zeros(()))
#@
        rows = ops.shape(next(iter(y_pred.values())))[0]
        for name, value in {**terms, "regularization": regularization}.items():
            self.term_means[name].update_state(value, sample_weight=rows)
#@ total
        return sum((self.term_weights[name] * terms[name] for name in terms), regularization)
#@'''


class Terms:
    """The code of a project's active terms and metrics. Methods raise CannotGenerate."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self.fields = wiring.project.data.fields
        try:
            self.signatures = functions.signatures(wiring.project.functions)
            self.defined = functions.defined(wiring.project.functions)
        except functions.FunctionsError as error:
            raise CannotGenerate("functions", str(error)) from None
        self._shared = devices.are_shared(wiring.project.training)
        self._refuse_names()

    def weights(self) -> Code:
        """The weight of each term, as the constant `WEIGHTS`."""
        lines = [
            mark(f"term:{name}", f"{literal(name)}: {literal(term.weight)},")
            for name, term in self.wiring.terms.items()
        ]
        return Code("\n".join(["WEIGHTS = {", *lines, "}"]))

    def losses(self) -> Code:
        """The losses by the names of their terms: objects of Keras, functions made of expressions."""
        made = [(self._loss(name, term), f"term:{name}") for name, term in self.wiring.terms.items()]
        marked = [piece.marked(reference) for piece, reference in made if piece.text]
        objects = join(piece for piece in marked if "\ndef " not in piece.text)
        defined = [piece for piece in marked if "\ndef " in piece.text]
        return join([*self._aids(), *defined, objects], "\n\n\n")

    def model_class(self) -> Code:
        """The class `TermModel`."""
        loss = devices.compute_loss(self.wiring) if self._shared else [Code(COMPUTE_LOSS)]
        pieces = [Code("\n".join([TERM_MODEL, *self._scores()])), self._terms(), *loss]
        if self.wiring.metrics:
            pieces.append(self._compute_metrics())
        whole = join([Code("", PURE), *pieces], "\n\n")
        return join([*devices.aids(self.wiring), whole], "\n\n\n")

    def global_name(self, name: str) -> str:
        """The Python name of the loss of a term at the top of the script."""
        return identifier(name, functions.SCRIPT_NAMES | set(self.defined))

    def _refuse_names(self) -> None:
        """Refuse names under which the history would show two things as one."""
        shown = dict.fromkeys(["epoch", "loss", "regularization"])
        named = [f"term:{name}" for name in self.wiring.terms] + [
            f"metric:{name}" for name in self.wiring.metrics
        ]
        for reference in named:
            name = reference.partition(":")[2]
            if name in shown or name.removeprefix("val_") in shown or f"val_{name}" in shown:
                raise CannotGenerate(
                    reference, f"The history has no room for a second {name}; choose another name."
                )
            shown[name] = None

    # ---- losses by name

    def _loss(self, name: str, term: Term) -> Code:
        where, loss = f"term:{name}", term.loss
        if isinstance(loss, ExpressionLoss):
            return Code(self._function(name, term, loss), ("from keras import ops",))
        if isinstance(loss, PythonLoss):
            self._check_function(where, loss)
            return Code()
        gaps = self._gaps(term.bind)
        if gaps and loss.name in WHOLE_BATCH:
            sentence = (
                f"{loss.name} looks at a whole batch and cannot leave out rows without a label; drop them."
            )
            raise CannotGenerate(where, sentence)
        extra = ['reduction="none"'] if gaps or self._shared else []
        made = construct(LOSS, loss.name, loss.config, where, extra)
        return Code(f"{self.global_name(name)} = {made}", ("import keras",))

    def _function(self, name: str, term: Term, loss: ExpressionLoss) -> str:
        expression = _parsed(name, loss)
        names = {argument: identifier(argument, ARGUMENT_NAMES) for argument in self._arguments(name, term)}
        arguments = ", ".join(names.values())
        return f"def {self.global_name(name)}({arguments}):\n    return {_spelt(expression.tree, names)}"

    def _check_function(self, where: str, loss: PythonLoss) -> None:
        signature = self.signatures.get(loss.function)
        if signature is None:
            raise CannotGenerate(
                where, f"There is no function {loss.function!r} among the project's functions."
            )
        if signature.refusal:
            raise CannotGenerate(where, f"{signature.refusal}.")

    def _aids(self) -> Iterator[Code]:
        """The small functions that the terms of this project happen to need."""
        parts: tuple[Term | Metric, ...] = (*self.wiring.terms.values(), *self.wiring.metrics.values())
        gaps = dict.fromkeys(name for part in parts for name in self._gaps(part.bind))
        for aid in dict.fromkeys(_labels(self.fields[name]) for name in gaps):
            yield Code(LABELS[aid], ("from keras import ops",))
        if any(self._gaps(term.bind) for term in self.wiring.terms.values()):
            yield Code(MEAN_OF_KNOWN, ("from keras import ops",))
        if any(isinstance(term.loss, PythonLoss) for term in self.wiring.terms.values()):
            yield Code(CHECKED, PURE)

    # ---- the model class

    def _scores(self) -> Iterator[str]:
        if not self.wiring.metrics:
            return
        yield "        self.scores = {"
        for name, metric in self.wiring.metrics.items():
            where = f"metric:{name}"
            made = construct(METRIC, metric.metric, metric.config, where, [f"name={literal(name)}"])
            yield mark(where, f"            {literal(name)}: {made},")
        yield "        }"

    def _terms(self) -> Code:
        if not self.wiring.terms:
            raise CannotGenerate("total", "There is no term to train on; add one or switch one on.")
        entries = [
            mark(f"term:{name}", f"{literal(name)}: {self._value(name, term)},")
            for name, term in self.wiring.terms.items()
        ]
        known = self._known(self.wiring.terms)
        body = Code("\n".join([*known, "return {", *entries, "}"])).indented(" " * 8)
        return join([Code(TERMS_HEAD), body])

    def _compute_metrics(self) -> Code:
        updates = [
            mark(f"metric:{name}", self._update(name, metric)) for name, metric in self.wiring.metrics.items()
        ]
        head = "    def compute_metrics(self, x, y, y_pred, sample_weight=None):"
        lines = [*self._known(self.wiring.metrics), *updates, "return self.get_metrics_result()"]
        return join([Code(head), Code("\n".join(lines)).indented(" " * 8)])

    def _known(self, parts: Mapping[str, Term] | Mapping[str, Metric]) -> Iterator[str]:
        """Lines that part the labels of targets with gaps from the news which rows have one."""
        for name in dict.fromkeys(name for part in parts.values() for name in self._gaps(part.bind)):
            values, known = self._locals(name)
            yield mark(
                f"target:{name}", f"{values}, {known} = {_labels(self.fields[name])}(y[{literal(name)}])"
            )

    def _value(self, name: str, term: Term) -> str:
        where, loss = f"term:{name}", term.loss
        bound = {argument: self._bound(where, argument, term) for argument in self._arguments(name, term)}
        if isinstance(loss, ExpressionLoss):
            bound = {key: self._as_float(name, loss, key, term, text) for key, text in bound.items()}
        known = self._known_rows(term.bind)
        if isinstance(loss, PythonLoss):
            arguments = ", ".join(f"{argument}={text}" for argument, text in bound.items())
            call = f"checked({', '.join([loss.function, arguments] if arguments else [loss.function])})"
        else:
            call = f"{self.global_name(name)}({', '.join(bound.values())})"
        if known:
            return f"mean_of_known({call}, {known})"
        if isinstance(loss, CatalogueLoss):
            return devices.mean(self.wiring, call, bound["y_pred"]) if self._shared else call
        return f"ops.mean({call})"

    def _update(self, name: str, metric: Metric) -> str:
        where = f"metric:{name}"
        y_true, y_pred = (self._bound(where, argument, metric) for argument in ("y_true", "y_pred"))
        known = self._known_rows(metric.bind)
        extra = f", sample_weight={known}" if known else ""
        return f"self.scores[{literal(name)}].update_state({y_true}, {y_pred}{extra})"

    # ---- bindings

    def _arguments(self, name: str, term: Term) -> list[str]:
        """What the loss of a term is called with, in order."""
        loss = term.loss
        if isinstance(loss, CatalogueLoss):
            return ["y_true", "y_pred"]
        if isinstance(loss, ExpressionLoss):
            names = _parsed(name, loss).names
            return sorted(names, key=[*(key for key in term.bind if key in names), *names].index)
        self._check_function(f"term:{name}", loss)
        signature = self.signatures[loss.function]
        return [key for key in signature.arguments if key in term.bind or key not in signature.defaults]

    def _bound(self, where: str, argument: str, part: Term | Metric) -> str:
        kind, _, name = part.bind.get(argument, "").partition(":")
        wiring = self.wiring
        if kind == "head" and name in wiring.project.model.heads:
            return f"y_pred[{literal(name)}]"
        if kind == "layer" and name in wiring.layers:
            return f"y_pred[{literal(wiring.output_key(name))}]"
        if kind == "input" and name in wiring.inputs:
            return f"x[{literal(name)}]"
        if kind == "target" and name in self.fields:
            return self._locals(name)[0] if self.fields[name].missing == "keep" else f"y[{literal(name)}]"
        given = f"bound to {name}, which is not there" if name else "not bound yet"
        part_word, _, part_name = where.partition(":")
        raise CannotGenerate(where, f"Argument {argument} of {part_word} {part_name} is {given}; wire it.")

    def _as_float(self, name: str, loss: ExpressionLoss, argument: str, term: Term, text: str) -> str:
        """Class codes are whole numbers, which do not compute with floats; a formula gets them as floats."""
        kind, _, field = term.bind[argument].partition(":")
        if kind == "input" and field in self.wiring.inputs:
            field = self.wiring.inputs[field].field
        if kind not in ("target", "input") or not _is_codes(self.fields.get(field)):
            return text
        tree = _parsed(name, loss).tree
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        whole = any(_calls_with(call, argument) for call in calls)
        return text if whole else f'ops.cast({text}, "float32")'

    def _gaps(self, bind: Mapping[str, str]) -> list[str]:
        """The targets among the bindings whose labels may be missing."""
        targets = (value.removeprefix("target:") for value in bind.values() if value.startswith("target:"))
        return [
            name
            for name in dict.fromkeys(targets)
            if name in self.fields and self.fields[name].missing == "keep"
        ]

    def _known_rows(self, bind: Mapping[str, str]) -> str:
        return " & ".join(self._locals(name)[1] for name in self._gaps(bind))

    def _locals(self, field: str) -> tuple[str, str]:
        """The local names of the labels of a field and of the rows that have one."""
        known = f"{field}_known"
        while known in self._taken or known in self._labels:
            known += "_"
        return identifier(field, self._taken), known

    @cached_property
    def _taken(self) -> frozenset[str]:
        """The names that mean something inside the methods of the model class."""
        own = [self.global_name(name) for name in self.wiring.terms]
        return frozenset((*METHOD_NAMES, *own, *self.defined, *functions.SCRIPT_NAMES))

    @cached_property
    def _labels(self) -> frozenset[str]:
        return frozenset(identifier(name, self._taken) for name in self.fields)


def _parsed(name: str, loss: ExpressionLoss) -> expressions.Expression:
    try:
        return expressions.parse(loss.code)
    except expressions.ExpressionError as error:
        raise CannotGenerate(f"term:{name}", str(error)) from None


def _spelt(tree: ast.Expression, names: Mapping[str, str]) -> str:
    """Write a checked expression with `ops.` before its functions and its arguments by their Python names."""
    return ast.unparse(_Spelling(names).visit(parsing.formula(ast.unparse(tree))))


class _Spelling(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Call(self, node: ast.Call) -> ast.Call:
        function = node.func
        assert isinstance(function, ast.Name)
        node.args = [self.visit(argument) for argument in node.args]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        node.func = ast.Attribute(ast.Name("ops", ast.Load()), function.id, ast.Load())
        return node

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names[node.id], ast.Load())


def _calls_with(call: ast.Call, argument: str) -> bool:
    named = isinstance(call.func, ast.Name) and call.func.id in WHOLE_NUMBERS
    return named and any(isinstance(given, ast.Name) and given.id == argument for given in call.args)


def _is_codes(field: Field | None) -> bool:
    return isinstance(field, CategoryField) and field.encoding == "codes"


def _labels(field: Field) -> str:
    if _is_codes(field):
        return "class_labels"
    return "onehot_labels" if isinstance(field, CategoryField) else "number_labels"
