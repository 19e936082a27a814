"""Whatever was done to the files of a run: it opens as far as it goes, says so, and shows no false number."""

import contextlib
import io
import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from core.cli.app import run as lossmith
from core.project.schema import Project
from core.runs import alive
from core.runs import record as recording
from core.runs.folder import FACTS, PROJECT, create_run, facts_of, list_runs
from core.runs.history import History
from core.runs.launch import ENDPOINT, read_endpoint
from core.runs.record import DATABASE, Record
from tests.smalldisk import on_a_small_disk, small_disk

pytestmark = pytest.mark.fault

SERIES = ("total", "regularization", "term:mse", "weight:mse")
STEPS, BLOCK = 6000, 20
TRUTH = np.random.default_rng(3).normal(size=(STEPS, 4))
EPOCHS = {epoch: 1.0 / epoch for epoch in range(1, 61)}


def write(run: Path, close: bool = True) -> Record:
    record = Record(run)
    record.set(series=SERIES, status="done", sentence="Done.", epochs=60, steps=100, started=1.0, ended=9.0)
    for first in range(0, STEPS, BLOCK):
        record.steps(first, TRUTH[first : first + BLOCK])
        record.event("warning", sentence="x", where="total", step=first)
        if (first + BLOCK) % 100 == 0:
            epoch = (first + BLOCK) // 100
            record.epoch(epoch, 100 * epoch, 0.5, {"total": EPOCHS[epoch]}, {"total": -EPOCHS[epoch]})
        record.commit()
    if close:
        record.close()
    return record


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose record is in `run.db` alone."""
    root = tmp_path_factory.mktemp("whole")
    run = create_run(root, Project(), root, "pass\n")
    write(run)
    assert [file.name for file in run.glob("run.db*")] == [DATABASE]
    return run


@pytest.fixture(scope="module")
def open_still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run whose newest steps are in the log beside `run.db`, as a killed process leaves it."""
    root = tmp_path_factory.mktemp("open")
    run = create_run(root, Project(), root, "pass\n")
    record = write(run, close=False)
    yield run
    record.close()


def copied(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder / run.name, ignore=shutil.ignore_patterns("*-shm")))


def assert_true_as_far_as_it_goes(run: Path) -> tuple[int, str]:
    """Nothing is raised, nothing false is shown; how many steps are, and what is said."""
    with contextlib.closing(History(run)) as history:
        steps = history.steps()
        if len(steps):
            shown = np.isfinite(steps).all(axis=1)
            np.testing.assert_array_equal(steps[shown], TRUTH[: len(steps)][shown])
        else:
            shown = np.zeros(0, bool)
        for epoch in history.epochs():
            assert epoch.train["total"] == EPOCHS[epoch.epoch]
            assert epoch.validation["total"] == -EPOCHS[epoch.epoch]
            assert epoch.step == 100 * epoch.epoch
        history.events()
        count, state = history.step_count, history.state
        assert count == len(history.steps())
        if not shown.all() or count < STEPS:
            said = history.damage or state.sentence
            assert said or state.status in ("waiting", "killed")
        list_runs(run.parent)
        return int(shown.sum()), history.damage or ""


