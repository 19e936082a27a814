"""Places that cannot be written to: one sentence with a way out, nothing half-written, nothing replaced."""

import errno
import os
from pathlib import Path

import pytest

from core.cli.app import run
from core.project.schema import Project
from core.project.storage import save
from core.project.writing import WAYS_OUT, unwritable
from core.runs.folder import create_run, list_runs, write_whole
from core.runs.launch import EngineFailed, start_engine


@pytest.mark.parametrize("number", WAYS_OUT)
def test_every_known_reason_says_what_to_do(number: int) -> None:
    sentence = unwritable(Path("out.py"), OSError(number, os.strerror(number)))
    assert sentence.startswith("out.py cannot be written: ")
    assert " so " in sentence


def test_an_unknown_reason_is_the_systems() -> None:
    error = OSError(errno.EIO, "Input/output error")
    assert (
        unwritable(Path("out.py"), error)
        == "out.py cannot be written: input/output error, so choose another folder."
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_or_device_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not an ordinary file"):
        write_whole(tmp_path / "pipe", "text")
    with pytest.raises(OSError, match="not an ordinary file"):
        save(Project(), tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, "text")


def test_a_very_long_name_is_refused_by_its_length_alone(tmp_path: Path) -> None:
    write_whole(tmp_path / ("n" * 240 + ".py"), "text")
    with pytest.raises(OSError, match="too long"):
        write_whole(tmp_path / ("n" * 300 + ".py"), "text")


def test_a_run_whose_script_cannot_be_written_leaves_no_folder(tmp_path: Path) -> None:
    def full(_out: Path) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        create_run(tmp_path / "runs", Project(), tmp_path, full)
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_file_in_the_place_of_the_runs_folder_holds_no_runs(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    assert list_runs(tmp_path / "runs") == []


def test_an_engine_without_a_place_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        EngineFailed, match=r"The engine cannot start: .*cannot be written: a part of its path"
    ):
        start_engine(tmp_path / "file" / "engines")


def test_the_command_says_it_and_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(["new", "one-output", "-o", str(tmp_path / "file" / "p.lossmith")]) == 2
    assert "so choose another folder" in " ".join(capsys.readouterr().err.split())
