"""Tells which rows of the data file the rows of a run are, and where the file itself holds what is no number.

A script keeps that to itself: its `load_data` returns arrays. So, when somebody must know, the function is run once
more, without its last line, and its own variables are looked at.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOADING = "load_data"
COUNTED = "table.index = range(len(table))"
"""Follows the line that reads a table: a Parquet file may bring along an index that says nothing of where rows lie."""


class Unknown(Exception):
    """The script does not tell where its rows come from."""


class SourceRows:
    """The rows of the source that the script in the file `script`, imported as `module`, calls `part`: `count` of them.

    Rows are counted from 1, without a heading. The data is read anew. Raises Unknown, and what reading raises.
    """

    def __init__(self, module: ModuleType, script: Path, part: str, count: int):
        found = _variables(module, script)
        rows, missing = found.get(part), found.get("missing")
        if rows is None or len(rows) != count:
            raise Unknown
        self._rows = np.asarray(rows)
        self._columns: Any = found.get("table", found.get("arrays", {}))
        index = getattr(self._columns, "index", None)
        if index is not None:
            self._numbers = np.asarray(index)[self._rows].astype(np.int64) + 1
        else:
            kept = self._rows if missing is None else np.flatnonzero(~np.asarray(missing))[self._rows]
            self._numbers = kept.astype(np.int64) + 1

    def numbers(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers in the source of rows by their positions among them."""
        return self._numbers[positions]

    def spoilt(self, columns: Iterable[str]) -> dict[int, str]:
        """The rows that are not finite in the source in one of `columns`, each with its value in words."""
        found: dict[int, str] = {}
        for name in columns:
            values = self._values(name)
            bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
            for position in bad:
                value = values[position]
                shown = f"{value:g}" if value.ndim == 0 else "not finite"
                found.setdefault(int(self._numbers[position]), f"{name} = {shown}")
        return dict(sorted(found.items()))

    def _values(self, name: str) -> NDArray[np.float64]:
        """A column's values in these rows; one that holds no numbers has none that are bad."""
        column = self._columns[name] if name in self._columns else np.zeros(0)
        try:
            return np.asarray(column, np.float64)[self._rows]
        except (TypeError, ValueError, IndexError):
            return np.zeros(0)


def _variables(module: ModuleType, script: Path) -> dict[str, Any]:
    """What the variables of `load_data` are at its end."""
    tree = ast.parse(script.read_text("utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == LOADING)
    loading = next(functions, None)
    if loading is None:
        raise Unknown
    loading.body = [_telling(line) for line in _counting(loading.body)]
    names = dict(vars(module))
    code = ast.Module([loading], type_ignores=[])
    exec(compile(ast.fix_missing_locations(code), str(script), "exec"), names)
    told = names[LOADING]()
    if not isinstance(told, dict):
        raise Unknown
    return told


def _counting(lines: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The lines, and after the first that makes a table one that counts its rows."""
    counted = ast.parse(COUNTED).body
    for line in lines:
        yield line
        if counted and ast.unparse(line).startswith("table = "):
            yield counted.pop()


def _telling(line: ast.stmt) -> ast.stmt:
    """A line that returns something returns the variables instead."""
    if not isinstance(line, ast.Return):
        return line
    call = ast.Call(ast.Name("locals", ast.Load()), [], [])
    return ast.copy_location(ast.Return(call), line)
