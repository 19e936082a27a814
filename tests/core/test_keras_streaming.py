"""Rows that stream from disk train as they do in memory: exactly repeatable, recorded, resumable."""

import csv
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.codegen import block_code
from core.codegen.compile_style import compile_script
from core.codegen.notebook import notebook
from core.codegen.script import script
from core.data import inspection, streaming
from core.project.schema import Project
from core.runs import wire
from core.runs.client import EngineClient, connect
from core.runs.folder import create_run
from core.runs.history import History
from core.runs.launch import start_engine
from core.runs.resuming import plan

pytestmark = [pytest.mark.keras, pytest.mark.timeout(240)]

ROWS = 700
PLAIN_FIRST = """

_train = train


def train(callbacks=()):
    _train()
    (HERE / "history.csv").rename(HERE / "plain.csv")
    return _train(callbacks)
"""
MSE = {
    "loss": {"kind": "catalogue", "name": "MeanSquaredError"},
    "bind": {"y_true": "target:y", "y_pred": "head:p"},
}


def project(source: str = "rows.csv", split: dict[str, Any] | None = None, **training: Any) -> Project:
    """Numbers with gaps, classes and texts; dropout, a vocabulary and scales that the training rows decide."""
    fields = {
        "x": {"columns": ["a", "b"], "scaling": "standardize", "missing": "fill"},
        "kind": {"kind": "category", "columns": ["kind"], "encoding": "onehot", "missing": "fill"},
        "note": {"kind": "text", "columns": ["note"]},
        "y": {"columns": ["y"], "scaling": "minmax"},
    }
    words = {"class": "TextVectorization", "from": ["note"], "config": {"output_mode": "multi_hot"}}
    return Project.model_validate(
        {
            "lossmith": 1,
            "name": "streams",
            "seed": 11,
            "data": {
                "source": {"kind": source.rpartition(".")[2], "path": source},
                "fields": fields,
                "split": split or {"validation": 0.2, "test": 0.1},
                "loading": "stream",
            },
            "model": {
                "inputs": {name: {"field": name} for name in ("x", "kind", "note")},
                "layers": {
                    "words": words,
                    "all": {"class": "Concatenate", "from": ["x", "kind", "words"]},
                    "wide": {"class": "Dense", "from": ["all"], "config": {"units": 8}},
                    "drop": {"class": "Dropout", "from": ["wide"], "config": {"rate": 0.2}},
                    "out": {"class": "Dense", "from": ["drop"], "config": {"units": 1}},
                },
                "heads": {"p": {"layer": "out", "unscale": "y"}},
            },
            "terms": {"mse": MSE},
            "metrics": {"mae": {"metric": "MeanAbsoluteError", "bind": MSE["bind"]}},
            "training": {"epochs": 3, "batch_size": 32, **training},
        }
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one table as CSV and Parquet: line ends in quotes, texts of any alphabet, gaps."""
    folder = tmp_path_factory.mktemp("streams")
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"a": random.normal(3, 2, ROWS), "b": random.integers(0, 9, ROWS)})
    frame.loc[random.random(ROWS) < 0.1, "a"] = np.nan
    frame["kind"] = random.choice(np.array(["x", "y\nz", 'q"uo,te', None], object), ROWS)
    frame["note"] = random.choice(np.array(["good day", "bad\r\nday", "très bon", None], object), ROWS)
    frame["part"] = random.choice(["train", "validation"], ROWS)
    frame["y"] = 2 * frame["b"] + random.normal(size=ROWS)
    frame.to_csv(folder / "rows.csv", index=False, lineterminator="\r\n")
    frame.to_parquet(folder / "rows.parquet", row_group_size=90)
    frame.dropna().iloc[:1].to_csv(folder / "one.csv", index=False)
    return folder


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Cut the table into many blocks, and shuffle the rows of only a few of them together."""
    monkeypatch.setattr(streaming, "BLOCK", 2000)
    monkeypatch.setattr(block_code, "WINDOW", 4)
    yield
    inspection._survey.cache_clear()
    inspection._streamed_tally.cache_clear()


class Desk:
    """An engine for all tests, and runs in a folder."""

    def __init__(self, root: Path, place: Path):
        self.root, self.place = root, place
        self.client: EngineClient = connect(start_engine(root / "engines"))

    def run(self, made: Project, more: str = "") -> Path:
        def write(out: Path) -> str:
            return script(made, folder=self.place, out=out).text.replace(
                "\nif __name__", f"{more}\n\nif __name__"
            )

        return create_run(self.root / "runs", made, self.place, write)

    def train(self, run: Path, resume: bool = False, until: Callable[[Any], None] | None = None) -> Any:
        """Train `run` and return its outcome; `until` is shown every message."""
        self.client.send(wire.Train(run=str(run), resume=resume))
        while not isinstance(message := self.client.receive(90), wire.Outcome):
            assert message is not None
            assert not isinstance(message, wire.Gone), message
            if until is not None:
                until(message)
        return message


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, place: Path) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("runs"), place)
    yield made
    made.client.send(wire.Shutdown())
    while not isinstance(made.client.receive(30), wire.Gone):
        pass
    made.client.close()


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


