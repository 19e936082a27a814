"""Data that cannot be read gives one sentence that names the place and the way out, never a traceback."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data import UnreadableData, first_rows, inspect, source_for
from core.project.schema import CsvSource, Data, NumpySource, ParquetSource

FILES = {
    "empty.csv": (b"", "is empty"),
    "blank.csv": (b"\n \n\n", "is empty"),
    "ragged.csv": (b"a,b\n1,2\n3,4\n5,6,7\n", "line 4: 3 values where the first line has 2"),
    "wide.csv": (b"a,b\n1,2,3\n4,5,6\n", "line 2: 3 values where the first line has 2"),
    "late.csv": (b"a,b\n" + b"1,2\n" * 500 + b"1,2,3\n", "line 502: 3 values where the first line has 2"),
    "binary.csv": (bytes(range(256)) * 40, "binary data"),
    "zipped.csv": (b"PK\x03\x04" + b"x" * 50, "a zip archive or workbook"),
    "quote.csv": (b'a,b\n1,"open\n2,3\n', "never closed"),
    "header.csv": (b"a,b\n", "has no rows"),
    "broken.parquet": (b"PAR1 and nothing more", "broken.parquet"),
    "text.npy": (b"a,b\n1,2\n", "text.npy"),
    "cut.npz": (b"PK\x03\x04cut", "cut.npz"),
}


def facts_of(path: Path) -> str:
    kinds = {".csv": CsvSource, ".parquet": ParquetSource, ".npy": NumpySource, ".npz": NumpySource}
    source = kinds[path.suffix](path=path.name)
    return inspect(Data(source=source), path.parent, seed=1).error or ""


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_gives_one_sentence(tmp_path, name):
    content, expected = FILES[name]
    (tmp_path / name).write_bytes(content)
    error = facts_of(tmp_path / name)
    assert expected in error
    assert error.endswith(".")
    assert "\n" not in error


@pytest.mark.parametrize("kind", [CsvSource, ParquetSource, NumpySource])
def test_a_missing_file_and_a_folder_are_named(tmp_path, kind):
    (tmp_path / "folder.csv").mkdir()
    assert "There is no file" in (inspect(Data(source=kind(path="gone.csv")), tmp_path, seed=1).error or "")
    assert "is a folder" in (inspect(Data(source=kind(path="folder.csv")), tmp_path, seed=1).error or "")
    assert "No file is chosen" in (inspect(Data(source=kind()), tmp_path, seed=1).error or "")
    assert "There is no file" in (inspect(Data(source=kind(path="a\0\nb")), tmp_path, seed=1).error or "")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    (tmp_path / "closed.csv").write_text("a\n1\n")
    (tmp_path / "closed.csv").chmod(0)
    assert "may not be read" in facts_of(tmp_path / "closed.csv")


def test_no_source_is_said():
    assert "No data is open" in (inspect(Data(), Path("."), seed=1).error or "")


def test_pickled_objects_are_refused_and_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    np.savez(tmp_path / "bomb.npz", x=np.zeros(3), y=np.array([Bomb(), Bomb(), Bomb()], object))
    np.save(tmp_path / "bomb.npy", np.array([Bomb()], object))
    for name in ("bomb.npz", "bomb.npy"):
        assert "holds Python objects, which could run code" in facts_of(tmp_path / name)
    assert not (tmp_path / "exploded").exists()


def test_an_array_that_is_cut_short_is_named(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((100, 3)))
    whole = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(whole[:-100])
    assert "ends before its last row" in facts_of(tmp_path / "x.npy")


def test_an_archive_without_arrays_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "notes.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "holds no arrays" in facts_of(tmp_path / "notes.npz")


def test_a_single_number_is_no_table(tmp_path):
    np.save(tmp_path / "one.npy", np.float64(3))
    assert "no rows" in facts_of(tmp_path / "one.npy")


def test_a_workbook_is_to_be_saved_as_csv(tmp_path):
    (tmp_path / "sheet.xlsx").write_bytes(b"PK")
    with pytest.raises(UnreadableData, match="save the sheet as CSV"):
        source_for(tmp_path / "sheet.xlsx", tmp_path)


def test_two_parquet_columns_of_one_name_are_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "t.parquet")
    assert "two columns called a" in facts_of(tmp_path / "t.parquet")


def test_first_rows_of_a_bad_file_raise_the_sentence(tmp_path):
    with pytest.raises(UnreadableData, match="There is no file"):
        first_rows(CsvSource(path="gone.csv"), tmp_path)


def test_an_index_hidden_by_pandas_is_a_column(tmp_path):
    pd.DataFrame({"a": [1, 2]}, index=pd.Index([7, 8], name="key")).to_parquet(tmp_path / "t.parquet")
    frame = first_rows(ParquetSource(path="t.parquet"), tmp_path)
    assert list(frame.columns) == ["key", "a"]
