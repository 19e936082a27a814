"""Row groups of Parquet stream in pieces that take little memory, whatever their values are."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from core.codegen import block_code
from core.data import inspect, parquet, places, streaming
from core.data import loading as ways
from core.project.schema import CategoryField, NumberField, ParquetSource, Split, TextField
from tests.core.test_streaming import data_of, rows_of, small_blocks, table_of  # noqa: F401


def at(folder):
    return places.stamp(ParquetSource(path="t.parquet"), folder)


def test_arrays_stream_from_parquet_and_row_groups_are_blocks(tmp_path):
    arrays = np.random.default_rng(2).normal(3, 2, size=(90, 4))
    frame = pd.DataFrame({"a": list(arrays), "y": range(90)})
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=20)
    for scaling, offset in (("standardize", arrays.mean(0)), ("minmax", arrays.min(0))):
        fields = {"x": NumberField(columns=("a",), scaling=scaling), "y": NumberField(columns=("y",))}
        table, _ = table_of(data_of("t.parquet", fields, Split(validation=0.0)), tmp_path)
        assert list(table.blocks) == [0, 1, 2, 3, 4]
        np.testing.assert_allclose(table.scaling["x"][0], offset, rtol=1e-5)


def test_an_index_that_pandas_hides_is_read_as_a_column(tmp_path):
    frame = pd.DataFrame({"n": [*range(88), 90, 91], "y": range(90)})
    frame.set_index("n").to_parquet(tmp_path / "t.parquet", row_group_size=20)
    fields = {"x": NumberField(columns=("n",)), "y": NumberField(columns=("y",))}
    table, facts = table_of(data_of("t.parquet", fields, Split(validation=0.0)), tmp_path)
    assert set(facts.columns) == {"n", "y"}
    assert rows_of(table, "train")["x"].ravel().tolist()[-2:] == [90, 91]


ROWS = 50_000
FRAMES = {
    "one number again and again": ({"a": np.zeros(ROWS)}, 8 * ROWS),
    "few words": ({"a": np.repeat(["word", "other"], ROWS // 2)}, 50 * ROWS),
    "one long text again and again": ({"a": ["x" * 3000] * ROWS}, 3000 * ROWS),
    "lists": ({"a": list(np.zeros((ROWS, 9)))}, 72 * ROWS),
    "no rows": ({"a": np.zeros(0)}, 0),
}


@pytest.mark.parametrize(("columns", "least"), FRAMES.values(), ids=FRAMES)
def test_the_size_is_what_the_rows_take_in_memory(tmp_path, columns, least):
    pd.DataFrame(columns).to_parquet(tmp_path / "t.parquet")
    assert least <= ways.size(at(tmp_path)) <= 1.3 * least


@pytest.mark.parametrize(("columns", "least"), FRAMES.values(), ids=FRAMES)
def test_pieces_take_about_the_same_whatever_their_values_are(tmp_path, columns, least):
    pd.DataFrame(columns).to_parquet(tmp_path / "t.parquet", row_group_size=ROWS // 2)
    sizes = [len(block["a"]) for _, block in parquet.groups(at(tmp_path), 200_000, None)]
    assert sum(sizes) == len(columns["a"])
    assert max(sizes) * least <= 200_000 * ROWS
    assert not least or max(sizes) * least >= 100_000 * ROWS


def test_of_a_large_row_group_only_the_rows_that_are_due_are_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "AT_ONCE", 800_000)
    frame = pd.DataFrame(np.random.default_rng(3).normal(size=(2_000_000, 2)), columns=["a", "y"])
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=len(frame))
    fields = {"x": NumberField(columns=("a",)), "y": NumberField(columns=("y",))}
    table, _ = table_of(data_of("t.parquet", fields, Split(validation=0.0)), tmp_path, 50_000)
    before, held = pa.total_allocated_bytes(), []
    for pieces in (parquet.groups(at(tmp_path), 800_000, None), table.of_part("train", [0])):
        held += [pa.total_allocated_bytes() - before for _ in pieces]
    assert 0 < max(held) < 2_000_000 * 2 * 8 / 2


@pytest.mark.parametrize(("length", "most"), [(10, 40_000), (100_000, 40)])
def test_the_longer_texts_are_the_fewer_rows_the_script_reads_at_a_time(tmp_path, length, most):
    pd.DataFrame({"a": ["x" * length] * 300}).to_parquet(tmp_path / "t.parquet")
    data = data_of("t.parquet", {"x": TextField(columns=("a",))}, Split(validation=0.0))
    row = block_code.row_bytes(data.fields, inspect(data, tmp_path, 5))
    assert most / 2 < block_code.WINDOW_BYTES / block_code.WINDOW / row <= most * 1.2


EMPTIED = {
    "by gaps in numbers": {"x": NumberField(columns=("a",)), "y": NumberField(columns=("holes",))},
    "by gaps in arrays": {"x": NumberField(columns=("b",)), "y": NumberField(columns=("a",), missing="keep")},
    "by classes": {"x": NumberField(columns=("a",)), "y": CategoryField(columns=("kind",), classes=(1,))},
    "by two arrays": {"x": NumberField(columns=("a", "b"))},
}


@pytest.mark.parametrize("split", [Split(validation=0.0), Split(validation=0.4)], ids=["whole", "split"])
@pytest.mark.parametrize("fields", EMPTIED.values(), ids=EMPTIED)
def test_pieces_that_lose_all_rows_are_passed_over(tmp_path, fields, split):
    random = np.random.default_rng(2)
    arrays = random.normal(size=(90, 2, 3))
    arrays[20:40, 1, 2] = np.nan
    holes = np.where(np.arange(90) // 20 == 1, np.nan, 5.0)
    columns = {
        "a": list(arrays[:, 0]),
        "b": list(arrays[:, 1]),
        "holes": holes,
        "kind": np.isfinite(holes) * 1,
    }
    pd.DataFrame(columns).to_parquet(tmp_path / "t.parquet", row_group_size=20)
    table, facts = table_of(data_of("t.parquet", fields, split), tmp_path)
    assert table.counts == {part: facts.split[part] for part in table.counts}
    assert facts.split["dropped"] == 20
    assert len(rows_of(table, "train")["x"]) == table.counts["train"]


def test_large_row_groups_are_said_to_be_shuffled_by_themselves(tmp_path, monkeypatch):
    monkeypatch.setattr(ways, "LARGE_GROUP", 1000)
    data = data_of("t.parquet", {"x": NumberField(columns=("a",))})
    for rows, large in ((400, True), (100, False)):
        pd.DataFrame({"a": range(400)}).to_parquet(tmp_path / "t.parquet", row_group_size=rows)
        found = ways.loading(data, tmp_path)
        assert found.streams
        assert ("row groups of t.parquet are large" in found.sentence) == large


@pytest.mark.parametrize(("columns", "lanes"), [(2, 8), (12, 4), (500, 1)])
def test_the_wider_a_table_the_fewer_row_groups_are_read_at_the_same_time(columns, lanes):
    assert block_code._lanes(list(map(str, range(columns))), ParquetSource(path="t.parquet")) == lanes
