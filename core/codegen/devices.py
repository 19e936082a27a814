"""Several devices in a script: each computes a share of the rows of a batch, by `tf.distribute.MirroredStrategy`.

The history is that of one device. Heads and targets of all devices are put together before terms are computed, so that
every term is that of the whole batch, whatever its formula and however uneven the shares; a gradient finds its way back
to the device that computed the head. Keras adds up the gradients of all devices, so each returns its part of the total.
"""

from collections.abc import Iterator

from core.codegen.code import Code
from core.codegen.quoting import literal
from core.codegen.wiring import Wiring
from core.project.schema import CatalogueLoss, Training

TENSORFLOW = "import tensorflow as tf"
STRATEGY = '''def device_strategy():
    """Return what shares the rows of each batch among all GPUs; where there is one device, it does all."""
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return tf.distribute.get_strategy()
    # Sums are made on the first device, always in the same order, and for batches of any size.
    return tf.distribute.MirroredStrategy(cross_device_ops=tf.distribute.ReductionToOneDevice())'''
ALL_ROWS = '''def all_rows(batch):
    """Return a batch with the rows of all devices."""
    device = tf.distribute.get_replica_context()
    if device.num_replicas_in_sync == 1:
        return batch
    return {name: device.all_gather(rows, axis=0) for name, rows in batch.items()}'''
ALL_ROWS_WITH_MASKS = '''def all_rows(batch):
    """Return a batch with the rows of all devices, and with their masks."""
    device = tf.distribute.get_replica_context()
    if device.num_replicas_in_sync == 1:
        return batch
    whole = {name: device.all_gather(rows, axis=0) for name, rows in batch.items()}
    for name, rows in batch.items():
        if getattr(rows, "_keras_mask", None) is not None:
            whole[name]._keras_mask = device.all_gather(rows._keras_mask, axis=0)
    return whole'''
MEAN_OF_UNMASKED = '''def mean_of_unmasked(values, y_pred):
    """Return the mean of `values`, which are 0 where `y_pred` is masked, over the others."""
    mask = getattr(y_pred, "_keras_mask", None)
    if mask is None:
        return ops.mean(values)
    return ops.sum(values) / ops.maximum(ops.sum(ops.cast(mask, values.dtype)), 1.0)'''
MEAN_OVER_ROWS = '''def mean_over_rows(value, rows):
    """Return the mean of a value of each device over the rows of all; a device may have none."""
    device = tf.distribute.get_replica_context()
    rows = ops.cast(rows, "float32")
    share = rows / device.all_reduce(tf.distribute.ReduceOp.SUM, rows)
    return device.all_reduce(tf.distribute.ReduceOp.SUM, tf.math.multiply_no_nan(value, share))'''
LOSS_SCALER = "SharedLossScale"
LOSS_SCALE = '''@keras.saving.register_keras_serializable()
class SharedLossScale(keras.optimizers.LossScaleOptimizer):
    """Skips a step where the gradients of any device are too large for float16, not only of the first."""

    def check_finite(self, grads):
        finite = ops.cast(super().check_finite(grads), "float32")
        device = tf.distribute.get_replica_context()
        return device.all_reduce(tf.distribute.ReduceOp.MEAN, finite) == 1.0'''
SYMBOLIC_BUILD = '''    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Everything is built already; Keras 3.15 would fail here on texts and on uneven shares."""'''
COMPUTE_LOSS = '''    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return the part of a device in the total, and keep the mean of every term over the epoch."""
        rows = ops.shape(next(iter(y_pred.values())))[0]
#@ regularization
        regularization = sum((ops.sum(loss) for loss in self.losses), ops.zeros(()))
        regularization = mean_over_rows(regularization, rows)
#@
        terms = self.terms(INPUTS, all_rows(y), all_rows(y_pred))
        for name, value in {**terms, "regularization": regularization}.items():
            self.term_means[name].update_state(value, sample_weight=rows)
#@ total
        total = sum((self.term_weights[name] * terms[name] for name in terms), regularization)
        return total / tf.distribute.get_strategy().num_replicas_in_sync
#@'''
SCOPE = ["with device_strategy().scope():", "    model = build_model(rows)", "    compile_model(model)"]


def are_shared(training: Training) -> bool:
    return training.devices == "all"


def aids(wiring: Wiring) -> Iterator[Code]:
    """Return the small functions that a script for several devices needs, none for one device."""
    if not are_shared(wiring.project.training):
        return
    masks = _has_masks(wiring)
    yield Code(STRATEGY, (TENSORFLOW,))
    yield Code(ALL_ROWS_WITH_MASKS if masks else ALL_ROWS, (TENSORFLOW,))
    if masks and any(isinstance(term.loss, CatalogueLoss) for term in wiring.terms.values()):
        yield Code(MEAN_OF_UNMASKED, ("from keras import ops",))
    yield Code(MEAN_OVER_ROWS, (TENSORFLOW, "from keras import ops"))
    if wiring.project.training.precision == "mixed_float16":
        yield Code(LOSS_SCALE, (TENSORFLOW, "import keras", "from keras import ops"))


def mean(wiring: Wiring, values: str, prediction: str) -> str:
    """Return the mean of a Keras loss without reduction: with one, Keras would divide it by the devices."""
    return f"mean_of_unmasked({values}, {prediction})" if _has_masks(wiring) else f"ops.mean({values})"


def _has_masks(wiring: Wiring) -> bool:
    """Whether heads may have masks, which say what of them counts."""
    layers = [wiring.layers[name] for name in wiring.order]
    return any(layer.class_name == "Masking" or layer.config.get("mask_zero") for layer in layers)


def compute_loss(wiring: Wiring) -> list[Code]:
    """Return the methods of `TermModel` that differ where several devices share a batch."""
    bound = [value.removeprefix("input:") for value in wiring.bound if value.startswith("input:")]
    looked_at = ", ".join(f"{literal(name)}: x[{literal(name)}]" for name in bound)
    inputs = f"all_rows({{{looked_at}}})" if bound else "x"
    return [Code(SYMBOLIC_BUILD), Code(COMPUTE_LOSS.replace("INPUTS", inputs), (TENSORFLOW,))]