def printed(run: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = lossmith(["history", str(run), "--steps"])
    found = capsys.readouterr()
    return code, found.out, " ".join(found.err.split())


@pytest.mark.parametrize("seed", range(60))
def test_overwritten_bytes_never_show_a_false_number(whole: Path, tmp_path: Path, seed: int) -> None:
    run, chance = copied(whole, tmp_path), random.Random(seed)
    data = bytearray((run / DATABASE).read_bytes())
    length = chance.choice((1, 8, 100, 4096, 20_000))
    for _ in range(chance.choice((1, 3, 30))):
        at = chance.randrange(0, len(data) - 1)
        data[at : at + length] = chance.randbytes(length)[: len(data) - at]
    (run / DATABASE).write_bytes(data)
    assert_true_as_far_as_it_goes(run)


@pytest.mark.parametrize("share", [0, 0.001, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999])
def test_a_cut_file_opens_and_says_so(whole: Path, tmp_path: Path, share: float) -> None:
    run = copied(whole, tmp_path)
    data = (run / DATABASE).read_bytes()
    (run / DATABASE).write_bytes(data[: int(share * len(data))])
    shown, said = assert_true_as_far_as_it_goes(run)
    if share >= 0.7:
        assert shown > 1000
    if share and shown < STEPS:
        assert "damaged" in said


def test_steps_before_and_after_the_damage_are_shown_and_the_gap_between_is_empty(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copied(whole, tmp_path)
    data = bytearray((run / DATABASE).read_bytes())
    middle = data.index(TRUTH[3000].tobytes()) // 4096 * 4096
    data[middle : middle + 4096] = bytes(4096)
    (run / DATABASE).write_bytes(data)
    with contextlib.closing(History(run)) as history:
        steps = history.steps()
        assert len(steps) == STEPS
        lost = np.isnan(steps).any(axis=1)
        assert lost[3000]
        assert 0 < lost.sum() < 2500
        assert "can be read only in part" in history.state.sentence
    code, out, said = printed(run, capsys)
    assert (code, len(out.splitlines())) == (0, STEPS + 1)
    assert "is damaged" in said


WRECKS: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_bytes(b""),
    "text": lambda file: file.write_text("epoch,loss\n1,2\n" * 300),
    "zeros": lambda file: file.write_bytes(bytes(20_000)),
    "folder": lambda file: (file.unlink(), file.mkdir()),
    "gone": lambda file: file.unlink(),
    "loop": lambda file: (file.unlink(), file.symlink_to(file)),
}


@pytest.mark.parametrize("wreck", WRECKS)
def test_something_else_in_its_place_is_no_reason_to_fail(
    whole: Path, tmp_path: Path, wreck: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copied(whole, tmp_path)
    WRECKS[wreck](run / DATABASE)
    shown, said = assert_true_as_far_as_it_goes(run)
    assert shown == 0
    code, _, told = printed(run, capsys)
    assert code == 2
    assert "has recorded nothing" in told
    if wreck in ("text", "zeros", "folder"):
        assert "is damaged" in said
        assert "is damaged" in told


@pytest.mark.parametrize("share", [None, 0, 0.01, 0.3, 0.6, 0.95, "other"])
def test_a_log_that_is_missing_cut_or_of_another_record_is_survived(
    whole: Path, open_still: Path, tmp_path: Path, share: object
) -> None:
    run = copied(open_still, tmp_path)
    log = run / f"{DATABASE}-wal"
    data = log.read_bytes()
    assert len(data) > 100_000
    log.unlink()
    if share == "other":
        shutil.copy(whole / DATABASE, run / DATABASE)
        log.write_bytes(data)
    elif isinstance(share, int | float):
        log.write_bytes(data[: int(share * len(data))])
    assert_true_as_far_as_it_goes(run)


@pytest.mark.parametrize("seed", range(20))
def test_a_log_with_overwritten_bytes_is_survived(open_still: Path, tmp_path: Path, seed: int) -> None:
    run, chance = copied(open_still, tmp_path), random.Random(seed)
    log = run / f"{DATABASE}-wal"
    data = bytearray(log.read_bytes())
    for _ in range(chance.choice((1, 20))):
        at = chance.randrange(0, len(data) - 100)
        data[at : at + 100] = chance.randbytes(100)
    log.write_bytes(data)
    assert_true_as_far_as_it_goes(run)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE blocks SET first_step = first_step + 1000000000000 WHERE first_step > 3000",
        "UPDATE blocks SET count = 1000000000000 WHERE first_step = 3000",
        "UPDATE blocks SET count = -5 WHERE first_step = 3000",
        "UPDATE blocks SET count = 'many' WHERE first_step = 3000",
        "UPDATE blocks SET data = 'text' WHERE first_step = 3000",
        "UPDATE blocks SET data = NULL",
        "UPDATE epochs SET train = 'text' WHERE epoch > 10",
        "UPDATE epochs SET seconds = 'text', step = NULL WHERE epoch > 10",
        "UPDATE epochs SET validation = '[1]'",
        "UPDATE events SET body = '{', time = NULL",
        "UPDATE events SET body = '[]', kind = 5",
        "UPDATE meta SET value = '{'",
        "UPDATE meta SET value = '7'",
        "UPDATE meta SET value = '[[1], {\"a\": 2}]'",
        "UPDATE meta SET value = 'null'",
        "DROP TABLE blocks",
        "DROP TABLE meta",
        "ALTER TABLE epochs DROP COLUMN train",
    ],
)
def test_values_of_another_kind_are_survived(whole: Path, tmp_path: Path, statement: str) -> None:
    run = copied(whole, tmp_path)
    with contextlib.closing(sqlite3.connect(run / DATABASE)) as db:
        db.execute(statement)
        db.commit()
    assert_true_as_far_as_it_goes(run)


def test_a_flipped_bit_in_a_step_is_a_gap_and_no_number(whole: Path, tmp_path: Path) -> None:
    run = copied(whole, tmp_path)
    data = bytearray((run / DATABASE).read_bytes())
    data[data.index(TRUTH[2500].tobytes()) + 5] ^= 4
    (run / DATABASE).write_bytes(data)
    shown, said = assert_true_as_far_as_it_goes(run)
    assert 0 < STEPS - shown < 1000 * BLOCK
    assert "is not what was written" in said


