"""Rows to blame are named by their place in the file, whatever the file says about them."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from core.engine.sourcerows import SourceRows
from core.project.schema import CsvSource, Data, NumberField, ParquetSource, Split
from tests.core.test_loading import project_of, script

FIELDS = {"x": NumberField(columns=("a",), missing="keep"), "y": NumberField(columns=("y",))}
FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0, np.nan, 4.0], "y": [0.0, np.nan, 2.0, 3.0, 4.0]})
INDEXES = {
    "rows left out": pd.Index([3, 40, 7, 90, 8]),
    "words": pd.Index(list("vwxyz")),
    "times": pd.date_range("2024-01-01", periods=5),
    "named": pd.Index([3, 40, 7, 90, 8], name="number"),
    "twice the same": pd.Index([1, 1, 1, 2, 2]),
    "none of its own": pd.RangeIndex(5),
}


def source_rows(data: Data, folder: Path) -> SourceRows:
    out = folder / "train.py"
    out.write_text(script(project_of(data), folder, out))
    module = ModuleType("train")
    module.__file__ = str(out)
    exec(compile(out.read_text(), "train.py", "exec"), vars(module))
    return SourceRows(module, out, "train_rows", 4)


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_rows_of_parquet_are_counted_whatever_index_is_stored_with_them(tmp_path, index):
    FRAME.set_index(index).to_parquet(tmp_path / "t.parquet")
    data = Data(source=ParquetSource(path="t.parquet"), fields=FIELDS, split=Split(validation=0.0))
    rows = source_rows(data, tmp_path)
    assert rows.numbers(np.arange(4)).tolist() == [1, 3, 4, 5]
    assert rows.spoilt(["a"]) == {4: "a = nan"}


def test_rows_of_a_csv_are_counted_below_the_names(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    data = Data(source=CsvSource(path="t.csv"), fields=FIELDS, split=Split(validation=0.0))
    assert source_rows(data, tmp_path).spoilt(["a"]) == {4: "a = nan"}
