"""A full or read-only disk: each thing that is written says so with path and free space, and old files stay whole."""

import os
from pathlib import Path

import numpy as np
import pytest

from core.cli.app import run as lossmith
from core.cli.opening import Refused
from core.cli.training import JsonLines, take_up
from core.project import storage
from core.project.schema import Project
from core.project.templates import template
from core.project.trust import Trust
from core.project.writing import free, is_full, unwritable
from core.runs import checkpoint
from core.runs.checkpoint import Place
from core.runs.folder import create_run, list_runs, write_whole
from core.runs.launch import EngineFailed, start_engine
from tests.smalldisk import on_a_small_disk, small_disk

pytestmark = pytest.mark.fault


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def remember_many(trust: Trust) -> None:
    for number in range(400):
        trust.remember(f"b = {number}")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != ".ballast"}


@on_a_small_disk("600k")
def test_a_project_is_saved_whole_or_not_at_all(tmp_path: Path) -> None:
    disk = small_disk()
    path = disk.path / "p.lossmith"
    storage.save(Project(name="Before"), path)
    large = Project(name="After", functions=f"# {'x' * 40_000}\n")
    with disk.full(leave=8192), pytest.raises(OSError) as caught:
        storage.save(large, path)
    assert is_full(caught.value)
    assert storage.load(path).name == "Before"
    assert names(disk.path) == {"p.lossmith"}
    storage.save(large, path)
    assert storage.load(path).name == "After"


@on_a_small_disk("600k")
def test_every_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    disk = small_disk()
    write_whole(disk.path / "a.csv", "before")
    with disk.full(leave=4096), pytest.raises(OSError) as caught:
        write_whole(disk.path / "a.csv", "x" * 50_000)
    assert (disk.path / "a.csv").read_text() == "before"
    assert names(disk.path) == {"a.csv"}
    assert "the disk is full (4.1 KB free), so" in unwritable(disk.path / "a.csv", caught.value) or (
        "the disk is full (" in unwritable(disk.path / "a.csv", caught.value)
    )


@on_a_small_disk("900k")
def test_a_checkpoint_that_finds_no_room_leaves_the_old_one(tmp_path: Path) -> None:
    disk = small_disk()
    checkpoint.write(disk.path, Place(1, 10, 1.0, 1.0, {}), [("a", np.arange(1000.0))])
    with disk.full(leave=16_384), pytest.raises(OSError):
        checkpoint.write(disk.path, Place(2, 20, 2.0, 2.0, {}), [("a", np.arange(20_000.0))])
    found = checkpoint.read(disk.path)
    assert found is not None
    assert (found.place.epoch, len(found.arrays["a"])) == (1, 1000)
    assert names(disk.path) == {checkpoint.FILE}


@on_a_small_disk("2m")
@pytest.mark.parametrize("style", ["script", "notebook"])
def test_an_export_says_path_and_free_space(
    tmp_path: Path, style: str, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = small_disk()
    out = disk.path / f"out.{'py' if style == 'script' else 'ipynb'}"
    out.write_text("# mine\n")
    with disk.full():
        code = lossmith(["export", str(template("one-output").path), "-o", str(out), "--as", style])
    words = said(capsys)
    assert code == 2
    assert f"{out} cannot be written: the disk is full (" in words
    assert "free), so free some space or choose another folder." in words
    assert out.read_text() == "# mine\n"


@on_a_small_disk("2m")
def test_a_new_project_leaves_no_half_table_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = small_disk()
    with disk.full(leave=8192):
        assert lossmith(["new", "reviews", "-o", str(disk.path / "p.lossmith")]) == 2
        assert "the disk is full" in said(capsys)
        assert names(disk.path) == set()


@on_a_small_disk("600k")
def test_a_run_that_cannot_be_made_leaves_no_folder(tmp_path: Path) -> None:
    disk = small_disk()
    with disk.full(leave=4096), pytest.raises(OSError) as caught:
        create_run(disk.path / "runs", Project(), tmp_path, "#" * 50_000)
    assert is_full(caught.value)
    assert list_runs(disk.path / "runs") == []
    assert list((disk.path / "runs").iterdir()) == []


@on_a_small_disk("600k")
def test_an_engine_that_has_no_place_says_so(tmp_path: Path) -> None:
    disk = small_disk()
    (disk.path / "engines").mkdir()
    disk.forbid()
    with pytest.raises(EngineFailed, match="cannot be written: its disk is read-only"):
        start_engine(disk.path / "engines")
    disk.allow()


@on_a_small_disk("600k")
def test_a_run_that_cannot_be_made_longer_says_path_and_reason(tmp_path: Path) -> None:
    disk = small_disk()
    run = create_run(disk.path, Project(), tmp_path, "EPOCHS = 3\n")
    disk.forbid()
    with pytest.raises(Refused) as refused:
        take_up(run, 7, None, JsonLines(), trusted=True)
    assert f"{run} cannot be written: its disk is read-only" in str(refused.value)
    disk.allow()


@on_a_small_disk("600k")
def test_a_read_only_disk_is_named_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    disk = small_disk()
    storage.save(Project(name="Before"), disk.path / "p.lossmith")
    disk.forbid()
    with pytest.raises(OSError) as caught:
        storage.save(Project(name="After"), disk.path / "p.lossmith")
    assert "its disk is read-only, so choose another folder" in unwritable(disk.path, caught.value)
    assert lossmith(["new", "one-output", "-o", str(disk.path / "new.lossmith")]) == 2
    assert "its disk is read-only" in said(capsys)
    assert names(disk.path) == {"p.lossmith"}


@on_a_small_disk("100k")
def test_trust_that_cannot_be_kept_leaves_the_old_store(tmp_path: Path) -> None:
    disk = small_disk()
    trust = Trust(disk.path / "trusted.json")
    trust.remember("a = 1")
    with disk.full(), pytest.raises(OSError):
        remember_many(trust)
    assert Trust(disk.path / "trusted.json").trusts_lastingly("a = 1")
    assert names(disk.path) == {"trusted.json"}


def test_free_space_is_known_of_what_is_not_there_yet(tmp_path: Path) -> None:
    assert free(tmp_path / "not" / "there").endswith(" free")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no devices like these here")
def test_a_device_that_is_always_full_counts_as_full() -> None:
    with pytest.raises(OSError) as caught, Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")
    assert is_full(caught.value)
