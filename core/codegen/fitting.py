"""Batches, compiling, the prediction model and `train`: what a script does with data, model and terms."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from core.codegen import devices, precision, streamed_batches, turbo
from core.codegen.code import CannotGenerate, Code, mark
from core.codegen.objects import OPTIMIZER, construct
from core.codegen.quoting import literal
from core.codegen.wiring import Wiring
from core.project.schema import EarlyStopping, NumberField, TextField, Training


@dataclass(frozen=True)
class Changes:
    """What was set by hand during a run, by step (0 is the first): weights of terms, learning rates."""

    weights: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    rates: Mapping[int, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.weights or self.rates)


SHUFFLE = '''
    def start(self, epoch):
        """Put the rows in the order of an epoch."""
        self.order = np.random.default_rng((SEED, epoch)).permutation(self.count)
'''
BUILT = "    model.optimizer.build(model.trainable_variables)"
BEGIN_FROM_WEIGHTS = frozenset({"ScheduleFreeAdamW"})
"""Optimizers that begin with copies of the weights. Keras 3.15 builds an optimizer while it traces the first step, and
loses such copies there."""
CHANGES_CLASS = '''class Changes(keras.callbacks.Callback):
    """Makes the changes that were made by hand during the run, at the same steps."""

    def on_train_begin(self, logs=None):
        self.step = 0

    def on_train_batch_begin(self, batch, logs=None):
'''
NEW_WEIGHTS = """        for term, weight in NEW_WEIGHTS.get(self.step, {}).items():
            self.model.term_weights[term].assign(weight)
"""
NEW_RATES = """        if self.step in NEW_RATES:
            self.model.optimizer.learning_rate.assign(NEW_RATES[self.step])
