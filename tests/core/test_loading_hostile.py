"""Names, paths and values of a project are only ever values in the script, and never become code."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.codegen.code import unmark
from core.codegen.loading import loading
from core.data import inspect
from core.project.facts import ColumnFacts, DataFacts
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
    Source,
    Split,
    TextField,
)

NASTY = [
    '"); import os; os.system("x") #',
    "'''",
    '"""',
    "\\",
    "a\nimport os",
    "#@ layer:x",
    "#@",
    "{os}",
    "\r\n#@\n",
    "\u2028import os",
    "__import__('os')",
    "%s",
    "\x00",
]
words = st.sampled_from(NASTY) | st.text(max_size=20)
names = st.lists(words, min_size=6, max_size=6, unique=True)


def project_of(source: Source, column: list[str], kind: str) -> Project:
    fields = {
        "number": NumberField(columns=(column[0], column[1]), scaling="standardize"),
        "code": CategoryField(
            columns=(column[2],), classes=(column[3], column[4]), missing="fill", fill=column[3]
        ),
        "note": TextField(columns=(column[2],), fill=column[5]),
        "photo": ImageField(columns=(column[5],)),
    }
    split = Split(kind=kind, by=column[4]) if kind != "random" else Split()  # type: ignore[arg-type]
    inputs = {name: Input(field=name) for name in fields}
    return Project(data=Data(source=source, fields=fields, split=split), model=Model(inputs=inputs))


def shape(text: str) -> str:
    """Return the code of a script with every text taken out of it."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


def text_of(source: Source, column: list[str], kind: str) -> str:
    facts = DataFacts(
        columns={name: ColumnFacts(kind="text", dtype="str", count=1, missing=0) for name in column}
    )
    return unmark(
        loading(project_of(source, column, kind), Path("/data"), Path("/data/train.py"), facts).text
    ).text


@pytest.mark.parametrize("kind", ["random", "stratified", "time", "column"])
@pytest.mark.parametrize("source", [CsvSource, ParquetSource, NumpySource])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(column=names, path=words)
def test_no_name_or_path_changes_the_code(source, kind, column, path):
    tame = text_of(source(path="folder/file.npz"), ["a", "b", "c", "d", "e", "f"], kind)
    inside = f"folder/{path.replace('/', '_')}x.npz"
    assert shape(text_of(source(path=inside), column, kind)) == shape(tame)


@settings(max_examples=30, deadline=None)
@given(column=st.lists(words.filter(lambda word: "\x00" not in word), min_size=2, max_size=2, unique=True))
def test_columns_of_any_name_are_loaded(tmp_path_factory, column):
    try:
        "".join(column).encode()
    except UnicodeEncodeError:
        return  # no file can hold such a name
    folder = tmp_path_factory.mktemp("names")
    pd.DataFrame({column[0]: np.arange(10.0), column[1]: [*"abcdefghij"]}).to_parquet(folder / "t.parquet")
    fields = {"x": NumberField(columns=(column[0],)), "y": CategoryField(columns=(column[1],))}
    data = Data(source=ParquetSource(path="t.parquet"), fields=fields)
    assert inspect(data, folder, 7).errors == {}
    project = Project(data=data, model=Model(inputs={"x": Input(field="x"), "y": Input(field="y")}))
    code = loading(project, folder, folder / "train.py")
    space: dict = {"__file__": str(folder / "train.py"), "SEED": 7, "HERE": folder}
    exec("\n".join((*code.imports, unmark(code.text).text)), space)
    train = space["load_data"]()[0]
    np.testing.assert_array_equal(train["x"][:, 0], train["y"][:, 0])


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=300) | st.text(alphabet='a1,;\t\n"|. é', max_size=200).map(str.encode))
def test_no_content_of_a_file_raises(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("content")
    for name, source in (("t.csv", CsvSource), ("t.npz", NumpySource), ("t.parquet", ParquetSource)):
        (folder / name).write_bytes(content)
        facts = inspect(Data(source=source(path=name)), folder, 1)
        assert facts.error is None or (facts.error.endswith(".") and facts.error.isprintable())
        assert facts.error is not None or facts.rows
