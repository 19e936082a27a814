"""`lossmith history` over a record that was written by hand, so that every number is known."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from core.cli.verifying import compare, relative
from core.codegen.replay import changes_of
from core.project.schema import Project, Training
from core.runs.folder import create_run
from core.runs.history import Epoch, History
from core.runs.record import Record

SERIES = ["total", "regularization", "term:mse", "weight:mse"]
STEPS = [
    [2.5, 0.5, 4.0, 0.5],
    [1.5, 0.5, 2.0, 0.5],
    [2.25, 0.25, 2.0, 1.0],
    [float("nan"), 0.25, float("nan"), 1.0],
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two epochs of two steps, whose weight was set to 1 after the first."""
    run = create_run(tmp_path, Project(training=Training(epochs=2)), tmp_path, "pass")
    record = Record(run)
    record.set(series=SERIES, status="done", sentence="Done.")
    record.steps(0, np.array(STEPS))
    record.epoch(1, 2, 0.1, {"total": 2.0, "term:mse": 3.0}, {"total": 1.0, "term:mse": 2.0})
    record.event("weight", term="mse", weight=1.0, step=2)
    record.epoch(2, 4, 0.2, {"total": 2.25, "term:mse": 2.0}, {"total": float("nan")})
    record.commit()
    record.close()
    return run


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_epochs_have_each_term_raw_and_weighted(run: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["history", str(run)]) == 0
    first, second = table(capsys.readouterr().out)
    assert (first["epoch"], first["step"], first["total"]) == ("1", "2", "2.0")
    assert (first["term:mse"], first["weighted:mse"], first["val_weighted:mse"]) == ("3.0", "1.5", "1.0")
    assert (second["weighted:mse"], second["val_term:mse"]) == ("2.0", "")


def test_the_weighted_terms_and_regularization_add_up_at_every_step(
    run: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["history", str(run), "--steps"]) == 0
    rows = table(capsys.readouterr().out)
    assert [row["step"] for row in rows] == ["1", "2", "3", "4"]
    for row in rows[:3]:
        assert float(row["total"]) == float(row["weighted:mse"]) + float(row["regularization"])


def test_json_has_null_where_there_is_no_number(run: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["history", str(run), "--steps", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (set(found), found["status"]) == ({"run", "status", "sentence", "damage", "steps"}, "done")
    assert found["steps"][3]["total"] is None
    assert found["steps"][0] == {
        "step": 1,
        "total": 2.5,
        "regularization": 0.5,
        "term:mse": 4.0,
        "weight:mse": 0.5,
        "weighted:mse": 2.0,
    }


def test_a_run_is_found_by_its_name_alone(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("LOSSMITH_RUNS", str(run.parent))
    assert main(["history", run.name, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == str(run)


def test_an_unknown_format_is_code_2(run: Path):
    assert main(["history", str(run), "--format", "xml"]) == 2


def test_a_run_without_a_record_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    empty = create_run(tmp_path, Project(), tmp_path, "pass")
    assert main(["history", str(empty)]) == 2
    assert "recorded nothing" in capsys.readouterr().err


def test_a_run_that_is_done_is_told_how_it_can_go_on(run: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["resume", str(run)]) == 1
    assert f"lossmith resume {run.name} --epochs 4" in capsys.readouterr().err.replace("\n", " ")


def test_what_was_changed_during_a_run_becomes_a_schedule(run: Path):
    history = History(run)
    changes = changes_of(history)
    history.close()
    assert changes.weights == {2: {"mse": 1.0}}
    assert not changes.rates


def test_equal_histories_differ_by_nothing():
    epoch = Epoch(1, 2, 0.1, {"total": 2.0, "term:mse": 3.0}, {"total": float("nan")})
    found = compare([epoch], [{"loss": 2.0, "mse": 3.0, "val_loss": float("nan")}])
    assert (found.difference, found.numbers, found.same) == (0.0, 3, True)


def test_the_largest_difference_is_named():
    epoch = Epoch(1, 2, 0.1, {"total": 2.0, "term:mse": 3.0}, {})
    found = compare([epoch], [{"loss": 2.0, "mse": 3.3}])
    assert found.where == "mse, epoch 1"
    assert found.difference == pytest.approx(0.1 / 1.1)
    assert not found.same


@pytest.mark.parametrize(("a", "b"), [(1.0, None), (1.0, float("nan")), (float("inf"), 1.0)])
def test_a_number_that_one_side_lacks_is_infinitely_different(a: float, b: float | None):
    assert not relative(a, b) <= 1e-6


def test_a_missing_epoch_is_a_difference():
    assert compare([Epoch(1, 2, 0.1, {"total": 2.0}, {})], []).same is False
