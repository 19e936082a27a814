"""The generated scripts, run by Keras: what was wired is what is trained, what is shown adds up."""

import importlib.util
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import numpy as np
import pytest

from core.codegen.compile_style import compile_script
from core.codegen.fitting import Changes
from core.codegen.notebook import notebook
from core.codegen.objects import LAYER, LOSS, METRIC, NESTED, OPTIMIZER, Kind, construct
from core.codegen.script import script
from core.project.schema import Project

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]

ROWS = 75
RATING = {"y_true": "target:rating", "y_pred": "head:prediction"}
MSE = {"loss": {"kind": "catalogue", "name": "MeanSquaredError"}, "bind": RATING}
NLL = {
    "loss": {"kind": "expression", "code": "exp(-s) * square(y - p) + s"},
    "bind": {"y": "target:rating", "p": "head:prediction", "s": "head:uncertainty"},
}
TRUNK = {"class": "Dense", "from": ["features"], "config": {"units": 8, "activation": "relu"}}
NUMBER = itertools.count()

Make = Callable[..., ModuleType]


def document(**changes: Any) -> dict[str, Any]:
    """A small project over table.csv as JSON data; `changes` replace parts: `terms={...}`."""
    whole: dict[str, Any] = {
        "lossmith": 1,
        "data": {
            "source": {"kind": "csv", "path": "table.csv"},
            "fields": {
                "features": {"columns": ["f0", "f1", "f2"], "scaling": "standardize"},
                "rating": {"columns": ["stars"]},
                "kind": {"kind": "category", "columns": ["colour"]},
            },
            "split": {"validation": 0.2},
        },
        "model": {
            "inputs": {"features": {"field": "features"}},
            "layers": {
                "trunk": TRUNK,
                "shift": {"class": "Dense", "from": ["trunk"], "config": {"units": 1}},
                "log_var": {"class": "Dense", "from": ["trunk"], "config": {"units": 1}},
            },
            "heads": {"prediction": {"layer": "shift"}, "uncertainty": {"layer": "log_var"}},
        },
        "terms": {"nll": NLL, "mse": {**MSE, "weight": 0.5}},
        "metrics": {"mae": {"metric": "MeanAbsoluteError", "bind": RATING}},
        "training": {"epochs": 2, "batch_size": 16},
    }
    for part, value in changes.items():
        whole[part] = {**whole[part], **value} if isinstance(value, dict) and part in ("model",) else value
    return whole


def write_table(folder: Path) -> None:
    rng = np.random.default_rng(3)
    lines = ["f0,f1,f2,stars,colour,words,count"]
    for row in range(ROWS):
        f0, f1, f2 = rng.normal(size=3) * (1, 10, 100)
        colour = ("red", "green", "blue")[row % 3]
        lines.append(
            f"{f0},{f1},{f2},{f0 + f1 / 10 + rng.normal() / 5},{colour},{colour} {row % 2},{row % 7}"
        )
    (folder / "table.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Returns a function that writes a project's script and imports it."""
    write_table(tmp_path)

    def made(parts: Mapping[str, Any] | None = None, changes: Changes | None = None) -> ModuleType:
        out = tmp_path / "train.py"
        project = Project.model_validate(parts or document())
        out.write_text(script(project, folder=tmp_path, out=out, changes=changes or Changes()).text)
        return imported(out)

    return made


def residual(module: ModuleType, history: Mapping[str, list[float]], weights: Mapping[str, float]) -> float:
    """The largest relative gap between the total and the weighted terms plus regularization."""
    gaps = []
    for prefix in ("", "val_"):
        for epoch, total in enumerate(history[f"{prefix}loss"]):
            parts = [weights[name] * history[f"{prefix}{name}"][epoch] for name in module.WEIGHTS]
            gaps.append(abs(total - sum(parts) - history[f"{prefix}regularization"][epoch]) / abs(total))
    return max(gaps)


def test_the_total_is_the_weighted_terms_plus_regularization(make: Make) -> None:
    regularizer = {"kernel_regularizer": {"class": "L2", "config": {"l2": 0.1}}}
    layers = document()["model"]["layers"] | {
        "trunk": {**TRUNK, "config": {**TRUNK["config"], **regularizer}}
    }
    module = make(document(model={"layers": layers}))
    _, history = module.train()
    assert set(history.history) == {
        f"{prefix}{name}"
        for prefix in ("", "val_")
        for name in ("loss", "regularization", "nll", "mse", "mae")
    }
    assert min(history.history["regularization"]) > 0.01
    assert residual(module, history.history, module.WEIGHTS) < 1e-6


def test_means_over_an_epoch_are_right_with_a_short_last_batch(make: Make) -> None:
    module = make()
    model, history = module.train()
    _, rows, _, _ = module.load_data()
    assert len(rows["rating"]) == 15
    module.BATCH_SIZE = 4
    shown = model.evaluate(module.Batches(rows), return_dict=True, verbose=0)
    prediction = model({"features": rows["features"]}, training=False)["prediction"].numpy()
    assert shown["mse"] == pytest.approx(np.mean((prediction - rows["rating"]) ** 2), rel=1e-5)
    assert shown["mae"] == pytest.approx(np.mean(abs(prediction - rows["rating"])), rel=1e-5)
    assert shown["loss"] == pytest.approx(history.history["val_loss"][-1], rel=1e-5)


def test_a_fresh_process_repeats_the_history_bit_for_bit(make: Make, tmp_path: Path) -> None:
    layers = document()["model"]["layers"] | {
        "drop": {"class": "Dropout", "from": ["trunk"], "config": {"rate": 0.3}},
        "shift": {"class": "Dense", "from": ["drop"], "config": {"units": 1}},
    }
    _, history = make(document(model={"layers": layers})).train()
    here = (tmp_path / "history.csv").read_text()
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, tmp_path / "train.py"], check=True, env=environment, capture_output=True)
    assert (tmp_path / "history.csv").read_text() == here
    assert str(history.history["val_loss"][-1]) in here


