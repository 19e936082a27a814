"""Trains without a window: the same run folders, the same engine, a progress bar or one JSON event a line."""

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from rich.progress import BarColumn, Progress, TextColumn

from core.cli.badvalues import help_for
from core.cli.checking import found_problems, say_problems
from core.cli.opening import Opened, Refused
from core.cli.output import print_json, says
from core.codegen.code import CannotGenerate
from core.codegen.script import script
from core.data import inspect
from core.project.facts import DataFacts
from core.project.schema import Project
from core.project.trust import Trust
from core.project.writing import unwritable
from core.runs import alive, resuming, wire
from core.runs.client import EngineClient, connect
from core.runs.crash import ERRORS
from core.runs.crash import FILE as CRASH
from core.runs.folder import create_run, runs_root
from core.runs.history import Epoch, History, RunState
from core.runs.launch import EngineFailed, attach
from core.runs.resuming import CannotResume, extend, plan

EXIT = {"done": 0, "stopped": 1, "failed": 1, "killed": 1}
TICK = 0.2


class Listener(Protocol):
    """Tells somebody how a run goes."""

    def started(self, run: Path) -> None: ...
    def message(self, message: wire.Message) -> None: ...
    def epoch(self, epoch: Epoch) -> None: ...
    def ended(self, run: Path, outcome: wire.Outcome) -> None: ...


def listener(as_json: bool) -> Listener:
    return JsonLines() if as_json else Bar()


def train(what: Opened, root: Path | None, tell: Listener, trusted: bool) -> tuple[Path, wire.Outcome]:
    """Train a project in a new run folder. Raises Refused when it has blocking problems or is not trusted."""
    facts = ready_to_train(what, trusted)
    run = make_run(what, facts, root or runs_root())
    try:
        engine = EngineClient.start()
    except EngineFailed as error:
        raise Refused(str(error), 1) from error
    with engine:
        tell.started(run)
        engine.send(wire.Train(run=str(run)))
        outcome = follow(engine, run, tell)
        engine.send(wire.Shutdown())
    return run, outcome


def begin_again(run: Path) -> None:
    """Let a run that has ended begin anew when it is resumed. Raises Refused."""
    try:
        resuming.begin_again(run)
    except resuming.CannotResume as error:
        raise Refused(str(error), 1) from error
    except OSError as error:
        raise Refused(unwritable(run, error)) from error


def resume(run: Path, epochs: int | None, rate: float | None, tell: Listener, trusted: bool) -> wire.Outcome:
    """Let a run go on to its end: one that has ended from its checkpoint, a paused one from where it is.

    `epochs` are those to have at the end, where not those that were planned, `rate` is another learning rate for the
    rest. Raises Refused.
    """
    endpoint = attach(run)
    if endpoint is None:
        return take_up(run, epochs, rate, tell, trusted)
    if epochs is not None or rate is not None:
        what = "epochs" if rate is None else "learning rate"
        raise Refused(f"{run.name} is being trained: its {what} can be changed when it has ended.", 1)
    try:
        engine = connect(endpoint)
    except EngineFailed as error:
        raise Refused(str(error), 1) from error
    with engine:
        tell.started(run)
        engine.send(wire.Resume())
        return follow(engine, run, tell)


def take_up(run: Path, epochs: int | None, rate: float | None, tell: Listener, trusted: bool) -> wire.Outcome:
    """Train a run that has ended on from its checkpoint. Raises Refused where it cannot."""
    ended = _state_of(run)
    try:
        found = plan(run, epochs, rate)
        must_be_trusted(found.project, trusted)
        if found.longer:
            extend(found)
        engine = EngineClient.start()
    except (CannotResume, EngineFailed) as error:
        raise Refused(str(error), 1) from error
    except OSError as error:
        raise Refused(unwritable(run, error, "free some space and repeat the command")) from error
    with engine:
        tell.started(run)
        if ended.status in ("killed", "failed"):
            tell.message(wire.Trouble(sentence=f"The run had ended: {ended.sentence}", where=ended.where))
        engine.send(wire.Train(run=str(run), resume=True, rate=rate))
        outcome = follow(engine, run, tell, found.epoch)
        engine.send(wire.Shutdown())
    return outcome


