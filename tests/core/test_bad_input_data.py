"""Data that cannot be used is refused where it is chosen, in a sentence that says what to do; nothing of it
gets into the project."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data import UnreadableData, first_rows, inspect, source_for
from core.project.schema import Data


def facts_of(path: Path) -> str:
    return inspect(Data(source=source_for(path, path.parent)), path.parent, seed=1).error or ""


@pytest.mark.parametrize("name", ["table.parquet", "arrays.npz", "array.npy"])
@pytest.mark.parametrize("content", [b"", b"hello", b"PAR1 and nothing more", b"PK\x03\x04cut"])
def test_a_damaged_file_is_refused_where_it_is_chosen(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableData, match="write it again or choose another file"):
        source_for(tmp_path / name, tmp_path)


def test_objects_are_refused_where_they_are_chosen(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.array([{}], object))
    with pytest.raises(UnreadableData, match="could run code"):
        source_for(tmp_path / "x.npz", tmp_path)


def test_a_table_of_very_many_columns_is_refused_with_a_way_out(tmp_path):
    (tmp_path / "wide.csv").write_text(",".join(f"c{i}" for i in range(30_000)) + "\n")
    with pytest.raises(UnreadableData, match="more than 20,000 columns: leave out some, or save them as one"):
        source_for(tmp_path / "wide.csv", tmp_path)


def test_a_column_name_of_a_million_letters_is_refused(tmp_path):
    (tmp_path / "long.csv").write_text("n" * 1_000_000 + ",b\n1,2\n")
    with pytest.raises(UnreadableData, match="more than 131,072 characters"):
        source_for(tmp_path / "long.csv", tmp_path)


def test_arrays_without_rows_are_no_mistake_of_ours(tmp_path):
    np.savez(tmp_path / "none.npz", a=np.zeros((0, 3)))
    assert "has no rows" in facts_of(tmp_path / "none.npz")


def test_a_table_without_columns_is_said_to_have_none(tmp_path):
    pd.DataFrame(index=range(4)).to_parquet(tmp_path / "none.parquet")
    assert "has no columns" in facts_of(tmp_path / "none.parquet")


def test_a_first_line_of_blank_names_is_no_row(tmp_path):
    (tmp_path / "blank.csv").write_text(",,\n1,2,3\n4,5,6\n")
    assert len(first_rows(source_for(tmp_path / "blank.csv", tmp_path), tmp_path)) == 2


def test_text_of_four_bytes_a_character_is_read(tmp_path):
    (tmp_path / "wide.csv").write_bytes("größe,b\n1,2\n".encode("utf-32"))
    assert list(first_rows(source_for(tmp_path / "wide.csv", tmp_path), tmp_path)) == ["größe", "b"]
