"""Project files come back as they were, or are refused with one sentence."""

import json
import os
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.project import migrations, storage
from core.project.schema import Layer, Model, Project
from core.project.storage import UnreadableProject, dumps, json_schema, load, loads, save

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,12}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CONFIGS = st.dictionaries(TEXTS, JSON_VALUES, max_size=3)
BINDS = st.dictionaries(NAMES, TEXTS, max_size=3)
SOURCES = st.none() | st.fixed_dictionaries(
    {"kind": st.just("csv"), "path": TEXTS}, optional={"delimiter": TEXTS, "decimal": st.sampled_from(".,")}
)
FIELDS = st.fixed_dictionaries(
    {"columns": st.lists(TEXTS, max_size=3)},
    optional={"scaling": st.sampled_from(["standardize", "minmax"]), "fill": NUMBERS | st.just("median")},
) | st.fixed_dictionaries(
    {"kind": st.just("category")},
    optional={"classes": st.lists(TEXTS | st.booleans() | st.integers(0, 9) | NUMBERS, max_size=4)},
)
LAYERS = st.fixed_dictionaries({"class": TEXTS, "from": st.lists(TEXTS, max_size=3), "config": CONFIGS})
LOSSES = (
    st.fixed_dictionaries({"kind": st.just("catalogue"), "name": TEXTS, "config": CONFIGS})
    | st.fixed_dictionaries({"kind": st.just("expression"), "code": TEXTS})
    | st.fixed_dictionaries({"kind": st.just("python"), "function": TEXTS})
)
TERMS = st.fixed_dictionaries({"loss": LOSSES, "bind": BINDS, "weight": NUMBERS, "on": st.booleans()})
PROJECTS = st.fixed_dictionaries(
    {"lossmith": st.just(1)},
    optional={
        "name": TEXTS,
        "seed": st.integers(0, 2**31 - 1),
        "data": st.fixed_dictionaries(
            {"source": SOURCES, "fields": st.dictionaries(NAMES, FIELDS, max_size=3)}
        ),
        "model": st.fixed_dictionaries(
            {
                "layers": st.dictionaries(NAMES, LAYERS, max_size=3),
                "heads": st.dictionaries(NAMES, st.fixed_dictionaries({"layer": TEXTS}), max_size=3),
            }
        ),
        "functions": TEXTS,
        "terms": st.dictionaries(NAMES, TERMS, max_size=3),
        "training": st.fixed_dictionaries({"optimizer": st.fixed_dictionaries({"config": CONFIGS})}),
        "canvas": st.fixed_dictionaries(
            {"positions": st.dictionaries(TEXTS, st.tuples(NUMBERS, NUMBERS), max_size=3)}
        ),
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROJECTS)
def test_what_is_written_comes_back_equal_and_is_written_the_same_again(raw: dict[str, object]) -> None:
    project = Project.model_validate_json(json.dumps(raw), strict=True)
    text = dumps(project)
    assert loads(text) == project
    assert dumps(loads(text)) == text


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60) | st.recursive(JSON_VALUES, st.lists, max_leaves=3).map(json.dumps))
def test_whatever_is_not_a_project_is_refused_with_one_sentence(text: str) -> None:
    with pytest.raises(UnreadableProject) as refused:
        loads(text, "x.lossmith")
    assert str(refused.value).startswith("x.lossmith cannot be opened: ")
    assert "\n" not in str(refused.value)


def test_the_order_of_terms_is_kept() -> None:
    text = dumps(loads('{"lossmith": 1, "terms": {"b": {}, "a": {}}}'))
    assert list(loads(text).terms) == ["b", "a"]


def test_a_saved_file_ends_with_a_newline_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "käse.lossmith"
    save(Project(name="größe"), file)
    assert load(file).name == "größe"
    assert file.read_text(encoding="utf-8").endswith("}\n")
    assert list(tmp_path.iterdir()) == [file]


def test_saving_keeps_the_permissions_of_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "p.lossmith"
    file.write_text("old")
    file.chmod(0o640)
    save(Project(), file)
    assert file.stat().st_mode & 0o777 == 0o640


def test_saving_through_a_link_replaces_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "link.lossmith").symlink_to(tmp_path / "real.lossmith")
    save(Project(name="Linked"), tmp_path / "link.lossmith")
    assert load(tmp_path / "real.lossmith").name == "Linked"
    assert (tmp_path / "link.lossmith").is_symlink()


