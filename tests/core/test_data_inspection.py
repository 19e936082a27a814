"""Inspection says what columns hold, what fields become, and how many rows each part of the split gets."""

import numpy as np
import pandas as pd
import pytest

from core.data import first_rows, inspect, source_for, suggest_field
from core.project.facts import DataFacts
from core.project.schema import (
    CategoryField,
    CsvSource,
    Data,
    ImageField,
    NumberField,
    NumpySource,
    SklearnSource,
    Split,
    TextField,
)

TABLE = """date,colour,size,price,note
2024-01-03,red,1,1.5,good value for the money and quickly here
2024-01-01,blue,2,2.5,never again
2024-01-02,red,3,,arrived late but works as it should
2024-01-05,,4,4.5,fine
2024-01-04,blue,5,5.5,
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "shop.csv").write_text(TABLE)
    return tmp_path


def facts(folder, split=None, **fields) -> DataFacts:
    return inspect(
        Data(source=CsvSource(path="shop.csv"), fields=fields, split=split or Split()), folder, seed=3
    )


def test_columns_have_kind_count_missing_range_and_spread(folder):
    columns = facts(folder).columns
    assert {name: column.kind for name, column in columns.items()} == {
        "date": "time", "colour": "category", "size": "number", "price": "number", "note": "text",
    }  # fmt: skip
    price = columns["price"]
    assert (price.count, price.missing, price.minimum, price.maximum, price.mean) == (4, 1, 1.5, 5.5, 3.5)
    assert sum(price.histogram) == 4
    assert columns["colour"].values == ("blue", "red")
    assert columns["colour"].histogram == (2, 2)
    assert (columns["date"].minimum, columns["date"].maximum) == ("2024-01-01", "2024-01-05")


@pytest.mark.parametrize(
    "values",
    [
        ["2024-05-01"] * 3,
        [4111111111111111] * 3,
        [1.0, 1.0000000000000002, 1.0],
        [4111111111111111, 4111111111111112, 4111111111111111],
        [0.0, 5e-324, 0.0],
        [7] * 3,
    ],
)
def test_values_that_hardly_differ_are_counted_as_well(tmp_path, values):
    (tmp_path / "shop.csv").write_text("n,m\n" + "".join(f"{value},1\n" for value in values))
    found = facts(tmp_path)
    assert found.error is None
    assert sum(found.columns["n"].histogram) == 3
    assert max(found.columns["n"].histogram) == (3 if len(set(values)) == 1 else 2)


def test_texts_are_as_long_as_in_the_mean(folder):
    columns = facts(folder).columns
    assert columns["colour"].length == pytest.approx((3 + 4 + 3 + 4) / 4)
    assert columns["price"].length is None


def test_whole_numbers_stay_whole_where_some_are_missing(tmp_path):
    (tmp_path / "shop.csv").write_text("n,m\n1,1\n,2\n3,3\n")
    assert facts(tmp_path).columns["n"].values == (1, 3)


def test_rows_that_miss_a_value_are_counted_as_dropped(folder):
    found = facts(folder, price=NumberField(columns=("price",)), colour=CategoryField(columns=("colour",)))
    assert found.split == {"train": 2, "validation": 1, "test": 0, "dropped": 2}
    assert found.fields["price"].missing == 1


def test_kept_and_filled_values_drop_nothing(folder):
    found = facts(
        folder,
        price=NumberField(columns=("price",), missing="keep"),
        colour=CategoryField(columns=("colour",), missing="fill"),
    )
    assert found.split["dropped"] == 0
    assert found.rows == 5


def test_values_outside_the_classes_count_as_missing(folder):
    found = facts(folder, colour=CategoryField(columns=("colour",), classes=("red",)))
    assert (found.fields["colour"].missing, found.split["dropped"]) == (3, 3)


def test_codes_start_at_minus_one_where_a_label_is_kept_missing(folder):
    field = facts(folder, colour=CategoryField(columns=("colour",), missing="keep")).fields["colour"]
    assert (field.shape, field.dtype, field.minimum, field.maximum) == ((1,), "int32", -1, 1)


def test_a_fill_value_that_no_row_has_is_a_class(folder):
    field = CategoryField(columns=("colour",), missing="fill", fill="none")
    assert facts(folder, colour=field).fields["colour"].classes == ("blue", "none", "red")


def test_ranges_are_those_after_scaling(folder):
    field = facts(
        folder, size=NumberField(columns=("size",), scaling="standardize"), split=Split(validation=0)
    ).fields["size"]
    assert field.minimum == pytest.approx(-np.sqrt(2))
    assert field.maximum == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        (NumberField(columns=("prise",)), 'There is no column "prise" in the data (the nearest is "price")'),
        (NumberField(columns=("note",)), 'Column "note" holds text'),
        (NumberField(columns=("date",)), 'Column "date" holds points in time'),
        (NumberField(columns=("colour",)), 'Column "colour" holds text, such as "blue", not numbers'),
        (NumberField(columns=("size", "price"), shape=(3, 1)), "The columns give 2 numbers a row"),
        (CategoryField(columns=("colour", "note"), encoding="onehot"), "One-hot takes one column"),
        (CategoryField(columns=("colour",), classes=("green",)), "None of the classes green"),
        (TextField(columns=("note", "date")), "takes one column"),
        (ImageField(columns=("size",)), "holds no paths of images"),
        (ImageField(columns=("note",)), "There is no image"),
    ],
)
def test_a_field_that_cannot_be_made_says_why(folder, field, sentence):
    assert sentence in facts(folder, wrong=field).errors["field:wrong"]


@pytest.mark.parametrize(
    ("split", "sentence"),
    [
        (Split(kind="time"), "none is chosen"),
        (Split(kind="stratified", by="nothing"), 'column "nothing", which is not in the data'),
        (Split(kind="time", by="note"), "needs dates"),
        (Split(kind="column", by="colour"), 'also says "blue"'),
        (Split(validation=0.9, test=0.9), "No rows are left to train on"),
    ],
)
def test_a_split_that_cannot_be_made_says_why(folder, split, sentence):
    found = facts(folder, split=split, size=NumberField(columns=("size",)))
    assert sentence in found.errors["split"]


def test_a_missing_column_leaves_the_other_fields_alone(folder):
    found = facts(folder, gone=NumberField(columns=("gone",)), size=NumberField(columns=("size",)))
    assert set(found.fields) == {"size"}
    assert found.split["train"] == 4


def test_infinite_numbers_are_refused(tmp_path):
    (tmp_path / "shop.csv").write_text("n,m\n1,1\ninf,2\n3,3\n")
    assert (
        "holds inf, which is too large to train on"
        in facts(tmp_path, n=NumberField(columns=("n",))).errors["field:n"]
    )


def test_editing_a_field_does_not_read_the_file_again(folder, monkeypatch):
    facts(folder)
    monkeypatch.setattr(pd, "read_csv", None)
    assert facts(folder, size=NumberField(columns=("size",))).fields


def test_a_changed_file_is_read_again(folder):
    assert facts(folder).rows == 5
    (folder / "shop.csv").write_text(TABLE + "2024-01-06,red,6,6.5,more\n")
    assert facts(folder).rows == 6


def test_arrays_of_an_archive_may_differ_in_rows_unless_fields_use_them(tmp_path):
    np.savez(
        tmp_path / "mnist.npz", x_train=np.zeros((6, 4, 4)), y_train=np.arange(6), x_test=np.zeros((2, 4, 4))
    )
    source = NumpySource(path="mnist.npz")
    train = {"x": NumberField(columns=("x_train",)), "y": NumberField(columns=("y_train",))}
    good = inspect(Data(source=source, fields=train), tmp_path, seed=1)
    assert (good.rows, good.errors, good.fields["x"].shape) == (6, {}, (4, 4))
    bad = inspect(
        Data(source=source, fields=train | {"z": NumberField(columns=("x_test",))}), tmp_path, seed=1
    )
    assert 'Column "x_test" has 2 rows where others have 6' in bad.errors["field:z"]


def test_one_array_is_called_array(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6.0).reshape(3, 2))
    columns = inspect(Data(source=NumpySource(path="x.npy")), tmp_path, seed=1).columns
    assert (columns["array"].kind, columns["array"].shape) == ("array", (2,))


def test_arrays_that_run_down_the_columns_are_read_right(tmp_path):
    np.savez(
        tmp_path / "f.npz", x=np.asfortranarray(np.arange(6.0).reshape(3, 2)), y=np.array(["a", "b", "c"])
    )
    frame = first_rows(NumpySource(path="f.npz"), tmp_path, 2)
    assert frame["x"][1].tolist() == [2.0, 3.0]
    assert frame["y"].tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("iris", {"sepal length (cm)", "species"}),
        ("wine", {"alcohol", "cultivar"}),
        ("breast_cancer", {"mean radius", "diagnosis"}),
        ("diabetes", {"bmi", "progression"}),
        ("linnerud", {"Chins", "Waist"}),
        ("digits", {"image", "digit", "odd"}),
    ],
)
def test_bundled_sets_have_named_columns(tmp_path, name, columns):
    found = inspect(Data(source=SklearnSource(name=name)), tmp_path, seed=1)
    assert found.error is None
    assert columns <= set(found.columns)


def test_the_digits_are_images_with_their_digit_and_parity(tmp_path):
    columns = inspect(Data(source=SklearnSource(name="digits")), tmp_path, seed=1).columns
    assert columns["image"].shape == (8, 8)
    assert columns["digit"].values == tuple(range(10))
    assert columns["odd"].values == (0, 1)


def test_suggested_fields_can_be_made(folder):
    columns = facts(folder).columns
    suggested = {
        name: suggest_field(name, column) for name, column in columns.items() if column.kind != "time"
    }
    kinds = {name: type(field).__name__ for name, field in suggested.items()}
    assert kinds == {
        "colour": "CategoryField", "size": "NumberField", "price": "NumberField", "note": "TextField",
    }  # fmt: skip
    assert facts(folder, **suggested).errors == {}


def test_a_source_inside_the_folder_is_kept_relative(folder):
    assert source_for(folder / "shop.csv", folder).path == "shop.csv"  # type: ignore[union-attr]
    assert source_for(folder / "shop.csv", folder / "sub").path == str(folder / "shop.csv")  # type: ignore[union-attr]


def test_a_missing_image_is_named(tmp_path):
    (tmp_path / "shop.csv").write_text("file,label\na.png,1\nb.png,2\n")
    (tmp_path / "a.png").write_bytes(b"no image")
    field = ImageField(columns=("file",))
    assert 'no image "b.png" (value 2' in facts(tmp_path, photo=field).errors["field:photo"]
    (tmp_path / "b.png").write_bytes(b"no image")
    assert "a.png is not an image" in facts(tmp_path, photo=field).errors["field:photo"]
