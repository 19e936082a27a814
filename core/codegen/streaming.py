"""What a script that streams has in place of `load_data()`: a table that is read from disk block by block.

It gives the rows that inspection counted (`core.data.streaming`). One first reading counts them and learns from those
to train on what fills gaps and scales; every epoch reads them again, the blocks in an order drawn from the seed and the
epoch, and the rows of several blocks shuffled together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.codegen import block_code, field_code
from core.codegen.code import Code, join
from core.codegen.field_code import Making
from core.codegen.loading import columns_of, dropped, fields_of
from core.codegen.quoting import literal
from core.codegen.reading_code import NUMPY, Reading
from core.data import resolve
from core.data.classes import classes
from core.project.facts import DataFacts
from core.project.schema import CategoryField, Data, Field, NumberField, Split

MOMENTS = '''def moments(values):
    """Return for each column how many numbers it has, their mean, and the sum of squared distances from it."""
    known = ~np.isnan(values)
    count = known.sum(0)
    mean = np.where(known, values, 0).sum(0, dtype="float64") / np.maximum(count, 1)
    return count, mean, (np.where(known, values - mean, 0) ** 2).sum(0)


def merged(one, other):
    """Return the moments of two groups of rows together (Chan, Golub and LeVeque, 1979)."""
    count = np.maximum(one[0] + other[0], 1)
    apart = other[1] - one[1]
    mean = one[1] + apart * other[0] / count
    return one[0] + other[0], mean, one[2] + other[2] + apart**2 * one[0] * other[0] / count
'''
CHECK = """        found = DATA.stat()
        if (found.st_size, found.st_mtime_ns) != self.seen:
            raise RuntimeError(f"{DATA} was changed while it was trained on: train again")
"""
FINISHED = '''    def finished(self, fields):
        """Return fields of some rows with their gaps filled and their numbers scaled."""
        fields = dict(fields)
'''
SCALED = """        for name, (offset, scale) in self.scaling.items():
            fields[name] = (fields[name] - offset) / scale