@pytest.mark.fault
def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "p.lossmith"
    save(Project(name="Old"), file)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(Project(name="New"), file)
    monkeypatch.undo()
    assert load(file).name == "Old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        save(Project(), tmp_path / "nowhere" / "p.lossmith")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it is empty"),
        ("  \n", "it is empty"),
        ("[]", "no JSON object"),
        ("nonsense", "not valid JSON at line 1, column 1"),
        ('{"lossmith": 1, "name": "Ra', "breaks off at line 1"),
        ('{"lossmith": 1, "name": "Ra"', "breaks off at line 1"),
        ("{}", 'no version number "lossmith"'),
        ('{"lossmith": "1"}', "whole version number"),
        ('{"lossmith": true}', "whole version number"),
        ('{"lossmith": 2}', "made by a newer Lossmith"),
        ('{"lossmith": 0}', "version 0, which this Lossmith cannot upgrade"),
        ('{"lossmith": 1, "nmae": "x"}', "nmae is a key that Lossmith does not know"),
        ('{"lossmith": 1, "seed": "7"}', "seed must be a whole number"),
        ('{"lossmith": 1, "terms": {"a": {"weight": NaN}}}', "NaN is not a number"),
        ('{"lossmith": 1, "terms": {"a": {"weight": 1e999}}}', "terms.a.weight must be a finite number"),
        ('{"lossmith": 1, "terms": {"a": {}, "a": {}}}', '"a" is given twice'),
        ('{"lossmith": 1, "terms": {"a b": {}}}', 'terms."a b" is no name'),
        (
            '{"lossmith": 1, "terms": {"a": {"loss": {"kind": "magic"}}}}',
            'terms.a.loss is of the unknown kind "magic"',
        ),
        ('{"lossmith": 1, "data": {"source": {"path": "x"}}}', 'data.source needs a "kind"'),
        (
            '{"lossmith": 1, "data": {"source": {"kind": "csv", "path": 3}}}',
            "data.source.path must be a text",
        ),
        (
            '{"lossmith": 1, "data": {"fields": {"f": {"columns": [1]}}}}',
            "data.fields.f.columns[0] must be a text",
        ),
        ('{"lossmith": 1, "model": {"layers": {"a": {"from": "x"}}}}', "model.layers.a.from must be a list"),
        ('{"lossmith": 1, "name": "\\ud800"}', "half of a character"),
        ('{"lossmith": 1, "seed": ' + "9" * 5000 + "}", "5,000 digits"),
    ],
)
def test_a_bad_file_is_refused_by_its_place_and_reason(text: str, says: str) -> None:
    with pytest.raises(UnreadableProject) as refused:
        loads(text)
    assert says in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"lossmith": 1, "name": ' + "[" * 500 + "]" * 500 + "}"])
def test_a_file_nested_without_end_is_refused(deep: str) -> None:
    with pytest.raises(UnreadableProject, match="nested too deeply"):
        loads(deep)


def test_a_million_nodes_are_refused_before_anything_is_built() -> None:
    layers = ",".join(f'"a{i}":{{}}' for i in range(1_000_000))
    with pytest.raises(UnreadableProject, match="1,000,000 values"):
        loads(f'{{"lossmith":1,"model":{{"layers":{{{layers}}}}}}}')


def test_ten_thousand_nodes_are_read() -> None:
    project = Project(model=Model(layers={f"a{i}": Layer(class_name="Dense") for i in range(10_000)}))
    assert loads(dumps(project)) == project


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x89PNG\r\n\x1a\n\x00", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "no version number"),
        (b"\x00\x00", "not valid JSON"),
    ],
)
def test_a_file_of_another_kind_is_refused(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(UnreadableProject, match=says):
        load(tmp_path / "p")


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableProject, match=r"nothing\.lossmith cannot be opened: there is no such file"):
        load(tmp_path / "nothing.lossmith")
    with pytest.raises(UnreadableProject, match="it is a folder"):
        load(tmp_path)


def test_a_huge_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(storage.MAX_BYTES + 1)
    with pytest.raises(UnreadableProject, match="larger than 64 MiB"):
        load(tmp_path / "huge")


def test_an_old_version_is_upgraded_one_step_at_a_time() -> None:
    steps = {1: lambda raw: {**raw, "title": raw["name"]}, 2: lambda raw: {"name": raw["title"].upper()}}
    assert migrations.upgrade({"lossmith": 1, "name": "x"}, steps, version=3) == {"lossmith": 3, "name": "X"}


def test_a_version_without_a_migration_cannot_be_upgraded() -> None:
    with pytest.raises(KeyError):
        migrations.upgrade({"lossmith": 0})


def test_the_json_schema_is_made_without_warnings_and_names_every_part() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schema = json_schema()
    json.dumps(schema)
    assert set(schema["properties"]) == set(Project.model_fields)
    assert schema["additionalProperties"] is False
    assert schema["properties"]["terms"]["default"] == {}
