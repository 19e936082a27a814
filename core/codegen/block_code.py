"""The first part of a script that streams: how the file is cut into blocks, and how the rows of one are read.

The blocks are those of `core.data.streaming`, so that the rows that validate are those that inspection counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import prod
from pathlib import Path

from core.codegen.code import Code
from core.codegen.quoting import literal
from core.codegen.reading_code import HERE, PANDAS, csv_options, place
from core.data import UnreadableData, resolve
from core.data.places import stamp
from core.project.facts import ColumnFacts, DataFacts
from core.project.schema import CsvSource, Data, Field, ParquetSource, TextField

MIB = 2**20
WINDOW = 16
"""Pieces of the table whose rows are shuffled together."""
MOST_LANES = 8
"""Blocks all over the file that these pieces are taken from in turn: a block that is read takes some memory."""
LANES_BYTES = 192 * 2**20
COLUMN_BYTES = 4 * 2**20
"""What reading a column of a row group takes: a buffer, and a page of values as it is in the file and unpacked."""
WINDOW_BYTES = 48 * 2**20
SAMPLE_BYTES = 32 * 2**20
"""What the sample of training rows may take, from which vocabularies, medians and shapes are learnt."""
MOST_ROWS = 50_000
TEXT_BYTES = 256
"""What a text takes, about, while it is not known how long the texts of its column are."""
TEXT_HEAD = 64
"""What a text takes besides its characters."""
SMALL = 128 * 2**20
"""Up to what size the validation rows are kept in memory once they were read."""

FIND_LINES = '''def find_blocks():
    """Yield where blocks of whole lines begin and end in the file; a quoted value may hold line ends."""
    with DATA.open("rb") as file:
        begin, text = len({head}), b""
        while more := file.read(BLOCK):
            text += more
            end = QUOTED.sub(lambda quoted: bytes(len(quoted[0])), text).rfind(b"\\n") + 1
            if text[:end].strip({blank}):  # not only blank lines
                yield begin, begin + end
            begin, text = begin + end, text[end:]
        if text.strip({blank}):
            yield begin, begin + len(text)
'''
READ_LINES = '''def read_block(block):
    """Yield the rows of a block, some at a time: its lines are read below the first of the file."""
    begin, end = block
    with DATA.open("rb") as file:
        head = {head}
        file.seek(begin)
        lines = io.BytesIO(head + file.read(end - begin))
    with pd.read_csv({arguments}) as tables:
        yield from tables
'''
READ_UNNAMED_LINES = READ_LINES.replace(
    "yield from tables", 'for table in tables:\n            yield table.add_prefix("column_")'
)
FIND_GROUPS = '''def find_blocks():
    """Return the numbers of the row groups in the file."""
    with pq.ParquetFile(DATA) as file:
        return range(file.num_row_groups)
'''
READ_GROUPS = '''def read_block(block):
    """Yield the rows of a row group, some at a time; those that are not yet due stay on disk."""
    with pq.ParquetFile(DATA, buffer_size=2**20, pre_buffer=False) as file:
        for rows in file.iter_batches(ROWS, row_groups=[block], columns=COLUMNS):
            yield {table}
'''


def row_bytes(fields: Mapping[str, Field], facts: DataFacts) -> int:
    """Return about how many bytes a row of all fields takes."""
    return sum(_bytes(name, field, facts) for name, field in fields.items())


def _bytes(name: str, field: Field, facts: DataFacts) -> int:
    known = facts.fields.get(name)
    if known is None:
        return 4 * len(field.columns)
    if known.dtype == "string":
        return _text_bytes(facts.columns.get(field.columns[0]))
    return 4 * prod(size or 1 for size in known.shape)


def _text_bytes(column: ColumnFacts | None) -> int:
    length = column.length if column else None
    return TEXT_BYTES if length is None else TEXT_HEAD + round(length)


def constants(
    columns: Sequence[str], data: Data, facts: DataFacts, row: int, folder: Path, out: Path
) -> Code:
    """Return the constants that say which table is read and how much of it at a time; a row has `row` bytes."""
    assert isinstance(data.source, CsvSource | ParquetSource)
    rows = max(1, min(MOST_ROWS, WINDOW_BYTES // WINDOW // row))
    every = max(1, -(-facts.rows * row // SAMPLE_BYTES))
    lines = [
        f"# {facts.loading.sentence if facts.loading else 'The rows stream from disk.'}",
        f"DATA = {place(resolve(data.source.path, folder), out)}",
        f"COLUMNS = {literal(list(columns))}",
        *_blocks(data.source, folder),
        f"ROWS = {literal(rows)}  # at most so many are read at a time, a piece",
        f"WINDOW = {WINDOW}  # pieces whose rows are shuffled together",
        f"LANES = {_lanes(columns, data.source)}  # blocks that these are taken from in turn",
        f"EVERY = {literal(every)}  # one of so many training rows is in the sample that the model is built from",
    ]
    return Code("\n".join(lines), ("import re", HERE) if isinstance(data.source, CsvSource) else (HERE,))


def _lanes(columns: Sequence[str], source: CsvSource | ParquetSource) -> int:
    """Return how many blocks are read at the same time; of a row group, every column is read by itself."""
    if isinstance(source, CsvSource):
        return MOST_LANES
    return max(1, min(MOST_LANES, LANES_BYTES // (COLUMN_BYTES * len(columns))))


def _blocks(source: CsvSource | ParquetSource, folder: Path) -> list[str]:
    from core.data.streaming import BLOCK, quoted  # loads pandas and pyarrow

    if isinstance(source, ParquetSource):
        return []
    delimiter, spaced, _ = _dialect(source, folder)
    pattern = quoted(delimiter, spaced).pattern
    written = f"r{pattern!r}".replace("\\\\", "\\") if _may_be_raw(pattern) else repr(pattern)
    size = literal(BLOCK) if BLOCK % MIB else f"{BLOCK // MIB} * 2**20"
    return [f"BLOCK = {size}  # bytes of text", f"QUOTED = re.compile({written})"]


def _may_be_raw(pattern: bytes) -> bool:
    return b"'" not in pattern and pattern.decode("ascii").isprintable()


def functions(columns: Sequence[str], data: Data, facts: DataFacts, folder: Path) -> Code:
    """Return `find_blocks()` and `read_block(block)`, which yields tables."""
    from core.data.streaming import blank  # loads pandas and pyarrow

    source = data.source
    assert isinstance(source, CsvSource | ParquetSource)
    texts = (field for field in data.fields.values() if isinstance(field, TextField))
    written = frozenset(column for field in texts for column in field.columns)
    if isinstance(source, ParquetSource):
        return _of_groups(columns, source, facts, folder)
    names = "header" not in csv_options(source, folder)
    delimiter, _, lines = _dialect(source, folder)
    head = 'b""' if not lines else "file.readline()"
    head = f'b"".join(file.readline() for _ in range({lines}))' if lines > 1 else head
    arguments = ", ".join(_arguments(columns, written, source, facts, folder))
    found = FIND_LINES.format(head=head, blank=blank(delimiter)).replace('len(b"")', "0")
    read = (READ_LINES if names else READ_UNNAMED_LINES).format(head=head, arguments=arguments)
    read = read if lines else read.replace('        head = b""\n', "").replace("head + ", "")
    return Code(f"{found}\n\n{read}", ("import io", PANDAS))


def _arguments(
    columns: Sequence[str], written: Collection[str], source: CsvSource, facts: DataFacts, folder: Path
) -> list[str]:
    options = csv_options(source, folder) | {"low_memory": False}
    named = "header" not in options
    types = {column: kind for column in columns if (kind := dtype(column, facts, written))}
    read = "COLUMNS" if named else literal([_number(column) for column in columns])
    dtypes = literal(types if named else {_number(column): kind for column, kind in types.items()})
    if len(types) == len(columns) and len(set(types.values())) == 1:
        dtypes = literal(types[columns[0]])
    rest = [f"{name}={literal(value)}" for name, value in options.items()]
    return ["lines", *rest, f"usecols={read}", f"dtype={dtypes}", "chunksize=ROWS"]


def _number(column: str) -> int:
    from core.data.delimited import PREFIX

    return int(column.removeprefix(PREFIX))


def _of_groups(columns: Sequence[str], source: ParquetSource, facts: DataFacts, folder: Path) -> Code:
    table = "rows.to_pandas()"
    try:
        from core.data.parquet import oddities

        if oddities(stamp(source, folder)):
            table = "rows.to_pandas(ignore_metadata=True)"
    except UnreadableData:
        pass
    mixed = [name for name in columns if name in facts.columns and facts.columns[name].dtype == "mixed"]
    numbers = {name: "float64" for name in mixed if facts.columns[name].kind == "number"}
    if numbers:
        table += f".astype({literal(numbers)})"
    return Code(
        f"{FIND_GROUPS}\n\n{READ_GROUPS.format(table=table)}", ("import pyarrow.parquet as pq", PANDAS)
    )


def dtype(column: str, facts: DataFacts, written: Collection[str] = ()) -> str:
    """Return the type that a column of a CSV has as a whole, "" where single blocks may well show their own.

    Blocks without a gap show whole numbers where others show fractions; all are read as the latter, but for those that
    are `written` as text or too large for it.
    """
    known = facts.columns.get(column)
    if known is None:
        return ""
    if known.kind == "category" and _is_truth(known.values):
        return "" if known.missing else "bool"
    if known.dtype == "mixed":
        return "float64" if known.kind == "number" else "str"
    if known.kind == "number":
        return known.dtype if column in written or _is_too_large_for_float64(known) else "float64"
    return known.dtype if known.dtype == "str" else ""


def _is_too_large_for_float64(known: ColumnFacts) -> bool:
    """Whether a column holds whole numbers of which neighbours would be one and the same float64."""
    ends = [abs(end) for end in (known.minimum, known.maximum) if isinstance(end, int | float)]
    return known.dtype in ("int64", "uint64") and max(ends, default=0.0) >= 2**53


def _is_truth(values: Sequence[object]) -> bool:
    return bool(values) and all(isinstance(value, bool) for value in values)


def _dialect(source: CsvSource, folder: Path) -> tuple[str, bool, int]:
    """Return delimiter, whether blanks follow it, and the lines up to the end of the names."""
    from core.data.dialect import dialect

    try:
        found = dialect(stamp(source, folder))
    except UnreadableData:
        return source.delimiter or ",", False, 1
    return found.delimiter, found.spaced, found.head_lines
