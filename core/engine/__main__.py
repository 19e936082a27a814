"""The engine: a detached process that imports TensorFlow once, then runs what it is given.

The socket opens first and is served by its own thread; the main thread imports TensorFlow, trains and finds
facts, because only a main thread can be interrupted in the middle of a user's Python code.
"""

import _thread
import argparse
import contextlib
import gc
import os
import queue
import shutil
import signal
import sys
import time
from pathlib import Path

from core.engine import failure
from core.engine.controls import FORCE_PATIENCE, Controls, Interrupter
from core.engine.server import Server
from core.engine.silence import Silences
from core.runs import alive, wire
from core.runs.folder import SCRIPT, lines_of
from core.runs.launch import IDLE, Endpoint, write_endpoint
from core.runs.record import Record
from core.runs.wire import AskFacts, Command, Frame, Shutdown, Train

FACTS_PATIENCE = 15.0
"""Seconds that finding facts may take before user code in it is interrupted."""


class Engine:
    """Holds what both threads share: the work, the controls of the run, and the server."""

    def __init__(self, folder: Path, idle: float):
        self._folder, self._idle = folder, idle
        self._work: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._interrupter = Interrupter()
        self._versions: dict[str, str] = {}
        self._run: Path | None = None
        self._controls: Controls | None = None
        self._silences: Silences | None = None
        self._latest_request = 0
        self._finding_since: float | None = None
        self._leaving: float | None = None
        self._server = Server(self)
        self._endpoint = Endpoint(self._server.port, self._server.token, os.getpid(), folder)

    def serve(self) -> None:
        """Open the socket, import TensorFlow, and work until told to leave."""
        self._server.start()
        write_endpoint(self._folder, self._endpoint)
        from core.engine import session

        # What TensorFlow's import made stays for ever; without it a garbage collection takes 5 ms, not 200.
        gc.collect()
        gc.freeze()
        self._versions = session.versions()
        self._server.publish(wire.Ready(versions=self._versions))
        while not isinstance(work := self._work.get(), Shutdown):
            if isinstance(work, Train):
                self._train(work)
            elif isinstance(work, AskFacts):
                self._find_facts(work)
        self._server.close()

    # ---- the socket thread

    def greet(self) -> list[Frame]:
        phase = self._controls.phase if self._controls else "ready" if self._versions else "starting"
        welcome = wire.Welcome(phase=phase, run=str(self._run) if self._run else None)
        return [welcome, wire.Ready(versions=self._versions)] if self._versions else [welcome]

    def obey(self, command: Command) -> None:
        if isinstance(command, Train):
            self._take_run(command)
        elif isinstance(command, AskFacts):
            self._latest_request = command.request
            self._work.put(command)
        elif isinstance(command, Shutdown):
            self._leave()
        elif self._controls is not None:
            self._controls.ask(command)

    def tick(self) -> None:
        controls, now = self._controls, time.monotonic()
        patience = controls.impatience() if controls else None
        if patience == "interrupt":
            _thread.interrupt_main()
        elif patience == "force":
            self._force()
        if controls is not None and self._silences is not None:
            silence = self._silences.due(controls.silent, controls.phase)
            if silence is not None:
                self._server.publish(silence)
        if self._finding_since is not None and now - self._finding_since > FACTS_PATIENCE:
            _thread.interrupt_main()
            if now - self._finding_since > FACTS_PATIENCE + FORCE_PATIENCE:
                self._die()
        if controls is None and self._leaving is None and now - self._server.last_seen > self._idle:
            self._leave()
        if self._leaving is not None and now - self._leaving > 2 * FORCE_PATIENCE and controls is None:
            self._die()

    def _take_run(self, command: Train) -> None:
        if self._run is not None:
            self._server.publish(wire.Trouble(sentence=f"This engine is still busy with {self._run.name}."))
            return
        self._run, self._controls = Path(command.run), Controls()
        self._work.put(command)

    def _leave(self) -> None:
        if not self._versions:  # still importing TensorFlow: there is nothing to wait for
            self._close()
            os._exit(0)
        self._leaving = time.monotonic()
        self._work.put(Shutdown())
        if self._controls is not None:
            self._controls.ask(wire.Stop())

    def _force(self) -> None:
        """End a run whose code does not return, and this process with it."""
        sentence = "Stopped by force: the step that ran did not return. Its steps up to then are kept."
        outcome = wire.Outcome(run=str(self._run), status="stopped", sentence=sentence)
        with contextlib.suppress(Exception):  # whatever else is broken, the process must go
            from core.engine.session import end

            assert self._run is not None
            with contextlib.closing(Record(self._run)) as record:
                end(record, outcome)
        self._server.publish(outcome)
        self._die()

    def _close(self) -> None:
        self._server.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _die(self) -> None:
        self._close()
        if os.name != "nt" and os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(1)

    # ---- the main thread

    def _train(self, order: Train) -> None:
        from core.engine.session import train

        assert self._controls is not None
        run = Path(order.run)
        self._silences = Silences(run / SCRIPT, lines_of(run))
        try:
            outcome = train(order, self._controls, self._interrupter, self._endpoint, self._server.publish)
        except Exception as error:
            taken = isinstance(error, BlockingIOError)
            why = "another engine is training it" if taken else failure.reason(error)
            sentence = f"The run in {run} could not be started or recorded: {why}."
            told = failure.details(error)
            outcome = wire.Outcome(run=str(run), status="failed", sentence=sentence, details=told)
        # From here on another run is welcome; who hears of the outcome may send one at once.
        self._server.last_seen = time.monotonic()
        self._run = self._controls = self._silences = None
        self._server.publish(outcome)
        self._server.publish(wire.Phase(phase="ready", sentence="Ready."))

    def _find_facts(self, asked: AskFacts) -> None:
        if asked.request != self._latest_request:
            return
        from core.engine.facts import answer

        self._finding_since = time.monotonic()
        try:
            found = answer(asked.project, asked.data, asked.trusted, self._interrupter)
        finally:
            self._finding_since = None
        self._server.publish(wire.FactsFound(request=asked.request, facts=found))


def main() -> None:
    parser = argparse.ArgumentParser(prog="core.engine", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="the folder of this engine")
    parser.add_argument("--idle", type=float, default=IDLE, help="seconds to wait for a client")
    options = parser.parse_args()
    folder: Path = options.state.resolve()
    with alive.hold(folder):
        Engine(folder, options.idle).serve()
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.flush()
    # TensorFlow's threads take seconds to end in order, and there is nothing left to lose.
    os._exit(0)


if __name__ == "__main__":
    main()
