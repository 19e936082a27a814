"""Run folders are made, listed and read without an engine."""

import json
import signal
import sys
from types import SimpleNamespace

import pytest

from core.project.schema import Project
from core.runs import alive
from core.runs.folder import create_run, facts_of, list_runs, runs_root, write_whole
from core.runs.launch import Detached, Endpoint
from core.runs.record import Record


@pytest.fixture
def run(tmp_path):
    return create_run(tmp_path, Project(name="Two heads / mse"), tmp_path, "print()\n")


def test_a_run_folder_has_the_project_and_the_script(run):
    assert (run / "train.py").read_text() == "print()\n"
    assert Project.model_validate_json((run / "project.json").read_text()).name == "Two heads / mse"
    assert run.name.endswith("two-heads-mse")


def test_two_runs_in_one_second_get_two_folders(tmp_path):
    made = {create_run(tmp_path, Project(), tmp_path, "") for _ in range(3)}
    assert len(made) == 3


def test_the_script_may_be_made_for_its_place(tmp_path):
    run = create_run(tmp_path, Project(), tmp_path, lambda out: f"# {out}")
    assert (run / "train.py").read_text() == f"# {run / 'train.py'}"


def test_the_lines_of_the_parts_are_kept(tmp_path):
    script = SimpleNamespace(text="x", lines={"term:nll": ((3, 4),)})
    run = create_run(tmp_path, Project(), tmp_path / "data", script)
    facts = facts_of(run)
    assert facts["lines"] == {"term:nll": [[3, 4]]}
    assert facts["folder"] == str(tmp_path / "data")


def test_a_folder_without_facts_still_has_a_name(tmp_path):
    assert facts_of(tmp_path)["name"] == tmp_path.name


def test_the_list_of_runs_is_newest_first_and_says_how_they_stand(run, tmp_path):
    newer = create_run(tmp_path, Project(name="Later"), tmp_path, "")
    record = Record(run)
    record.set(status="done", sentence="Done.", started=10.0, ended=12.5, epochs=2)
    record.epoch(1, 4, 1.0, {"total": 3.0}, {"total": 4.0})
    record.commit()
    record.close()
    later, first = sorted(list_runs(tmp_path), key=lambda made: made.path == run)
    assert (later.path, later.state) == (newer, "waiting")
    assert (first.state, first.seconds, first.total, first.validation, first.epochs) == (
        "done",
        2.5,
        3.0,
        4.0,
        1,
    )


def test_no_folder_means_no_runs(tmp_path):
    assert list_runs(tmp_path / "nothing") == []


def test_the_root_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("LOSSMITH_RUNS", str(tmp_path))
    assert runs_root() == tmp_path


def test_a_file_is_written_whole(tmp_path):
    write_whole(tmp_path / "a.json", json.dumps([1]))
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_can_be_held_once(tmp_path):
    assert not alive.held(tmp_path)
    with alive.hold(tmp_path):
        assert alive.held(tmp_path)
        with pytest.raises(OSError):
            alive.hold(tmp_path)
    assert not alive.held(tmp_path)


def test_a_folder_that_cannot_be_asked_may_be_held(tmp_path):
    (tmp_path / alive.LOCK).symlink_to(alive.LOCK)
    assert alive.held(tmp_path)
    assert not alive.held(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    assert not alive.held(tmp_path / "file")


def test_an_engine_is_ended_though_its_folder_is_gone(tmp_path):
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = Detached(command, start_new_session=True)
    Endpoint(0, "", process.pid, tmp_path / "gone", process).kill()
    assert process.bury(5.0) == -signal.SIGKILL
