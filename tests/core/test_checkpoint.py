"""Checkpoints are read back exactly, or refused in words; and from them it is known how a run goes on."""

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest

from core.project.schema import Project, Training
from core.runs import alive, checkpoint
from core.runs.checkpoint import Place, UnreadableCheckpoint
from core.runs.folder import PROJECT, SCRIPT, create_run
from core.runs.history import History
from core.runs.record import Record
from core.runs.resuming import CannotResume, extend, plan

PLACE = Place(epoch=2, step=20, seconds=1.5, worked=4.0, facts={"best": None, "wait": float("inf")})
ARRAYS = [
    ("a", np.arange(6.0).reshape(2, 3)),
    ("b", np.array(7, np.int64)),
    ("c", np.zeros((0, 2), np.float32)),
]
SERIES = ("total", "regularization", "term:mse", "weight:mse")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two epochs of three, stopped in the third, with its checkpoint."""
    made = create_run(
        tmp_path, Project(name="a", training=Training(epochs=3)), tmp_path, "EPOCHS = 3\nSEED = 0\n"
    )
    record = Record(made)
    record.set(series=SERIES, status="stopped", epochs=3, steps=10, started=100.0, ended=160.0)
    record.steps(0, np.arange(80.0).reshape(20, 4))
    record.steps(20, np.arange(20.0).reshape(5, 4))
    for epoch in (1, 2):
        record.epoch(epoch, 10 * epoch, 1.0, {"total": 1.0}, {})
    record.event("warning", sentence="Early.", where="total", step=5)
    record.event("warning", sentence="Late.", where="total", step=22)
    record.event("weight", term="mse", weight=2.0, step=23)
    record.commit()
    record.close()
    checkpoint.write(made, PLACE, ARRAYS)
    return made


def mark(run: Path, **values: object) -> None:
    record = Record(run)
    record.set(**values)
    record.commit()
    record.close()


def test_what_was_written_is_read_back_exactly(run: Path):
    found = checkpoint.read(run)
    assert found is not None
    assert found.place == PLACE
    assert list(found.arrays) == ["a", "b", "c"]
    for name, array in ARRAYS:
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype


def test_a_run_without_a_checkpoint_has_none(tmp_path: Path):
    assert checkpoint.read(tmp_path) is None


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_damaged_checkpoint_is_refused_in_words(run: Path, keep: float):
    file = run / checkpoint.FILE
    whole = file.read_bytes()
    file.write_bytes(whole[: int(keep * len(whole)) if keep < 1 else int(keep)])
    with pytest.raises(UnreadableCheckpoint, match=r"resume\.npz is damaged"):
        checkpoint.read(run)


def test_a_flipped_bit_is_noticed(run: Path):
    file = run / checkpoint.FILE
    data = bytearray(file.read_bytes())
    at = data.index(np.arange(6.0).tobytes())
    data[at + 9] ^= 1
    file.write_bytes(data)
    with pytest.raises(UnreadableCheckpoint):
        checkpoint.read(run)


def test_a_pickle_in_its_place_is_never_loaded(run: Path):
    np.save(run / "evil.npy", np.array([print], dtype=object), allow_pickle=True)
    (run / "evil.npy").replace(run / checkpoint.FILE)
    with pytest.raises(UnreadableCheckpoint):
        checkpoint.read(run)


def test_a_failed_write_leaves_the_old_checkpoint(run: Path):
    def broken():
        yield "a", np.zeros(3)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        checkpoint.write(run, PLACE, broken())
    assert checkpoint.read(run).place == PLACE
    assert [name for name in os.listdir(run) if name.startswith(".resume")] == []


def test_a_cut_forgets_what_came_after(run: Path):
    history = History(run)
    assert len(history.steps()) == 25
    record = Record(run)
    record.cut(13)
    record.steps(13, np.full((2, 4), -1.0))
    record.commit()
    record.close()
    np.testing.assert_array_equal(history.steps()[:13], np.arange(52.0).reshape(13, 4))
    np.testing.assert_array_equal(history.steps(13), np.full((2, 4), -1.0))
    assert [epoch.epoch for epoch in history.epochs()] == [1]
    assert [event.body.get("sentence") for event in history.events()] == ["Early.", None]
    history.close()


def test_rest_is_no_work(run: Path):
    history = History(run)
    assert history.state.seconds == 60.0
    mark(run, idle=20.0)
    assert history.state.seconds == 40.0
    history.close()


def test_a_stopped_run_goes_on_after_its_last_whole_epoch(run: Path):
    found = plan(run)
    assert (found.epoch, found.epochs) == (2, 3)


def test_a_run_without_a_whole_epoch_begins_again(run: Path):
    checkpoint.remove(run)
    assert plan(run).epoch == 0


def test_a_finished_run_needs_more_epochs(run: Path):
    extend(plan(run, 2))
    mark(run, status="done", epochs=2)
    with pytest.raises(CannotResume, match="done with all of its 2 epochs; to go on, ask for more"):
        plan(run)
    assert plan(run, 5).epochs == 5


def test_a_run_that_ended_early_has_nothing_left_to_train(run: Path):
    mark(run, status="done")
    with pytest.raises(CannotResume, match="ended by its early stopping after 2 of 3 epochs"):
        plan(run, 10)


def test_fewer_epochs_than_there_are_is_refused(run: Path):
    with pytest.raises(CannotResume, match="has 2 epochs already"):
        plan(run, 1)


def test_a_run_that_is_trained_now_is_left_alone(run: Path):
    with alive.hold(run), pytest.raises(CannotResume, match="being trained right now"):
        plan(run)


def test_a_damaged_checkpoint_says_so_before_an_engine_starts(run: Path):
    (run / checkpoint.FILE).write_bytes(b"PK")
    with pytest.raises(CannotResume, match="is damaged"):
        plan(run)


def test_more_epochs_are_written_into_script_and_project(run: Path):
    extend(plan(run, 7))
    assert (run / SCRIPT).read_text() == "EPOCHS = 7\nSEED = 0\n"
    assert '"epochs": 7' in (run / PROJECT).read_text()


def test_a_script_without_its_epochs_cannot_be_extended(run: Path):
    (run / SCRIPT).write_text("pass\n")
    with pytest.raises(CannotResume, match="no single line"):
        extend(plan(run, 7))
    assert '"epochs": 3' in (run / PROJECT).read_text()


def test_whatever_bit_is_flipped_it_is_read_as_it_was_or_refused(run: Path):
    file = run / checkpoint.FILE
    whole = file.read_bytes()
    for bit in range(0, 8 * len(whole), 7):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        file.write_bytes(data)
        with contextlib.suppress(UnreadableCheckpoint):
            found = checkpoint.read(run)
            assert found is not None
            assert all(np.array_equal(found.arrays[name], array) for name, array in ARRAYS)


def test_what_killed_processes_left_of_a_checkpoint_is_swept_away(run: Path):
    (run / f".{checkpoint.FILE}.4711").write_bytes(b"PK")
    checkpoint.sweep(run)
    assert list(run.glob(".resume*")) == []
    assert checkpoint.read(run) is not None
