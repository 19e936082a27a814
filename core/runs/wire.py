"""What travels between a client and an engine: length-prefixed JSON frames, each checked against a schema.

Never pickle: user code runs on the other side. A frame is four bytes of length, big endian, and that many
bytes of UTF-8 JSON. The first frame of a client is `Hello` with the engine's token; anything else ends the
connection.
"""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic import Field as Setting

from core.project.badvalues import BadValues
from core.project.facts import DataFacts, ModelFacts
from core.project.schema import Project

LIMIT = 16 * 2**20
"""The most bytes one frame may have."""
HEADER = struct.Struct(">I")

T = TypeVar("T")


class WireError(Exception):
    """The other side does not speak this protocol; `str()` is a sentence."""


class Frame(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


# ---- commands: client -> engine


class Hello(Frame):
    kind: Literal["hello"] = "hello"
    token: str


class Train(Frame):
    """Run the `train.py` of a run folder (absolute path). Refused with `Trouble` while another run is on.

    With `resume` a run that has ended goes on from its checkpoint, at another learning `rate` where one is given.
    """

    kind: Literal["train"] = "train"
    run: str
    resume: bool = False
    rate: Annotated[float | None, Setting(ge=0, allow_inf_nan=False)] = None


class Pause(Frame):
    kind: Literal["pause"] = "pause"


class Resume(Frame):
    kind: Literal["resume"] = "resume"


class Stop(Frame):
    """End the run after the current step and save the model as it is then."""

    kind: Literal["stop"] = "stop"


class Save(Frame):
    """Write `checkpoint.keras` into the run folder after the current step."""

    kind: Literal["save"] = "save"


class SetWeight(Frame):
    kind: Literal["set_weight"] = "set_weight"
    term: str
    weight: Annotated[float, Setting(allow_inf_nan=False)]


class SetRate(Frame):
    kind: Literal["set_rate"] = "set_rate"
    rate: Annotated[float, Setting(ge=0, allow_inf_nan=False)]


class AskFacts(Frame):
    """Ask what Keras makes of a project. Answered by `FactsFound` with the same `request`; only the latest
    request is answered, and during a run it waits until the run is over. User code runs only when
    `trusted`."""

    kind: Literal["ask_facts"] = "ask_facts"
    request: int
    project: Project
    data: DataFacts | None = None
    trusted: bool = False


class Shutdown(Frame):
    """Stop what runs and end the engine."""

    kind: Literal["shutdown"] = "shutdown"


Command = Annotated[
    Hello | Train | Pause | Resume | Stop | Save | SetWeight | SetRate | AskFacts | Shutdown,
    Setting(discriminator="kind"),
]


# ---- messages: engine -> client

PhaseName = Literal["starting", "ready", "building", "tracing", "training", "paused", "stopping", "saving"]
Status = Literal["done", "stopped", "failed", "killed"]


class Welcome(Frame):
    """The answer to a right token. `run` is the folder of the run that is on, if any: this client is now
    attached."""

    kind: Literal["welcome"] = "welcome"
    phase: PhaseName
    run: str | None = None


class Ready(Frame):
    """TensorFlow is imported; a run starts at once."""

    kind: Literal["ready"] = "ready"
    versions: Mapping[str, str]


class Phase(Frame):
    kind: Literal["phase"] = "phase"
    phase: PhaseName
    sentence: str
    run: str | None = None


class Progress(Frame):
    """Where the run is. `epoch` counts from 1, `step` within the epoch, `speed` is steps a second."""

    kind: Literal["progress"] = "progress"
    epoch: int
    epochs: int
    step: int
    steps: int
    speed: float
    seconds_left: float | None = None


class More(Frame):
    """The run folder holds `step` steps and `epochs` finished epochs by now."""

    kind: Literal["more"] = "more"
    step: int
    epochs: int


class FactsFound(Frame):
    kind: Literal["facts"] = "facts"
    request: int
    facts: ModelFacts


class Trouble(Frame):
    """A command could not be obeyed, or a warning about the run; the run goes on."""

    kind: Literal["trouble"] = "trouble"
    sentence: str
    where: str | None = None
    details: str = ""
    bad: BadValues | None = None
    """What went bad, where the warning is about NaN or infinity."""


class Silence(Frame):
    """The run makes no step: sent once a second while that lasts, until the next `Progress` or `Phase`.

    `seconds` is how long by now. `where` is a reference and `line` a line of the run's `train.py` when code of
    the script is what runs.
    """

    kind: Literal["silence"] = "silence"
    seconds: float
    sentence: str
    where: str | None = None
    line: int | None = None


class Outcome(Frame):
    """How a run ended. Success is only `done`. `where` is a reference (`term:nll`) when one part is to blame;
    `line` is a line of the run's `train.py`."""

    kind: Literal["outcome"] = "outcome"
    run: str
    status: Status
    sentence: str
    where: str | None = None
    line: int | None = None
    details: str = ""
    bad: BadValues | None = None
    """What went bad, where the run ended of NaN or infinity."""


class Gone(Frame):
    """Never sent: what `EngineClient.receive` returns once the engine or the connection has ended.

    `signal` is the name of the one that ended it. `where`, `line` and `details` are as in `Outcome`: what ran
    when the engine crashed.
    """

    kind: Literal["gone"] = "gone"
    sentence: str
    signal: str | None = None
    where: str | None = None
    line: int | None = None
    details: str = ""

    def as_outcome(self, run: Path) -> Outcome:
        """How `run` ended, which the engine had been training."""
        told = self.model_dump(include={"sentence", "where", "line", "details"})
        return Outcome(run=str(run), status="killed", **told)


Message = Annotated[
    Welcome | Ready | Phase | Progress | More | FactsFound | Trouble | Silence | Outcome,
    Setting(discriminator="kind"),
]

_COMMANDS: TypeAdapter[Command] = TypeAdapter(Command)
_MESSAGES: TypeAdapter[Message] = TypeAdapter(Message)


def encode(frame: Frame) -> bytes:
    """Return `frame` as bytes for the socket. Raises WireError when it is over LIMIT."""
    body = _json(frame)
    if len(body) > LIMIT:
        raise WireError(
            f"A {type(frame).__name__} of {len(body):,} bytes is too large; the limit is {LIMIT:,}."
        )
    return HEADER.pack(len(body)) + body


def _json(frame: Frame) -> bytes:
    try:
        return frame.model_dump_json(by_alias=True).encode()
    except ValueError:  # what is no Unicode, as the name of a file may be, is shown as its bytes
        shown = _shown(frame.model_dump(by_alias=True))
        return type(frame).model_validate(shown).model_dump_json(by_alias=True).encode()


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_shown(key): _shown(each) for key, each in value.items()}
    return [_shown(each) for each in value] if isinstance(value, list | tuple) else value


def command(body: bytes) -> Command:
    """Read a command. Raises WireError."""
    return _checked(_COMMANDS, body)


def message(body: bytes) -> Message:
    """Read a message. Raises WireError."""
    return _checked(_MESSAGES, body)


def _checked(adapter: "TypeAdapter[T]", body: bytes) -> T:
    try:
        return adapter.validate_json(body)
    except (ValidationError, RecursionError) as error:
        raise WireError(f"A frame of {len(body):,} bytes is not what was agreed: {error}") from error


class Frames:
    """Cuts a stream of bytes into the bodies of frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add `data` and yield every body that is whole now. Raises WireError on an oversized frame."""
        self._bytes += data
        while len(self._bytes) >= HEADER.size:
            (length,) = HEADER.unpack_from(self._bytes)
            if length > LIMIT:
                raise WireError(f"A frame of {length:,} bytes was announced; the limit is {LIMIT:,}.")
            end = HEADER.size + length
            if len(self._bytes) < end:
                return
            body = bytes(self._bytes[HEADER.size : end])
            del self._bytes[:end]
            yield body
