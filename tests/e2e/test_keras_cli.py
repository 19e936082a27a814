"""The commands that train, as a user calls them: in processes of their own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.cli.checking import found_problems
from core.cli.opening import opened
from core.cli.training import follow, make_run
from core.cli.verifying import Silent, record_of
from core.project import templates
from core.runs import wire
from core.runs.checkpoint import read_place
from core.runs.client import EngineClient

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-P", "-m", "gui.entry"]

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project and its runs."""
    folder = tmp_path_factory.mktemp("place")
    templates.write(templates.template("regularization"), folder / "mine.lossmith")
    return folder


def start(place: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LOSSMITH_RUNS": str(place / "runs")}
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lossmith(place: Path, *arguments: str) -> tuple[int, str, str]:
    """Run a command to its end: exit code, output, errors."""
    process = start(place, *arguments)
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def trained(place: Path) -> list[dict[str, Any]]:
    """The events of a training of two epochs."""
    code, out, err = lossmith(place, "train", "mine.lossmith", "--epochs", "2", "--json")
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def test_the_first_and_the_last_event_name_the_run(trained: list[dict[str, Any]], place: Path):
    assert (trained[0]["event"], trained[-1]["event"]) == ("run", "outcome")
    assert trained[0]["run"] == trained[-1]["run"]
    assert Path(trained[-1]["run"]).parent == place / "runs"


def test_there_is_an_event_for_each_epoch_with_its_numbers(trained: list[dict[str, Any]]):
    epochs = [event for event in trained if event["event"] == "epoch"]
    assert [epoch["epoch"] for epoch in epochs] == [1, 2]
    names = {"total", "regularization", "term:bce", "metric:accuracy"}
    assert names <= set(epochs[0]["train"])
    assert names <= set(epochs[0]["validation"])


def test_the_history_of_the_run_has_a_row_for_each_step(trained: list[dict[str, Any]], place: Path):
    run = Path(trained[-1]["run"])
    code, out, _ = lossmith(place, "history", run.name, "--steps", "--format", "json")
    rows = json.loads(out)["steps"]
    assert (code, len(rows)) == (0, 2 * 15)
    for row in rows:
        assert row["total"] == pytest.approx(row["weighted:bce"] + row["regularization"], rel=1e-6)


def test_the_run_is_proved_by_its_script(trained: list[dict[str, Any]], place: Path):
    code, out, err = lossmith(place, "verify", trained[-1]["run"])
    assert code == 0, out + err
    assert out.startswith("largest relative difference ")
    assert float(out.split()[3]) <= 1e-6


def test_a_run_exports_like_its_project(trained: list[dict[str, Any]], place: Path):
    code, out, err = lossmith(place, "export", trained[-1]["run"], "-o", "again.py")
    assert (code, out.strip()) == (0, "again.py"), err
    assert "EPOCHS = 2" in (place / "again.py").read_text("utf-8")


def test_keras_is_asked_about_shapes_when_wanted(place: Path):
    text = (place / "mine.lossmith").read_text("utf-8")
    (place / "wrong.lossmith").write_text(text.replace('"units": 1,', '"units": 3,'), "utf-8")
    code, out, err = lossmith(place, "check", "wrong.lossmith", "--keras", "--json")
    assert code == 1, err
    assert "benign_or_malignant" in out


def test_ctrl_c_stops_in_order_and_keeps_what_was_trained(place: Path):
    process = start(place, "train", "mine.lossmith", "--epochs", "100000", "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "epoch":
            process.send_signal(signal.SIGINT)
            break
    last = json.loads(process.stdout.read().splitlines()[-1])
    assert process.wait(60) == 1
    process.stdout.close()
    process.stderr.close()
    assert (last["event"], last["status"]) == ("outcome", "stopped")
    assert (Path(last["run"]) / "model.keras").is_file()
    _goes_on_and_is_proved(place, Path(last["run"]))


def _goes_on_and_is_proved(place: Path, run: Path) -> None:
    kept = read_place(run)
    assert kept is not None
    code, out, err = lossmith(place, "resume", run.name, "--epochs", str(kept.epoch + 2), "--json")
    assert code == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    epochs = [event["epoch"] for event in events if event["event"] == "epoch"]
    assert epochs == [kept.epoch + 1, kept.epoch + 2]
    assert (events[-1]["status"], events[-1]["run"]) == ("done", str(run))
    code, out, err = lossmith(place, "verify", run.name)
    assert code == 0, out + err


def test_a_run_whose_weight_was_changed_is_proved_too(place: Path):
    what = opened(str(place / "mine.lossmith")).with_epochs(30)
    _, facts = found_problems(what, keras=False)
    assert facts.data is not None
    run = make_run(what, facts.data, place / "runs")
    with EngineClient.start(place / "engines") as engine:
        engine.send(wire.Train(run=str(run)))
        while not isinstance(engine.receive(60), wire.More):
            pass
        engine.send(wire.SetWeight(term="bce", weight=3.0))
        outcome = follow(engine, run, Silent())
        engine.send(wire.Shutdown())
    assert outcome.status == "done"
    recorded, changes, _ = record_of(run)
    assert [list(weights.values()) for weights in changes.weights.values()] == [[3.0]]
    assert recorded[-1].train["total"] > 2 * recorded[-1].train["term:bce"]
    code, out, err = lossmith(place, "verify", str(run))
    assert code == 0, out + err
