"""The lines of load_data() that open the source: a table, or arrays by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.codegen.code import Code
from core.codegen.quoting import literal
from core.data.classes import BUNDLED
from core.data.dialect import read_options
from core.data.failures import UnreadableData
from core.data.places import is_archive, resolve, stamp
from core.project.schema import CsvSource, NumpySource, ParquetSource, SklearnSource, Source

NUMPY = "import numpy as np"
PANDAS = "import pandas as pd"
HERE = "from pathlib import Path"


@dataclass(frozen=True)
class Reading:
    """How columns are had in the script: `table["a"]`, or `arrays["a"]` where the source is arrays."""

    code: Code
    variable: str
    first: str = ""

    @property
    def is_table(self) -> bool:
        return self.variable == "table"

    def column(self, name: str) -> str:
        return f"{self.variable}[{literal(name)}]"

    def series(self, name: str) -> str:
        """Return a column as something with pandas' methods."""
        return self.column(name) if self.is_table else f"pd.Series({self.column(name)})"

    @property
    def rows(self) -> str:
        """Return the number of rows, by any of the columns that are read."""
        return "len(table)" if self.is_table else f"len({self.column(self.first)})"


def place(path: Path, out: Path) -> str:
    """Return `path` as Python: relative to the script's folder HERE where it lies in or below it."""
    if path.is_relative_to(out.parent):
        return "HERE / " + literal(path.relative_to(out.parent).as_posix()) if path != out.parent else "HERE"
    return f"Path({literal(str(path))})"


def reading(source: Source, columns: list[str], folder: Path, out: Path) -> Reading:
    """Return how a script at `out` reads `columns` of `source`, whose path is relative to `folder`."""
    if isinstance(source, SklearnSource):
        return _bundled(source, columns)
    path = place(resolve(source.path, folder), out)
    match source:
        case CsvSource():
            return Reading(Code(f"table = {_csv(source, folder, path)}", (PANDAS, HERE)), "table")
        case ParquetSource():
            return Reading(
                Code(f"table = pd.read_parquet({path}){_mended(source, folder)}", (PANDAS, HERE)), "table"
            )
        case NumpySource():
            return Reading(Code(_arrays(source, columns, folder, path), (NUMPY, HERE)), "arrays", columns[0])


def _csv(source: CsvSource, folder: Path, path: str) -> str:
    options = csv_options(source, folder)
    arguments = [path, *(f"{name}={literal(value)}" for name, value in options.items())]
    names = '.add_prefix("column_")' if "header" in options else ""
    return f"pd.read_csv({', '.join(arguments)}){names}"


def csv_options(source: CsvSource, folder: Path) -> dict[str, object]:
    """Return what pandas is told; of a file that is not there, no more is known than the source says."""
    try:
        return read_options(stamp(source, folder))
    except UnreadableData:
        said = {"sep": source.delimiter, "encoding": source.encoding, "decimal": source.decimal}
        return {name: value for name, value in said.items() if value is not None}


def _mended(source: ParquetSource, folder: Path) -> str:
    from core.data.parquet import oddities  # loads pandas and pyarrow

    try:
        found = oddities(stamp(source, folder))
    except UnreadableData:
        return ""
    mends = {"index": ".reset_index()", "numbers": ".rename(columns=str)"}
    return "".join(mends[oddity] for oddity in found)


def _arrays(source: NumpySource, columns: list[str], folder: Path, path: str) -> str:
    if _is_single(source, folder):
        return f'arrays = {{"array": np.load({path})}}'
    chosen = f"{{name: file[name] for name in {literal(columns)}}}"
    return f"with np.load({path}) as file:\n    arrays = {chosen}"


def _is_single(source: NumpySource, folder: Path) -> bool:
    try:
        return not is_archive(resolve(source.path, folder))
    except UnreadableData:
        return source.path.lower().endswith(".npy")


def _bundled(source: SklearnSource, columns: list[str]) -> Reading:
    name = source.name
    imports = (f"from sklearn.datasets import load_{name}",)
    if name == "digits":
        lines = (
            "digits = load_digits()",
            'arrays = {"image": digits.images, "digit": digits.target, "odd": digits.target % 2}',
        )
        return Reading(Code("\n".join(lines), imports), "arrays", columns[0])
    if name == "linnerud":
        return Reading(Code("table = load_linnerud(as_frame=True).frame", imports), "table")
    if name == "diabetes":
        opened = "diabetes = load_diabetes(as_frame=True, scaled=False)"
        return Reading(
            Code(f"{opened}\ntable = diabetes.data.assign(progression=diabetes.target)", imports), "table"
        )
    target = f"{BUNDLED[name]}={name}.target_names[{name}.target]"
    opened = f"{name} = load_{name}(as_frame=True)"
    return Reading(Code(f"{opened}\ntable = {name}.data.assign({target})", imports), "table")
