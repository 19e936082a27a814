"""Windows in processes of their own, as tests start, ask and kill them; and the end of what they leave training."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from core.runs import wire
from core.runs.client import connect
from core.runs.launch import Endpoint, attach, read_endpoint

PATIENCE = 120.0
ROOT = Path(__file__).resolve().parents[2]


class Looking:
    """A window in a process of its own, and what it has said. Runs and settings lie in `folder`."""

    def __init__(self, folder: Path, *arguments: str):
        environment = os.environ | {
            "LOSSMITH_RUNS": str(folder / "runs"),
            "LOSSMITH_SETTINGS": str(folder / "window.ini"),
        }
        command = [sys.executable, "-m", "tests.e2e.onlooker", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment, text=True)

    def says(self, event: str, patience: float = PATIENCE) -> dict[str, Any]:
        """What the window says next of that kind."""
        assert self.process.stdout is not None
        end = time.monotonic() + patience
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if said["event"] == event:
                return said
            assert time.monotonic() < end, f"the window never says {event}"
        raise AssertionError(f"the window has ended: {self.process.wait()}")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def end(run: Path) -> None:
    """Stop what trains in `run`, and its engine; also one that a killed window has left waiting."""
    endpoint = attach(run)
    assert endpoint is not None
    with connect(endpoint) as client:
        client.send(wire.Stop())
        for message in client.messages(PATIENCE):
            if isinstance(message, wire.Outcome):
                break
    for folder in endpoint.folder.parent.glob("engine-*"):
        left = read_endpoint(folder)
        if left is not None and left.live:
            _dismiss(left)


def _dismiss(endpoint: Endpoint) -> None:
    with connect(endpoint) as client:
        client.send(wire.Shutdown())
        while not isinstance(client.receive(30), wire.Gone | None):
            pass
