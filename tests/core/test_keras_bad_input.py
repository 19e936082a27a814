"""User functions of every bad kind are tried and trained by one real engine, which says so and lives on."""

import time
from pathlib import Path

import pytest

from core.codegen.script import script
from core.data import inspect
from core.project.facts import Facts
from core.project.problems import problems
from core.project.schema import Project
from core.project.storage import loads
from core.runs import wire
from core.runs.client import EngineClient
from core.runs.folder import create_run

pytestmark = [pytest.mark.keras, pytest.mark.timeout(120)]

PROJECT = """{"lossmith": 1, "name": "bad", "data": {"source": {"kind": "csv", "path": "d.csv"},
  "fields": {"x": {"columns": ["a", "b"]}, "y": {"columns": ["y"]}}},
 "model": {"inputs": {"x": {"field": "x"}}, "heads": {"h": {"layer": "o"}},
  "layers": {"o": {"class": "Dense", "from": ["x"], "config": {"units": 1}}}},
 "terms": {"t": {"loss": {"kind": "python", "function": "f"},
                 "bind": {"y_true": "target:y", "y_pred": "head:h"}}},
 "training": {"epochs": 1, "batch_size": 8}}"""
BAD = {
    "raise ValueError('my own trouble')": "my own trouble (line 2 of the functions, in f).",
    "raise SystemExit('bye')": "The code ended itself by sys.exit('bye') (line 2 of the functions, in f).",
    "raise KeyboardInterrupt": "The code interrupted itself (KeyboardInterrupt) (line 2 of the functions",
    "raise type('Odd', (BaseException,), {})('x')": "Odd: x (line 2 of the functions, in f).",
    "raise ValueError('z' * 20_000_000)": "zzz",
    "return None": "The function f returned nothing (None); it must return a tensor",
    "return 3.0": "The function f returned a float; nothing can be learnt from that",
    "import keras; return keras.ops.zeros((3,))": "returned the shape (3,); its first axis must be the rows.",
    "import keras; return keras.ops.cast(y_pred, 'int32')": "returned int32 values, which have no gradient",
    "return y_true.nothing": "'nothing'",
}


class Desk:
    """An engine, and a folder with the data of the projects."""

    def __init__(self, folder: Path):
        self.folder, self.asked = folder, 0
        rows = "".join(f"{i / 40},{i % 7},{i % 5}\n" for i in range(40))
        (folder / "d.csv").write_text(f"a,b,y\n{rows}")
        self.client = EngineClient.start(folder / "engines")
        self.pid = self.client.endpoint.pid

    def answer(self, kind: type, command: wire.Command):
        self.client.send(command)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            message = self.client.receive(end - time.monotonic())
            assert not isinstance(message, wire.Gone), message
            if isinstance(message, kind):
                return message
        raise AssertionError(f"no {kind.__name__} came")

    def refusals(self, project: Project) -> dict[str, str]:
        self.asked += 1
        data = inspect(project.data, self.folder, project.seed)
        ask = wire.AskFacts(request=self.asked, project=project, data=data, trusted=True)
        model = self.answer(wire.FactsFound, ask).facts
        return {
            one.where: one.message
            for one in problems(project, Facts(data=data, model=model))
            if one.severity == "blocking"
        }

    def train(self, project: Project) -> wire.Outcome:
        run = create_run(
            self.folder / "runs",
            project,
            self.folder,
            lambda out: script(project, folder=self.folder, out=out),
        )
        return self.answer(wire.Outcome, wire.Train(run=str(run)))


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    made = Desk(tmp_path_factory.mktemp("bad"))
    yield made
    made.client.send(wire.Shutdown())
    while not isinstance(made.client.receive(30), wire.Gone):
        pass
    made.client.close()


def project(body: str) -> Project:
    return loads(PROJECT).model_copy(update={"functions": f"def f(y_true, y_pred):\n    {body}\n"})


@pytest.mark.parametrize("body", BAD)
def test_a_bad_function_is_found_before_training_and_the_engine_lives_on(desk, body):
    refused = desk.refusals(project(body))
    assert BAD[body] in refused["term:t"]
    assert len(refused["term:t"]) < 800


def test_functions_that_exit_when_they_are_read_are_said_to(desk):
    made = loads(PROJECT).model_copy(
        update={"functions": "import sys\nsys.exit(3)\ndef f(y_true, y_pred): pass\n"}
    )
    assert "sys.exit(3) (line 2 of the functions" in desk.refusals(made)["functions"]


@pytest.mark.parametrize("body", ["raise KeyboardInterrupt", "raise SystemExit(3)"])
def test_a_function_that_interrupts_its_own_run_has_failed_and_was_not_stopped(desk, body):
    outcome = desk.train(project(body))
    assert outcome.status == "failed"
    assert "The code" in outcome.sentence
    assert outcome.where == "functions"


def test_megabytes_in_an_exception_do_not_choke_the_wire(desk):
    outcome = desk.train(project("raise ValueError('z' * 20_000_000)"))
    assert outcome.status == "failed"
    assert len(outcome.sentence) < 800
    assert len(outcome.details) < 100_000


def test_a_run_that_went_to_nan_is_done_but_says_so_and_what_helps(desk):
    loss = '"kind": "expression", "code": "log(p - p - 1) + y"'
    text = PROJECT.replace('"kind": "python", "function": "f"', loss)
    made = loads(text.replace("y_true", "y").replace("y_pred", "p"))
    outcome = desk.train(made)
    assert outcome.status == "done"
    assert "At step 1 (epoch 1) the term t (head h): log(p - p - 1) is not a number (NaN)" in outcome.sentence
    assert "smaller learning rate" in outcome.sentence


def test_a_loss_without_a_gradient_is_said_in_our_words(desk):
    outcome = desk.train(project("return 3.0"))
    assert outcome.sentence.startswith(
        "Nothing can be learnt, because no term depends on what the model computes"
    )


def test_a_full_disk_is_said_with_a_way_out(desk):
    outcome = desk.train(project("raise OSError(28, 'No space left on device')"))
    assert outcome.sentence.startswith(
        "The disk is full: free some space and train again; everything recorded"
    )
