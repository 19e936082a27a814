"""What a user changes by hand while a run trains: weights of terms, the learning rate.

A change waits until the next step of an epoch: were it made between the last step and the validation, no script
could repeat it. It is recorded with the step it came before, and a run that is resumed makes it there again.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from core.runs import wire
from core.runs.history import Event
from core.runs.record import Record

FAR = 2**31

Change = wire.SetWeight | wire.SetRate


class Changes:
    """The changes of one run. `tell` says to the user why one was not made."""

    def __init__(self, record: Record, tell: Callable[[str], None], again: Iterable[Event] = ()):
        self._record, self._tell = record, tell
        self._waiting: deque[Change] = deque()
        self._made: list[tuple[int, Change]] = []
        self._again = deque(sorted(again, key=lambda event: (event.body["step"], event.seq)))

    def ask(self, change: Change) -> None:
        """Leave a change for the next step."""
        self._waiting.append(change)

    def due(self, step: int) -> bool:
        """Whether there is anything to do before `step` (0 is the first)."""
        return bool(self._waiting or (self._again and self._again[0].body["step"] <= step))

    def room(self, step: int) -> int:
        """How many steps may be made from `step` on before one of the known changes must be made."""
        return self._again[0].body["step"] - step if self._again else FAR

    def next_again(self, step: int) -> int:
        """The next step after `step` that a change was made before."""
        return min((made for made, _ in self._made if made > step), default=FAR)

    def make_again(self, model: Any, step: int) -> None:
        """Make the changes that were made before `step` once more, because that step is made again."""
        for made, change in self._made:
            if made == step:
                _put(model, change)

    def make(self, model: Any, step: int) -> None:
        """Make what waits, and what was made before `step` when it was trained the first time."""
        while self._again and self._again[0].body["step"] <= step:
            event = self._again.popleft()
            self._put(model, step, _change_of(event))
        while self._waiting:
            change = self._waiting.popleft()
            if isinstance(change, wire.SetWeight):
                self._set_weight(model, change, step)
            else:
                self._set_rate(model, change, step)

    def _set_weight(self, model: Any, change: wire.SetWeight, step: int) -> None:
        if change.term not in model.term_weights:
            self._tell(f"The run has no term called {change.term}, so its weight was not set.")
            return
        self._put(model, step, change)
        self._record.event("weight", term=change.term, weight=change.weight, step=step)

    def _set_rate(self, model: Any, change: wire.SetRate, step: int) -> None:
        try:
            self._put(model, step, change)
        except TypeError:
            self._tell("The learning rate follows a schedule, so it cannot be set by hand during the run.")
            return
        self._record.event("rate", rate=change.rate, step=step)

    def _put(self, model: Any, step: int, change: Change) -> None:
        _put(model, change)
        self._made.append((step, change))


def _change_of(event: Event) -> Change:
    if event.kind == "weight":
        return wire.SetWeight(term=event.body["term"], weight=event.body["weight"])
    return wire.SetRate(rate=event.body["rate"])


def _put(model: Any, change: Change) -> None:
    """Raises TypeError where the learning rate follows a schedule."""
    if isinstance(change, wire.SetWeight):
        model.term_weights[change.term].assign(change.weight)
    else:
        model.optimizer.learning_rate = change.rate
