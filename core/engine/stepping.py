"""The place where steps are driven: everything a run does between two steps happens here.

Keras's `fit` stays the driver and calls the model's `train_function` once a step; that function is wrapped,
so that callbacks without batch hooks stay cheap. A compiled loop over blocks of steps belongs exactly here:
it replaces the wrapped `train_function` by one that makes many steps, and says how many to `after`.
"""

from collections.abc import Callable
from typing import Any


class Stepping:
    """Calls `after(steps)` after every call of a model's train function, `after(0)` after one of its test
    function."""

    def __init__(self, model: Any, after: Callable[[int], None]):
        self._model = model
        self._after = after
        self._originals: dict[str, Any] = {}

    def drive_training(self) -> None:
        """Wrap the train function, which Keras has made when `on_train_begin` is called."""
        self._wrap("train_function", int(self._model.steps_per_execution))

    def drive_validation(self) -> None:
        """Wrap the test function, which Keras makes before the first `on_test_begin`."""
        if "test_function" not in self._originals:
            self._wrap("test_function", 0)

    def remove(self) -> None:
        """Leave the model as it was."""
        for name, original in self._originals.items():
            object.__setattr__(self._model, name, original)
        self._originals.clear()

    def _wrap(self, name: str, steps: int) -> None:
        original = self._originals[name] = getattr(self._model, name)
        after = self._after

        def driven(iterator: Any) -> Any:
            logs = original(iterator)
            after(steps)
            return logs

        object.__setattr__(self._model, name, driven)
