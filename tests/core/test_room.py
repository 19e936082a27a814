"""A run whose disk is full, or whose folder is gone, goes on: nothing is lost, and each is said once."""

import contextlib
import os
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from core.engine import room as rooms
from core.engine.controls import Controls
from core.engine.ending import end_with_room
from core.engine.printing import Outlet, never_failing
from core.engine.room import NoRoom, Room
from core.project.schema import Project
from core.runs import alive, wire
from core.runs.client import EngineClient
from core.runs.folder import create_run
from core.runs.history import History
from core.runs.launch import Endpoint
from core.runs.record import Record
from tests.smalldisk import SmallDisk, on_a_small_disk, small_disk

pytestmark = pytest.mark.fault

SERIES = ("total", "regularization", "term:mse", "weight:mse")
TRUTH = np.random.default_rng(5).normal(size=(60_000, 4))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "PAUSE", 0.05)
    monkeypatch.setattr(rooms, "LOOK", 0.0)


class Desk:
    """A run in a folder of `root`, and what is said about it."""

    def __init__(self, root: Path):
        self.run = create_run(root, Project(name="full"), root, "pass\n")
        self.record, self.controls = Record(self.run), Controls()
        self.record.set(series=SERIES, status="running")
        self.said: list[str] = []
        self.phases: list[str] = []
        self.room = Room(self.run, self.record, self.controls, self._hear)
        self.made = 0
        assert self.room.commit()

    def _hear(self, message: wire.Frame) -> None:
        if isinstance(message, wire.Trouble):
            self.said.append(message.sentence)
        elif isinstance(message, wire.Phase):
            self.phases.append(f"{message.phase}: {message.sentence}")

    def steps(self, count: int) -> bool:
        self.record.steps(self.made, TRUTH[self.made : self.made + count])
        self.made += count
        return self.room.commit()

    def recorded(self) -> np.ndarray:
        with contextlib.closing(History(self.run)) as history:
            assert history.damage is None
            return history.steps()

    def close(self) -> None:
        self.room.close()
        self.record.close()


@contextlib.contextmanager
def desk_in(root: Path) -> Iterator[Desk]:
    desk = Desk(root)
    yield desk
    desk.close()


def once_failed(attempt: Callable[[], None], act: Callable[[], object]) -> Callable[[], None]:
    """`attempt`; soon after it has failed for the first time, `act` is done."""
    timers: list[threading.Timer] = []

    def attempted() -> None:
        try:
            attempt()
        except BaseException:
            if not timers:
                timers.append(threading.Timer(0.2, act))
                timers[0].start()
            raise
        for each in timers:
            each.join()

    return attempted


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def filled(desk: Desk, disk: SmallDisk) -> None:
    """Make steps until the disk takes no more."""
    disk.fill(leave=8192)
    while desk.steps(200):
        assert desk.made < 20_000


@on_a_small_disk("3m")
def test_rows_wait_for_room_and_both_is_said_once(tmp_path: Path) -> None:
    disk = small_disk()
    with desk_in(disk.path) as desk:
        desk.steps(100)
        filled(desk, disk)
        for _ in range(10):
            time.sleep(0.01)
            desk.steps(50)
        shown = desk.recorded()
        np.testing.assert_array_equal(shown, TRUTH[: len(shown)])
        assert 100 <= len(shown) < desk.made
        (said,) = desk.said
        assert said.startswith(f"The record in {desk.run} cannot be written: the disk is full (")
        assert "free). The run goes on and is kept in memory" in said
        disk.empty()
        until(lambda: desk.steps(10))
        assert len(desk.said) == 2
        assert "is written again" in desk.said[1]
        np.testing.assert_array_equal(desk.recorded(), TRUTH[: desk.made])


@on_a_small_disk("3m")
def test_the_end_waits_until_there_is_room(tmp_path: Path) -> None:
    disk = small_disk()
    with desk_in(disk.path) as desk:
        filled(desk, disk)
        desk.room.finish(once_failed(desk.record.commit, disk.empty))
        np.testing.assert_array_equal(desk.recorded(), TRUTH[: desk.made])
        assert any("Free some space: it is tried again every few seconds" in each for each in desk.phases)
        assert desk.phases[-1].endswith("There is room again; what waited is written.")


@on_a_small_disk("3m")
@pytest.mark.parametrize("before", [False, True])
def test_a_stop_gives_it_up_also_one_after_another(tmp_path: Path, before: bool) -> None:
    disk = small_disk()
    with desk_in(disk.path) as desk:
        filled(desk, disk)
        if before:
            desk.controls.ask(wire.Stop())
        attempt = once_failed(desk.record.commit, lambda: desk.controls.ask(wire.Stop()))
        with pytest.raises(NoRoom, match="cannot be written: the disk is full"):
            desk.room.finish(attempt)
        disk.empty()


@on_a_small_disk("3m")
def test_a_training_that_has_too_much_in_memory_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = small_disk()
    with desk_in(disk.path) as desk:
        desk.controls.phase = "training"
        filled(desk, disk)
        monkeypatch.setattr(rooms, "MOST_WAITING", desk.record.waiting + 4096)
        assert not desk.steps(10)
        monkeypatch.setattr(desk.record, "commit", once_failed(desk.record.commit, disk.empty))
        assert desk.steps(400)
        assert [each.partition(":")[0] for each in desk.phases] == ["paused", "training"]
        assert "MB of steps are in memory" in desk.phases[0]
        np.testing.assert_array_equal(desk.recorded(), TRUTH[: desk.made])


