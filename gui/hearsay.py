"""What an engine says, made fit for the window: user code runs over there, so nothing it says is taken as it comes.

A message that is read has the agreed shape, but a sentence may be ten megabytes long and a speed no number. Here texts
are cut and numbers brought into the range where they can be shown; honest messages stay as they are.
"""

import math
from collections.abc import Mapping

from core.project.facts import ModelFacts
from core.runs import wire

MOST_LETTERS, MOST_DETAILS, MOST_NAME = 600, 20_000, 200
MOST_COUNT = 10**15
MOST_VERSIONS, MOST_FACTS = 12, 20_000

Said = wire.Message | wire.Gone


def tamed(message: Said) -> Said | None:
    """Return `message` with nothing in it that could harm the window; None where nothing is left of it."""
    match message:
        case wire.Progress():
            return message.model_copy(update=_numbers(message))
        case wire.Ready(versions=versions):
            return message.model_copy(update={"versions": _few(versions)})
        case wire.FactsFound(facts=facts):
            return message if _size(facts) <= MOST_FACTS else None
        case wire.Welcome() | wire.More():
            return message
    return message.model_copy(update=_texts(message))


def _texts(message: Said) -> dict[str, object]:
    """The sentence, the details and the names in `message`, cut where they are too long to be read by anybody."""
    limits = {"sentence": MOST_LETTERS, "details": MOST_DETAILS, "where": MOST_NAME}
    found = {name: _cut(getattr(message, name, None), most) for name, most in limits.items()}
    cut: dict[str, object] = {name: text for name, text in found.items() if text is not None}
    line = getattr(message, "line", None)
    if line is not None and not 0 < line < MOST_COUNT:
        cut["line"] = None
    if isinstance(message, wire.Silence):
        cut["seconds"] = _positive(message.seconds) or 0.0
    return cut


def _cut(text: str | None, most: int) -> str | None:
    """`text` in at most `most` letters: its end matters most in a traceback, its beginning in a sentence."""
    if text is None or len(text) <= most:
        return text
    return f"{text[: most // 2]} … {text[-(most // 2) :]}"


def _numbers(message: wire.Progress) -> dict[str, object]:
    counts = {
        name: min(max(0, getattr(message, name)), MOST_COUNT) for name in ("epoch", "epochs", "step", "steps")
    }
    return {
        **counts,
        "speed": _positive(message.speed) or 0.0,
        "seconds_left": _positive(message.seconds_left),
    }


def _positive(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) and 0 <= value <= MOST_COUNT else None


def _few(versions: Mapping[str, str]) -> dict[str, str]:
    few = list(versions.items())[:MOST_VERSIONS]
    return {name[:MOST_NAME]: text[:MOST_NAME] for name, text in few}


def _size(facts: ModelFacts) -> int:
    """How many parts the facts speak of, over all kinds of facts."""
    parts = [getattr(facts, name) for name in type(facts).model_fields]
    return sum(len(part) for part in parts if isinstance(part, Mapping | list | tuple | str))
