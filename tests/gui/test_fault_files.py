"""Files that vanish, change, cannot be written or are damaged while the window has them open: each is said in words."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from core.project.schema import CsvSource, Data, NumberField, Project
from core.project.storage import load
from core.runs.record import DATABASE
from gui import checking as checks
from gui.document import Document
from gui.exporting import ExportDialog
from gui.files import Files
from gui.holding import Holding
from gui.panels.curves import CurvesPanel
from gui.panels.runs import RunsPanel
from gui.settings import Settings
from tests.smalldisk import on_a_small_disk, small_disk

pytestmark = pytest.mark.fault

OTHER = """
import sys
from pathlib import Path
from gui.holding import Holding
holding = Holding()
print(holding.take(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def files(qtbot: QtBot, tmp_path: Path) -> Files:
    return made_files(tmp_path, Project(name="Mine"))


def made_files(folder: Path, project: Project) -> Files:
    owner = QObject()
    document = Document(project, folder, owner)
    made = Files(document, Settings(folder / "s.ini"), owner)
    made.owner, made.document, made.said, made.warnings = owner, document, [], []
    made.failed.connect(made.said.append)
    made.warned.connect(made.warnings.append)
    return made


def rename(document: Document, name: str) -> None:
    document.edit("Rename", document.project.model_copy(update={"name": name}))


# ---- two windows


@contextlib.contextmanager
def another_window(project: Path):
    command = [sys.executable, "-c", OTHER, str(project)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        yield process
        process.kill()


def test_a_project_that_another_window_has_open_is_opened_and_that_said(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "p.lossmith"
    assert files.save_as(path)
    assert files.warnings == []
    files.close()
    with another_window(path):
        assert files.open(path)
        assert files.document.project.name == "Mine"
        (warning,) = files.warnings
        assert warning.startswith(f"{path} is open in another window too")
    assert files.open(path)  # it is gone, and so is its lock
    assert len(files.warnings) == 1
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.communicate()[0] == "False\n"
    files.close()


def test_no_lock_lies_beside_the_project_or_stays(files: Files, tmp_path: Path) -> None:
    root = tmp_path / "locks"
    holding = Holding(root)
    assert holding.take(tmp_path / "a.lossmith")
    assert not Holding(root).take(tmp_path / "a.lossmith")
    assert holding.take(tmp_path / "b.lossmith")
    other = Holding(root)
    assert other.take(tmp_path / "a.lossmith")
    for each in (holding, other):
        each.leave()
    assert list(root.iterdir()) == []


# ---- what cannot be written


@on_a_small_disk("700k")
def test_saving_on_a_full_disk_says_path_and_free_space_and_keeps_the_old_file(
    qtbot: QtBot, tmp_path: Path
) -> None:
    disk = small_disk()
    files = made_files(tmp_path, Project(name="Mine", functions=f"# {'x' * 50_000}\n"))
    path = disk.path / "p.lossmith"
    assert files.save_as(path)
    rename(files.document, "Changed")
    with disk.full(leave=8192):
        assert not files.save()
    assert files.document.unsaved
    (said,) = files.said
    assert said.startswith(f"Nothing was saved: {path} cannot be written: the disk is full (")
    assert "free), so free some space or choose another folder." in said
    assert load(path).name == "Mine"
    assert files.save()
    disk.forbid()
    rename(files.document, "Again")
    assert not files.save()
    assert "its disk is read-only" in files.said[-1]
    files.close()


@on_a_small_disk("700k")
def test_a_picture_and_a_script_on_a_full_disk_leave_the_old_files(
    qtbot: QtBot, bench: SimpleNamespace, tmp_path: Path
) -> None:
    from gui.plots.chart import Chart
    from gui.plots.taking import write
    from gui.plots.view import View

    disk = small_disk()
    chart = Chart("Total", View(), lambda _chart, _menu: None)
    qtbot.addWidget(chart)
    dialog = ExportDialog(bench.document, None, disk.path)
    qtbot.addWidget(dialog)
    dialog.place.setText(str(disk.path / "train.py"))
    for name in ("a.png", "a.svg", "a.csv", "train.py"):
        (disk.path / name).write_text("mine")
    with disk.full():
        for name in ("a.png", "a.svg", "a.csv"):
            with pytest.raises(OSError, match="No space left"):
                write(chart, disk.path / name)
        assert not dialog.write()
        assert "the disk is full (" in dialog._error.text()
    assert {path.read_text() for path in disk.path.glob("[at]*")} == {"mine"}
    write(chart, disk.path / "a.png")
    assert (disk.path / "a.png").read_bytes()[:4] == b"\x89PNG"


# ---- what vanishes or changes


def test_a_folder_that_vanished_is_named_and_the_project_kept(files: Files, tmp_path: Path) -> None:
    folder = tmp_path / "projects"
    folder.mkdir()
    assert files.save_as(folder / "p.lossmith")
    shutil.rmtree(folder)
    rename(files.document, "Still here")
    assert not files.save()
    assert files.said == [
        f"Nothing was saved: {folder / 'p.lossmith'} cannot be written: "
        "there is no such folder, so make it or choose another."
    ]
    assert files.document.unsaved
    folder.mkdir()
    assert files.save()
    assert load(folder / "p.lossmith").name == "Still here"
    files.close()


def test_data_that_change_or_vanish_are_looked_at_again(
    bench: SimpleNamespace, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "LOOK_AGAIN", 50)
    file = tmp_path / "fresh.csv"
    file.write_text("a,b\n" + "1,2\n" * 20)
    fields = {"x": NumberField(columns=("a",)), "y": NumberField(columns=("b",))}
    document = Document(Project(data=Data(source=CsvSource(path="fresh.csv"), fields=fields)), tmp_path)
    checking = checks.Checking(document, bench.training)
    until = partial(qtbot.waitUntil, timeout=20_000)
    try:
        until(lambda: checking.facts.data is not None and checking.facts.data.rows == 20)
        file.write_text("a,b\n" + "1,2\n" * 35)
        until(lambda: checking.facts.data.rows == 35)
        file.unlink()
        until(lambda: "fresh.csv" in (checking.facts.data.error or ""))
        until(lambda: any(each.severity == "blocking" for each in checking.blocking))
        file.write_text("a,b\n" + "1,2\n" * 12)
        until(lambda: checking.facts.data.rows == 12 and not checking.facts.data.error)
    finally:
        checking.close()


def test_runs_that_vanish_leave_an_empty_list(
    bench: SimpleNamespace, qtbot: QtBot, make_run: Callable[..., Path]
) -> None:
    make_run(name="first")
    panel = bench.panel(RunsPanel)
    qtbot.addWidget(panel)
    panel.show()
    qtbot.waitUntil(lambda: panel.table.rowCount() == 1)
    shutil.rmtree(bench.training.runs)
    panel.refresh()
    qtbot.waitUntil(lambda: panel.table.rowCount() == 0)


def test_the_curves_of_a_damaged_run_are_shown_up_to_the_damage_and_that_is_said(
    bench: SimpleNamespace, qtbot: QtBot, make_run: Callable[..., Path]
) -> None:
    run = make_run(name="torn", steps=3000)
    data = (run / DATABASE).read_bytes()
    (run / DATABASE).write_bytes(data[: len(data) * 3 // 4])
    said: list[str] = []
    bench.training.trouble.connect(lambda sentence, _details: said.append(sentence))
    panel = bench.panel(CurvesPanel)
    qtbot.addWidget(panel)
    panel.show()
    bench.training.show_run(run)
    qtbot.waitUntil(lambda: bool(said))
    assert said[0].startswith(f"The record {run / DATABASE} is damaged")
    assert os.path.getsize(run / DATABASE) == len(data) * 3 // 4