CASES = {
    "csv": {},
    "parquet": {"source": "rows.parquet"},
    "in the order of the file": {"shuffle": False},
    "batches larger than blocks": {"batch_size": 200},
    "one row a batch": {"batch_size": 1, "epochs": 1},
    "parts by a column": {"split": {"kind": "column", "by": "part"}},
    "one row": {"source": "one.csv", "split": {"validation": 0.0}},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_history_of_the_run_is_that_of_the_script_bit_for_bit(desk: Desk, case: dict[str, Any]) -> None:
    run = desk.run(project(**case), PLAIN_FIRST)
    outcome = desk.train(run)
    assert outcome.status == "done", outcome
    assert table(run / "history.csv") == table(run / "plain.csv") != []
    history = History(run)
    ways = [event.body["sentence"] for event in history.events() if event.kind == "way"]
    assert len(history.steps()) == history.epochs()[-1].step
    history.close()
    assert ways == ["In compiled blocks of steps. The rows stream from disk, as the project says."]


def test_a_run_that_was_stopped_goes_on_exactly(desk: Desk) -> None:
    made = project(epochs=12, early_stopping={"patience": 9})
    whole, stopped = desk.run(made), desk.run(made)
    desk.train(whole)
    sent: list[int] = []

    def stop(message: Any) -> None:
        if isinstance(message, wire.More) and message.epochs >= 2 and not sent:
            sent.append(message.epochs)
            desk.client.send(wire.Stop())

    if desk.train(stopped, until=stop).status == "stopped":
        assert plan(stopped).epoch >= 2
        assert desk.train(stopped, resume=True).status == "done"
    one, other = History(whole), History(stopped)
    np.testing.assert_array_equal(one.steps(), other.steps())
    assert [each.logs for each in one.epochs()] == [each.logs for each in other.epochs()]
    one.close()
    other.close()


def test_pausing_lets_the_rows_wait(desk: Desk) -> None:
    run = desk.run(project(epochs=6, batch_size=4))
    seen: list[str] = []

    def pause(message: Any) -> None:
        if isinstance(message, wire.More) and message.step and not seen:
            desk.client.send(wire.Pause())
            seen.append("asked")
        elif isinstance(message, wire.Phase) and message.phase == "paused":
            seen.append("paused")
            desk.client.send(wire.Resume())

    assert desk.train(run, until=pause).status == "done"
    assert seen == ["asked", "paused"]


def test_a_file_that_changes_during_the_training_ends_it_with_a_sentence(desk: Desk, place: Path) -> None:
    (place / "other.csv").write_bytes((place / "rows.csv").read_bytes())
    run = desk.run(project("other.csv", epochs=100_000))

    def touch(message: Any) -> None:
        if isinstance(message, wire.More) and message.epochs >= 1:
            os.utime(place / "other.csv", (1, 1))

    outcome = desk.train(run, until=touch)
    assert outcome.status == "failed"
    assert outcome.sentence.startswith(
        f"{place / 'other.csv'} was changed while it was trained on: train again"
    )


# ---- the script itself


def module_of(made: Project, place: Path, folder: Path) -> ModuleType:
    out = folder / "train.py"
    out.write_text(script(made, folder=place, out=out).text, "utf-8")
    spec = importlib.util.spec_from_file_location("streamed_script", out)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["streamed_script"] = module
    spec.loader.exec_module(module)
    return module


def order_of(batches: Any, epoch: int) -> list[float]:
    """What tells rows apart, in the order in which the batches bring them."""
    batches.start(epoch)
    sizes, found = [], []
    for x, _ in batches.dataset:
        found += np.asarray(x["x"])[:, 0].tolist()
        sizes.append(len(x["x"]))
    assert len(sizes) == int(batches.dataset.cardinality())
    assert set(sizes[:-1]) == {32}
    assert sizes[-1] <= 32
    return found


@pytest.mark.parametrize("source", ["rows.csv", "rows.parquet"])
def test_the_order_depends_on_seed_and_epoch_alone(place: Path, tmp_path: Path, source: str) -> None:
    made = project(source)
    module = module_of(made, place, tmp_path)
    rows = module.Table()
    batches = module.Batches(rows, "train")
    first, second = order_of(batches, 0), order_of(batches, 1)
    assert first != second
    assert sorted(first) == sorted(second)
    assert len(first) == rows.counts["train"]
    assert order_of(module.Batches(module.Table(), "train"), 1) == second
    iterator = iter(batches.dataset)
    next(iterator)  # an epoch that is given up while the next is read ahead
    assert order_of(batches, 1) == second
    module.SEED = 12
    assert order_of(batches, 1) != second


def test_rows_are_shuffled_with_those_of_other_blocks(place: Path, tmp_path: Path) -> None:
    """A table sorted by class, in blocks much larger than the pieces that are shuffled together."""
    frame = pd.read_parquet(place / "rows.parquet").ffill().bfill()
    frame.assign(b=np.arange(ROWS) // 100).to_parquet(tmp_path / "sorted.parquet", row_group_size=100)
    made = project("sorted.parquet", {"validation": 0.0})
    module = module_of(made, tmp_path, tmp_path)
    module.ROWS, module.LANES = 2, 4
    rows = module.Table()
    scale, offset = rows.scaling["x"][1][1], rows.scaling["x"][0][1]
    first = next(iter(module.Batches(rows, "train").pieces()))[0]["x"][:, 1] * scale + offset
    assert len(first) == 8
    assert len(set(first.round())) == 4


def test_validation_rows_come_in_the_order_of_the_file(place: Path, tmp_path: Path) -> None:
    module = module_of(project(), place, tmp_path)
    rows = module.Table()
    kept = [
        y for _, batch in module.Batches(rows, "validation").dataset for y in np.asarray(batch["y"]).ravel()
    ]
    pieces = rows.of_part("validation", range(len(rows.blocks)))
    assert kept == [y for piece in pieces for y in piece["y"].ravel()]


def test_every_style_of_export_streams(place: Path, tmp_path: Path) -> None:
    plain = compile_script(project(), folder=place, out=tmp_path / "train.py").text
    cells = notebook(project(), folder=place, out=tmp_path / "train.ipynb")
    for text in (plain, cells):
        assert "class Table" in text
        assert "batches.dataset" in text
    compile(plain, "train.py", "exec")
