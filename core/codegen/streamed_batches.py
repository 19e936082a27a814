"""The class `Batches` of a script that streams: batches through tf.data, in an order that a script can repeat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from core.codegen.code import Code
from core.codegen.quoting import literal
from core.codegen.wiring import Wiring
from core.project.schema import Split

HEAD = '''class Batches:
    """Batches of inputs and targets, read from disk as they are needed{order}."""

    def __init__(self, table, part):
        self.table, self.part, self.epoch = table, part, 0
        steps = math.ceil(table.counts[part] / BATCH_SIZE)
        signature = tf.nest.map_structure(tensor_of, self.pair(table.sample))
        pieces = tf.data.Dataset.from_generator(self.pieces, output_signature=signature)
{pieces}
        batches = pieces.rebatch(BATCH_SIZE).apply(tf.data.experimental.assert_cardinality(steps))
        self.dataset = batches.prefetch(tf.data.AUTOTUNE)
'''
PREFETCHED = "        pieces = pieces.prefetch(1)"
KEPT = """        if part == "train":
            pieces = pieces.prefetch(1)
        else:
            pieces = pieces.cache()  # they fit into memory"""
START = '''
    def start(self, epoch):
        """Put the rows in the order of an epoch."""
        self.epoch = epoch
'''
SHUFFLED = '''
    def pieces(self):
        """Yield inputs and targets of a window of the table at a time, those to train on shuffled."""
        random = np.random.default_rng((SEED, self.epoch))
        order, lanes = range(len(self.table.blocks)), 1
        if self.part == "train":
            order, lanes = random.permutation(len(self.table.blocks)), LANES
        readers = [self.table.of_part(self.part, order[lane::lanes]) for lane in range(lanes)]
        pieces = (piece for turn in itertools.zip_longest(*readers) for piece in turn if piece)
        while window := list(itertools.islice(pieces, WINDOW)):
            rows = {name: np.concatenate([piece[name] for piece in window]) for name in window[0]}
            if self.part == "train":
                shuffled = random.permutation(len(rows[FIRST]))
                rows = {name: values[shuffled] for name, values in rows.items()}
            yield self.pair(rows)
'''
IN_ORDER = '''
    def pieces(self):
        """Yield inputs and targets of a piece of the table at a time."""
        for rows in self.table.of_part(self.part, range(len(self.table.blocks))):
            yield self.pair(rows)
'''
TENSOR_OF = '''def tensor_of(values):
    """Return what tf.data must know of an array: its type, and its shape for any number of rows."""
    dtype = "string" if values.dtype == object else values.dtype
    return tf.TensorSpec((None, *values.shape[1:]), dtype)
'''


def batches(wiring: Wiring, labels: Mapping[str, str] | None, small: bool) -> Code:
    """Return the class `Batches`, whose order depends on the seed and the epoch alone.

    `labels` are the fields that are given to `fit` by key; without them, all targets by their own names. With `small`
    the rows that are not trained on are kept in memory once they were read.
    """
    labels = {name: name for name in wiring.targets} if labels is None else labels
    shuffle = wiring.project.training.shuffle
    order = "; SEED and the epoch alone decide their order" if shuffle else ", in the order of the data"
    pieces = SHUFFLED.replace("FIRST", literal(wiring.fields[0])) if shuffle else IN_ORDER
    head = HEAD.format(order=order, pieces=KEPT if small else PREFETCHED)
    text = f"{TENSOR_OF}\n\n{head}{START if shuffle else ''}{pieces}\n{_pair(wiring, labels)}"
    numpy = ["import itertools", "import numpy as np"] if shuffle else []
    return Code(text, ("import math", "import tensorflow as tf", *numpy))


def _pair(wiring: Wiring, labels: Mapping[str, str]) -> str:
    inputs = [f"{literal(name)}: rows[{literal(wiring.field_of(name))}]" for name in wiring.used_inputs]
    targets = [f"{literal(name)}: rows[{literal(field)}]" for name, field in labels.items()]
    lines = ["@staticmethod", "def pair(rows):", '    """Return inputs and targets by their names."""']
    lines.append(f"    return {{{', '.join(inputs)}}}, {{{', '.join(targets)}}}")
    return Code("\n".join(lines)).indented().text


def loaded() -> Iterator[str]:
    """Yield the lines of `train` that open the table."""
    yield "table = Table()"
    yield "rows, scaling = table.sample, table.scaling"


def part(split: Split, name: str) -> str:
    """Return the batches of a part of the rows as text, empty where the project gives it none."""
    made = f'Batches(table, "{name}").dataset'
    if split.kind == "column":
        return f'{made} if table.counts["{name}"] else None' if name == "validation" else ""
    return made if (split.validation if name == "validation" else split.test) else ""
