"""Spares `fit` the opening of batches that nobody takes: compiled blocks gather their rows themselves.

Keras opens an iterator over the script's batches twice an epoch, before it calls its train function. That takes
TensorFlow several milliseconds each time, as long as fifty small steps. Here it is opened when the first batch is asked
for, which is never where steps are made in blocks.
"""

from collections.abc import Container, Iterator
from functools import cached_property
from typing import Any

import keras
from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter


class Unopened:
    """An iterator over a dataset that is opened when it is needed."""

    def __init__(self, dataset: Any):
        self._dataset = dataset

    def __iter__(self) -> "Unopened":
        return self

    def __next__(self) -> Any:
        return next(self.opened)

    @cached_property
    def opened(self) -> Any:
        """The iterator of TensorFlow."""
        return iter(self._dataset)


class LateDataset:
    """A dataset whose iterators are opened late."""

    def __init__(self, dataset: Any):
        self._dataset = dataset

    def __iter__(self) -> Iterator[Any]:
        return Unopened(self._dataset)


class LateBatches(PyDatasetAdapter):  # type: ignore[misc]
    """What Keras makes of a script's `Batches`, but for the time at which they are opened."""

    def get_tf_dataset(self) -> LateDataset:
        return LateDataset(super().get_tf_dataset())


def late(model: Any, arguments: dict[str, Any], made: Container[Any]) -> None:
    """Let the batches among the `arguments` of `model.fit` be opened late, if they are in `made`.

    Several devices are handed the batches by TensorFlow itself, and are left alone; so is what Keras is to do with
    rows beyond taking them.
    """
    if (
        model._distribute_strategy is not None
        or arguments.get("shuffle", True)
        or arguments.get("class_weight")
    ):
        return
    for name in ("x", "validation_data"):
        batches = arguments.get(name)
        if isinstance(batches, keras.utils.PyDataset) and batches in made:
            arguments[name] = LateBatches(batches)


def opened(iterator: Any) -> Any:
    """The iterator that Keras's own functions take."""
    return iterator.opened if isinstance(iterator, Unopened) else iterator
