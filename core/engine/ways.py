"""Decides in which way the steps of a run are made, and says so: exact, or in Turbo where the script asks for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.engine import sharing
from core.engine.blocks import NotInBlocks, Rows, Way
from core.engine.loops import Compiled, Exact
from core.engine.reuse import AGAIN
from core.engine.telemetry import Telemetry
from core.engine.turbo import NoTurbo, Turbo

EXACT = "In compiled blocks of steps"
TRAINING, VALIDATION = "train_function", "test_function"


@dataclass(frozen=True)
class Steps:
    """The steps to be made: `step` makes one, `rows` has what it is made on, `name` is what Keras calls it."""

    model: Any
    step: Callable[[Any], Any]
    rows: Rows
    name: str


@dataclass(frozen=True)
class Chosen:
    """A way that is compiled, whether it is Turbo, and the sentence that says which way it is and why."""

    way: Way
    turbo: bool
    sentence: str


def wants_turbo(model: Any) -> bool:
    """Whether the script compiles its model by XLA. Keras itself leaves that where a layer does not bear it."""
    return bool(model.get_compile_config().get("jit_compile"))


def choose(steps: Steps, compiled: Compiled, telemetry: Telemetry, earlier: bool | None = None) -> Chosen:
    """Compile `steps` in the best way; `earlier` is whether the run took Turbo before it was interrupted.

    Raises NotInBlocks where the step does not compile at all.
    """
    exact = Exact(steps.model, steps.step, steps.rows, steps.name, compiled)
    prepare(exact)
    again = f" {AGAIN}" if exact.again else ""
    if not wants_turbo(steps.model):
        return Chosen(exact, False, f"{EXACT}.{again}")
    try:
        turbo, sentence = _turbo(steps, exact, compiled, telemetry, earlier)
    except NoTurbo as reason:
        return Chosen(exact, False, f"{EXACT}, without Turbo: {reason}{again}")
    return Chosen(turbo, True, f"{sentence}{again}")


def prepare(way: Any) -> None:
    """Compile `way`, before anything has been trained. Raises NotInBlocks where that cannot be done."""
    try:
        way.prepare()
    except Exception as error:  # whatever it is, plain steps may still do, or fail in the script's own words
        raise NotInBlocks(f"The step does not compile into a loop: {error}") from error


def _turbo(
    steps: Steps, exact: Exact, compiled: Compiled, telemetry: Telemetry, earlier: bool | None
) -> tuple[Turbo, str]:
    """Return Turbo and the sentence about it. Raises NoTurbo."""
    if earlier is False:
        raise NoTurbo("the run was trained without it so far.")
    _refuse(steps)
    turbo = Turbo(steps.model, steps.step, steps.rows, exact)
    turbo.prepare(steps.name, compiled)
    times = turbo.try_out(telemetry, compare=earlier is None)
    if earlier:
        return turbo, "In Turbo (XLA), as the run was trained so far."
    if times <= 1:
        raise NoTurbo(f"XLA was tried here and is not faster ({times:.1f} times the steps a second).")
    return turbo, f"In Turbo (XLA), tried here: {times:.1f} times the steps a second of exact blocks."


def _refuse(steps: Steps) -> None:
    """Raise NoTurbo for what needs no trial."""
    layers = steps.model._flatten_layers(include_self=False)
    refusing = [str(layer.name) for layer in layers if not layer.supports_jit]
    if refusing:
        raise NoTurbo(f"XLA cannot compile the layer {refusing[0]}.")
    if sharing.share(steps.model) > 1:
        raise NoTurbo("several devices share the batches.")
    if not steps.rows.whole:
        raise NoTurbo("there are no rows to try it on.")
