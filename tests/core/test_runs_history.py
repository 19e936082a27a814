"""The record of a run is read back whole, while it grows and after."""

import multiprocessing
import os
import signal
import sqlite3
import time

import numpy as np
import pytest

from core.runs import alive, record
from core.runs.history import History
from core.runs.record import Record, close_killed

SERIES = ("total", "regularization", "term:mse", "weight:mse")


@pytest.fixture
def writer(tmp_path):
    made = Record(tmp_path)
    made.set(series=SERIES, status="running", epochs=3, steps=10, started=1.0)
    made.commit()
    yield made
    made.close()


@pytest.fixture
def history(tmp_path):
    made = History(tmp_path)
    yield made
    made.close()


def rows(first, count):
    return np.arange(first * 4.0, (first + count) * 4.0).reshape(count, 4)


def test_a_run_that_never_began_is_empty_and_waiting(history):
    assert history.state.status == "waiting"
    assert (history.series, history.step_count, history.epochs(), history.events()) == ((), 0, [], [])
    assert history.steps().shape[0] == 0


def test_steps_come_back_bit_for_bit(writer, history):
    writer.steps(0, rows(0, 5))
    writer.commit()
    assert history.series == SERIES
    np.testing.assert_array_equal(history.steps(), rows(0, 5))


def test_only_what_was_committed_is_seen(writer, history):
    writer.steps(0, rows(0, 5))
    assert history.step_count == 0


def test_a_growing_run_is_read_on_from_where_the_reader_was(writer, history):
    for first in range(0, 50, 5):
        writer.steps(first, rows(first, 5))
        writer.commit()
        np.testing.assert_array_equal(history.steps(first), rows(first, 5))
    np.testing.assert_array_equal(history.steps(), rows(0, 50))


@pytest.mark.parametrize("most", [1, 7, 100])
def test_a_long_run_is_read_piece_by_piece_as_it_is_read_at_once(writer, history, most):
    for first in range(0, 50, 5):
        writer.steps(first, rows(first, 5))
    writer.commit()
    pieces, first = [], 0
    while len(piece := history.read(first, most)):
        assert len(piece) <= most
        pieces.append(piece)
        first += len(piece)
    np.testing.assert_array_equal(np.concatenate(pieces), history.steps())
    writer.epoch(1, 10, 1.0, {"total": 1.0}, {})
    writer.epoch(2, 20, 2.0, {"total": 0.5}, {})
    writer.commit()
    assert history.epochs_after(1) == history.epochs()[1:]


def test_steps_cannot_be_changed_by_their_reader(writer, history):
    writer.steps(0, rows(0, 5))
    writer.commit()
    with pytest.raises(ValueError, match="read-only"):
        history.steps()[0, 0] = 1


def test_a_lost_block_shows_as_nan(writer, history):
    writer.steps(0, rows(0, 2))
    writer.steps(4, rows(4, 2))
    writer.commit()
    assert np.isnan(history.steps()[2:4]).all()
    np.testing.assert_array_equal(history.steps(4), rows(4, 2))


def test_joined_blocks_read_like_single_ones(writer, history, tmp_path, monkeypatch):
    monkeypatch.setattr(record, "JOIN_AFTER", 4)
    for step in range(10):
        writer.steps(step, rows(step, 1))
        writer.commit()
        if step == 5:
            history.steps()
    np.testing.assert_array_equal(history.steps(), rows(0, 10))
    with sqlite3.connect(tmp_path / record.DATABASE) as db:
        assert db.execute("SELECT count(*) FROM blocks").fetchone() == (4,)
    db.close()


def test_a_column_is_found_by_its_name(writer, history):
    writer.steps(0, rows(0, 3))
    writer.commit()
    np.testing.assert_array_equal(history.column("term:mse", 1), [6.0, 10.0])


def test_infinite_and_missing_values_survive(writer, history):
    writer.steps(0, np.array([[np.nan, np.inf, -np.inf, 1e-300]]))
    writer.epoch(1, 1, 0.5, {"total": float("nan")}, {"total": float("inf")})
    writer.commit()
    np.testing.assert_array_equal(history.steps(), [[np.nan, np.inf, -np.inf, 1e-300]])
    assert history.epochs()[0].validation == {"total": float("inf")}