def _state_of(run: Path) -> RunState:
    with contextlib.closing(History(run)) as history:
        return history.state


def must_be_trusted(project: Project, trusted: bool) -> None:
    """Raise Refused (code 1) when the project's own Python must not run."""
    if not (trusted or Trust().covers(project)):
        raise Refused(
            "This project brings Python code of its own, which nobody has trusted yet: "
            "read it (`lossmith export FILE|RUN -o train.py`), then repeat the command with --trust.",
            1,
        )


def ready_to_train(what: Opened, trusted: bool) -> DataFacts:
    """Return the facts of the data. Raises Refused (code 1) when the project must not or cannot train."""
    must_be_trusted(what.project, trusted)
    found, facts = found_problems(what, keras=False)
    blocking = tuple(one for one in found if one.severity == "blocking")
    if blocking:
        say_problems(blocking)
        raise Refused(f"Not trained: {_counted(len(blocking))} to solve first.", 1)
    return facts.data or inspect(what.project.data, what.folder, what.project.seed)


def make_run(what: Opened, facts: DataFacts, root: Path) -> Path:
    """Write the run folder. Raises Refused when no script can be made or the folder cannot be written."""
    try:
        return create_run(
            root,
            what.project,
            what.folder,
            lambda out: script(what.project, folder=what.folder, out=out, facts=facts),
        )
    except CannotGenerate as error:
        raise Refused(str(error), 1) from error
    except OSError as error:
        raise Refused(unwritable(root, error, "choose another with --runs")) from error


def follow(engine: EngineClient, run: Path, tell: Listener, told: int = 0) -> wire.Outcome:
    """Tell what happens until the run ends, after the first `told` epochs.

    Ctrl+C stops the run, a second one ends the engine by force.
    """
    history = History(run)
    before = history.state
    try:
        with _interrupts() as interrupts:
            while True:
                message = _heard(engine)
                _obey(interrupts, engine, run)
                for epoch in history.epochs()[told:] if _may_bring_epochs(message) else ():
                    tell.epoch(epoch)
                    told += 1
                if isinstance(message, wire.Gone):
                    refuse_if_it_goes_on(engine, run, message)
                    message = _outcome_of(history, run, message, before)
                if isinstance(message, wire.Outcome):
                    tell.ended(run, message)
                    return message
                if message is not None:
                    tell.message(message)
    finally:
        history.close()


def _may_bring_epochs(message: object) -> bool:
    return isinstance(message, wire.More | wire.Outcome | wire.Gone)


def _heard(engine: EngineClient) -> wire.Message | wire.Gone | None:
    """What the engine says; of one that is too busy to say it, that it is, and after a stop that it was ended."""
    message = engine.receive(TICK)
    if message is not None:
        return message
    return engine.end_by_force() if engine.stuck else engine.silence()


def refuse_if_it_goes_on(engine: EngineClient, run: Path, gone: wire.Gone) -> None:
    """Raise Refused where only the connection has ended, as of a client that was suspended for long."""
    if engine.endpoint.live and alive.held(run):
        raise Refused(f"{gone.sentence} {run.name} trains on: lossmith resume {_named(run)} follows it.", 1)


def _named(run: Path) -> str:
    """What a command calls the run."""
    return run.name if run.parent == runs_root() else str(run)


def _outcome_of(history: History, run: Path, gone: wire.Gone, before: RunState) -> wire.Outcome:
    """How the run ended when its engine is gone: as its record says since then, else as the engine ended."""
    state = history.state
    if state == before or state.ended is None:
        return gone.as_outcome(run)
    told = {key: getattr(state, key) for key in ("status", "sentence", "where", "line", "details")}
    return wire.Outcome(run=str(run), **told)


