"""A large file is read in blocks and gives the same facts as read whole; its first rows come at once."""

import numpy as np
import pandas as pd
import pytest

from core.data import first_rows, inspect, inspection, source_for, sources
from core.project.schema import CategoryField, Data, NumberField, NumpySource, Split

ROWS = 2_500


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "a": random.normal(size=ROWS),
            "b": random.integers(0, 9, ROWS),
            "kind": random.choice(["x", "y", None], ROWS),
            "part": random.choice(["train", "validation", "test"], ROWS, p=[0.7, 0.2, 0.1]),
            "when": pd.date_range("2020-01-01", periods=ROWS).strftime("%d.%m.%Y")[random.permutation(ROWS)],
        }
    )
    frame.loc[random.random(ROWS) < 0.1, "a"] = np.nan
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    np.savez(
        tmp_path / "t.npz", a=frame["a"].to_numpy(), b=frame["b"].to_numpy(), kind=frame["part"].to_numpy(str)
    )
    return tmp_path


@pytest.fixture
def in_blocks(monkeypatch):
    """Take every file for a large one."""

    def switch() -> None:
        monkeypatch.setattr(sources, "SMALL", dict.fromkeys(sources.SMALL, -1))
        monkeypatch.setattr(inspection, "BLOCK", 400)
        inspection._survey.cache_clear()
        inspection._tally.cache_clear()

    yield switch
    inspection._survey.cache_clear()
    inspection._tally.cache_clear()


def data(name: str, folder, split: Split) -> Data:
    source = NumpySource(path=name) if name.endswith("npz") else source_for(folder / name, folder)
    fields = {"a": NumberField(columns=("a", "b")), "kind": CategoryField(columns=("kind",), classes=None)}
    return Data(source=source, fields=fields, split=split)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.npz"])
@pytest.mark.parametrize(
    "split",
    [
        Split(validation=0.2, test=0.1),
        Split(kind="stratified", by="b"),
        Split(kind="column", by="part"),
        Split(kind="time", by="when"),
    ],
    ids=lambda split: split.kind,
)
def test_blocks_and_the_whole_give_the_same_facts(folder, in_blocks, name, split):
    if name.endswith("npz") and split.by not in (None, "b"):
        pytest.skip("the archive has no such column")
    whole = inspect(data(name, folder, split), folder, seed=3)
    in_blocks()
    blocks = inspect(data(name, folder, split), folder, seed=3)
    assert whole.errors == blocks.errors == {}
    assert (whole.rows, whole.split, whole.fields) == (blocks.rows, blocks.split, blocks.fields)
    for column, found in whole.columns.items():
        again = blocks.columns[column]
        same = {"mean", "histogram", "dtype", "distinct"}
        assert found.model_dump(exclude=same) == again.model_dump(exclude=same)
        assert found.mean == pytest.approx(again.mean)


def test_the_first_rows_of_a_large_file_are_said_not_to_be_all(folder, in_blocks):
    in_blocks()
    found = inspect(data("t.csv", folder, Split()), folder, seed=3, rows=500)
    assert (found.rows, found.exact) == (500, False)
    assert sum(found.split.values()) == 500
    assert inspect(data("t.csv", folder, Split()), folder, seed=3, rows=ROWS + 1).exact


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.npz"])
def test_only_the_first_rows_are_read_for_the_preview(folder, name):
    at_first = first_rows(data(name, folder, Split()).source, folder, 7)
    assert at_first.shape[0] == 7
    assert at_first["b"].tolist() == pd.read_csv(folder / "t.csv", nrows=7)["b"].tolist()
