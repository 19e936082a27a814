"""Opening and saving where it cannot work: the sentence in the banner, and what is open stays as it is."""

from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox

from core.project.edits import put
from core.project.schema import CsvSource, Data, Project
from core.project.storage import load, save
from gui.document import Document
from gui.files import Files
from gui.settings import Settings


@pytest.fixture
def files(qtbot, tmp_path):
    document = Document(Project(name="Mine"), tmp_path)
    made = Files(document, Settings(tmp_path / "s.ini"))
    made.document, made.said = document, []
    made.failed.connect(made.said.append)
    return made


def rename(document: Document, name: str) -> None:
    document.edit("Rename", document.project.model_copy(update={"name": name}))


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"lossmith": 99}', '{"lossmith": 1, "colour": 1}', "hello"]
)
def test_a_bad_project_is_refused_and_the_open_one_kept_with_its_undo(files, tmp_path, content):
    rename(files.document, "Changed")
    files.document.undo.setClean()
    (tmp_path / "bad.lossmith").write_text(content)
    assert not files.open(tmp_path / "bad.lossmith")
    assert files.document.project.name == "Changed"
    assert files.document.undo.canUndo()
    assert len(files.said) == 1
    assert "bad.lossmith cannot be opened" in files.said[0]


def test_damaged_data_is_refused_and_the_old_data_kept(files, tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    assert not files.open_data(tmp_path / "t.parquet")
    assert files.document.project.data.source is None
    assert "write it again or choose another file" in files.said[0]


def test_saving_to_a_place_that_cannot_be_written_changes_nothing(files, tmp_path):
    data = Data(source=CsvSource(path="table.csv"))
    files.document.replace(put(files.document.project, "data", data), tmp_path, tmp_path / "p.lossmith")
    (tmp_path / "file").write_text("")
    rename(files.document, "Changed")
    assert not files.save_as(tmp_path / "file" / "p.lossmith")
    assert files.said == [
        f"Nothing was saved: {tmp_path / 'file' / 'p.lossmith'} cannot be written: "
        "a part of its path is a file, so choose another folder."
    ]
    assert files.document.unsaved
    assert files.document.path == tmp_path / "p.lossmith"
    assert files.document.project.data.source.path == "table.csv"


def test_the_data_is_found_from_the_new_folder_when_that_is_known(files, tmp_path):
    (tmp_path / "new").mkdir()
    data = Data(source=CsvSource(path="table.csv"))
    files.document.replace(put(files.document.project, "data", data), tmp_path)
    folders = []
    files.document.changed.connect(lambda _before, _after: folders.append(files.document.folder))
    assert files.save_as(tmp_path / "new" / "p.lossmith")
    assert folders == [tmp_path / "new"]
    assert load(tmp_path / "new" / "p.lossmith").data.source.path == str(tmp_path / "table.csv")
    assert not files.document.unsaved


def test_what_another_window_saved_is_not_overwritten_without_a_question(files, tmp_path, monkeypatch):
    path = tmp_path / "p.lossmith"
    assert files.save_as(path)
    save(Project(name="Theirs, saved in another window"), path)
    rename(files.document, "Ours")
    asked = []

    def answer(*_: object) -> QMessageBox.StandardButton:
        asked.append(path)
        return buttons.pop()

    buttons = [QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.Cancel]
    monkeypatch.setattr(QMessageBox, "question", answer)
    assert not files.save()
    assert load(path).name.startswith("Theirs")
    assert files.save()
    assert load(path).name == "Ours"
    rename(files.document, "Ours again")
    assert files.save()
    assert len(asked) == 2


def test_a_project_deleted_while_it_is_open_is_written_anew(files, tmp_path):
    path: Path = tmp_path / "p.lossmith"
    assert files.save_as(path)
    path.unlink()
    rename(files.document, "Still here")
    assert files.save()
    assert load(path).name == "Still here"
