"""A process that is killed while it writes a record loses nothing that it had committed."""

import contextlib
import itertools
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from core.runs.history import History
from core.runs.record import DATABASE, Record
from tests.core.endless_writer import ends, rows

pytestmark = pytest.mark.fault

KILLS = 40
ROOT = Path(__file__).parents[2]


def killed(mode: str, run: Path, commits: int, wait: float, history: History | None = None) -> int:
    """Let a process write and kill it, `wait` seconds after so many commits; how many it said it had made."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.core.endless_writer", mode, str(run)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(commits)]
        if history is not None:
            assert history.step_count >= int(said[-1]) or mode == "cut"
        time.sleep(wait)
        process.kill()
        said += process.stdout.readlines()
    return len([line for line in said if line.endswith(b"\n")])


def assert_whole(run: Path) -> None:
    with contextlib.closing(sqlite3.connect(run / DATABASE)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def end_after(mode: str, commits: int) -> int:
    return next(itertools.islice(ends(mode), commits - 1, None))[1]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(KILLS))
def test_every_committed_block_is_there_after_a_kill(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    mode = ("plain", "join", "cut", "join")[seed % 4]
    with contextlib.closing(History(tmp_path)) as history:
        looking = history if seed % 2 else None  # a reader may have it open all the time
        made = killed(mode, tmp_path, chance.randint(1, 300), chance.random() * 0.004, looking)
        # What was committed without a word of it, because the kill came first, may be there as well.
        assert history.step_count in (end_after(mode, made), end_after(mode, made + 1))
        np.testing.assert_array_equal(history.steps(), rows(0, history.step_count))
        assert history.epochs()[-1].step == history.step_count
        assert history.state.status == "killed"
        assert history.damage is None
    assert_whole(tmp_path)


def test_a_record_goes_on_after_a_kill(tmp_path: Path) -> None:
    with contextlib.closing(History(tmp_path)) as history:
        for _ in range(3):
            killed("join", tmp_path, 40, 0.0)
            end = history.step_count
            with contextlib.closing(Record(tmp_path)) as record:
                record.cut(end - 5)
                record.steps(end - 5, rows(end - 5, 20))
                record.commit()
            np.testing.assert_array_equal(history.steps(), rows(0, end + 15))
            with contextlib.closing(Record(tmp_path)) as record:
                record.cut(0)
                record.commit()
    assert_whole(tmp_path)