def test_rows_come_in_an_order_that_seed_and_epoch_alone_decide(make: Make) -> None:
    module = make()
    rows = {"features": np.zeros((40, 3)), "rating": np.arange(40.0)[:, None]}
    batches = module.Batches(rows)
    orders = []
    for epoch in (0, 1, 0):
        batches.start(epoch)
        orders.append(
            np.concatenate([batches[index][1]["rating"][:, 0] for index in range(len(batches))]).tolist()
        )
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == list(range(40))


def test_weights_change_during_fit(make: Make) -> None:
    import keras

    class Silence(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.model.term_weights["mse"].assign(0.5 if epoch == 0 else 0.0)

    module = make()
    _, history = module.train(callbacks=[Silence()])
    last = {name: values[-1:] for name, values in history.history.items()}
    first = {name: values[:1] for name, values in history.history.items()}
    assert residual(module, first, {"nll": 1.0, "mse": 0.5}) < 1e-6
    assert residual(module, last, {"nll": 1.0, "mse": 0.0}) < 1e-6


def test_changes_made_during_a_run_are_repeated_by_its_script(make: Make) -> None:
    import keras

    class ByHand(keras.callbacks.Callback):
        step = 0

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if self.step == 3:
                self.model.term_weights["mse"].assign(2.0)
                self.model.optimizer.learning_rate.assign(0.01)
            self.step += 1

    _, wanted = make().train(callbacks=[ByHand()])
    changes = Changes(weights={3: {"mse": 2.0}}, rates={3: 0.01})
    _, history = make(changes=changes).train()
    assert history.history == wanted.history


def test_saved_models_come_back_the_same(make: Make, tmp_path: Path) -> None:
    import keras

    heads = {"prediction": {"layer": "shift", "unscale": "rating"}}
    parts = document(model={"heads": heads}, terms={"mse": MSE})
    parts["data"]["fields"]["rating"]["scaling"] = "minmax"
    module = make(parts)
    model, _ = module.train()
    _, rows, _, scaling = module.load_data()
    again = keras.saving.load_model(tmp_path / "model.keras", custom_objects={"TermModel": module.TermModel})
    x = {"features": rows["features"]}
    wanted = model(x, training=False)["prediction"].numpy()
    assert again(x, training=False)["prediction"].numpy() == pytest.approx(wanted, rel=1e-6)
    assert again.evaluate(module.Batches(rows), verbose=0) == model.evaluate(module.Batches(rows), verbose=0)
    plain = keras.saving.load_model(tmp_path / "predict.keras")
    offset, scale = scaling["features"]
    raw = {"features": rows["features"] * scale + offset}
    low, span = scaling["rating"]
    assert plain.predict(raw, verbose=0)["prediction"] == pytest.approx(wanted * span + low, rel=1e-4)
    assert set(plain.output) == {"prediction"}


def test_early_stopping_watches_the_total_and_gives_back_the_best(make: Make) -> None:
    parts = document()
    parts["training"] = {
        "optimizer": {"class": "SGD", "config": {"learning_rate": 0.0}},
        "epochs": 30,
        "early_stopping": {"patience": 2},
    }
    _, history = make(parts).train()
    assert len(history.history["val_loss"]) == 3


# ---- the other ways out


def imported(out: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"train_{next(NUMBER)}", out)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_compile_style_trains_on_the_same_total(make: Make, tmp_path: Path) -> None:
    other = {"y_true": "target:rating", "y_pred": "head:uncertainty"}
    mae = {"loss": {"kind": "catalogue", "name": "MeanAbsoluteError"}, "bind": other, "weight": 0.3}
    regularizer = {"kernel_regularizer": {"class": "L2", "config": {"l2": 0.1}}}
    layers = document()["model"]["layers"] | {
        "trunk": {**TRUNK, "config": {**TRUNK["config"], **regularizer}}
    }
    parts = document(model={"layers": layers}, terms={"mse": MSE, "other": mae})
    module = make(parts)
    _, wanted = module.train()
    out = tmp_path / "plain.py"
    out.write_text(compile_script(Project.model_validate(parts), folder=tmp_path, out=out).text)
    _, history = imported(out).train()
    for key in ("loss", "val_loss"):
        assert history.history[key] == pytest.approx(wanted.history[key], rel=1e-6)
    assert history.history["prediction_mae"] == pytest.approx(wanted.history["mae"], rel=1e-6)


def test_a_notebook_trains_as_the_script_does(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, wanted = make().train()
    text = notebook(Project.model_validate(document()), folder=tmp_path, out=tmp_path / "train.ipynb")
    cells = nbformat.reads(text, as_version=4).cells
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec("\n".join(cell.source for cell in cells if cell.cell_type == "code"), names)
    assert names["history"].history == wanted.history


# ---- labels with gaps


def with_gaps(folder: Path, column: int, every: int) -> None:
    lines = [line.split(",") for line in (folder / "table.csv").read_text().splitlines()]
    for number, line in enumerate(lines[1:]):
        line[column] = "" if number % every == 0 else line[column]
    (folder / "table.csv").write_text("\n".join(",".join(line) for line in lines) + "\n")


def one_step(module: ModuleType) -> tuple[Any, Any, Any, dict[str, float]]:
    """Terms and gradients over all training rows at once."""
    import tensorflow as tf

    rows, _, _, _ = module.load_data()
    module.BATCH_SIZE = 1000
    x, y = module.Batches(rows)[0]
    model = module.build_model(rows)
    with tf.GradientTape() as tape:
        y_pred = model(x, training=False)
        terms = model.terms(x, {name: tf.constant(values) for name, values in y.items()}, y_pred)
        total = tf.add_n(list(terms.values()))
    gradients = tape.gradient(total, model.trainable_variables)
    assert all(np.isfinite(gradient).all() for gradient in gradients if gradient is not None)
    return x, y, y_pred, {name: float(value) for name, value in terms.items()}


def test_missing_numbers_are_skipped_without_spoiling_gradients(make: Make, tmp_path: Path) -> None:
    with_gaps(tmp_path, 3, 4)
    parts = document(functions="def own(y, p):\n    return (y - p) ** 2\n")
    parts["data"]["fields"]["rating"]["missing"] = "keep"
    own = {
        "loss": {"kind": "python", "function": "own"},
        "bind": {"y": "target:rating", "p": "head:prediction"},
    }
    parts["terms"] = {"nll": NLL, "mse": MSE, "own": own}
    module = make(parts)
    _, y, y_pred, terms = one_step(module)
    wanted = np.nanmean((y["rating"] - y_pred["prediction"]) ** 2)
    assert np.isnan(y["rating"]).any()
    assert terms["mse"] == pytest.approx(wanted, rel=1e-5)
    assert terms["own"] == pytest.approx(wanted, rel=1e-5)
    _, history = module.train()
    assert np.isfinite(history.history["mae"]).all()
    assert residual(module, history.history, module.WEIGHTS) < 1e-6


@pytest.mark.parametrize(
    ("encoding", "loss"), [("codes", "SparseCategoricalCrossentropy"), ("onehot", "CategoricalCrossentropy")]
)
def test_missing_classes_are_skipped(make: Make, tmp_path: Path, encoding: str, loss: str) -> None:
    with_gaps(tmp_path, 4, 4)
    parts = document(metrics={})
    parts["data"]["fields"]["kind"] |= {"missing": "keep", "encoding": encoding}
    parts["model"]["layers"]["classes"] = {
        "class": "Dense",
        "from": ["trunk"],
        "config": {"units": 3, "activation": "softmax"},
    }
    parts["model"]["heads"] = {"classes": {"layer": "classes"}}
    bind = {"y_true": "target:kind", "y_pred": "head:classes"}
    parts["terms"] = {"xe": {"loss": {"kind": "catalogue", "name": loss}, "bind": bind}}
    module = make(parts)
    _, y, y_pred, terms = one_step(module)
    known = (y["kind"] >= 0).all(axis=1) if encoding == "codes" else (y["kind"] > 0).any(axis=1)
    codes = y["kind"][:, 0] if encoding == "codes" else y["kind"].argmax(axis=1)
    likely = np.asarray(y_pred["classes"])[np.arange(len(codes)), codes]
    assert 0 < known.sum() < len(known)
    assert terms["xe"] == pytest.approx(-np.log(likely[known]).mean(), rel=1e-4)


# ---- models of every shape


def test_layers_are_shared_joined_nested_and_attended(make: Make) -> None:
    parts = document(metrics={})
    parts["data"]["fields"] |= {
        "words": {"kind": "text", "columns": ["words"]},
        "count": {"kind": "category", "columns": ["count"]},
    }
    parts["model"]["inputs"] = {name: {"field": name} for name in ("features", "words", "count")}
    attention = {"num_heads": 2, "key_dim": 4}
    parts["model"]["layers"] = {
        "split": {"class": "TextVectorization", "from": ["words"], "config": {"output_sequence_length": 4}},
        "embedded": {"class": "Embedding", "from": ["split"], "config": {"input_dim": 20, "output_dim": 4}},
        "read": {
            "class": "Bidirectional",
            "from": ["embedded"],
            "config": {"layer": {"class": "LSTM", "config": {"units": 3, "return_sequences": True}}},
        },
        "looked": {"class": "MultiHeadAttention", "from": ["read", "read"], "config": attention},
        "pooled": {"class": "GlobalAveragePooling1D", "from": ["looked"]},
        "counted": {"class": "Embedding", "from": ["count"], "config": {"input_dim": 7, "output_dim": 2}},
        "flat": {"class": "Flatten", "from": ["counted"]},
        "all": {"class": "Concatenate", "from": ["features", "pooled", "flat"]},
        "normal": {"class": "Normalization", "from": ["all"]},
        "trunk": {
            "class": "Dense",
            "from": ["normal"],
            "config": {"units": 6, "kernel_initializer": {"class": "HeNormal", "config": {"seed": 1}}},
        },
        "list": {"class": "Dense", "from": ["trunk"], "config": {"units": 6}},
        "twice": {"from": ["list"], "shares": "list"},
        "shift": {"class": "Dense", "from": ["twice"], "config": {"units": 1}},
        "unused": {"class": "Dense", "from": ["twice"], "config": {"units": 1}},
    }
    parts["model"]["heads"] = {"prediction": {"layer": "shift"}, "trunk": {"layer": "shift"}}
    parts["terms"] = {
        "mse": MSE,
        "small": {
            "loss": {"kind": "expression", "code": "mean(square(h), axis=-1)"},
            "bind": {"h": "layer:list"},
        },
        "trunks": {"loss": {"kind": "expression", "code": "abs(h)"}, "bind": {"h": "layer:trunk"}},
        "by_count": {
            "loss": {"kind": "expression", "code": "c * square(p)"},
            "bind": {"c": "input:count", "p": "head:trunk"},
        },
    }
    schedule = {
        "class": "ExponentialDecay",
        "config": {"initial_learning_rate": 0.01, "decay_steps": 5, "decay_rate": 0.9},
    }
    parts["training"]["optimizer"] = {"class": "AdamW", "config": {"learning_rate": schedule}}
    module = make(parts)
    model, history = module.train()
    assert residual(module, history.history, module.WEIGHTS) < 1e-6
    assert [layer.name for layer in model.layers].count("list") == 1
    assert "unused" not in {layer.name for layer in model.layers}
    assert model.get_layer("split").vocabulary_size() > 5


def test_an_autoencoder_needs_no_target(make: Make) -> None:
    parts = document(metrics={})
    parts["model"]["layers"]["shift"]["config"]["units"] = 3
    parts["model"]["inputs"]["aside"] = {"field": "features"}
    parts["terms"] = {
        "again": {
            "loss": {"kind": "catalogue", "name": "Huber"},
            "bind": {"y_true": "input:aside", "y_pred": "head:prediction"},
        }
    }
    parts["data"]["split"] = {"validation": 0}
    _, history = make(parts).train()
    assert list(history.history) == ["again", "loss", "regularization"]


def test_rows_in_their_own_order_and_parts_from_a_column(make: Make, tmp_path: Path) -> None:
    lines = (tmp_path / "table.csv").read_text().splitlines()
    parts = [("train", "validation", "test")[number % 3] for number in range(ROWS)]
    words = ["part", *parts]
    (tmp_path / "table.csv").write_text(
        "\n".join(f"{a},{b}" for a, b in zip(lines, words, strict=True)) + "\n"
    )
    whole = document()
    whole["data"]["split"] = {"kind": "column", "by": "part"}
    whole["training"]["shuffle"] = False
    module = make(whole)
    _, history = module.train()
    assert residual(module, history.history, module.WEIGHTS) < 1e-6


# ---- what a user's function may return


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("pass", "own returned nothing"),
        ("return y > p", "own returned"),
        ("return ops.ones((3, 1))", r"own returned \(3, 1\)"),
    ],
)
def test_a_function_that_cannot_be_a_loss_says_why(make: Make, body: str, says: str) -> None:
    parts = document(functions=f"def own(y, p):\n    {body}\n", metrics={})
    bind = {"y": "target:rating", "p": "head:prediction"}
    parts["terms"] = {"own": {"loss": {"kind": "python", "function": "own"}, "bind": bind}}
    with pytest.raises(ValueError, match=says):
        one_step(make(parts))