"""
EMPTIED = """if table.empty:  # nothing to stack
    continue"""
OF_PART = '''    def of_part(self, part, order):
        """Yield the finished fields of the rows of a part, from blocks in an order."""
        for number in order:
            for fields, parts in self.rows(number):
                if (chosen := parts == part).any():
                    yield self.finished({name: values[chosen] for name, values in fields.items()})
'''


@dataclass(frozen=True)
class Streaming:
    """A project of which the rows stream: what it reads, and what must be learnt in the first reading."""

    data: Data
    used: Mapping[str, Field]
    making: Making

    def numbers(self, *scalings: str) -> dict[str, NumberField]:
        """Return the number fields that are scaled in one of these ways."""
        return {n: f for n, f in self.used.items() if isinstance(f, NumberField) and f.scaling in scalings}

    def filled(self, fill: str) -> list[str]:
        """Return the number fields of which gaps are filled with the mean or median of the training rows."""
        numbers = ((n, f) for n, f in self.used.items() if isinstance(f, NumberField))
        return [name for name, field in numbers if field.missing == "fill" and field.fill == fill]

    def voted(self) -> list[str]:
        """Return the category fields of which gaps are filled with what is most frequent."""
        chosen = ((n, f) for n, f in self.used.items() if isinstance(f, CategoryField))
        return [name for name, field in chosen if field.missing == "fill" and field.fill is None]

    @property
    def stacks(self) -> bool:
        """Whether arrays are made of lists in a column, for which there must be rows."""
        return any(map(self.making.is_array, columns_of(self.data, self.used, self.making.facts)))

    @property
    def measured(self) -> list[str]:
        """The number fields of which mean and deviation are learnt."""
        return list(dict.fromkeys((*self.numbers("standardize"), *self.filled("mean"))))


def loading(data: Data, fields: Mapping[str, Field], facts: DataFacts, folder: Path, out: Path) -> Code:
    """Return constants, functions and the class `Table` for a script at `out` that needs `fields`; it uses SEED and
    HERE. `folder` is what the source's path is relative to.
    """
    used = {name: _with_classes(field, facts) for name, field in fields.items()}
    made = Streaming(data, used, Making(Reading(Code(), "table"), facts))
    out, columns = resolve(out, Path.cwd()), columns_of(data, used, facts)
    return join(
        (
            block_code.constants(columns, data, facts, block_code.row_bytes(used, facts), folder, out).marked(
                "data"
            ),
            block_code.functions(columns, data, facts, folder).marked("data"),
            Code(MOMENTS, (NUMPY,)) if made.measured else Code(),
            _table(made),
        ),
        "\n\n\n",
    )


def _with_classes(field: Field, facts: DataFacts) -> Field:
    """Write classes out also where they are many: to find them, all rows would have to be read first."""
    if not isinstance(field, CategoryField) or field_code.are_written_out(field, facts):
        return field
    return field.model_copy(update={"classes": classes(field, facts.columns) or None})


def _table(made: Streaming) -> Code:
    rows, finished = _rows(made), _finished(made)
    text = "\n".join((*_start(made), "", *_learn(made), "", rows.text, "", finished.text, "", OF_PART))
    return Code(text, tuple(dict.fromkeys((NUMPY, *rows.imports, *finished.imports))))


def _start(made: Streaming) -> Iterator[str]:
    yield "class Table:"
    yield '    """The rows of the data, read from disk block by block whenever they are needed."""'
    yield ""
    yield "    def __init__(self):"
    yield "        found = DATA.stat()"
    yield "        self.seen = found.st_size, found.st_mtime_ns"
    yield "        self.blocks = []"
    yield '        self.counts = {"train": 0, "validation": 0, "test": 0}'
    yield "        self.filling, self.scaling = {}, {}"
    yield "        self.learn()"


def _learn(made: Streaming) -> Iterator[str]:
    votes, extremes = made.voted(), made.numbers("minmax")
    yield "    def learn(self):"
    yield '        """Read all rows once: count them, and learn from those to train on what fills gaps and scales."""'
    yield "        samples = []"
    yield from (f"        {name} = {{}}" for name in _gathered(made))
    yield "        for number, block in enumerate(find_blocks()):"
    yield "            self.blocks.append(block)"
    yield "            for fields, parts in self.rows(number):"
    yield '                first = -self.counts["train"] % EVERY'
    yield "                for part in self.counts:"
    yield "                    self.counts[part] += int(np.count_nonzero(parts == part))"
    yield '                known = {name: values[parts == "train"] for name, values in fields.items()}'
    yield "                samples.append({name: values[first::EVERY].copy() for name, values in known.items()})"
    if made.measured:
        yield f"                for name in {literal(made.measured)}:"
        yield "                    found = moments(known[name])"
        yield "                    measured[name] = merged(measured[name], found) if name in measured else found"
    if extremes:
        yield from _ends(list(extremes))
    for name in votes:
        field = made.used[name]
        assert isinstance(field, CategoryField)
        count = len(classes(field, made.making.facts.columns))
        found = f"known[{literal(name)}][known[{literal(name)}] >= 0], minlength={count}"
        yield f"                votes[{literal(name)}] = votes.get({literal(name)}, 0) + np.bincount({found})"
    yield "        self.sample = {name: np.concatenate([rows[name] for rows in samples]) for name in samples[0]}"
    yield from _learnt(made)
    yield "        self.sample = self.finished(self.sample)"


def _gathered(made: Streaming) -> Iterator[str]:
    if made.measured:
        yield "measured"
    if made.numbers("minmax"):
        yield "extremes"
    if made.voted():
        yield "votes"


def _ends(names: list[str]) -> Iterator[str]:
    yield f"                for name in {literal(names)}:"
    yield "                    low, high = extremes.get(name, (np.float32(np.inf), np.float32(-np.inf)))"
    yield "                    low = np.fmin(low, np.fmin.reduce(known[name], initial=np.inf))"
    yield "                    extremes[name] = low, np.fmax(high, np.fmax.reduce(known[name], initial=-np.inf))"


def _learnt(made: Streaming) -> Iterator[str]:
    """Yield the lines that turn what was gathered into fillings and scales."""
    if means := made.filled("mean"):
        yield f"        for name in {literal(means)}:"
        yield '            self.filling[name] = measured[name][1].astype("float32")'
    if medians := made.filled("median"):
        yield f"        for name in {literal(medians)}:  # of the sample"
        yield "            self.filling[name] = np.nanmedian(self.sample[name], axis=0)"
    for name in made.voted():
        yield f"        self.filling[{literal(name)}] = votes[{literal(name)}].argmax()"
    standard = made.numbers("standardize")
    if gaps := [name for name in (*means, *medians) if name in standard]:
        yield f"        for name in {literal(gaps)}:"
        yield '            gaps = self.counts["train"] - measured[name][0]'
        yield "            measured[name] = merged(measured[name], (gaps, self.filling[name], 0))"
    if standard:
        yield f"        for name in {literal(list(standard))}:"
        yield "            count, mean, squares = measured[name]"
        yield '            scale = np.sqrt(squares / np.maximum(count, 1)).astype("float32")'
        yield '            self.scaling[name] = mean.astype("float32"), np.where(scale > 0, scale, np.float32(1))'
    if made.numbers("minmax"):
        yield "        for name, (low, high) in extremes.items():"
        yield "            self.scaling[name] = low, np.where(high > low, high - low, np.float32(1))"


def _rows(made: Streaming) -> Code:
    """Return the method that yields the fields of the rows of a block, and the part that each row is of."""
    head = "def rows(self, number):\n" + _indent(
        '"""Yield the fields of some complete rows of a block, and for each row the part that it is of."""\n'
        + CHECK.replace("        ", "", 1).replace("\n        ", "\n")
    )
    random = "    random = np.random.default_rng((SEED, number))\n" if _is_drawn(made.data.split) else ""
    drop = dropped(made.data, made.making, EMPTIED if made.stacks else "")
    fields = fields_of(made.used, made.making)
    inner = join((drop.marked("data"), _parts(made).marked("split"), fields, Code("yield fields, parts")))
    loop = "    for table in read_block(self.blocks[number]):\n" + _indent(_indent(inner.text))
    return Code(_indent(f"{head}{random}{loop}"), (*inner.imports,))


def _indent(text: str) -> str:
    return Code(text).indented().text


def _is_drawn(split: Split) -> bool:
    return split.kind == "random" and bool(split.validation or split.test)


def _parts(made: Streaming) -> Code:
    split = made.data.split
    if split.kind == "column" and split.by is not None:
        said = f"{made.making.reading.column(split.by)}.astype(str).str.strip().str.lower().to_numpy(str)"
        lines = [
            f"parts = {said}",
            "if other := set(parts) - set(self.counts):",
            '    raise ValueError(f"{other} in the column that splits the rows: expected {list(self.counts)}")',
        ]
        return Code("\n".join(lines), (NUMPY,))
    if not _is_drawn(split):
        return Code('parts = np.full(len(table), "train")', (NUMPY,))
    lines = ["drawn = random.random(len(table))", f"parts = {_drawn(split)}"]
    return Code("\n".join(lines), (NUMPY,))


def _drawn(split: Split) -> str:
    """Return the text that gives each row its part by a number drawn from 0 to 1."""
    validation, test = literal(split.validation), literal(split.test)
    rest = '"train"'
    if split.test:
        both = f"{validation} + {test}" if split.validation else test
        rest = f'np.where(drawn < {both}, "test", "train")'
    return f'np.where(drawn < {validation}, "validation", {rest})' if split.validation else rest


def _finished(made: Streaming) -> Code:
    """Return the method that fills and scales the fields of some rows."""
    codes = [
        (name, field_code.filling(name, field, made.making, f"self.filling[{literal(name)}]"))
        for name, field in made.used.items()
    ]
    kept = [code.marked(f"field:{name}") for name, code in codes if code.text]
    body = join([*kept, Code("return fields")])
    scaled = SCALED if made.numbers("standardize", "minmax") else ""
    before = join(kept).text
    text = FINISHED + (_indent(_indent(before)) + "\n" if before else "") + scaled + "        return fields"
    return Code(text, body.imports)