def test_epochs_are_read_on(writer, history):
    for epoch in (1, 2):
        writer.epoch(epoch, epoch * 10, 0.5, {"total": 1.0 / epoch}, {})
        writer.commit()
        assert [e.epoch for e in history.epochs()] == list(range(1, epoch + 1))
    assert history.epochs()[1].step == 20


def test_events_after_a_number(writer, history):
    writer.event("weight", term="mse", weight=0.5, step=3)
    writer.event("warning", sentence="x")
    writer.commit()
    (first, second) = history.events()
    assert first.body == {"term": "mse", "weight": 0.5, "step": 3}
    assert history.events(after=first.seq) == [second]


def test_a_live_run_without_its_process_was_killed(writer, history):
    assert history.state.status == "killed"
    assert "ended without a word" in history.state.sentence


def test_a_run_is_live_while_its_folder_is_held(writer, history, tmp_path):
    with alive.hold(tmp_path):
        assert (history.state.status, history.state.epochs) == ("running", 3)


def test_a_proper_end_is_not_overwritten_by_a_late_death_notice(writer, history, tmp_path):
    writer.set(status="done", sentence="Done.")
    writer.commit()
    close_killed(tmp_path, "The engine was killed.")
    assert history.state.status == "done"


def test_a_death_is_written_where_no_end_was(writer, history, tmp_path):
    close_killed(tmp_path, "The engine was killed.")
    assert (history.state.status, history.state.sentence) == ("killed", "The engine was killed.")
    assert history.events()[-1].kind == "outcome"


def test_a_damaged_record_opens_as_far_as_it_goes(writer, tmp_path, history):
    writer.steps(0, rows(0, 5))
    writer.commit()
    writer.close()
    for file in tmp_path.glob("run.db*"):
        file.write_bytes(b"not a database" * 100)
    assert history.step_count == 0
    assert "only in part" in history.damage


def test_a_finished_run_in_a_read_only_folder_is_readable(writer, history, tmp_path):
    writer.steps(0, rows(0, 5))
    writer.commit()
    writer.close()
    tmp_path.chmod(0o500)
    try:
        np.testing.assert_array_equal(history.steps(), rows(0, 5))
    finally:
        tmp_path.chmod(0o700)


def test_a_million_steps_open_whole_and_from_any_step(writer, history):
    for first in range(0, 1_000_000, 500):
        writer.steps(first, np.zeros((500, 4)))
    writer.commit()
    assert history.steps().shape == (1_000_000, 4)
    assert history.steps(999_000).shape == (1_000, 4)


def _write_for_ever(path, ready):
    made = Record(path)
    made.set(series=SERIES, status="running")
    step = 0
    while True:
        made.steps(step, rows(step, 3))
        made.commit()
        step += 3
        ready.set()


@pytest.mark.fault
def test_a_killed_writer_loses_nothing_committed(tmp_path, history):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_write_for_ever, args=(tmp_path, ready))
    process.start()
    assert ready.wait(20)
    time.sleep(0.05)
    seen = history.step_count
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    np.testing.assert_array_equal(history.steps(), rows(0, history.step_count))
    assert history.step_count >= seen > 0
    with sqlite3.connect(tmp_path / record.DATABASE) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_a_full_disk_keeps_the_rows_for_the_next_commit(tmp_path, history):
    made = Record(tmp_path)
    made.set(series=SERIES)
    made.commit()
    made._db.execute("PRAGMA max_page_count=8")
    made.steps(0, rows(0, 5000))
    with pytest.raises(sqlite3.OperationalError, match="full"):
        made.commit()
    made._db.execute("PRAGMA max_page_count=100000")
    made.commit()
    made.close()
    assert history.step_count == 5000


def test_a_commit_that_is_interrupted_leaves_no_transaction_open(writer, tmp_path, history, monkeypatch):
    """As a stop does it, by an exception that is none of SQLite's."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    writer.steps(0, rows(0, 5))
    monkeypatch.setattr(record, "JOIN_AFTER", 1)
    monkeypatch.setattr(writer, "_join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        writer.commit()
    monkeypatch.undo()
    writer.commit()
    assert history.step_count == 5