def test_a_function_may_return_one_number(make: Make) -> None:
    parts = document(
        functions="def own(y, p, k=2.0):\n    return k * ops.mean(ops.square(y - p))\n", metrics={}
    )
    bind = {"y": "target:rating", "p": "head:prediction"}
    parts["terms"] = {"own": {"loss": {"kind": "python", "function": "own"}, "bind": bind}, "mse": MSE}
    _, history = make(parts).train()
    assert history.history["own"] == pytest.approx([2 * value for value in history.history["mse"]], rel=1e-5)


def test_the_history_file_holds_the_history(make: Make, tmp_path: Path) -> None:
    _, history = make().train()
    header, *lines = (tmp_path / "history.csv").read_text().splitlines()
    table = {
        name: [json.loads(value) for value in column]
        for name, *column in zip(header.split(","), *(line.split(",") for line in lines), strict=True)
    }
    assert table.pop("epoch") == [0, 1]
    assert table == history.history


# ---- the catalogue as code


@pytest.mark.parametrize(
    "kind", [LAYER, LOSS, METRIC, OPTIMIZER, *NESTED.values()], ids=lambda kind: kind.word
)
def test_every_class_of_the_catalogue_is_made_by_its_text(kind: Kind) -> None:
    import keras

    extra = ['reduction="none"'] if kind is LOSS else []
    for name, entry in kind.table().items():
        text = construct(kind, name, entry.example, "layer:x", extra)
        made = eval(text, {"keras": keras, "layers": keras.layers})
        assert type(made) is eval(f"{kind.prefix}.{name}", {"keras": keras, "layers": keras.layers})
