"""Project files that no project is: what the program says of them, and how little it does before it does."""

import json
import os
from pathlib import Path

import pytest

from core.project.storage import UnreadableProject, load, loads


def test_a_truncated_file_says_where_it_breaks_off_and_what_to_open_instead() -> None:
    with pytest.raises(UnreadableProject, match=r"breaks off at line 2, column \d+.*; open a copy of it\.$"):
        loads('{"lossmith": 1,\n "model": {"inp', "x.lossmith")


def test_an_unknown_key_says_what_to_do_about_it() -> None:
    with pytest.raises(UnreadableProject, match=r"colour .*take it out, or update Lossmith"):
        loads('{"lossmith": 1, "colour": "red"}')


def test_a_layer_with_more_wires_than_any_has_is_refused() -> None:
    layer = {"class": "Dense", "from": ["x"] * 2000}
    with pytest.raises(UnreadableProject, match=r"model\.layers\.l\.from has more than the 1,000"):
        loads(json.dumps({"lossmith": 1, "model": {"layers": {"l": layer}}}))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_refused_without_waiting_for_somebody_to_write_to_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.lossmith")
    with pytest.raises(UnreadableProject, match="no ordinary file"):
        load(tmp_path / "pipe.lossmith")
