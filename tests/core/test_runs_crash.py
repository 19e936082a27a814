"""What a dead engine has left in the folder of its run is turned into what happened and where."""

import json
from pathlib import Path

import pytest

from core.runs.crash import ERRORS, FILE, STALL, remains, stalled
from core.runs.folder import FACTS
from core.runs.outcome import death, fitting

FATAL = """Fatal Python error: Segmentation fault

Thread 0x00007f01 (most recent call first):
  File "/lib/threading.py", line 324 in wait
  File "{run}/train.py", line 7 in load_data

Current thread 0x00007f02 (most recent call first):
  File "/lib/ctypes/__init__.py", line 517 in string_at
  File "{run}/train.py", line 12 in nll
  File "{run}/train.py", line 40 in train
  File "{run}/train.py", line 44 in <module>
"""
ENDLESS = "Fatal Python error: Segmentation fault\n\nCurrent thread 0x01 (most recent call first):\n"
ABORTED = "Fatal Python error: Aborted\n\nThread 0x01 (most recent call first):\n"
CHECK = (
    "noise\nF0000 00:00:1764020000.123456   12345 tensor.cc:733] Check failed: 1 == NumElements() (1 vs. 2)\n"
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / FACTS).write_text(json.dumps({"lines": {"term:nll": [[10, 20]], "functions": [[1, 30]]}}))
    return tmp_path


def left(run: Path, name: str, text: str) -> None:
    (run / name).write_text(text.replace("{run}", str(run)))


def test_nothing_left_is_nothing_said(run: Path):
    assert remains(run).place == remains(run).words == ""
    assert death(-11, remains(run))[1].startswith(
        "The engine crashed (SIGSEGV, a memory error in native code). "
    )


def test_the_thread_that_crashed_is_the_one_to_blame(run: Path):
    left(run, FILE, FATAL)
    found = remains(run)
    assert (found.signal, found.where, found.line, found.function) == ("SIGSEGV", "term:nll", 12, "nll")
    assert " (line 12 of train.py, in nll). " in death(-11, found)[1]


def test_a_crash_that_nobody_saw_is_known_by_what_it_left(run: Path):
    left(run, FILE, FATAL)
    name, sentence = death(None, remains(run))
    assert name == "SIGSEGV"
    assert sentence.startswith("The engine crashed (SIGSEGV, a memory error in native code) (line 12")


def test_a_crash_beside_the_script_blames_no_part_of_it(run: Path):
    left(run, FILE, ABORTED + '  File "{run}/train.py", line 40 in train\n')
    assert (remains(run).where, remains(run).line, remains(run).place) == (None, 40, "")


def test_a_function_that_calls_itself_without_end_is_said(run: Path):
    left(run, FILE, ENDLESS + '  File "{run}/train.py", line 15 in again\n' * 100)
    assert "because again calls itself without end (line 15" in death(-11, remains(run))[1]


def test_code_that_ended_the_process_is_said(run: Path):
    left(
        run,
        FILE,
        'The code ended the process by os._exit(3).\n\nStack:\n  File "{run}/train.py", line 12 in nll\n',
    )
    assert death(3, remains(run))[1].startswith("The code ended the engine's process by os._exit(3) (line 12")


def test_the_last_words_of_native_code_are_repeated(run: Path):
    left(run, ERRORS, CHECK)
    assert "gave up (SIGABRT, Check failed: 1 == NumElements() (1 vs. 2))" in death(-6, remains(run))[1]


def test_native_code_that_got_no_memory_is_said(run: Path):
    left(
        run,
        ERRORS,
        "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n",
    )
    assert "because it got no more memory; a smaller batch" in death(-6, remains(run))[1]


def test_what_keeps_all_other_threads_from_working_is_named(run: Path):
    left(
        run,
        STALL,
        'Timeout (0:00:04)!\nThread 0x01 (newest first):\n  File "{run}/train.py", line 7 in f\n',
    )
    assert stalled(run).place == " (line 7 of train.py, in f)"


def test_a_run_json_that_makes_no_sense_costs_no_more_than_the_part(run: Path):
    left(run, FILE, FATAL)
    (run / FACTS).write_text('{"lines": {"term:nll": "everywhere"}}')
    assert (remains(run).where, remains(run).line) == (None, 12)


@pytest.mark.parametrize("left_before", [FATAL, "The code ended the process by os._exit(3).\n\n" + FATAL])
def test_a_kill_is_not_blamed_on_what_an_earlier_death_has_left(run: Path, left_before: str):
    left(run, FILE, left_before)
    found = fitting(-9, remains(run))
    assert (found.line, found.place, found.details) == (None, "", "")
    assert death(-9, found)[0] == "SIGKILL"
    assert "killed from outside" in death(-9, found)[1]


def test_what_a_crash_has_left_fits_it(run: Path):
    left(run, FILE, FATAL)
    assert fitting(-11, remains(run)) == fitting(None, remains(run)) == remains(run)


@pytest.mark.parametrize(
    ("lack", "words"),
    [
        (True, "The system ran out of memory and killed"),
        (False, "did not run out of memory"),
        (None, "most often"),
    ],
)
def test_a_kill_for_lack_of_memory_is_told_from_others(lack: bool | None, words: str):
    assert words in death(-9, memory_ran_out=lack)[1]
