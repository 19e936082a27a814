"""An engine that only plays: it takes the orders of a real one and keeps a real record, without TensorFlow.

`python -m tests.gui.tame FOLDER`. Its run goes on until it is stopped or there is a file `end` in the run's folder;
a file `saving` beside the runs says for how many seconds a stopped run saves its model.
"""

import contextlib
import os
import sys
import time
from pathlib import Path

from core.engine.__main__ import Engine
from core.engine.controls import Controls
from core.project.facts import ModelFacts
from core.runs import alive, wire
from core.runs.launch import ENDPOINT, LOG, Detached, write_endpoint
from core.runs.record import Record

IDLE = 5.0
"""Seconds that it waits for a client when it has nothing to do."""


class Tame(Engine):
    def serve(self) -> None:
        self._server.start()
        write_endpoint(self._folder, self._endpoint)
        self._versions = {"tame": "1"}
        self._server.publish(wire.Ready(versions=self._versions))
        while not isinstance(work := self._work.get(), wire.Shutdown):
            if isinstance(work, wire.Train):
                self._play(Path(work.run))
            else:
                facts = ModelFacts(errors={"layer:told": work.project.name})
                self._server.publish(wire.FactsFound(request=work.request, facts=facts))
        self._server.close()

    def _play(self, run: Path) -> None:
        controls = self._controls
        assert controls is not None
        with alive.hold(run), contextlib.closing(Record(run)) as record:
            write_endpoint(run, self._endpoint)
            record.set(status="running", started=time.time())
            record.commit()
            self._step(run, controls)
            stopped = controls.stopping
            if stopped:
                self._save(run, controls)
            status, words = ("stopped", "Stopped as asked.") if stopped else ("done", "Done.")
            record.set(status=status, sentence=words)
            record.commit()
            (run / ENDPOINT).unlink(missing_ok=True)
        self._run = self._controls = self._order = None
        self._server.publish(wire.Outcome(run=str(run), status=status, sentence=words))
        self._server.publish(wire.Phase(phase="ready", sentence="Ready."))

    def _step(self, run: Path, controls: Controls) -> None:
        controls.phase = "training"
        way = "In compiled blocks of steps, without Turbo: it only plays."
        self._server.publish(wire.Phase(phase="training", sentence=f"Training. {way}", run=str(run)))
        step = 0
        while not controls.stopping and not (run / "end").exists():
            step += 1
            controls.beat()
            self._server.publish(wire.Progress(epoch=1, epochs=9, step=step, steps=10**6, speed=10.0))
            time.sleep(0.05)

    def _save(self, run: Path, controls: Controls) -> None:
        controls.obeyed()
        self._server.publish(wire.Phase(phase="saving", sentence="Saving the model.", run=str(run)))
        slow = run.parent / "saving"
        time.sleep(float(slow.read_text()) if slow.exists() else 0)
        (run / "model.keras").write_text("a model")


def launched(folder: Path, _idle: float) -> Detached:
    """Start one, as an engine is started."""
    with (folder / LOG).open("wb") as log:
        root = Path(__file__).resolve().parents[2]
        command = [sys.executable, "-m", "tests.gui.tame", str(folder)]
        return Detached(command, stdout=log, stderr=log, cwd=root, start_new_session=True)


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    with alive.hold(folder):
        Tame(folder, IDLE).serve()
    os._exit(0)


if __name__ == "__main__":
    main()
