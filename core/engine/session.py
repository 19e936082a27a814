"""One run from its folder to its outcome: the folder's own `train.py` is imported and `train` is called."""

import contextlib
import gc
import importlib.util
import linecache
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import keras
import tensorflow

from core.engine import streams
from core.engine.badvalues import WeightsLost
from core.engine.blocks import Captured
from core.engine.controls import Controls, Interrupted, Interrupter
from core.engine.ending import end_with_room
from core.engine.failure import Failure, details, failure, said
from core.engine.guarding import guarded
from core.engine.printing import never_failing
from core.engine.resuming import Start, fitting, take_up
from core.engine.reuse import Compiled, Shelf
from core.engine.room import NoRoom
from core.engine.saving import saving
from core.engine.watch import Publish, Watch
from core.project import storage
from core.runs import alive, checkpoint, wire
from core.runs.folder import PROJECT, SCRIPT, changed_data
from core.runs.history import History
from core.runs.launch import ENDPOINT, Endpoint, write_endpoint
from core.runs.lines import lines_of
from core.runs.record import Record

OUTPUT, ERRORS = "output.txt", "errors.txt"
SHELF = Shelf()
"""What the runs of this process have compiled."""


def train(
    order: wire.Train, controls: Controls, interrupter: Interrupter, endpoint: Endpoint, publish: Publish
) -> wire.Outcome:
    """Run a folder to its end and return the outcome. Never raises for what the script does.

    Raises OSError when the folder cannot be written or another engine trains it, and UnreadableCheckpoint when
    it cannot be resumed.
    """
    run = Path(order.run)
    with alive.hold(run), contextlib.closing(Record(run)) as record:
        start = take_up(run, record, order.rate) if order.resume else _afresh(run)
        began = _note_start(run, record, start, endpoint)
        watch = Watch(run, record, controls, publish, start, began)
        watch.phase("building", _opening(run, order.resume, start))
        try:
            with guarded(run, record, publish), fitting(watch, start), saving(watch.room):
                outcome = _outcome(run, watch, controls, interrupter)
            watch.keep()
            outcome = _note_data(run, outcome)
            outcome = end_with_room(record, outcome, watch.room)
        finally:
            with contextlib.closing(watch.room), contextlib.suppress(OSError):  # how it ended counts for more
                (run / ENDPOINT).unlink(missing_ok=True)
    return outcome


def _afresh(run: Path) -> Start:
    checkpoint.remove(run)
    return Start()


def _note_data(run: Path, outcome: wire.Outcome) -> wire.Outcome:
    """Say so when the data are other ones by now than those that the run was trained on."""
    try:
        changed = changed_data(run, storage.load(run / PROJECT))
    except storage.UnreadableProject:  # a folder with a script alone can be trained as well
        return outcome
    kept = f" {changed} The run has trained on the rows as it read them." if changed else ""
    return outcome.model_copy(update={"sentence": outcome.sentence + kept})


def _note_start(run: Path, record: Record, start: Start, endpoint: Endpoint) -> float:
    """Write who trains from when on; return when the work began, times of rest left out."""
    history, now = History(run), time.time()
    started = history.state.started
    history.close()
    started = now if started is None else started
    idle = now - started - start.worked
    record.set(started=started, idle=idle, engine=endpoint.pid, versions=versions())
    record.set(ended=None, sentence="", where=None, line=None, details="")
    write_endpoint(run, endpoint)
    return started + idle


def _opening(run: Path, resumed: bool, start: Start) -> str:
    loads = "reads all of its rows once" if streams.loading_of(run).streams else "loads its data"
    what = f"The script {loads} and builds the model"
    if not resumed:
        return f"{what}."
    done = f"after epoch {start.epoch}" if start.epoch else "from the start, as it has no checkpoint"
    return f"{what}; the run goes on {done}."


