"""The templates that ship: complete, described, readable, and copied without losing their data."""

import json
from pathlib import Path

import pytest

from core.project import references, storage
from core.project.schema import CsvSource, SklearnSource
from core.project.templates import DEMO, FOLDER, Template, UnknownTemplate, template, templates, write

ALL = pytest.mark.parametrize("one", templates(), ids=lambda one: one.name)


def test_every_file_is_described_and_every_description_has_its_file():
    assert sorted(one.path for one in templates()) == sorted(FOLDER.glob("*.lossmith"))


def test_the_demo_is_one_of_them():
    assert template(DEMO).name == DEMO


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UnknownTemplate, match=r"called \"nothing\"; there are .*reviews"):
        template("nothing")


@ALL
def test_it_says_what_it_is_about(one: Template):
    assert one.sentence.endswith(".")
    assert one.idea.endswith(".")
    assert 2 <= one.seconds <= 15
    assert one.project().name == one.title


@ALL
def test_it_has_a_picture(one: Template):
    assert one.picture.read_text("utf-8").startswith("<svg")


@ALL
def test_it_is_written_as_lossmith_writes_it(one: Template):
    assert one.path.read_text("utf-8") == storage.dumps(one.project())


@ALL
def test_its_data_is_there(one: Template):
    source = one.project().data.source
    assert isinstance(source, SklearnSource | CsvSource)
    assert isinstance(source, SklearnSource) or (FOLDER / source.path).is_file()


@ALL
def test_its_notes_and_nodes_have_their_places(one: Template):
    project = one.project()
    assert project.canvas.notes
    assert all(references.exists(project, place) for place in project.canvas.positions)
    nodes = {f"layer:{name}" for name in project.model.layers} | {f"term:{name}" for name in project.terms}
    assert nodes <= set(project.canvas.positions)


@ALL
def test_no_two_nodes_stand_on_each_other(one: Template):
    places = list(one.project().canvas.positions.values())
    assert all(
        abs(a[0] - b[0]) >= 170 or abs(a[1] - b[1]) >= 60
        for index, a in enumerate(places)
        for b in places[:index]
    )


@ALL
def test_a_project_made_from_it_means_the_same_beside_its_own_table(one: Template, tmp_path: Path):
    write(one, tmp_path / "mine.lossmith")
    mine = storage.load(tmp_path / "mine.lossmith")
    assert mine.model == one.project().model
    assert mine.terms == one.project().terms
    source = mine.data.source
    assert isinstance(source, SklearnSource) or (source and (tmp_path / source.path).is_file())


def test_a_table_of_the_same_name_is_never_overwritten(tmp_path: Path):
    (tmp_path / "reviews.csv").write_text("my own data")
    project = write(template("reviews"), tmp_path / "mine.lossmith")
    assert (tmp_path / "reviews.csv").read_text() == "my own data"
    assert isinstance(project.data.source, CsvSource)
    assert project.data.source.path == "reviews-2.csv"


def test_the_same_table_is_used_twice(tmp_path: Path):
    write(template("own-loss"), tmp_path / "a.lossmith")
    write(template("penguins"), tmp_path / "b.lossmith")
    assert [path.name for path in tmp_path.glob("*.csv")] == ["penguins.csv"]


def test_the_sample_data_is_described_with_its_licence():
    text = (FOLDER.parent / "data" / "LICENSES.md").read_text("utf-8")
    assert all(path.name in text for path in (FOLDER.parent / "data").glob("*.csv"))


def test_the_descriptions_are_valid_json_of_few_keys():
    entries = json.loads((FOLDER / "templates.json").read_text("utf-8"))
    assert {key for entry in entries for key in entry} == {"name", "title", "sentence", "idea", "seconds"}