def test_an_older_record_without_seals_is_read_as_before(tmp_path: Path) -> None:
    with contextlib.closing(Record(tmp_path)) as record:
        record.set(series=SERIES)
        record.commit()
        record._db.execute("INSERT INTO blocks VALUES (0, 5, ?)", (TRUTH[:5].tobytes(),))
        record._db.execute("INSERT INTO epochs VALUES (1, 5, 0.5, '{\"total\": 1}', '{}')")
        record.cut(3)
        record.steps(3, TRUTH[3:6])
        record.commit()
    with contextlib.closing(History(tmp_path)) as history:
        np.testing.assert_array_equal(history.steps(), TRUTH[:6])
        assert history.damage is None


def test_lost_steps_stay_a_gap_when_blocks_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "JOIN_AFTER", 4)
    with contextlib.closing(Record(tmp_path)) as record, contextlib.closing(History(tmp_path)) as history:
        record.set(series=SERIES)
        for first in (0, 5, 15, 20):
            record.steps(first, TRUTH[first : first + 5])
            record.commit()
        assert np.isnan(history.steps()[10:15]).all()
        np.testing.assert_array_equal(history.steps(15), TRUTH[15:25])
        assert len(record._db.execute("SELECT * FROM blocks").fetchall()) == 2


def test_a_record_replaced_while_it_is_read_is_read_anew(whole: Path, tmp_path: Path) -> None:
    run = copied(whole, tmp_path)
    with contextlib.closing(History(run)) as history:
        assert len(history.steps()) == STEPS
        (tmp_path / "other").mkdir()
        with contextlib.closing(Record(tmp_path / "other")) as record:
            record.set(series=SERIES, status="stopped")
            record.steps(0, TRUTH[:7] + 1)
            record.commit()
        (tmp_path / "other" / DATABASE).replace(run / DATABASE)
        np.testing.assert_array_equal(history.steps(), TRUTH[:7] + 1)
        assert (history.state.status, history.epochs()) == ("stopped", [])


def test_a_record_whose_folder_is_gone_is_still_read_by_who_has_it_open(whole: Path, tmp_path: Path) -> None:
    run = copied(whole, tmp_path)
    with contextlib.closing(History(run)) as history:
        assert history.step_count == STEPS
        shutil.rmtree(run)
        np.testing.assert_array_equal(history.steps(), TRUTH)
    assert list_runs(tmp_path) == []


# ---- the other files of a run

NO_FACTS = [
    "",
    "{",
    "[]",
    "null",
    '"text"',
    '{"name": 5, "folder": null, "lines": [1], "created": []}',
    "[" * 9999,
]


@pytest.mark.parametrize("text", NO_FACTS)
def test_a_damaged_run_json_is_as_if_nothing_were_known(whole: Path, tmp_path: Path, text: str) -> None:
    run = copied(whole, tmp_path)
    (run / FACTS).write_text(text)
    assert facts_of(run)["name"] == run.name
    assert facts_of(run)["folder"] == str(run)
    assert facts_of(run)["lines"] == {}
    assert list_runs(run.parent)[0].steps == STEPS


@pytest.mark.parametrize("data", [b"", b"{", b"[1, 2]", b'{"port": "x"}', b"\xff\xfe", b'{"port": 1e999}'])
def test_a_damaged_endpoint_leads_nowhere(whole: Path, tmp_path: Path, data: bytes) -> None:
    run = copied(whole, tmp_path)
    (run / ENDPOINT).write_bytes(data)
    assert read_endpoint(run) is None


@pytest.mark.parametrize("text", ["", "{", '{"lossmith": 1, "seed": "x"}'])
@pytest.mark.parametrize("verb", ["resume", "verify", "export"])
def test_a_damaged_project_of_a_run_is_said(
    whole: Path, tmp_path: Path, text: str, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copied(whole, tmp_path)
    (run / PROJECT).write_text(text)
    more = ["-o", str(tmp_path / "out.py")] if verb == "export" else []
    assert lossmith([verb, str(run), *more]) in (1, 2)
    assert f"{run / PROJECT} cannot be opened" in " ".join(capsys.readouterr().err.split())


def test_json_of_a_damaged_run_says_so_too(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copied(whole, tmp_path)
    data = (run / DATABASE).read_bytes()
    (run / DATABASE).write_bytes(data[: len(data) // 2])
    assert lossmith(["history", str(run), "--format", "json"]) == 0
    found = capsys.readouterr()
    assert "is damaged" in json.load(io.StringIO(found.out))["damage"]


@on_a_small_disk("8m")
def test_a_killed_run_on_a_read_only_disk_says_that_its_last_steps_are_missing(tmp_path: Path) -> None:
    disk = small_disk()
    run = create_run(tmp_path, Project(), tmp_path, "pass\n")
    with contextlib.closing(write(run, close=False)):
        copy = copied(run, disk.path)
    (copy / "lock").touch()
    disk.forbid()
    with contextlib.closing(History(copy)) as history:
        assert history.state.status != "running"
        assert history.damage is not None
        assert (
            "its last steps are in run.db-wal, which can be read only where you may write" in history.damage
        )
    assert not alive.held(copy)
    disk.allow()
