"""Engines for tests that break them: while one is broken, the next imports TensorFlow already."""

import contextlib
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from core.project.schema import Project
from core.runs import wire
from core.runs.client import EngineClient, connect
from core.runs.folder import create_run
from core.runs.history import History, RunState
from core.runs.launch import start_engine

SCRIPT = (Path(__file__).parent / "scripts" / "two_heads.py").read_text()
LOSS = "    return ops.exp(-s) * ops.square(y - p) + s"
LOAD = "def load_data():\n"
PATIENCE = 90.0


class SpareEngines:
    """Hands out engines that are ready, one after the other, and folders of runs. To be closed."""

    def __init__(self, root: Path):
        self.root = root
        self._spare: EngineClient | None = None
        self._used: list[EngineClient] = []

    def fresh(self) -> EngineClient:
        """An engine that has only just been started."""
        self._used.append(connect(start_engine(self.root / "engines")))
        return self._used[-1]

    def take(self, more: bool = True) -> EngineClient:
        """An engine that has imported TensorFlow; with `more` the next one is begun at once."""
        client = self._spare or self.fresh()
        self._spare = self.fresh() if more else None
        while not isinstance(message := client.receive(PATIENCE), wire.Ready):
            assert isinstance(message, wire.Welcome), message
        return client

    def run(self, text: str, **lines: tuple[tuple[int, int], ...]) -> Path:
        """A run folder with a script, whose parts are at `lines`."""
        made = SimpleNamespace(text=text, lines={f"term:{name}": ranges for name, ranges in lines.items()})
        return create_run(self.root / "runs", Project(name="broken"), self.root, made)

    def close(self) -> None:
        for client in self._used:
            client.kill()
            client.close()


def with_loss(*code: str) -> str:
    """The script with another body of its function nll."""
    return SCRIPT.replace(LOSS, "\n".join(f"    {line}" for line in code))


def with_step(*code: str) -> str:
    """The script with code that Python runs in the middle of every step, in a function `inner` of nll."""
    body = [f"    {line}" for line in code]
    head = ["import tensorflow as tf", "def inner(v):"]
    return with_loss(*head, *body, "    return v", "return tf.py_function(inner, [s], tf.float32)")


def with_load(*code: str) -> str:
    """The script with code at the beginning of its function load_data."""
    return SCRIPT.replace(LOAD, LOAD + "".join(f"    {line}\n" for line in code))


def long(text: str = SCRIPT) -> str:
    """The script with more epochs than anybody waits for."""
    return text.replace("EPOCHS = 3", "EPOCHS = 100_000")


def line_of(text: str, words: str) -> int:
    """The line of the script in which `words` are."""
    return text[: text.index(words)].count("\n") + 1


def nll_of(text: str) -> tuple[tuple[int, int], ...]:
    """The lines of the function nll."""
    return ((line_of(text, "def nll"), line_of(text, "class TermModel")),)


def state_of(run: Path) -> RunState:
    with contextlib.closing(History(run)) as history:
        return history.state


def await_(client: EngineClient, kind: type, seconds: float = PATIENCE) -> Any:
    """The next message of a kind; anything that ends the run before is an error."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        message = client.receive(left)
        if isinstance(message, kind):
            return message
        assert not isinstance(message, wire.Gone | wire.Outcome), message
    raise AssertionError(f"no {kind.__name__} came")


def wait_for(condition: Any, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def lives(process: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