@on_a_small_disk("3m")
def test_an_end_by_force_on_a_full_disk_reads_as_one_without_a_word(tmp_path: Path) -> None:
    disk = small_disk()
    with desk_in(disk.path) as desk:
        filled(desk, disk)
        disk.fill()
        known = len(desk.recorded())
        endpoint = Endpoint(0, "", 0, tmp_path)
        with contextlib.closing(socket.socket()) as nobody:
            EngineClient(endpoint, nobody).kill(desk.run)
        with contextlib.closing(History(desk.run)) as history:
            assert (history.state.status, history.step_count) == ("killed", known)
        disk.empty()


@on_a_small_disk("3m")
def test_a_read_only_disk_is_waited_for_as_well(tmp_path: Path) -> None:
    disk = small_disk()
    tries: list[int] = []

    def write() -> None:
        tries.append(1)
        (disk.path / "model").write_bytes(b"x")

    with desk_in(disk.path) as desk:
        desk.record.close()  # a disk that is being written to does not turn read-only
        disk.forbid()
        desk.room.patiently(once_failed(write, disk.allow), disk.path / "model")
        assert len(tries) > 1
        assert "cannot be written: its disk is read-only. It is tried again" in desk.said[0]
        desk.record = Record(desk.run)


def test_a_vanished_folder_is_made_again_with_everything(tmp_path: Path) -> None:
    with desk_in(tmp_path) as desk:
        desk.steps(500)
        again: list[bool] = []
        desk.room.again.append(lambda: again.append(True))
        shutil.rmtree(desk.run)
        desk.steps(300)
        np.testing.assert_array_equal(desk.recorded(), TRUTH[:800])
        assert alive.held(desk.run)
        assert (desk.run / "train.py").read_text() == "pass\n"
        assert again == [True]
        assert desk.said == [
            f"The folder of the run, {desk.run}, has vanished while it trained; "
            "it was made again with everything that was recorded, and the run goes on."
        ]
        desk.steps(100)
        assert len(desk.recorded()) == 900


def test_a_folder_that_cannot_be_made_again_is_said_once_and_made_when_it_can(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    with desk_in(root) as desk:
        desk.steps(500)
        shutil.rmtree(root)
        root.write_text("in the way")
        desk.steps(100)
        desk.steps(100)
        (said,) = desk.said
        assert "has vanished while it trained and cannot be made again: " in said
        assert said.endswith("The run goes on and is kept in memory.")
        root.unlink()
        desk.steps(100)
        assert len(desk.said) == 2
        np.testing.assert_array_equal(desk.recorded(), TRUTH[:800])


def test_a_record_alone_that_vanishes_is_written_again(tmp_path: Path) -> None:
    with desk_in(tmp_path) as desk:
        desk.steps(500)
        for file in desk.run.glob("run.db*"):
            file.unlink()
        desk.steps(10)
        np.testing.assert_array_equal(desk.recorded(), TRUTH[:510])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full here")
def test_what_is_printed_to_a_full_file_is_kept_and_written_later(tmp_path: Path) -> None:
    before = os.dup(1)
    try:
        with never_failing():
            full, out = os.open("/dev/full", os.O_WRONLY), os.open(tmp_path / "out", os.O_CREAT | os.O_RDWR)
            os.dup2(full, 1)
            print("Epoch 1", flush=True)
            os.dup2(out, 1)
            print("Epoch 2 \udc80", flush=True)
    finally:
        os.dup2(before, 1)
        for descriptor in (before, full, out):
            os.close(descriptor)
    assert (tmp_path / "out").read_text() == "Epoch 1\nEpoch 2 \\udc80\n"


def test_threads_that_print_at_once_lose_no_word(tmp_path: Path) -> None:
    into = os.open(tmp_path / "out", os.O_CREAT | os.O_WRONLY)
    outlet = Outlet(into)
    threads = [
        threading.Thread(target=lambda: [outlet.write(b"x" * 5000) for _ in range(300)]) for _ in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    os.close(into)
    assert (tmp_path / "out").stat().st_size == 4 * 300 * 5000


def test_a_folder_that_vanishes_right_before_a_file_is_written_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also less than a second after it was looked at."""
    monkeypatch.setattr(rooms, "LOOK", 3600.0)
    with desk_in(tmp_path) as desk:
        desk.room.look()
        shutil.rmtree(desk.run)
        desk.room.patiently(lambda: (desk.run / "model").touch(), desk.run / "model")
        assert (desk.run / "model").exists()
        assert "made again with everything" in desk.said[0]


def test_a_file_that_cannot_be_written_in_a_folder_that_is_there_is_no_reason_to_wait(tmp_path: Path) -> None:
    with desk_in(tmp_path) as desk, pytest.raises(FileNotFoundError):
        desk.room.patiently(lambda: (desk.run / "no" / "model").touch(), desk.run)


def test_a_damaged_record_does_not_hide_how_a_run_ended(tmp_path: Path) -> None:
    with desk_in(tmp_path) as desk:
        desk.steps(5000)
        with contextlib.closing(sqlite3.connect(desk.run / "run.db")) as other:
            other.execute("PRAGMA user_version = 1")
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with (desk.run / "run.db").open("r+b") as file:
            file.write(b"\xff" * 65536)
        done = wire.Outcome(run=str(desk.run), status="done", sentence="Done.")
        assert end_with_room(desk.record, done, desk.room).sentence.startswith("Done.")