@contextlib.contextmanager
def _interrupts() -> Iterator[list[float]]:
    """Collect Ctrl+C and a polite kill instead of dying of them, so that the run is stopped in order."""
    caught: list[float] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: caught.append(time.monotonic())) for number in numbers}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _obey(interrupts: list[float], engine: EngineClient, run: Path) -> None:
    if len(interrupts) >= 2:
        engine.kill(run, "Ended by force from the command line.")
    elif interrupts and interrupts[0]:
        interrupts[0] = 0.0  # said once: a second stop gives up what the run still waits for
        engine.send(wire.Stop())


def _counted(number: int) -> str:
    return "1 problem" if number == 1 else f"{number} problems"


class JsonLines:
    """One event a line: `run`, `phase`, `progress`, `silence`, `trouble`, `epoch`, and last `outcome` with the run
    folder.
    """

    KINDS = ("phase", "progress", "silence", "trouble")

    def started(self, run: Path) -> None:
        self._print("run", {"run": str(run)})

    def message(self, message: wire.Message) -> None:
        if message.kind in self.KINDS:
            self._print(message.kind, message.model_dump(exclude={"kind", "run"}))

    def epoch(self, epoch: Epoch) -> None:
        self._print("epoch", vars(epoch))

    def ended(self, run: Path, outcome: wire.Outcome) -> None:
        body = {**outcome.model_dump(exclude={"kind", "run"}), "run": str(run)}
        self._print("outcome", body | ({"remedies": help_for(run, outcome.bad)} if outcome.bad else {}))

    def _print(self, event: str, body: dict[str, Any]) -> None:
        print_json({"event": event, **body}, indent=None)


class Bar:
    """A progress bar on stderr; on stdout one line at the end, which names the run folder."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[state]}"),
            console=says,
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=None, state="")
        self._total = ""

    def started(self, run: Path) -> None:
        self._progress.start()

    def message(self, message: wire.Message) -> None:
        if isinstance(message, wire.Phase):
            self._progress.update(self._task, description=message.phase)
            if message.phase == "training":  # in which way the steps are made, and why
                self._progress.console.print(message.sentence, markup=False)
        elif isinstance(message, wire.Progress):
            self._show(message)
        elif isinstance(message, wire.Silence):
            self._progress.update(self._task, state=message.sentence)
        elif isinstance(message, wire.Trouble):
            self._progress.console.print(message.sentence, markup=False)

    def epoch(self, epoch: Epoch) -> None:
        checked = epoch.validation.get("total")
        self._total = f" · total {epoch.train.get('total', float('nan')):.4g}"
        self._total += f", validation {checked:.4g}" if checked is not None else ""

    def ended(self, run: Path, outcome: wire.Outcome) -> None:
        self._progress.stop()
        place = f" ({outcome.where})" if outcome.where else ""
        says.print(f"{outcome.sentence}{self._total}{place}", markup=False)
        files = {"failed": ERRORS, "killed": CRASH}
        if outcome.details and outcome.status in files:
            says.print(f"Details are in {run / files[outcome.status]} and in the run's record.", markup=False)
        if outcome.status == "killed":
            says.print(f"It can go on: lossmith resume {_named(run)}", markup=False)
        for line in help_for(run, outcome.bad) if outcome.bad else ():
            says.print(f"  - {line}", markup=False)
        print(run, flush=True)

    def _show(self, at: wire.Progress) -> None:
        left = f" · {at.seconds_left:.0f} s left" if at.seconds_left is not None else ""
        self._progress.update(
            self._task,
            total=at.epochs * at.steps,
            completed=(at.epoch - 1) * at.steps + at.step,
            state=f"epoch {at.epoch} of {at.epochs} · {at.speed:,.0f} steps/s{left}{self._total}",
        )