def _outcome(run: Path, watch: Watch, controls: Controls, interrupter: Interrupter) -> wire.Outcome:
    try:
        with _output_to(run), never_failing(), _fresh(run) as name, interrupter:
            if controls.stopping:
                raise Interrupted
            module = _imported(run / SCRIPT, name)
            with _compiled(watch, module, run / SCRIPT):
                module.train(callbacks=[watch])
    except Interrupted:
        return _stopped(run, watch)
    except NoRoom as error:
        return _stopped(run, watch, f" {error}")
    except WeightsLost as lost:
        return _lost(run, lost)
    except BaseException as error:
        if controls.stopping and (isinstance(error, KeyboardInterrupt) or _came_of(error, Interrupted)):
            return _stopped(run, watch)
        script = _compiled_from(error, watch, run / SCRIPT)
        told = details(error).replace(str(script), str(run / SCRIPT))
        return _failed(run, failure(error, script, lines_of(run)), told)
    return _stopped(run, watch) if controls.stopping else _done(run, watch)


@contextlib.contextmanager
def _compiled(watch: Watch, module: ModuleType, script: Path) -> Iterator[None]:
    """Let `watch` take the loops that earlier runs have compiled, and keep its own for later ones."""
    watch.captured = Captured(module)
    watch.compiled = compiled = Compiled(SHELF, script, watch.captured)
    try:
        yield
    finally:
        compiled.close()


def _compiled_from(error: BaseException, watch: Watch, script: Path) -> Path:
    """The script whose lines TensorFlow names: that of an earlier run, if its loops were used again."""
    scripts = watch.compiled.scripts if watch.compiled else ()
    return next((each for each in scripts if str(each) in details(error)), script)


def _done(run: Path, watch: Watch) -> wire.Outcome:
    steps, epochs = watch.made
    count = (
        f"{epochs} of {watch.planned} epochs, ended early" if epochs < watch.planned else f"{epochs} epochs"
    )
    bad = f" {watch.first_bad}" if watch.first_bad else ""
    return wire.Outcome(run=str(run), status="done", sentence=f"Done: {count}, {steps:,} steps.{bad}")


def _stopped(run: Path, watch: Watch, more: str = "") -> wire.Outcome:
    steps, epochs = watch.made
    sentence = f"Stopped as asked after {steps:,} steps ({epochs} whole epochs).{more}"
    return wire.Outcome(run=str(run), status="stopped", sentence=sentence)


def _lost(run: Path, lost: WeightsLost) -> wire.Outcome:
    bad = lost.bad
    return wire.Outcome(
        run=str(run),
        status="failed",
        sentence=str(lost),
        where=bad.where,
        line=bad.line,
        details=lost.details,
        bad=bad,
    )


def _failed(run: Path, found: Failure, text: str) -> wire.Outcome:
    return wire.Outcome(
        run=str(run),
        status="failed",
        sentence=found.sentence,
        where=found.where,
        line=found.line,
        details=text,
    )


def _came_of(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether an exception of `kind` is among the causes of `error`: TensorFlow may wrap what we raise."""
    while error is not None:
        if isinstance(error, kind) or kind.__name__ in said(error):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextlib.contextmanager
def _fresh(run: Path) -> Iterator[str]:
    """Start from a clean Keras and leave nothing of the script behind; yields a name for its module."""
    keras.utils.clear_session()
    linecache.checkcache()
    name = "train_" + run.name.replace("-", "_")
    try:
        yield name
    finally:
        sys.modules.pop(name, None)
        keras.utils.clear_session()
        gc.collect()


def _imported(script: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, script)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(2, "there is no script", str(script))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _output_to(run: Path) -> Iterator[None]:
    """Send what the script and native code print to files in the run folder."""
    with contextlib.ExitStack() as stack:
        for descriptor, name in ((1, OUTPUT), (2, ERRORS)):
            file = stack.enter_context((run / name).open("ab"))
            before = os.dup(descriptor)
            stack.callback(os.close, before)
            stack.callback(os.dup2, before, descriptor)
            os.dup2(file.fileno(), descriptor)
        stack.callback(sys.stdout.flush)
        stack.callback(sys.stderr.flush)
        yield


def versions() -> dict[str, str]:
    """What a run depends on."""
    return {
        "python": sys.version.split()[0],
        "keras": str(keras.__version__),
        "tensorflow": str(tensorflow.__version__),
    }
