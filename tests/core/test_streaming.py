"""Rows that stream from disk are the rows that are read whole, and the script counts what inspection counts."""

import io
import os
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from core.codegen import block_code
from core.codegen.block_code import dtype
from core.codegen.code import unmark
from core.codegen.streaming import loading as streamed
from core.data import inspect, inspection, places, streaming
from core.data import loading as ways
from core.data.giving_up import GivenUp, as_long_as
from core.data.streaming import quoted
from core.project.facts import ColumnFacts, DataFacts, Facts
from core.project.problems import problems
from core.project.schema import (
    CategoryField,
    CsvSource,
    Data,
    ImageField,
    Input,
    Model,
    NumberField,
    NumpySource,
    ParquetSource,
    Project,
    SklearnSource,
    Split,
    Term,
    TextField,
)
from tests.core.test_loading import FIELDS, folder  # noqa: F401
from tests.core.test_loading import script as script_in_memory

SPLITS = {"random": Split(validation=0.25, test=0.1), "column": Split(kind="column", by="part")}
SOURCES = {"t.csv": CsvSource, "odd.csv": CsvSource, "t.parquet": ParquetSource}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Cut small files into many blocks, and read few rows at a time."""
    monkeypatch.setattr(streaming, "BLOCK", 1500)
    monkeypatch.setattr(streaming, "AT_ONCE", 2400)
    yield
    inspection._survey.cache_clear()
    inspection._streamed_tally.cache_clear()


def data_of(source, fields, split=SPLITS["random"], loading="stream"):
    kind = SOURCES.get(source, CsvSource)
    return Data(source=kind(path=source), fields=fields, split=split, loading=loading)


def project_of(data):
    first, *others = data.fields
    terms = {f"t{place}": Term(bind={"y_true": f"target:{name}"}) for place, name in enumerate(others)}
    return Project(seed=5, data=data, model=Model(inputs={"x": Input(field=first)}), terms=terms)


def table_of(data, place, rows=7):
    """Run the part of the script that reads the data; return its table, as it has learnt from the rows."""
    facts, out = inspect(data, place, 5), place / "train.py"
    code = streamed(data, data.fields, facts, place, out)
    text = "\n".join(("from pathlib import Path", *code.imports, "SEED = 5", "HERE = Path(__file__).parent"))
    space = {"__file__": str(out)}
    exec(compile(f"{text}\n{unmark(code.text).text}", "train.py", "exec"), space)
    space["ROWS"] = rows
    return space["Table"](), facts


def rows_of(table, part):
    pieces = list(table.of_part(part, range(len(table.blocks))))
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def whole(data, place):
    """The training rows, the scaling and the facts of the same data in memory."""
    data = data.model_copy(update={"loading": "memory"})
    space = {"__file__": str(place / "train.py")}
    exec(compile(script_in_memory(project_of(data), place, place / "train.py"), "train.py", "exec"), space)
    train, _, _, scaling = space["load_data"]()
    return train, scaling, inspect(data, place, 5)


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
@pytest.mark.parametrize("source", SOURCES)
def test_every_field_that_streams_is_the_one_read_whole(folder, fields, source):  # noqa: F811
    data = data_of(source, fields, Split(validation=0.0))
    table, facts = table_of(data, folder)
    train, scaling, known = whole(data, folder)
    assert len(table.blocks) > (3 if source != "t.parquet" else 0)
    for name, values in rows_of(table, "train").items():
        assert values.shape == train[name].shape
        assert values.dtype == train[name].dtype
        if values.dtype == object:
            assert (values == train[name]).all()
        else:
            np.testing.assert_allclose(values, train[name], rtol=2e-6, atol=2e-6)
    for name, found in scaling.items():
        for ours, theirs in zip(table.scaling[name], found, strict=True):
            np.testing.assert_allclose(np.ravel(ours), np.ravel(theirs), rtol=1e-6)
    assert (facts.rows, facts.split, facts.errors) == (known.rows, known.split, {})
    assert {name: found.classes for name, found in facts.fields.items()} == {
        name: found.classes for name, found in known.fields.items()
    }


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
@pytest.mark.parametrize("source", SOURCES)
def test_the_script_counts_the_rows_that_inspection_counts(folder, split, source):  # noqa: F811
    table, facts = table_of(data_of(source, FIELDS["dropped"], split), folder)
    assert table.counts == {part: facts.split[part] for part in ("train", "validation", "test")}
    parts = [len(rows_of(table, part)["x"]) for part in table.counts]
    assert parts == list(table.counts.values())
    assert sum(parts) + facts.split["dropped"] == facts.rows == 203


def test_a_random_split_gives_about_the_shares_and_changes_with_the_seed(folder):  # noqa: F811
    data = data_of("t.csv", FIELDS["plain"])
    found = inspect(data, folder, 5).split
    assert found["validation"] == pytest.approx(0.25 * 203, abs=20)
    assert inspect(data, folder, 5).split == found != inspect(data, folder, 6).split


def test_scales_come_from_the_training_rows_alone(folder):  # noqa: F811
    table, _ = table_of(data_of("t.csv", FIELDS["scaled"]), folder)
    plain, _ = table_of(data_of("t.csv", FIELDS["plain"]), folder)
    rows = rows_of(plain, "train")["x"]
    np.testing.assert_allclose(table.scaling["x"][0], rows.mean(0), rtol=1e-6)
    np.testing.assert_allclose(table.scaling["x"][1], rows.std(0), rtol=1e-6)
    assert len(table.sample["x"]) == table.counts["train"]


def test_of_the_rows_only_a_sample_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "BLOCK", 50_000)
    monkeypatch.setattr(block_code, "SAMPLE_BYTES", 5_000)
    frame = pd.DataFrame(np.random.default_rng(1).normal(size=(20_000, 3)), columns=["a", "b", "y"])
    frame.to_csv(tmp_path / "t.csv", index=False)
    fields = {"x": NumberField(columns=("a", "b"), scaling="standardize"), "y": NumberField(columns=("y",))}
    data = data_of("t.csv", fields, Split(validation=0.0))
    inspect(data, tmp_path, 5)
    tracemalloc.start()
    table, _ = table_of(data, tmp_path, 1000)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert table.counts["train"] == 20_000
    assert 300 < len(table.sample["x"]) < 600
    assert kept < 20_000 * 3 * 4 / 2
    assert table.scaling["x"][0] == pytest.approx(frame[["a", "b"]].mean().to_numpy(), abs=1e-6)


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_the_sample_is_evenly_spaced_however_few_rows_are_read_at_a_time(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(block_code, "SAMPLE_BYTES", 160)
    pd.DataFrame({"a": range(400), "y": range(400)}).to_csv(tmp_path / "t.csv", index=False)
    fields = {"x": NumberField(columns=("a",)), "y": NumberField(columns=("y",))}
    table, _ = table_of(data_of("t.csv", fields, Split(validation=0.0)), tmp_path, rows)
    assert len(table.blocks) > 1
    assert table.sample["x"].ravel().tolist() == list(range(0, 400, 20))


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_how_many_rows_are_read_at_a_time_changes_nothing(folder, rows):  # noqa: F811
    table, _ = table_of(data_of("t.csv", FIELDS["mean"]), folder, rows)
    other, _ = table_of(data_of("t.csv", FIELDS["mean"]), folder, 50)
    for ours, theirs in zip(rows_of(table, "test").values(), rows_of(other, "test").values(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


# ---- text that is hard to cut


ODD = 'name,note,value\r\n"a","one\r\ntwo",1\r\nb,"say ""hi"",\nplease",2\r\n\r\nc,5" pipe,3\r\n"d","",4'


@pytest.mark.parametrize("size", [1, 5, 16, 33, 1000])
def test_blocks_end_between_rows_whatever_is_quoted(tmp_path, monkeypatch, size):
    monkeypatch.setattr(streaming, "BLOCK", size)
    (tmp_path / "odd.csv").write_bytes((ODD * 1).encode())
    at = places.stamp(CsvSource(path="odd.csv"), tmp_path)
    pieces = [pd.DataFrame(dict(block)) for _, block in streaming.through(at, {})]
    found = pd.concat(pieces, ignore_index=True)
    expected = pd.read_csv(io.StringIO(ODD, newline=""))
    assert found["note"].fillna("").tolist() == expected["note"].fillna("").tolist()
    assert found["value"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (b'a,"b\nc",d\n', b"a,,d\n"),
        (b'5" pipe\n6" pipe\n', b'5" pipe\n6" pipe\n'),
        (b'"a""b\n"\n', b"\n"),
        (b'x,"never closed\n\n', b"x,"),
    ],
)
def test_only_what_is_quoted_is_passed_over(text, kept):
    assert quoted(",", False).sub(b"", text) == kept


@pytest.mark.parametrize("delimiter", list(";|\t^]\\-'~"))
def test_every_delimiter_is_written_into_the_script_as_itself(tmp_path, delimiter):
    lines = [delimiter.join(("a", "b")), *(delimiter.join((f'"{n}\n"', str(n))) for n in range(90))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    source = CsvSource(path="t.csv", delimiter=delimiter)
    fields = {"x": NumberField(columns=("b",)), "y": TextField(columns=("a",))}
    table, facts = table_of(Data(source=source, fields=fields, loading="stream"), tmp_path)
    assert sum(table.counts.values()) == facts.rows == 90


def test_a_table_without_names_streams(tmp_path):
    (tmp_path / "t.csv").write_text("".join(f"{n}.5,{n % 3},{n}.25\n" for n in range(400)))
    fields = {"x": NumberField(columns=("column_0", "column_2")), "y": CategoryField(columns=("column_1",))}
    table, facts = table_of(data_of("t.csv", fields, Split(validation=0.0)), tmp_path)
    assert facts.fields["y"].classes == (0, 1, 2)
    assert rows_of(table, "train")["x"][-1].tolist() == [399.5, 399.25]


def test_names_and_values_in_any_alphabet_stream(tmp_path):
    rows = "".join(f"grün {n},日本{n % 2},{n}\n" for n in range(300))
    (tmp_path / "t.csv").write_text('\n\nname,"stadt\n名",höhe\n' + rows, encoding="utf-8-sig")
    fields = {"x": NumberField(columns=("höhe",)), "y": CategoryField(columns=("stadt\n名",))}
    table, facts = table_of(data_of("t.csv", fields, Split(validation=0.0)), tmp_path)
    assert facts.fields["y"].classes == ("日本0", "日本1")
    assert rows_of(table, "train")["x"].ravel().tolist() == list(range(300))


def test_a_column_that_turns_to_text_late_is_text_from_the_start(tmp_path):
    frame = pd.DataFrame({"code": [f"{n:04}" for n in range(600)] + ["none"], "y": range(601)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    fields = {"x": TextField(columns=("code",)), "y": NumberField(columns=("y",))}
    table, facts = table_of(data_of("t.csv", fields, Split(validation=0.0)), tmp_path)
    assert facts.columns["code"].dtype == "str"
    assert rows_of(table, "train")["x"][7, 0] == "0007"


def test_whole_numbers_stay_whole_where_they_are_read_as_text(tmp_path):
    pd.DataFrame({"code": range(600)}).to_csv(tmp_path / "t.csv", index=False)
    fields = {"x": TextField(columns=("code",)), "y": NumberField(columns=("code",))}
    table, _ = table_of(data_of("t.csv", fields, Split(validation=0.0)), tmp_path)
    assert rows_of(table, "train")["x"][7, 0] == "7"


def test_classes_stay_apart_that_would_be_one_fraction(tmp_path):
    pd.DataFrame({"k": [2**53, 2**53 + 1] * 200, "y": range(400)}).to_csv(tmp_path / "t.csv", index=False)
    fields = {"x": NumberField(columns=("y",)), "y": CategoryField(columns=("k",))}
    table, facts = table_of(data_of("t.csv", fields, Split(validation=0.0)), tmp_path)
    assert facts.fields["y"].classes == (2**53, 2**53 + 1)
    assert rows_of(table, "train")["y"].ravel().tolist() == [0, 1] * 200


@pytest.mark.parametrize("names", ["b,y\n", ""], ids=["named", "unnamed"])
def test_blank_lines_that_fill_a_block_change_nothing(tmp_path, names):
    halves = ["".join(f"{n % 2 == 0},{n}.5\n" for n in part) for part in (range(200), range(200, 400))]
    (tmp_path / "t.csv").write_text(names + " \n\t\n\r\n\n".join((halves[0], *["\n" * 999] * 9, halves[1])))
    flag, number = ("b", "y") if names else ("column_0", "column_1")
    fields = {"x": NumberField(columns=(number,)), "y": CategoryField(columns=(flag,))}
    table, facts = table_of(data_of("t.csv", fields, SPLITS["random"]), tmp_path)
    assert (facts.rows, dtype(flag, facts), facts.columns[flag].dtype) == (400, "bool", "bool")
    assert table.counts == {part: facts.split[part] for part in table.counts}
    rows = rows_of(table, "train")
    assert (rows["y"][:, 0] == (rows["x"][:, 0] % 2 < 1)).all()


def test_lines_of_nothing_but_delimiters_are_rows(tmp_path):
    (tmp_path / "t.tsv").write_text("a\tb\n" + "1\t2\n" * 300 + "\t\n" * 1500)
    data = Data(source=CsvSource(path="t.tsv"), fields={"x": NumberField(columns=("a",))}, loading="stream")
    assert inspect(data, tmp_path, 5).split["dropped"] == 1500


def test_truths_of_which_some_block_shows_none_are_truths():
    column = ColumnFacts(kind="category", dtype="mixed", count=3, missing=0, values=(False, True))
    assert dtype("b", DataFacts(columns={"b": column})) == "bool"


def test_gaps_that_only_some_blocks_have_change_no_type(tmp_path):
    frame = pd.DataFrame({"n": [*range(500), None], "b": [True] * 500 + [None], "y": range(501)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    fields = {"x": NumberField(columns=("n", "y")), "y": CategoryField(columns=("b",), missing="keep")}
    table, facts = table_of(data_of("t.csv", fields, Split(validation=0.0)), tmp_path)
    assert [dtype(name, facts) for name in frame] == ["float64", "", "float64"]
    assert rows_of(table, "train")["x"].shape == (500, 2)


def test_a_file_that_changes_while_it_is_read_is_said(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("a,y\n" + "1,2\n" * 900)
    fields = {"x": NumberField(columns=("a",)), "y": NumberField(columns=("y",))}
    table, _ = table_of(data_of("t.csv", fields), tmp_path)
    os.utime(file, (1, 1))
    with pytest.raises(RuntimeError, match="was changed while it was trained on: train again"):
        rows_of(table, "train")


def test_reading_ends_between_blocks_when_nobody_waits_any_more(folder):  # noqa: F811
    data = data_of("t.csv", FIELDS["plain"])
    inspection._survey.cache_clear()
    answers = iter([True, True, False])
    with pytest.raises(GivenUp), as_long_as(lambda: next(answers)):
        inspect(data, folder, 5)
    assert list(answers) == []
    assert inspect(data, folder, 5).rows == 203


@pytest.mark.parametrize("line", [2600, 4000])
def test_a_row_with_too_many_values_is_named_by_its_line_in_the_file(tmp_path, line):
    lines = ["a,b"] + ["1,2"] * 2200 + [""] * 300 + ["1,2"] * 1600
    lines[line - 1] = "1,2,3"
    (tmp_path / "t.csv").write_text("\n".join(lines))
    found = inspect(data_of("t.csv", {"x": NumberField(columns=("a",))}), tmp_path, 5)
    assert f"t.csv, line {line}: 3 values where the first line has 2" in (found.error or "")


def test_a_quotation_mark_that_is_never_closed_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "MOST_BLOCK", 3000)
    (tmp_path / "t.csv").write_text("a,b\n1,2\n" * 20 + '3,"' + "4\n5," * 5000)
    found = inspect(data_of("t.csv", {"x": NumberField(columns=("a",))}), tmp_path, 5)
    assert "quotation mark is not closed" in (found.error or "")


# ---- which way


@pytest.fixture
def rows(tmp_path):
    frame = pd.DataFrame({"a": range(300), "y": range(300), "part": "train", "picture": "p.png"})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_csv(tmp_path / "wide.csv", index=False, encoding="utf-16")
    frame.to_csv(tmp_path / "old.csv", index=False, lineterminator="\r")
    frame.to_parquet(tmp_path / "t.parquet")
    np.savez(tmp_path / "t.npz", a=frame["a"].to_numpy(), y=frame["y"].to_numpy())
    return tmp_path


PLAIN = {"x": NumberField(columns=("a",)), "y": NumberField(columns=("y",))}


@pytest.mark.parametrize("source", ["t.csv", "t.parquet"])
def test_the_size_decides_and_can_be_overruled(rows, source, monkeypatch):
    data = data_of(source, PLAIN, loading="auto")
    assert ways.loading(
        data, rows
    ).sentence == f"All rows are kept in memory: {source} has no more than 1 GiB" + (
        " unpacked." if source.endswith("parquet") else "."
    )
    monkeypatch.setattr(ways, "MOST_IN_MEMORY", 1000)
    found = ways.loading(data, rows)
    assert found.streams
    assert found.sentence.startswith(f"The rows stream from disk: {source} has 0.0 GiB")
    kept = ways.loading(data.model_copy(update={"loading": "memory"}), rows)
    assert (kept.streams, kept.sentence) == (False, "All rows are kept in memory, as the project says.")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"source": NumpySource(path="t.npz")}, "only CSV and Parquet"),
        ({"source": SklearnSource()}, "only CSV and Parquet"),
        ({"source": CsvSource(path="wide.csv")}, "utf-16"),
        ({"source": CsvSource(path="old.csv")}, "line feed"),
        ({"fields": {**PLAIN, "z": ImageField(columns=("picture",))}}, "images of the field z"),
        ({"split": Split(kind="time", by="a")}, "by time"),
        ({"split": Split(kind="stratified", by="part")}, "shares of each class"),
    ],
)
def test_what_must_be_in_memory_says_so_and_why(rows, monkeypatch, change, says):
    data = data_of("t.csv", PLAIN).model_copy(update=change)
    facts = inspect(data, rows, 5)
    found = [one for one in problems(Project(data=data), Facts(data=facts)) if one.code == "cannot-stream"]
    assert says in found[0].message
    mended = found[0].fix.apply(Project(data=data)).data
    assert mended.loading == "memory"
    monkeypatch.setattr(ways, "MOST_IN_MEMORY", -1)
    large = data.model_copy(update={"loading": "auto"})
    facts = Facts(data=DataFacts(loading=ways.loading(large, rows)))
    warned = [one for one in problems(Project(data=large), facts) if one.code == "large-in-memory"]
    assert says in warned[0].message
