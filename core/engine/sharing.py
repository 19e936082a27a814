"""What differs in the engine where several devices share the rows of each batch (`tf.distribute.MirroredStrategy`).

Each device makes the step on its share, and TensorFlow traces each in a thread of its own, which waits for the others
wherever devices exchange something. A script's terms and regularization are those of the whole batch on every device,
so one device writes the telemetry.
"""

import threading
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from core.engine.telemetry import SCOPE, Telemetry


def leave_memory() -> None:
    """Take memory of GPUs as it is needed: TensorFlow takes all at once, and leaves none to a second engine."""
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def devices() -> tuple[str, ...]:
    """The devices that a script for all of them uses: `GPU:0`, `GPU:1`, or the processor as `CPU:0`."""
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tuple(device.name.removeprefix("/device:") for device in found)


def share(model: Any) -> int:
    """Return the number of devices that share the batches of `model`."""
    return int(model.distribute_strategy.num_replicas_in_sync)


def telemetry_of(model: Any) -> Telemetry:
    """Return what records the steps of `model`."""
    return SharedTelemetry(model) if share(model) > 1 else Telemetry(model)


def step_of(model: Any, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return `step` as it takes a whole batch: among several devices, each makes it on its share of the rows."""
    strategy = model.distribute_strategy
    count = share(model)

    def among_devices(batch: Any) -> Any:
        return strategy.run(step, args=(_shares(strategy, batch, count),))

    return among_devices if count > 1 else step


def _shares(strategy: Any, batch: Any, count: int) -> Any:
    """Cut a batch as TensorFlow cuts those of `fit`: the last devices may have fewer rows, or none."""
    rows = tf.shape(tf.nest.flatten(batch)[0])[0]
    most = (rows + count - 1) // count

    def of_device(context: Any) -> Any:
        first = context.replica_id_in_sync_group * most
        return tf.nest.map_structure(lambda values: values[first : first + most], batch)

    return strategy.experimental_distribute_values_from_function(of_device)


class SharedTelemetry(Telemetry):
    """Watches a model whose batches are shared, each device for itself; the first one writes.

    Regularization is taken where the script keeps its mean: penalties that a layer adds belong to the device that
    was traced last, and so `model.losses` does not tell them apart.
    """

    def __init__(self, model: Any):
        super().__init__(model)
        self._seen = threading.local()

    def _train_step_of(self, train_step: Any) -> Any:
        def watched(data: Any) -> Any:
            self._seen.training = True
            logs = train_step(data)
            if _on_first_device():
                with tf.name_scope(SCOPE):
                    self._write(self._seen.row)
            return logs

        return watched

    def _terms_of(self, terms: Any) -> Any:
        def watched(*args: Any, **kwargs: Any) -> Any:
            self._seen.terms = terms(*args, **kwargs)
            return self._seen.terms

        return watched

    def _update_of(self, update_state: Any) -> Any:
        def watched(value: Any, *args: Any, **kwargs: Any) -> Any:
            self._seen.regularization = value
            return update_state(value, *args, **kwargs)

        return watched

    def _compute_loss_of(self, compute_loss: Any) -> Any:
        def watched(*args: Any, **kwargs: Any) -> Any:
            part = compute_loss(*args, **kwargs)
            if getattr(self._seen, "training", False):
                with tf.name_scope(SCOPE):
                    total = part * share(self._model)
                    self._seen.row = self._row_with(total, self._seen.regularization, self._seen.terms)
            return part

        return watched


def _on_first_device() -> bool:
    context = tf.distribute.get_replica_context()
    return int(tf.get_static_value(tf.convert_to_tensor(context.replica_id_in_sync_group))) == 0
