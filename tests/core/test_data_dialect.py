"""Text tables are recognised: delimiter, encoding, decimal mark, and whether the first line names columns."""

from pathlib import Path

import pytest

from core.data import UnreadableData, first_rows, recognise
from core.project.schema import CsvSource


def written(folder: Path, content: bytes | str, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(path: Path) -> list[list[object]]:
    frame = first_rows(recognise(path), path.parent)
    return [list(frame.columns), *frame.to_numpy(object).tolist()]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_recognised(tmp_path, mark):
    path = written(tmp_path, f"name{mark}age\nAnn{mark}31\nBob{mark}42\n")
    assert recognise(path).delimiter == mark
    assert rows(path) == [["name", "age"], ["Ann", 31], ["Bob", 42]]


def test_commas_inside_texts_do_not_hide_the_semicolon(tmp_path):
    path = written(tmp_path, "name;note\nAnn;one, two\nBob;a, b, c\n")
    assert recognise(path).delimiter == ";"


def test_a_quoted_delimiter_cuts_nothing(tmp_path):
    path = written(tmp_path, 'a,b\n"1;2;3",x\n"4;5;6",y\n')
    assert rows(path)[1] == ["1;2;3", "x"]


def test_a_decimal_comma_is_recognised(tmp_path):
    path = written(tmp_path, "a;b\n1,5;2\n-0,25;3\n")
    assert recognise(path).decimal == ","
    assert rows(path)[1:] == [[1.5, 2], [-0.25, 3]]


def test_points_stay_points_beside_semicolons(tmp_path):
    assert recognise(written(tmp_path, "a;b\n1.5;x\n2.5;y\n")).decimal == "."


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("cp1252", "cp1252"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
    ],
)
def test_the_encoding_is_recognised(tmp_path, encoding, expected):
    path = written(tmp_path, "name;café\nJosé;1\nÅsa;2\n".encode(encoding))
    assert recognise(path).encoding == expected
    assert rows(path) == [["name", "café"], ["José", 1], ["Åsa", 2]]


def test_a_stray_cp1252_byte_far_down_is_noticed(tmp_path):
    path = written(tmp_path, b"a,b\n" + b"x,1\n" * 100_000 + b"\xe9,2\n")
    assert recognise(path).encoding == "cp1252"


def test_duplicate_and_blank_names_are_made_unique(tmp_path):
    path = written(tmp_path, "a,a,,b\n1,2,3,4\n")
    assert rows(path)[0] == ["a", "a.1", "Unnamed: 2", "b"]


def test_blanks_after_commas_belong_to_nothing(tmp_path):
    path = written(tmp_path, "a, b, c\n1, x, 2\n3, y, 4\n")
    assert rows(path) == [["a", "b", "c"], [1, "x", 2], [3, "y", 4]]


def test_a_table_without_a_line_of_names_gets_names(tmp_path):
    path = written(tmp_path, "5.1,3.5,setosa\n4.9,3.0,setosa\n")
    assert rows(path) == [["column_0", "column_1", "column_2"], [5.1, 3.5, "setosa"], [4.9, 3.0, "setosa"]]


def test_years_are_names(tmp_path):
    assert rows(written(tmp_path, "2019,2020,2021\n1,2,3\n"))[0] == ["2019", "2020", "2021"]


def test_what_the_source_says_is_not_recognised_again(tmp_path):
    written(tmp_path, "a,b;c\n1,2;3\n")
    frame = first_rows(CsvSource(path="table.csv", delimiter=";"), tmp_path)
    assert list(frame.columns) == ["a,b", "c"]


@pytest.mark.parametrize("mark", ["ab", "", "\n", '"', r"\s+"])
def test_a_delimiter_that_is_not_one_character_is_refused(tmp_path, mark):
    written(tmp_path, "a,b\n1,2\n")
    with pytest.raises(UnreadableData, match="choose one character as delimiter"):
        first_rows(CsvSource(path="table.csv", delimiter=mark), tmp_path)


@pytest.mark.parametrize("encoding", ["klingon", "zip", "rot13"])
def test_an_encoding_that_is_none_is_refused(tmp_path, encoding):
    written(tmp_path, "a,b\n1,2\n")
    with pytest.raises(UnreadableData, match=r"table\.csv"):
        first_rows(CsvSource(path="table.csv", encoding=encoding), tmp_path)


def test_a_question_mark_between_numbers_is_a_missing_value(tmp_path):
    path = written(tmp_path, "power,name\n130,a\n?,b\n150,c?\n")
    frame = first_rows(recognise(path), tmp_path)
    assert frame["power"].isna().tolist() == [False, True, False]
    assert frame["name"].tolist() == ["a", "b", "c?"]
