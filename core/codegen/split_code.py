"""The lines of load_data() that say which rows train, validate and test: the rule of `core.data.splits`."""

from __future__ import annotations

from pathlib import Path

from core.codegen.code import Code
from core.codegen.quoting import literal
from core.codegen.reading_code import NUMPY, PANDAS, Reading
from core.data import UnreadableData
from core.project.facts import DataFacts
from core.project.schema import Data, Split

EVENLY = '''def evenly(rows, count):
    """Split rows in two: `count` of them, evenly spaced, and the rest."""
    chosen = np.diff(np.rint(np.arange(len(rows) + 1) * count / max(len(rows), 1))) > 0
    return rows[chosen], rows[~chosen]
'''

SORTED = "train_rows, validation_rows, test_rows = map(np.sort, (train_rows, validation_rows, test_rows))"


def splitting(data: Data, reading: Reading, facts: DataFacts, folder: Path) -> Code:
    """Return the lines that set train_rows, validation_rows and test_rows, positions in the complete rows."""
    split = data.split
    if split.kind == "random" or split.by is None:
        return Code("\n".join((*_counts(split, reading), _shuffle(), _cut_off())), (NUMPY,))
    if split.kind == "stratified":
        return Code("\n".join((*_counts(split, reading), *_stratified(split.by, reading))), (NUMPY, PANDAS))
    if split.kind == "time":
        order = _in_time(split.by, data, reading, facts, folder)
        return Code("\n".join((*_counts(split, reading), *order)), (NUMPY, PANDAS))
    return Code("\n".join(_by_words(split.by, reading)), (NUMPY, PANDAS))


def _counts(split: Split, reading: Reading) -> tuple[str, ...]:
    """Return the lines for how many rows validate and test; together they are never more than there are."""
    shares = {"validation_count": split.validation, "test_count": split.test}
    lines = [
        f"{name} = round({literal(share)} * row_count)" if share else f"{name} = 0"
        for name, share in shares.items()
    ]
    if split.validation + split.test > 1 - 1e-6:
        lines.append("test_count = min(test_count, row_count - validation_count)")
    return (f"row_count = {reading.rows}", *lines)


def _shuffle() -> str:
    return "order = np.random.default_rng(SEED).permutation(row_count)"


def _cut_off() -> str:
    pieces = "np.split(order, [validation_count, validation_count + test_count])"
    return f"validation_rows, test_rows, train_rows = map(np.sort, {pieces})"


def _stratified(by: str, reading: Reading) -> tuple[str, ...]:
    return (
        EVENLY,
        _shuffle(),
        "# Shuffled, then grouped by value: rows taken evenly spaced have the same share of every value.",
        f'order = order[np.argsort(pd.factorize({reading.column(by)})[0][order], kind="stable")]',
        "validation_rows, rest = evenly(order, validation_count)",
        "test_rows, train_rows = evenly(rest, test_count)",
        SORTED,
    )


def _in_time(by: str, data: Data, reading: Reading, facts: DataFacts, folder: Path) -> tuple[str, ...]:
    return (
        f'order = np.argsort({_times(by, data, reading, facts, folder)}, kind="stable")',
        "train_rows, validation_rows, test_rows = np.split(",
        "    order, [row_count - validation_count - test_count, row_count - test_count]",
        ")",
    )


def _times(by: str, data: Data, reading: Reading, facts: DataFacts, folder: Path) -> str:
    column = facts.columns.get(by)
    plain = f"{reading.column(by)}.to_numpy()" if reading.is_table else reading.column(by)
    if column is not None and (column.kind == "number" or column.dtype.startswith(("datetime64", "<M8"))):
        return plain
    day = ", dayfirst=True" if _is_day_first(by, data, folder) else ""
    return f"pd.to_datetime({reading.series(by)}{day}).to_numpy()"


def _is_day_first(by: str, data: Data, folder: Path) -> bool:
    from core.data import first_rows  # both load pandas, which most scripts are written without
    from core.data.times import LOOKED_AT, day_first

    assert data.source is not None
    try:
        rows = first_rows(data.source, folder, LOOKED_AT)
    except UnreadableData:
        return False
    return by in rows and day_first(rows[by])


def _by_words(by: str, reading: Reading) -> tuple[str, ...]:
    said = f"{reading.series(by)}.astype(str).str.strip().str.lower()"
    return (
        f"said = {said}",
        'words = ("train", "validation", "test")',
        "if other := set(said) - set(words):",
        '    raise ValueError(f"{other} in the column that splits the rows: expected one of {words}")',
        "train_rows, validation_rows, test_rows = (np.flatnonzero(said == word) for word in words)",
    )
