"""The engine: a detached process that imports TensorFlow once, then runs what it is given.

The socket opens first and is served by its own thread; the main thread imports TensorFlow, trains and finds
facts, because only a main thread can be interrupted in the middle of a user's Python code.
"""

import argparse
import contextlib
import faulthandler
import gc
import os
import queue
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

from core.engine import failure
from core.engine.controls import FORCE_PATIENCE, Controls, Interrupter
from core.engine.ending import end
from core.engine.server import Server
from core.engine.silence import Silences
from core.project.writing import free, is_full
from core.runs import alive, wire
from core.runs.crash import NOTHING
from core.runs.group import end_children
from core.runs.launch import ENDPOINT, IDLE, Endpoint, write_endpoint
from core.runs.outcome import KEPT
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
        self._order: Train | None = None
        """What has not been begun; who takes it away, under the lock, answers for its end."""
        self._taking = threading.Lock()
        self._controls: Controls | None = None
        self._silences: Silences | None = None
        self._held_up = False
        self._latest_request = 0
        self._finding_since: float | None = None
        self._leaving: float | None = None
        self._server = Server(self)
        self._endpoint = Endpoint(self._server.port, self._server.token, os.getpid(), folder)

    def serve(self) -> None:
        """Open the socket, import TensorFlow, and work until told to leave."""
        self._server.start()
        write_endpoint(self._folder, self._endpoint)
        from core.engine import session, sharing

        sharing.leave_memory()
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
        elif isinstance(command, wire.Stop) and not self._versions:
            self._stop_before_start()
        elif self._controls is not None:
            self._controls.ask(command)

    def tick(self) -> None:
        controls, now = self._controls, time.monotonic()
        patience = controls.impatience() if controls else None
        if patience == "interrupt":
            self._interrupt()
        elif patience == "force":
            self._force()
        self._speak()
        self._speak_of_file()
        if self._finding_since is not None and now - self._finding_since > FACTS_PATIENCE:
            self._interrupter.interrupt()
            if now - self._finding_since > FACTS_PATIENCE + FORCE_PATIENCE:
                self._die()
        if controls is None and self._leaving is None and now - self._server.last_seen > self._idle:
            self._leave()
        if self._leaving is not None and now - self._leaving > 2 * FORCE_PATIENCE and controls is None:
            self._die()

    def _speak(self) -> None:
        """Say so when a run makes no step."""
        controls, silences = self._controls, self._silences
        if controls is None or silences is None:
            return
        silences.arm()
        silence = silences.due(controls.silent, controls.phase)
        if silence is not None:
            self._server.publish(silence)

    def _interrupt(self) -> None:
        """Interrupt the code of the run, but no native step: that would be heard the moment it returns, when the stop
        is just about to be obeyed.
        """
        nothing_to_lose = self._controls is None or self._controls.phase in ("building", "tracing")
        if nothing_to_lose or self._silences is None or not self._silences.computing:
            self._interrupter.interrupt()

    def _speak_of_file(self) -> None:
        """Say once that a stop waits for a file, so that no window ends the engine meanwhile."""
        held_up = self._controls is not None and self._controls.held_up
        if held_up and not self._held_up:
            sentence = "The run stops as soon as what it has begun to write is written."
            self._server.publish(wire.Phase(phase="saving", sentence=sentence, run=str(self._run)))
        self._held_up = held_up

    def _take_run(self, command: Train) -> None:
        if self._run is not None:
            self._server.publish(wire.Trouble(sentence=f"This engine is still busy with {self._run.name}."))
            return
        self._run, self._controls, self._order = Path(command.run), Controls(), command
        self._work.put(command)

    def _leave(self) -> None:
        if not self._versions:  # still importing TensorFlow: there is nothing to wait for
            self._close()
            os._exit(0)
        self._leaving = time.monotonic()
        self._work.put(Shutdown())
        if self._controls is not None:
            self._controls.ask(wire.Stop())

    def _stop_before_start(self) -> None:
        """End a run that waits for TensorFlow's import, which cannot be interrupted."""
        if not self._taken():  # TensorFlow was imported this very moment
            if self._controls is not None:
                self._controls.ask(wire.Stop())
            return
        sentence = "Stopped before its first step, while the engine was still starting."
        outcome = wire.Outcome(run=str(self._run), status="stopped", sentence=sentence)
        self._note_end(outcome)
        self._run = self._controls = None
        self._server.publish(outcome)

    def _taken(self, order: Train | None = None) -> bool:
        """Take what has not been begun, or nothing where that is not `order`; whether there was something."""
        with self._taking:
            taken = self._order is not None and (order is None or order is self._order)
            self._order = None if taken else self._order
        return taken

    def _force(self) -> None:
        """End a run whose code does not return, and this process with it."""
        at = self._silences.at() if self._silences else NOTHING
        sentence = f"Stopped by force, because what ran did not return{at.place}. {KEPT}"
        outcome = wire.Outcome(
            run=str(self._run), status="stopped", sentence=sentence, where=at.where, line=at.line
        )
        self._note_end(outcome)
        self._server.publish(outcome)
        self._die()

    def _note_end(self, outcome: wire.Outcome) -> None:
        run = Path(outcome.run)
        with contextlib.suppress(Exception):  # whatever else is broken, the run must end
            with contextlib.closing(Record(run)) as record:
                end(record, outcome)
            (run / ENDPOINT).unlink(missing_ok=True)

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

        if not self._taken(order):
            return  # it was stopped before it began
        assert self._controls is not None
        run, self._silences = Path(order.run), Silences(Path(order.run))
        try:
            outcome = train(order, self._controls, self._interrupter, self._endpoint, self._server.publish)
        except Exception as error:
            taken = isinstance(error, BlockingIOError)
            why = "another engine is training it" if taken else failure.reason(error)
            room = f" ({free(run)})" if is_full(error) else ""
            sentence = f"The run in {run} could not be started or recorded: {why}{room}."
            told = failure.details(error)
            outcome = wire.Outcome(run=str(run), status="failed", sentence=sentence, details=told)
        # From here on another run is welcome; who hears of the outcome may send one at once.
        self._server.last_seen = time.monotonic()
        self._silences.close()
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
        if self._controls is not None and self._controls.stopping:
            self._work.put(asked)  # a stop may have interrupted the search, so that it found nothing
            return
        self._server.publish(wire.FactsFound(request=asked.request, facts=found))


def main() -> None:
    parser = argparse.ArgumentParser(prog="core.engine", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="the folder of this engine")
    parser.add_argument("--idle", type=float, default=IDLE, help="seconds to wait for a client")
    options = parser.parse_args()
    folder: Path = options.state.resolve()
    faulthandler.enable()
    with alive.hold(folder):
        Engine(folder, options.idle).serve()
        shutil.rmtree(folder, ignore_errors=True)
    end_children()
    sys.stdout.flush()
    # TensorFlow's threads take seconds to end in order, and there is nothing left to lose.
    os._exit(0)


if __name__ == "__main__":
    main()
