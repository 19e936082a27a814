"""load_data() gives what inspection says, and fits scales and fill values on training rows only."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.codegen.code import CannotGenerate, unmark
from core.codegen.loading import loading
from core.data import inspect
from core.project.facts import DataFacts
from core.project.schema import (
    CategoryField,
    CsvSource,
    Data,
    Head,
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

ROWS = 203
N, C = NumberField, CategoryField


def project_of(data: Data, seed: int = 5) -> Project:
    """Return a project in which the first field is an input and the others are targets."""
    first, *others = data.fields
    terms = {f"t{place}": Term(bind={"y_true": f"target:{name}"}) for place, name in enumerate(others)}
    return Project(seed=seed, data=data, model=Model(inputs={"x": Input(field=first)}), terms=terms)


def script(project: Project, folder: Path, out: Path, facts: DataFacts | None = None) -> str:
    code = loading(project, folder, out, facts)
    constants = f"SEED = {project.seed}\nHERE = Path(__file__).parent\n"
    return "\n".join(("from pathlib import Path", *code.imports, constants, unmark(code.text).text))


def load(data: Data, folder: Path, seed: int = 5):
    """Run the emitted load_data() and hold what it gives against inspection; return what it gives."""
    out = folder / "train.py"
    space: dict = {"__file__": str(out)}
    exec(compile(script(project_of(data, seed), folder, out), "train.py", "exec"), space)
    train, validation, test, scaling = space["load_data"]()
    facts = inspect(data, folder, seed)
    assert facts.error is None
    assert facts.errors == {}
    for part, name in ((train, "train"), (validation, "validation"), (test, "test")):
        assert list(part) == list(data.fields)
        assert {len(values) for values in part.values()} == {facts.split[name]}
    for name, values in train.items():
        check_field(name, facts, [part[name] for part in (train, validation, test)], values)
    return train, validation, test, scaling


def check_field(name, facts, parts, values):
    field = facts.fields[name]
    assert values.shape[1:] == field.shape
    assert (values.dtype == object) if field.dtype == "string" else (values.dtype == field.dtype)
    every = np.concatenate(parts)
    if field.dtype != "string" and field.classes is None and facts.split["dropped"] == 0:
        assert np.nanmin(every) == pytest.approx(field.minimum, rel=1e-6, abs=1e-6)
        assert np.nanmax(every) == pytest.approx(field.maximum, rel=1e-6, abs=1e-6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one table in several formats."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "a": random.normal(5, 3, ROWS),
            "b": random.integers(0, 50, ROWS),
            "holes": np.where(random.random(ROWS) < 0.2, np.nan, random.normal(size=ROWS)),
            "colour": random.choice(["red", "green", "blue"], ROWS, p=[0.6, 0.3, 0.1]),
            "mood": random.choice(np.array(["good", "bad", None], object), ROWS),
            "stars": random.integers(1, 6, ROWS),
            "yes": random.choice([True, False], ROWS),
            "note": random.choice(np.array(["one two", "three, four", None], object), ROWS),
            "part": random.choice(["train", "Validation", " test "], ROWS),
            "when": pd.date_range("2021-01-01", periods=ROWS).strftime("%d/%m/%Y")[random.permutation(ROWS)],
            "hour": random.permutation(ROWS),
        }
    )
    frame.to_csv(folder / "t.csv", index=False)
    frame.to_csv(folder / "t.tsv", index=False, sep="\t", encoding="utf-16")
    frame.to_csv(folder / "odd.csv", index=False, sep=";", decimal=",", encoding="cp1252")
    wide = frame.assign(nullable=frame["stars"].astype("Int64"), vector=list(random.normal(size=(ROWS, 3))))
    wide.loc[3, "nullable"] = pd.NA
    wide.to_parquet(folder / "t.parquet")
    images = random.normal(size=(ROWS, 4, 4))
    np.savez(folder / "t.npz", x=images, h=frame["holes"], y=frame["stars"], c=frame["colour"].to_numpy(str))
    return folder


FIELDS = {
    "plain": {"x": N(columns=("a", "b")), "y": N(columns=("stars",))},
    "scaled": {"x": N(columns=("a", "b"), scaling="standardize"), "y": N(columns=("b",), scaling="minmax")},
    "reshaped": {"x": N(columns=("a", "b"), shape=(2, 1)), "y": N(columns=("yes",))},
    "dropped": {"x": N(columns=("a", "holes"), scaling="standardize"), "y": C(columns=("mood",))},
    "mean": {"x": N(columns=("a", "holes"), missing="fill", scaling="standardize"), "y": N(columns=("b",))},
    "median": {"x": N(columns=("holes",), missing="fill", fill="median"), "y": N(columns=("b",))},
    "constant": {"x": N(columns=("holes",), missing="fill", fill=-9.5), "y": N(columns=("b",))},
    "kept": {"x": N(columns=("a",)), "y": N(columns=("holes",), missing="keep", scaling="minmax")},
    "codes": {"x": C(columns=("colour", "mood")), "y": C(columns=("stars",)), "z": C(columns=("yes",))},
    "onehot": {"x": C(columns=("colour",), encoding="onehot"), "y": C(columns=("stars",), encoding="onehot")},
    "kept codes": {
        "x": C(columns=("mood",), missing="keep"),
        "y": C(columns=("mood",), missing="keep", encoding="onehot"),
    },
    "filled codes": {
        "x": C(columns=("mood",), missing="fill"),
        "y": C(columns=("mood",), missing="fill", fill="none"),
    },
    "filled onehot": {"x": C(columns=("mood",), missing="fill", encoding="onehot"), "y": N(columns=("b",))},
    "some classes": {
        "x": C(columns=("colour",), classes=("red", "blue")),
        "y": C(columns=("stars",), classes=(5, 4), missing="keep"),
    },
    "text": {"x": TextField(columns=("note",)), "y": TextField(columns=("stars",), fill="?")},
    "dropped text": {"x": TextField(columns=("note",), missing="drop"), "y": N(columns=("b",))},
}
SPLITS = {
    "random": Split(validation=0.25, test=0.1),
    "none": Split(validation=0.0),
    "stratified": Split(kind="stratified", by="mood", validation=0.2, test=0.2),
    "time": Split(kind="time", by="when", test=0.1),
    "order": Split(kind="time", by="hour", test=0.1),
    "column": Split(kind="column", by="part"),
}


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
@pytest.mark.parametrize("source", ["t.csv", "odd.csv", "t.parquet"])
def test_every_field_of_every_table_is_what_inspection_says(folder, fields, source):
    made = ParquetSource(path=source) if source.endswith("parquet") else CsvSource(path=source)
    load(Data(source=made, fields=fields, split=SPLITS["random"]), folder)


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
@pytest.mark.parametrize("fields", ["plain", "dropped", "filled onehot"])
def test_every_split_gives_the_rows_that_inspection_counts(folder, fields, split):
    load(Data(source=CsvSource(path="t.tsv"), fields=FIELDS[fields], split=split), folder)


ARRAYS = {
    "whole": {"x": N(columns=("x",), scaling="minmax", shape=(4, 4, 1)), "y": C(columns=("y",))},
    "flat": {"x": N(columns=("x",), shape=(16,)), "y": C(columns=("c",), encoding="onehot")},
    "dropped": {"x": N(columns=("x",)), "y": N(columns=("h",), scaling="standardize")},
    "side by side": {
        "x": N(columns=("h", "y"), missing="fill", fill=0.5),
        "y": C(columns=("c",), classes=("red",)),
    },
    "filled": {"x": N(columns=("h",), missing="fill", scaling="minmax"), "y": TextField(columns=("c",))},
}


@pytest.mark.parametrize("fields", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("by", [None, "c"])
def test_fields_of_arrays_are_what_inspection_says(folder, fields, by):
    split = Split(kind="stratified", by=by) if by else SPLITS["random"]
    load(Data(source=NumpySource(path="t.npz"), fields=fields, split=split), folder)


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("iris", ("sepal length (cm)", "petal width (cm)"), ("species",)),
        ("wine", ("alcohol", "hue"), ("cultivar",)),
        ("breast_cancer", ("mean radius",), ("diagnosis",)),
        ("digits", ("image",), ("digit",)),
    ],
)
def test_bundled_sets_are_read_by_the_script(tmp_path, name, x, y):
    fields = {"x": N(columns=x, scaling="standardize"), "y": C(columns=y)}
    split = Split(kind="stratified", by=y[0])
    load(Data(source=SklearnSource(name=name), fields=fields, split=split), tmp_path)


@pytest.mark.parametrize(("name", "y"), [("diabetes", "progression"), ("linnerud", "Weight")])
def test_bundled_sets_of_numbers_are_read_by_the_script(tmp_path, name, y):
    x = {"diabetes": "bmi", "linnerud": "Chins"}[name]
    load(Data(source=SklearnSource(name=name), fields={"x": N(columns=(x,)), "y": N(columns=(y,))}), tmp_path)


def test_lists_in_parquet_are_arrays_and_gaps_in_whole_numbers_are_missing(folder):
    fields = {
        "x": N(columns=("vector", "a"), scaling="minmax"),
        "y": N(columns=("nullable",), missing="keep"),
    }
    train, validation, _, _ = load(Data(source=ParquetSource(path="t.parquet"), fields=fields), folder)
    assert np.isnan(np.concatenate([train["y"], validation["y"]])).sum() == 1


def test_images_listed_in_a_table_are_read_in_0_to_1(tmp_path):
    (tmp_path / "pictures").mkdir()
    for shade in range(10):
        Image.new("L", (9, 7), shade * 25).save(tmp_path / "pictures" / f"{shade}.png")
    lines = [f"{shade}.png,{shade}" for shade in range(10)]
    (tmp_path / "pictures" / "list.csv").write_text("\n".join(("file,shade", *lines, ",11")))
    fields = {
        "photo": ImageField(columns=("file",), height=4, width=6, channels=1),
        "colour": ImageField(columns=("file",), height=2, width=2),
        "shade": N(columns=("shade",)),
    }
    data = Data(source=CsvSource(path="pictures/list.csv"), fields=fields, split=Split(validation=0.3))
    train, _, _, _ = load(data, tmp_path)
    expected = np.broadcast_to(train["shade"][:, :, None, None] * 25 / 255, train["photo"].shape)
    np.testing.assert_allclose(train["photo"], expected, atol=1e-6)
    assert train["colour"].shape == (7, 2, 2, 3)


def test_duplicate_and_blank_names_are_the_same_in_the_script(tmp_path):
    (tmp_path / "t.csv").write_text(
        "a,a,,y\n" + "".join(f"{row},{row + 10},{row + 20},{row}\n" for row in range(9))
    )
    fields = {"x": N(columns=("a.1", "Unnamed: 2")), "y": N(columns=("y",))}
    train, _, _, _ = load(Data(source=CsvSource(path="t.csv"), fields=fields), tmp_path)
    np.testing.assert_array_equal(train["x"], train["y"] + [10, 20])


def test_a_table_without_names_and_one_with_blanks_are_read_alike(tmp_path):
    (tmp_path / "t.csv").write_text("".join(f"{row}.5, {row}, w{row % 2}\n" for row in range(20)))
    fields = {"x": N(columns=("column_0", "column_1")), "y": C(columns=("column_2",))}
    train, _, _, _ = load(Data(source=CsvSource(path="t.csv"), fields=fields), tmp_path)
    np.testing.assert_array_equal(train["x"][:, 0], train["x"][:, 1] + 0.5)
    np.testing.assert_array_equal(train["y"][:, 0], train["x"][:, 1] % 2)


def test_other_rows_never_reach_scales_and_fill_values(tmp_path):
    """Rows for validation and test are made huge: what is fitted must not move."""
    fields = {
        "x": N(columns=("a", "b"), scaling="standardize", missing="fill"),
        "y": N(columns=("a",), scaling="minmax"),
        "z": N(columns=("b",), missing="fill", fill="median", scaling="minmax"),
        "k": C(columns=("c",), missing="fill"),
    }
    results = []
    for size, other in ((1.0, "q"), (1e6, "r")):
        rows = []
        for row in range(60):
            held_back = row % 3 == 0
            scale, letter = (size, other) if held_back else (1.0, "p")
            gap = "" if row % 7 == 5 else f"{row * scale}"
            rows.append(
                f"{row * scale},{gap},{'' if row % 5 == 4 else letter},{'test' if held_back else 'train'}"
            )
        name = f"t{int(size)}.csv"
        (tmp_path / name).write_text("a,b,c,part\n" + "\n".join(rows) + "\nNaN,,q,train\n,,r,train\n")
        data = Data(source=CsvSource(path=name), fields=fields, split=Split(kind="column", by="part"))
        results.append(load(data, tmp_path))
    (one, _, _, first), (two, _, _, second) = results
    for name in fields:
        np.testing.assert_array_equal(one[name], two[name])
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_scaling_is_offset_and_scale_of_the_training_rows(folder):
    fields = {"x": N(columns=("a", "b"), scaling="standardize"), "y": N(columns=("b",), scaling="minmax")}
    train, _, _, scaling = load(Data(source=CsvSource(path="t.csv"), fields=fields), folder)
    raw, _, _, none = load(Data(source=CsvSource(path="t.csv"), fields={"x": N(columns=("a", "b"))}), folder)
    offset, scale = scaling["x"]
    assert offset.dtype == scale.dtype == np.float32
    np.testing.assert_allclose(offset, raw["x"].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(train["x"] * scale + offset, raw["x"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(train["x"].std(axis=0), 1, rtol=1e-5)
    assert (train["y"].min(), train["y"].max()) == (0, 1)
    assert none == {}


def test_a_constant_column_is_scaled_by_one(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "0.1,1\n" * 20)
    fields = {"x": N(columns=("a",), scaling="standardize"), "y": N(columns=("y",), scaling="minmax")}
    train, _, _, scaling = load(Data(source=CsvSource(path="t.csv"), fields=fields), tmp_path)
    assert scaling["x"][1] == scaling["y"][1] == 1
    assert not train["x"].any()


def test_the_same_seed_gives_the_same_rows_and_another_others(folder):
    data = Data(source=CsvSource(path="t.csv"), fields=FIELDS["plain"])
    one, again, other = (load(data, folder, seed)[0]["x"] for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_stratified_parts_have_the_same_shares(folder):
    fields = {"x": N(columns=("a",)), "y": C(columns=("colour",))}
    split = Split(kind="stratified", by="colour", validation=0.2, test=0.1)
    parts = load(Data(source=CsvSource(path="t.csv"), fields=fields, split=split), folder)[:3]
    counts = np.array([np.bincount(part["y"][:, 0], minlength=3) for part in parts])
    expected = counts.sum(axis=0) * np.array([[0.7], [0.2], [0.1]])
    assert np.abs(counts - expected).max() <= 1.5


def test_in_time_the_last_rows_validate_and_test(folder):
    data = Data(source=CsvSource(path="t.csv"), fields={"x": N(columns=("hour",))}, split=SPLITS["order"])
    train, validation, test, _ = load(data, folder)
    assert np.concatenate([train["x"], validation["x"], test["x"]])[:, 0].tolist() == list(range(ROWS))


def test_a_column_of_many_classes_is_not_written_out(tmp_path):
    (tmp_path / "t.csv").write_text("a,c\n" + "".join(f"{row},c{row % 90}\n" for row in range(400)))
    data = Data(source=CsvSource(path="t.csv"), fields={"x": N(columns=("a",)), "y": C(columns=("c",))})
    load(data, tmp_path)
    assert "c17" not in script(project_of(data), tmp_path, tmp_path / "train.py")


def test_only_used_fields_are_loaded_but_all_decide_which_rows_are_dropped(folder):
    data = Data(source=CsvSource(path="t.csv"), fields=FIELDS["plain"] | {"unused": N(columns=("holes",))})
    project = project_of(Data(source=data.source, fields=FIELDS["plain"])).model_copy(update={"data": data})
    text = script(project, folder, folder / "train.py")
    assert '"unused"' not in text
    assert '"holes"' in text


def test_a_head_that_is_unscaled_needs_the_scaling_of_its_field(folder):
    fields = {"x": N(columns=("a",)), "y": N(columns=("b",), scaling="minmax")}
    model = Model(inputs={"x": Input(field="x")}, heads={"p": Head(layer="l", unscale="y")})
    project = Project(data=Data(source=CsvSource(path="t.csv"), fields=fields), model=model)
    assert 'for name in ["y"]:' in script(project, folder, folder / "train.py")


def test_data_elsewhere_is_named_by_its_whole_path(folder, tmp_path):
    project = project_of(Data(source=CsvSource(path="t.csv"), fields=FIELDS["plain"]))
    assert 'HERE / "t.csv"' in script(project, folder, folder / "train.py")
    assert 'HERE / "data/t.csv"' not in script(project, folder, tmp_path / "train.py")
    assert str(folder / "t.csv") in script(project, folder, tmp_path / "train.py")


def test_the_script_runs_in_a_plain_python(folder, tmp_path):
    project = project_of(Data(source=CsvSource(path="odd.csv"), fields=FIELDS["scaled"]))
    (tmp_path / "train.py").write_text(
        script(project, folder, tmp_path / "train.py") + "print(load_data()[0]['x'].shape)"
    )
    done = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "train.py")], capture_output=True, text=True, cwd="/"
    )
    assert (done.stdout.strip(), done.stderr) == ("(162, 2)", "")


def test_lines_of_a_field_are_marked(folder):
    project = project_of(Data(source=CsvSource(path="t.csv"), fields=FIELDS["mean"]))
    lines = unmark(loading(project, folder, folder / "train.py").text)
    assert {"data", "split", "field:x", "field:y"} <= set(lines.ranges)
    for first, last in lines.ranges["field:x"]:
        assert '"x"' in "\n".join(lines.text.splitlines()[first - 1 : last])


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (Data(fields={"x": N(columns=("a",))}), "data"),
        (Data(source=CsvSource(path="t.csv"), fields={"x": N()}), "field:x"),
    ],
)
def test_what_is_missing_for_a_script_is_named(folder, data, where):
    with pytest.raises(CannotGenerate) as raised:
        loading(project_of(data), folder, folder / "train.py")
    assert raised.value.where == where


def test_a_file_that_is_gone_still_gives_a_script(tmp_path):
    project = project_of(Data(source=CsvSource(path="gone.csv", delimiter=";"), fields=FIELDS["plain"]))
    assert 'pd.read_csv(HERE / "gone.csv", sep=";")' in script(project, tmp_path, tmp_path / "train.py")


def test_what_is_known_of_the_first_rows_gives_the_same_arrays(folder):
    """While a large file is still being inspected there are only facts of its first rows."""
    data = Data(source=CsvSource(path="t.csv"), fields=FIELDS["kept codes"] | {"z": C(columns=("colour",))})
    quick = inspect(data, folder, 5).model_copy(update={"exact": False})
    results = []
    for facts in (None, quick):
        text = script(project_of(data), folder, folder / "train.py", facts)
        space: dict = {"__file__": str(folder / "train.py")}
        exec(text, space)
        results.append(space["load_data"]()[0])
    for name in data.fields:
        np.testing.assert_array_equal(results[0][name], results[1][name])


def test_gaps_marked_between_numbers_are_missing_in_the_script(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "1,2\n?,3\n4,5\n" * 5)
    fields = {"x": N(columns=("a",)), "y": N(columns=("y",))}
    load(Data(source=CsvSource(path="t.csv"), fields=fields), tmp_path)


def test_a_script_for_known_data_is_written_without_pandas(folder):
    """The window generates the script as it starts; pandas would take half a second of that."""
    project = project_of(Data(source=CsvSource(path="t.csv"), fields=FIELDS["codes"]))
    lines = (
        "import sys; from pathlib import Path",
        "from core.codegen.loading import loading; from core.project.facts import DataFacts",
        "from core.project.schema import Project",
        f"project = Project.model_validate_json({project.model_dump_json()!r})",
        f"loading(project, Path({str(folder)!r}), Path('train.py'), DataFacts())",
        "print({'pandas', 'sklearn', 'pyarrow'} & set(sys.modules))",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
