"""Every template, from its file to its numbers: checked, trained in the engine, and again by its script alone.

One engine trains them all and one process runs all the scripts, because TensorFlow takes seconds to import.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.cli.checking import found_problems
from core.cli.opening import Opened, opened
from core.cli.training import follow, make_run
from core.cli.verifying import TOLERANCE, Silent, compare, record_of, written_history
from core.project.templates import Template, templates
from core.runs import wire
from core.runs.client import EngineClient
from core.runs.history import History

EPOCHS = 2
RUN_ALL = """
import runpy, sys
for script in sys.argv[1:]:
    runpy.run_path(script, run_name="__main__")
foreign = sorted(name for name in sys.modules if name.split(".")[0] in ("core", "gui", "PySide6"))
sys.exit(f"a script imported {foreign}" if foreign else 0)
"""

pytestmark = pytest.mark.keras
EACH = pytest.mark.parametrize("one", templates(), ids=lambda one: one.name)


def short(one: Template) -> Opened:
    """The template's project with few epochs."""
    return opened(str(one.path)).with_epochs(EPOCHS)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineClient]:
    with EngineClient.start(tmp_path_factory.mktemp("engines")) as engine:
        yield engine
        engine.send(wire.Shutdown())
        assert any(isinstance(message, wire.Gone) for message in engine.messages(30))


@pytest.fixture(scope="module")
def runs(engine: EngineClient, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The run folder of each template, by its name."""
    root = tmp_path_factory.mktemp("runs")
    made = {}
    for one in templates():
        _, facts = found_problems(short(one), keras=False)
        assert facts.data is not None
        run = made[one.name] = make_run(short(one), facts.data, root)
        engine.send(wire.Train(run=str(run)))
        follow(engine, run, Silent())
    return made


@pytest.fixture(scope="module")
def scripts(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For each template the folder in which its script ran alone."""
    folders = {name: tmp_path_factory.mktemp(name) for name in runs}
    for name, folder in folders.items():
        (folder / "train.py").write_bytes((runs[name] / "train.py").read_bytes())
    driver = tmp_path_factory.mktemp("driver") / "run_all.py"
    driver.write_text(RUN_ALL)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    ended = subprocess.run(
        [sys.executable, "-P", str(driver), *(str(folder / "train.py") for folder in folders.values())],
        cwd=driver.parent,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return folders


@EACH
def test_nothing_in_it_is_blocking(one: Template):
    found, _ = found_problems(short(one), keras=False)
    assert [problem.message for problem in found if problem.severity == "blocking"] == []


@EACH
def test_it_trains_to_its_end(one: Template, runs: dict[str, Path]):
    history = History(runs[one.name])
    state, epochs = history.state, history.epochs()
    ways = [event.body["sentence"] for event in history.events() if event.kind == "way"]
    history.close()
    assert (state.status, len(epochs)) == ("done", EPOCHS), state.sentence
    assert ways == ["In compiled blocks of steps."]


@EACH
def test_its_balance_sheet_closes_at_every_step(one: Template, runs: dict[str, Path]):
    history = History(runs[one.name])
    columns = dict(zip(history.series, history.steps().T, strict=True))
    history.close()
    terms = [name.removeprefix("term:") for name in columns if name.startswith("term:")]
    parts = sum(columns[f"weight:{name}"] * columns[f"term:{name}"] for name in terms)
    total = columns["total"]
    size = np.maximum(np.abs(total), sum(np.abs(columns[f"term:{name}"]) for name in terms))
    assert len(total) > 0
    assert np.max(np.abs(parts + columns["regularization"] - total) / size) <= 1e-6


@EACH
def test_its_script_alone_gives_the_same_history(
    one: Template, runs: dict[str, Path], scripts: dict[str, Path]
):
    recorded, _, _ = record_of(runs[one.name])
    found = compare(recorded, written_history(scripts[one.name]))
    assert found.epochs == EPOCHS
    assert found.difference <= TOLERANCE, found.where


@EACH
def test_its_script_leaves_a_model_for_use(one: Template, scripts: dict[str, Path]):
    assert (scripts[one.name] / "predict.keras").is_file()
