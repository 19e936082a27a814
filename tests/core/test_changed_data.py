"""Data that are other ones than those a run was made for: said when it is resumed, verified, or begins again."""

import os
from pathlib import Path

import numpy as np
import pytest

from core.cli.app import run as lossmith
from core.project import stamps
from core.project.schema import CsvSource, Data, Project
from core.project.stamps import difference, stamp
from core.runs import checkpoint
from core.runs.checkpoint import Place
from core.runs.folder import FACTS, changed_data, create_run
from core.runs.history import History
from core.runs.record import DATABASE, Record
from core.runs.resuming import CannotResume, begin_again, plan


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "rows.csv"
    made.write_text("a,b\n" + "1,2\n" * 50)
    return made


@pytest.fixture
def run(file: Path) -> Path:
    """A stopped run of two epochs, with its checkpoint."""
    project = Project(name="a", data=Data(source=CsvSource(path=file.name)))
    made = create_run(file.parent / "runs", project, file.parent, "EPOCHS = 50\n")
    record = Record(made)
    record.set(series=["total", "regularization"], status="stopped", epochs=50, steps=5)
    record.steps(0, np.zeros((10, 2)))
    record.epoch(1, 5, 1.0, {"total": 1.0}, {})
    record.epoch(2, 10, 1.0, {"total": 1.0}, {})
    record.commit()
    record.close()
    checkpoint.write(made, Place(2, 10, 1.0, 1.0, {}), [("a", np.zeros(3))])
    return made


def touch(file: Path) -> None:
    os.utime(file, ns=(1, 1))


def test_a_file_that_was_only_touched_is_the_same(file: Path) -> None:
    known = stamp(file)
    touch(file)
    assert difference(file, known) == ""


@pytest.mark.parametrize("whole", [2**24, 100])
def test_each_change_is_named(file: Path, monkeypatch: pytest.MonkeyPatch, whole: int) -> None:
    monkeypatch.setattr(stamps, "WHOLE", whole)
    monkeypatch.setattr(stamps, "BLOCK", 50)
    known = stamp(file)
    file.write_text(file.read_text().replace("a,b", "a,c"))
    touch(file)
    assert difference(file, known) == "has other values"
    file.write_text("a,b\n")
    assert difference(file, known) == "has 4 bytes instead of 204"
    file.unlink()
    assert difference(file, known) == "is not there any more"
    file.mkdir()
    assert difference(file, known).startswith("has ")


@pytest.mark.parametrize("known", [None, {}, [], "x", {"size": 204}])
def test_what_is_not_known_is_not_judged(file: Path, known: object) -> None:
    assert difference(file, known) == ""


def test_a_run_does_not_go_on_with_other_data_but_may_begin_again(run: Path, file: Path) -> None:
    assert plan(run).epoch == 2
    file.write_text("a,b\n9,9\n")
    with pytest.raises(
        CannotResume, match=r"rows\.csv has changed since the run began: it has 8 bytes instead"
    ):
        plan(run)
    begin_again(run)
    assert changed_data(run, Project()) == ""
    assert plan(run).epoch == 0


def test_a_run_of_an_earlier_version_knows_no_stamp_and_goes_on(run: Path, file: Path) -> None:
    (run / FACTS).write_text((run / FACTS).read_text().replace('"data"', '"unknown"'))
    file.write_text("a,b\n")
    assert plan(run).epoch == 2


@pytest.mark.fault
@pytest.mark.parametrize("which", [checkpoint.FILE, DATABASE])
def test_a_damaged_run_begins_again_only_when_asked(
    run: Path, which: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = (run / which).read_bytes()
    (run / which).write_bytes(data[: len(data) * 2 // 3])
    assert lossmith(["resume", str(run)]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert f"{run / which} is damaged" in said
    assert f"lossmith resume {run.name} --afresh" in said
    assert (run / which).read_bytes() == data[: len(data) * 2 // 3]
    begin_again(run)
    assert plan(run).epoch == 0
    assert (run / f"{which}.damaged").is_file()
    history = History(run)
    assert history.damage is None
    history.close()


def test_verify_says_that_the_data_are_other_ones(
    run: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("a,b\n9,9\n")
    (run / "train.py").write_text("raise SystemExit(3)\n")
    assert lossmith(["verify", str(run)]) == 1
    assert "Its script cannot give the same numbers." in " ".join(capsys.readouterr().err.split())
