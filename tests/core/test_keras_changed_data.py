"""The data file is changed while a run trains on it: the run says so, whether its rows are in memory or stream."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.codegen.script import script
from core.project.schema import Project
from core.runs import wire
from core.runs.client import EngineClient
from core.runs.folder import create_run

pytestmark = [pytest.mark.keras, pytest.mark.fault, pytest.mark.timeout(240)]

ROWS = 2000


def project(loading: str) -> Project:
    return Project.model_validate(
        {
            "lossmith": 1,
            "name": "changes",
            "data": {
                "source": {"kind": "csv", "path": "rows.csv"},
                "fields": {"x": {"columns": ["a"]}, "y": {"columns": ["y"]}},
                "loading": loading,
            },
            "model": {
                "inputs": {"x": {"field": "x"}},
                "layers": {"out": {"class": "Dense", "from": ["x"], "config": {"units": 1}}},
                "heads": {"p": {"layer": "out"}},
            },
            "terms": {
                "mse": {
                    "loss": {"kind": "catalogue", "name": "MeanSquaredError"},
                    "bind": {"y_true": "target:y", "y_pred": "head:p"},
                }
            },
            "training": {"epochs": 100_000, "batch_size": 32},
        }
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineClient]:
    made = EngineClient.start(tmp_path_factory.mktemp("engines"))
    yield made
    made.send(wire.Shutdown())
    while not isinstance(made.receive(30), wire.Gone):
        pass
    made.close()


def write(folder: Path, rows: int = ROWS) -> Path:
    x = np.arange(rows) / rows
    np.savetxt(
        folder / "rows.csv", np.column_stack([x, 2 * x]), delimiter=",", header="a,y", comments="", fmt="%.5f"
    )
    return folder / "rows.csv"


def trained(client: EngineClient, folder: Path, loading: str, change: Callable[[], object]) -> wire.Outcome:
    """Train until some epochs are made, make the change, and go on for a while; what streams is to end by itself."""
    made = project(loading)
    run = create_run(folder / "runs", made, folder, lambda out: script(made, folder=folder, out=out))
    client.send(wire.Train(run=str(run)))
    todo: list[tuple[int, Callable[[], object]]] = [(3, change)]
    if loading == "memory":
        todo.append((30, lambda: client.send(wire.Stop())))
    while not isinstance(message := client.receive(60), wire.Outcome):
        assert message is not None
        assert not isinstance(message, wire.Gone)
        if todo and isinstance(message, wire.More) and message.epochs >= todo[0][0]:
            todo.pop(0)[1]()
    return message


def test_rows_in_memory_are_what_they_were_and_the_run_says_that_the_file_is_not(
    client: EngineClient, tmp_path: Path
) -> None:
    file = write(tmp_path)
    outcome = trained(client, tmp_path, "memory", lambda: file.write_text("a,y\n1,2\n"))
    assert outcome.status == "stopped"
    assert f"{file} has changed since the run began: it has 8 bytes instead of" in outcome.sentence
    assert outcome.sentence.endswith("The run has trained on the rows as it read them.")


def test_nothing_is_said_of_data_that_stay(client: EngineClient, tmp_path: Path) -> None:
    write(tmp_path)
    outcome: Any = trained(client, tmp_path, "memory", lambda: None)
    assert "changed" not in outcome.sentence


@pytest.mark.parametrize("change", ["cut", "gone", "torn"])
def test_a_stream_whose_file_changes_ends_in_a_sentence_that_says_so(
    client: EngineClient, tmp_path: Path, change: str
) -> None:
    file = write(tmp_path)
    changes = {
        "cut": lambda: write(tmp_path, ROWS // 3),
        "gone": file.unlink,
        "torn": lambda: file.write_bytes(b"\x00\xff" * 20_000),
    }
    outcome = trained(client, tmp_path, "stream", changes[change])
    assert outcome.status == "failed"
    assert f"{file} has changed since the run began: it " in outcome.sentence
    if change == "gone":
        assert outcome.sentence.startswith(f"The file {file} is not there any more")
    else:
        assert outcome.sentence.startswith(f"{file} was changed while it was trained on")
