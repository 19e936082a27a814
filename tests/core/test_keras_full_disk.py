"""A run on a disk that is full, a limit that lets no file grow, or in a folder that vanishes: it ends as if nothing
had been, and says what it waits for.
"""

import contextlib
import csv
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.project.schema import Project
from core.runs import checkpoint, wire
from core.runs.client import EngineClient
from core.runs.folder import create_run
from core.runs.history import History
from tests.smalldisk import SmallDisk, on_a_small_disk, small_disk

pytestmark = [pytest.mark.keras, pytest.mark.fault, pytest.mark.timeout(400)]

SCRIPT = (Path(__file__).parent / "scripts" / "two_heads.py").read_text()
EPOCHS = 60
TEXT = SCRIPT.replace("EPOCHS = 3", f"EPOCHS = {EPOCHS}").replace("verbose=0", "verbose=2")
CALM = TEXT.replace("[Order(batches),", "[Order(batches), Calm(),").replace(
    "def train(",
    "class Calm(keras.callbacks.Callback):\n"
    "    def on_epoch_end(self, epoch, logs=None):\n"
    "        import time\n\n"
    "        time.sleep(0.02)\n\n\n"
    "def train(",
    1,
)
"""So slow that a test has the time to do something to it."""
SLOW = CALM.replace("time.sleep(0.02)", "time.sleep(0.1)")
"""So slow that a test has the time to do several things to it."""


