"""Two heads on one trunk, as the generated scripts are: what the engine's own tests train."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from pathlib import Path

import keras
import numpy as np
from keras import ops

HERE = Path(__file__).parent
SEED = 7
EPOCHS = 3
ROWS = 1000
BATCH_SIZE = 32
WEIGHTS = {"mse": 0.5, "nll": 1.0}


def load_data():
    random = np.random.default_rng(SEED)
    features = random.normal(size=(ROWS, 3)).astype("float32")
    rating = (features @ np.array([[1.0], [-2.0], [0.5]]) + 0.1).astype("float32")
    cut = ROWS * 8 // 10
    train = {"features": features[:cut], "rating": rating[:cut]}
    validation = {"features": features[cut:], "rating": rating[cut:]}
    return train, validation, {}, {}


def build_model(train):
    features = keras.Input((3,), name="features")
    decay = keras.regularizers.L2(1e-4)
    trunk = keras.layers.Dense(64, activation="relu", kernel_regularizer=decay)(features)
    trunk = keras.layers.Dropout(0.1)(trunk)
    trunk = keras.layers.Dense(64, activation="relu", name="trunk")(trunk)
    heads = {
        "prediction": keras.layers.Dense(1, name="shift")(trunk),
        "uncertainty": keras.layers.Dense(1, name="log_var")(trunk),
    }
    return TermModel({"features": features}, heads)


def nll(y, p, s):
    return ops.exp(-s) * ops.square(y - p) + s


class TermModel(keras.Model):
    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.term_weights = {
            term: keras.Variable(w, trainable=False, name=term) for term, w in WEIGHTS.items()
        }
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("regularization", *WEIGHTS)}
        self.mae = keras.metrics.MeanAbsoluteError(name="prediction_mae")

    def terms(self, x, y, y_pred):
        return {
            "mse": ops.mean(ops.square(y["rating"] - y_pred["prediction"])),
            "nll": ops.mean(nll(y["rating"], y_pred["prediction"], y_pred["uncertainty"])),
        }

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        terms = self.terms(x, y, y_pred)
        regularization = sum(self.losses)
        rows = ops.shape(y_pred["prediction"])[0]
        for name, value in terms.items():
            self.trackers[name].update_state(value, sample_weight=rows)
        self.trackers["regularization"].update_state(regularization, sample_weight=rows)
        return sum(self.term_weights[name] * value for name, value in terms.items()) + regularization

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        self.mae.update_state(y["rating"], y_pred["prediction"])
        return self.get_metrics_result()

    @property
    def metrics(self):
        return [self._loss_tracker, *self.trackers.values(), self.mae]


class Batches(keras.utils.PyDataset):
    def __init__(self, rows, shuffle):
        super().__init__()
        self.rows, self.shuffle, self.epoch = rows, shuffle, 0
        self.on_epoch_begin()

    def __len__(self):
        return -(-len(self.rows["rating"]) // BATCH_SIZE)

    def on_epoch_begin(self):
        count = len(self.rows["rating"])
        random = np.random.default_rng((SEED, self.epoch))
        self.order = random.permutation(count) if self.shuffle else np.arange(count)

    def __getitem__(self, index):
        rows = self.order[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
        return {"features": self.rows["features"][rows]}, {"rating": self.rows["rating"][rows]}


class Order(keras.callbacks.Callback):
    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch
        self.batches.on_epoch_begin()


def train(callbacks=()):
    keras.utils.set_random_seed(SEED)
    train, validation, _test, _scaling = load_data()
    model = build_model(train)
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    batches = Batches(train, shuffle=True)
    history = model.fit(
        batches,
        validation_data=Batches(validation, shuffle=False),
        epochs=EPOCHS,
        callbacks=[Order(batches), keras.callbacks.CSVLogger(HERE / "history.csv"), *callbacks],
        verbose=0,
    )
    model.save(HERE / "model.keras")
    return model, history


if __name__ == "__main__":
    train()