"""


def batches(wiring: Wiring, labels: Mapping[str, str] | None = None) -> Code:
    """Return the class `Batches`, whose order depends on the seed and the epoch alone.

    `labels` are the fields that are given to `fit` by key; without them, all targets by their own names.
    """
    labels = {name: name for name in wiring.targets} if labels is None else labels
    shuffle = wiring.project.training.shuffle
    order = "; SEED and the epoch alone decide their order" if shuffle else " in the order of the data"
    head = f'class Batches(keras.utils.PyDataset):\n    """Batches of inputs and targets{order}."""\n'
    start = ["def __init__(self, rows):", "    super().__init__()", *_arrays(wiring, labels)]
    start += [f"    self.count = len(rows[{literal(wiring.fields[0])}])"]
    start += ["    self.order = np.arange(self.count)"] if shuffle else []
    item = [
        "",
        "def __len__(self):",
        "    return math.ceil(self.count / BATCH_SIZE)",
        "",
        *_item(wiring, labels),
    ]
    parts = [head, _inside(start), *([SHUFFLE.rstrip()] if shuffle else []), _inside(item)]
    numpy = ["import numpy as np"] if shuffle else []
    texts = ["from keras import ops"] if any(_texts(wiring, labels)) else []
    return Code("\n".join(parts), ("import math", "import keras", *numpy, *texts))


def _inside(lines: list[str]) -> str:
    return Code("\n".join(lines)).indented().text


def _arrays(wiring: Wiring, labels: Mapping[str, str]) -> Iterator[str]:
    inputs = [f"{literal(name)}: rows[{literal(wiring.field_of(name))}]" for name in wiring.used_inputs]
    targets = [f"{literal(name)}: rows[{literal(field)}]" for name, field in labels.items()]
    yield f"    self.x = {{{', '.join(inputs)}}}"
    yield f"    self.y = {{{', '.join(targets)}}}"


def _item(wiring: Wiring, labels: Mapping[str, str]) -> Iterator[str]:
    span = "index * BATCH_SIZE : (index + 1) * BATCH_SIZE"
    shuffle = wiring.project.training.shuffle
    yield "def __getitem__(self, index):"
    yield f"    rows = self.order[{span}]" if shuffle else f"    rows = slice({span.replace(' :', ',')})"
    yield "    x = {name: values[rows] for name, values in self.x.items()}"
    yield "    y = {name: values[rows] for name, values in self.y.items()}"
    for place in _texts(wiring, labels):
        yield f'    {place} = ops.convert_to_tensor({place}, "string")'
    yield "    return x, y"


def _texts(wiring: Wiring, labels: Mapping[str, str]) -> Iterator[str]:
    """Where a batch holds strings, which Keras takes as tensors only."""
    fields = wiring.project.data.fields
    inputs = {name: wiring.field_of(name) for name in wiring.used_inputs}
    for batch, named in (("x", inputs), ("y", labels)):
        for name, field_name in named.items():
            if isinstance(fields[field_name], TextField):
                yield f"{batch}[{literal(name)}]"


def compile_model(wiring: Wiring) -> Code:
    """Return the function `compile_model(model)`."""
    training = wiring.project.training
    arguments = f"optimizer={optimizer(training)}, {turbo.argument(training)}"
    body = mark("training", f"    model.compile({arguments})")
    lines = ["def compile_model(model):", *turbo.comment(training), body, *built(training)]
    return Code("\n".join(lines), ("import keras",))


def built(training: Training) -> list[str]:
    """Return the statement that builds the optimizer before the first step, where it matters."""
    if devices.are_shared(training) or training.optimizer.class_name in BEGIN_FROM_WEIGHTS:
        return [BUILT]
    return []


def optimizer(training: Training) -> str:
    """Return the optimizer as text. With float16 it scales losses, so that small gradients do not become 0."""
    chosen = training.optimizer
    made = construct(OPTIMIZER, chosen.class_name, chosen.config, "training")
    if training.precision != "mixed_float16":
        return made
    scaling = devices.LOSS_SCALER if devices.are_shared(training) else "keras.optimizers.LossScaleOptimizer"
    return f"{scaling}({made})"


def prediction_model(wiring: Wiring) -> Code:
    """Return the function `prediction_model(model, scaling)`."""
    heads = ", ".join(
        f"{literal(name)}: model.output[{literal(name)}]" for name in wiring.project.model.heads
    )
    before = list(_scaled(wiring))
    after = list(_unscaled(wiring))
    units = " and in the units of the data" if before or after else ""
    lines = [f'"""Return a plain model for use: without terms{units}."""', f"outputs = {{{heads}}}"]
    if before:
        lines += [
            "inputs = {",
            "    name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)",
            "    for name, tensor in model.input.items()",
            "}",
            "scaled = dict(inputs)",
            *before,
            "outputs = keras.Model(model.input, outputs)(scaled)",
        ]
    lines += [*after, f"return keras.Model({'inputs' if before else 'model.input'}, outputs)"]
    return Code("def prediction_model(model, scaling):\n" + _inside(lines), ("import keras",))


def _scaled(wiring: Wiring) -> Iterator[str]:
    for name in wiring.used_inputs:
        if _is_scaled(wiring, wiring.field_of(name)):
            yield f"offset, scale = scaling[{literal(wiring.field_of(name))}]"
            yield f"scaled[{literal(name)}] = (inputs[{literal(name)}] - offset) / scale"


def _unscaled(wiring: Wiring) -> Iterator[str]:
    for name, head in wiring.project.model.heads.items():
        if head.unscale and head.unscale not in wiring.project.data.fields:
            raise CannotGenerate(
                f"head:{name}", f"Head {name} takes its units from {head.unscale}, which is not there."
            )
        if head.unscale and _is_scaled(wiring, head.unscale):
            yield mark(
                f"head:{name}",
                f"offset, scale = scaling[{literal(head.unscale)}]\n"
                f"outputs[{literal(name)}] = outputs[{literal(name)}] * scale + offset",
            )


def _is_scaled(wiring: Wiring, name: str) -> bool:
    known = wiring.project.data.fields[name]
    return isinstance(known, NumberField) and known.scaling != "none"


def changing(changes: Changes) -> Code:
    """Return the changes of a run as constants and a callback, nothing where there are none."""
    if not changes:
        return Code()
    weights = [(step, literal(dict(values))) for step, values in sorted(changes.weights.items())]
    rates = [(step, literal(rate)) for step, rate in sorted(changes.rates.items())]
    tables = [_table(*table) for table in (("NEW_WEIGHTS", weights), ("NEW_RATES", rates)) if table[1]]
    body = (NEW_WEIGHTS if weights else "") + (NEW_RATES if rates else "") + "        self.step += 1"
    return Code("\n".join(tables) + f"\n\n\n{CHANGES_CLASS}{body}", ("import keras",))


def _table(name: str, rows: list[tuple[int, str]]) -> str:
    """Return a constant with a row for each step (0 is the first)."""
    return "\n".join([f"{name} = {{", *(f"    {literal(step)}: {text}," for step, text in rows), "}"])


def train(wiring: Wiring, changes: Changes, streams: bool = False) -> Code:
    """Return the function `train(callbacks=())`; with `streams`, of a script that reads its rows from disk."""
    validates, tests = _share(wiring, "validation", streams), _share(wiring, "test", streams)
    loaded = f"rows, {'validation' if validates else '_'}, {'test' if tests else '_'}, scaling = load_data()"
    training, made = wiring.project.training, ["model = build_model(rows)", "compile_model(model)"]
    lines = [
        '"""Train, save the results beside this file, and return the model and its history."""',
        "keras.utils.set_random_seed(SEED)",
        *_of_hardware(precision.policy(training)),
        *(streamed_batches.loaded() if streams else [loaded]),
        *(_of_hardware(devices.SCOPE) if devices.are_shared(training) else made),
        'batches = Batches(table, "train")' if streams else "batches = Batches(rows)",
        "history = model.fit(",
        "    batches.dataset," if streams else "    batches,",
        *([f"    validation_data={validates},"] if validates else []),
        "    epochs=EPOCHS,",
        "    shuffle=False,  # Keras would shuffle whole batches",
        "    callbacks=[",
        *(f"        {line}" for line in _callbacks(wiring, changes, bool(validates))),
        "        *callbacks,",
        "    ],",
        "    verbose=2,",
        ")",
        *([f'print("test:", model.evaluate({tests}, verbose=0, return_dict=True))'] if tests else []),
        'model.save(HERE / "model.keras")',
        'prediction_model(model, scaling).save(HERE / "predict.keras")',
        "return model, history",
    ]
    return Code(f"def train(callbacks=()):\n{_inside(lines)}", ("import keras",))


def _of_hardware(lines: list[str]) -> list[str]:
    return [mark("training", "\n".join(lines))] if lines else []


def _share(wiring: Wiring, part: str, streams: bool) -> str:
    """The batches of a part of the rows as text, empty where the project gives it none."""
    split = wiring.project.data.split
    if streams:
        return streamed_batches.part(split, part)
    if split.kind == "column" and part == "validation":
        return f"Batches({part}) if len({part}[{literal(wiring.fields[0])}]) else None"
    share = split.validation if part == "validation" else split.test
    return f"Batches({part})" if share and split.kind != "column" else ""


def _callbacks(wiring: Wiring, changes: Changes, validates: bool) -> Iterator[str]:
    if wiring.project.training.shuffle:
        yield "keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: batches.start(epoch)),"
    yield 'keras.callbacks.CSVLogger(HERE / "history.csv"),'
    if wiring.project.training.early_stopping:
        yield mark("training", f"{_stopping(wiring, wiring.project.training.early_stopping, validates)},")
    if changes:
        yield "Changes(),"


def _stopping(wiring: Wiring, early: EarlyStopping, validates: bool) -> str:
    key = "loss" if early.monitor == "total" else early.monitor
    if key not in {"loss", "regularization", *wiring.terms, *wiring.metrics}:
        raise CannotGenerate("training", f"Early stopping watches {key}, which is no active term or metric.")
    settings = [
        f"monitor={literal(f'val_{key}' if validates else key)}",
        f"patience={literal(early.patience)}",
    ]
    settings += [f"min_delta={literal(early.min_delta)}"] if early.min_delta else []
    settings += [f"mode={literal(early.mode)}"]
    settings += ["restore_best_weights=True"] if early.restore_best else []
    return f"keras.callbacks.EarlyStopping({', '.join(settings)})"