class Desk:
    """An engine with its state in `root`, and all that it says."""

    def __init__(self, root: Path):
        self.root = root
        self.client = EngineClient.start(root / "engines")
        self.said: list[str] = []

    def begin(self, runs: Path, text: str = CALM, resume: Path | None = None) -> Path:
        self.said.clear()
        run = resume or create_run(runs, Project(name="full"), runs, text)
        self.client.send(wire.Train(run=str(run), resume=resume is not None))
        return run

    def until(self, enough: Callable[[Any], bool], seconds: float = 60) -> Any:
        """Hear until a message is what was waited for."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            message = self.client.receive(end - time.monotonic())
            assert not isinstance(message, wire.Gone), message
            if isinstance(message, wire.Trouble | wire.Phase):
                self.said.append(message.sentence)
            if message is not None and enough(message):
                return message
            assert not isinstance(message, wire.Outcome), message
        raise AssertionError(f"it did not come; what came: {self.said}")

    def epochs(self, number: int) -> None:
        self.until(lambda message: isinstance(message, wire.More) and message.epochs >= number)

    def hears(self, words: str) -> str:
        said = [each for each in self.said if words in each]
        if not said:
            self.until(lambda _: words in (self.said or [""])[-1])
            said = self.said[-1:]
        return said[0]

    def outcome(self) -> wire.Outcome:
        return self.until(lambda message: isinstance(message, wire.Outcome))

    def close(self) -> None:
        self.client.send(wire.Shutdown())
        while not isinstance(self.client.receive(30), wire.Gone):
            pass
        self.client.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("desk"))
    yield made
    made.close()


@contextlib.contextmanager
def own_desk(root: Path) -> Iterator[Desk]:
    made = Desk(root)
    yield made
    made.close()


def assert_whole(run: Path) -> None:
    """All of the run is there: each step, each epoch, a table with each row once, and the model."""
    with contextlib.closing(History(run)) as history:
        assert history.damage is None
        assert history.state.status == "done"
        assert history.steps().shape == (25 * EPOCHS, 6)
        assert np.isfinite(history.steps()).all()
        epochs = history.epochs()
    rows = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == list(range(EPOCHS))
    assert [float(row["loss"]) for row in rows] == [epoch.train["total"] for epoch in epochs]
    assert (run / "model.keras").stat().st_size > 10_000
    assert [each.name for each in run.iterdir() if each.name.startswith(".")] == []


@on_a_small_disk("8m")
def test_a_full_disk_costs_a_run_nothing_for_a_while_nor_at_its_end(tmp_path: Path) -> None:
    """One engine for both, because it takes seconds to start in namespaces of its own."""
    disk = small_disk()
    with own_desk(tmp_path) as desk:
        full_at_the_start(desk, disk)
        full_for_a_while(desk, disk)
        full_at_the_end(desk, disk)


def full_at_the_start(desk: Desk, disk: SmallDisk) -> None:
    """It does not begin, and says why; nothing but its folder is there."""
    run = create_run(disk.path, Project(name="full"), disk.path, CALM)
    with disk.full():
        desk.client.send(wire.Train(run=str(run)))
        outcome = desk.outcome()
    assert outcome.status == "failed"
    assert f"The run in {run} could not be started or recorded: The disk is full" in outcome.sentence
    assert "bytes free)" in outcome.sentence


def full_for_a_while(desk: Desk, disk: SmallDisk) -> None:
    run = desk.begin(disk.path, SLOW)
    desk.epochs(10)
    disk.fill()
    said = desk.hears("cannot be written: the disk is full (")
    desk.client.send(wire.Save())
    desk.hears("checkpoint.keras cannot be written: the disk is full (")
    desk.epochs(EPOCHS - 20)
    assert str(run) in said
    assert "free)" in said
    disk.empty()
    desk.hears("is written again")
    assert desk.outcome().status == "done"
    assert_whole(run)
    place = checkpoint.read_place(run)
    assert place is not None
    assert place.epoch == EPOCHS
    output = (run / "output.txt").read_text()
    assert all(f"Epoch {epoch}/{EPOCHS}" in output for epoch in range(1, EPOCHS + 1))
    assert len([each for each in desk.said if str(run / "history.csv") in each]) <= 1


def full_at_the_end(desk: Desk, disk: SmallDisk) -> None:
    """The run waits, Stop gives it up, and resumed it has everything."""
    run = desk.begin(disk.path)
    desk.epochs(EPOCHS // 2)
    disk.fill()
    said = desk.hears("model.keras cannot be written: the disk is full (")
    assert said.endswith("Free some space: it is tried again every few seconds; Stop gives it up.")
    assert not (run / "model.keras").exists()
    desk.client.send(wire.Stop())
    outcome = desk.outcome()
    assert outcome.status == "stopped"
    assert "model.keras cannot be written: the disk is full" in outcome.sentence
    assert "Resume the run when it can be" in outcome.sentence
    disk.empty()
    desk.begin(disk.path, resume=run)
    assert desk.outcome().status == "done"
    assert_whole(run)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are set on Linux only")
def test_a_limit_that_lets_no_file_grow_costs_the_run_nothing(desk: Desk, tmp_path: Path) -> None:
    import resource

    pid = desk.client.endpoint.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    run = desk.begin(tmp_path)
    desk.epochs(10)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (20_000, hard))
    desk.epochs(50)
    assert desk.hears("cannot be written")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
    assert desk.outcome().status == "done"
    assert_whole(run)


def test_a_folder_that_vanishes_during_the_run_is_made_again(desk: Desk, tmp_path: Path) -> None:
    run = desk.begin(tmp_path / "runs", SLOW)
    desk.epochs(20)
    (tmp_path / "runs").rename(tmp_path / "gone")  # at once, whatever is being written in it
    shutil.rmtree(tmp_path / "gone")
    assert "made again with everything that was recorded" in desk.hears("has vanished while it trained")
    assert desk.outcome().status == "done"
    assert_whole(run)
    assert (run / "train.py").read_text() == SLOW


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full here")
def test_neither_prints_nor_the_table_of_a_script_can_end_its_run(desk: Desk, tmp_path: Path) -> None:
    full = "    import os\n\n    os.dup2(os.open('/dev/full', os.O_WRONLY), 1)\n"
    way = "    (HERE / 'history.csv').mkdir()\n"
    start = "def train(callbacks=()):\n"
    run = desk.begin(tmp_path, CALM.replace(start, f"{start}{full}{way}"))
    shutil.rmtree(desk.root / "engines")  # what an engine keeps for itself may vanish as well
    said = desk.hears("Its rows are kept in memory until it can")
    assert f"{run / 'history.csv'} cannot be written: it is a folder" in said
    desk.epochs(EPOCHS // 2)
    (run / "history.csv").rmdir()
    assert desk.outcome().status == "done"
    assert_whole(run)
