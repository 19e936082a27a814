"""The real engine trains a real script: what it records, how it obeys, how it ends. One process for most."""

import csv
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.project.facts import DataFacts, FieldFacts
from core.project.schema import Data, Head, Input, Layer, Model, NumberField, Project, PythonLoss, Term
from core.runs import wire
from core.runs.client import EngineClient, connect
from core.runs.folder import create_run
from core.runs.history import History
from core.runs.launch import attach, live_runs, start_engine

pytestmark = [pytest.mark.keras, pytest.mark.timeout(120)]

SCRIPT = (Path(__file__).parent / "scripts" / "two_heads.py").read_text()
LOSS = "    return ops.exp(-s) * ops.square(y - p) + s"
PLAIN_FIRST = """

_train = train


def train(callbacks=()):
    _train()
    (HERE / "history.csv").rename(HERE / "plain.csv")
    return _train(callbacks)
"""


class Desk:
    """An engine with a client, and a folder for its runs."""

    def __init__(self, root: Path):
        self.root = root
        self.endpoint = None
        self.engine()

    def engine(self) -> EngineClient:
        """The client of a live engine; started anew where a test has ended the last one."""
        if self.endpoint is None or not self.endpoint.live:
            self.endpoint = start_engine(self.root / "engines")
            self.client = connect(self.endpoint)
            self.await_(wire.Ready)
        return self.client

    def begin(self, text: str, lines: dict | None = None) -> Path:
        self.engine()
        made = SimpleNamespace(text=text, lines=lines or {})
        run = create_run(self.root, Project(name="two heads"), self.root, made)
        self.client.send(wire.Train(run=str(run)))
        return run

    def await_(self, kind: type, timeout: float = 60):
        """The next message of a kind."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            message = self.client.receive(end - time.monotonic())
            if isinstance(message, kind):
                return message
            assert not isinstance(message, wire.Gone | wire.Outcome), message
        raise AssertionError(f"no {kind.__name__} came")

    def finish(self, text: str, lines: dict | None = None):
        """Train a script to its end: the outcome and the record."""
        run = self.begin(text, lines)
        outcome = self.await_(wire.Outcome)
        return outcome, History(run)

    def training(self, text: str) -> Path:
        """A run that has made its first steps."""
        run = self.begin(text)
        self.await_(wire.Progress)
        return run


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    made = Desk(tmp_path_factory.mktemp("runs"))
    yield made
    made.client.send(wire.Shutdown())
    while not isinstance(made.client.receive(30), wire.Gone):
        pass
    made.client.close()


@pytest.fixture(scope="module")
def done(desk):
    """A finished run that the script had made before, alone, in the same process."""
    outcome, history = desk.finish(SCRIPT + PLAIN_FIRST)
    assert outcome.status == "done", outcome
    yield history
    history.close()


def long(epochs: int = 100_000) -> str:
    return SCRIPT.replace("EPOCHS = 3", f"EPOCHS = {epochs}")


def read_csv(path: Path) -> list[dict]:
    rows = csv.DictReader(path.read_text().splitlines())
    return [{key: float(value) for key, value in row.items()} for row in rows]


# ---- what is recorded


def test_a_watched_run_has_the_numbers_of_the_script_alone(done):
    watched, plain = read_csv(done.path / "history.csv"), read_csv(done.path / "plain.csv")
    assert len(watched) == len(plain) == 3
    for ours, theirs in zip(watched, plain, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6)


def test_every_step_is_recorded(done):
    assert done.steps().shape == (75, 6)
    assert done.series[:4] == ("total", "regularization", "term:mse", "term:nll")
    assert np.isfinite(done.steps()).all()


def test_the_balance_closes_at_every_step(done):
    parts = np.stack(
        [
            done.column("term:mse") * done.column("weight:mse"),
            done.column("term:nll") * done.column("weight:nll"),
            done.column("regularization"),
        ]
    )
    assert (done.column("regularization") > 0).all()
    residual = np.abs(parts.sum(0) - done.column("total")) / np.abs(parts).sum(0)
    assert residual.max() < 1e-6


def test_steps_are_the_values_of_batches_not_running_means(done):
    # 800 rows in batches of 32: all batches are whole, so the epoch's mean is the mean of its steps.
    epochs = done.column("term:nll").reshape(3, 25).mean(1)
    assert [epoch.train["term:nll"] for epoch in done.epochs()] == pytest.approx(list(epochs), rel=1e-5)


def test_epochs_are_those_of_the_script(done):
    rows = read_csv(done.path / "history.csv")
    for epoch, row in zip(done.epochs(), rows, strict=True):
        assert epoch.train["total"] == row["loss"]
        assert epoch.validation["term:mse"] == row["val_mse"]
        assert epoch.validation["metric:prediction_mae"] == row["val_prediction_mae"]
    assert [epoch.step for epoch in done.epochs()] == [25, 50, 75]


def test_a_second_run_in_the_same_engine_has_the_same_numbers(desk, done):
    _, again = desk.finish(SCRIPT)
    np.testing.assert_array_equal(again.steps(), done.steps())
    again.close()


def test_a_finished_run_says_so_and_has_its_model(done):
    assert (done.state.status, done.state.epochs, done.state.steps) == ("done", 3, 25)
    assert (done.path / "model.keras").is_file()
    assert not (done.path / "endpoint.json").exists()


def test_what_a_script_prints_goes_to_its_folder(desk):
    text = SCRIPT.replace("def load_data():\n", "def load_data():\n    print('Loading.')\n")
    _, history = desk.finish(text)
    assert (history.path / "output.txt").read_text() == "Loading.\n"
    history.close()


# ---- how it obeys


def test_a_weight_set_during_the_run_is_in_effect_and_recorded(desk):
    run = desk.training(long())
    desk.client.send(wire.SetWeight(term="mse", weight=0.125))
    wait_for(lambda: column_end(run, "weight:mse") == 0.125)
    stop(desk)
    history = History(run)
    (event,) = [event for event in history.events() if event.kind == "weight"]
    weights = history.column("weight:mse")
    assert (weights[: event.body["step"]] == 0.5).all()
    assert (weights[event.body["step"] :] == 0.125).all()
    history.close()


def test_a_weight_of_no_term_is_refused_in_words(desk):
    desk.training(long())
    desk.client.send(wire.SetWeight(term="mes", weight=1))
    assert "no term called mes" in desk.await_(wire.Trouble).sentence
    stop(desk)


def test_pause_halts_and_resume_goes_on(desk):
    run = desk.training(long())
    desk.client.send(wire.Pause())
    while desk.await_(wire.Phase).phase != "paused":
        pass
    history = History(run)
    before = history.step_count
    time.sleep(0.5)
    assert (history.step_count, history.state.status) == (before, "paused")
    desk.client.send(wire.Resume())
    wait_for(lambda: history.step_count > before)
    stop(desk)
    history.close()


def test_stop_is_no_error(desk):
    run = desk.training(long())
    outcome = stop(desk)
    assert outcome.status == "stopped"
    assert History(run).state.status == "stopped"
    assert (run / "model.keras").is_file()


def test_stop_before_the_first_step_works_too(desk):
    desk.begin(SCRIPT.replace("def load_data():\n", "def load_data():\n    while True: pass\n"))
    desk.await_(wire.Phase)
    assert stop(desk).status == "stopped"


def test_a_save_leaves_a_checkpoint_and_goes_on(desk):
    run = desk.training(long())
    desk.client.send(wire.Save())
    wait_for((run / "checkpoint.keras").is_file)
    assert stop(desk).status == "stopped"


def test_the_learning_rate_can_be_set(desk):
    run = desk.training(long())
    desk.client.send(wire.SetRate(rate=0.5))
    wait_for(lambda: any(event.kind == "rate" for event in events(run)))
    stop(desk)


def test_a_second_run_is_refused_while_one_is_on(desk):
    desk.training(long())
    desk.client.send(wire.Train(run="/nowhere"))
    assert "busy" in desk.await_(wire.Trouble).sentence
    stop(desk)


def test_a_client_may_vanish_and_another_attach(desk):
    run = desk.training(long())
    desk.client.close()
    history = History(run)
    before = history.step_count
    wait_for(lambda: history.step_count > before)
    assert live_runs(desk.root) == [run]
    desk.client = connect(attach(run))
    assert desk.await_(wire.Welcome).run == str(run)
    stop(desk)
    history.close()


def test_a_wrong_token_is_shown_the_door(desk):
    stranger = connect(replace(desk.endpoint, token="wrong", process=None))
    assert isinstance(stranger.receive(5), wire.Gone)
    stranger.close()


# ---- what it is asked between runs


def test_facts_are_found_and_carry_the_number_of_their_question(desk):
    ask(desk, 41, "keras.ops.abs(a - b)")
    found = desk.await_(wire.FactsFound)
    assert found.request == 41
    assert found.facts.shapes["head:p"] == (2,)
    assert found.facts.term_shapes["t"] == (2,)


def test_only_the_latest_question_is_answered(desk):
    for number in range(50, 60):
        ask(desk, number, "a - b")
    answers = [desk.await_(wire.FactsFound).request]
    while answers[-1] != 59:
        answers.append(desk.await_(wire.FactsFound).request)
    assert len(answers) < 4


def ask(desk: Desk, number: int, result: str) -> None:
    """Ask about a project of one layer and one term, whose function returns `result` of a and b."""
    project = Project(
        data=Data(fields={"x": NumberField(columns=("x",))}),
        model=Model(
            inputs={"x": Input(field="x")},
            layers={"d": Layer(class_name="Dense", sources=("x",), config={"units": 2})},
            heads={"p": Head(layer="d")},
        ),
        functions=f"def f(a, b):\n    return {result}",
        terms={"t": Term(loss=PythonLoss(function="f"), bind={"a": "head:p", "b": "target:x"})},
    )
    facts = DataFacts(fields={"x": FieldFacts(shape=(1,), dtype="float32")})
    desk.engine().send(wire.AskFacts(request=number, project=project, data=facts, trusted=True))


# ---- how it fails


def test_a_loss_that_raises_is_named_with_its_line(desk):
    text = SCRIPT.replace(LOSS, "    raise ValueError('not like this')")
    line = text[: text.index("not like this")].count("\n") + 1
    outcome, history = desk.finish(text, {"term:nll": ((line - 1, line),), "functions": ((1, 500),)})
    assert (outcome.status, outcome.line, outcome.where) == ("failed", line, "term:nll")
    assert outcome.sentence == f"not like this (line {line} of train.py, in nll)."
    assert "Traceback" in outcome.details
    assert history.state.sentence == outcome.sentence
    history.close()


def test_what_keras_refuses_is_said_plainly(desk):
    outcome, history = desk.finish(SCRIPT.replace("keras.Input((3,)", "keras.Input((4,)"))
    assert outcome.status == "failed"
    assert "\n" not in outcome.sentence
    assert "Arguments received" not in outcome.sentence
    assert "(None, 3)" in outcome.sentence or "3" in outcome.sentence
    history.close()


def test_an_error_inside_the_compiled_graph_names_its_line(desk):
    check = "    import tensorflow as tf\n\n    tf.debugging.assert_less(s, -1e9, 'too large')\n    return s"
    outcome, history = desk.finish(SCRIPT.replace(LOSS, check))
    assert outcome.status == "failed"
    assert "too large" in outcome.sentence
    assert "in nll" in outcome.sentence
    history.close()


def test_a_script_that_leaves_is_no_success(desk):
    outcome, history = desk.finish(SCRIPT.replace(LOSS, "    raise SystemExit(0)"))
    assert outcome.status == "failed"
    assert "sys.exit(0)" in outcome.sentence
    history.close()


def test_a_missing_file_is_named(desk):
    text = SCRIPT.replace("def load_data():\n", "def load_data():\n    open('/nowhere/data.csv')\n")
    outcome, history = desk.finish(text)
    assert "/nowhere/data.csv" in outcome.sentence
    history.close()


def test_nan_is_recorded_and_said_with_term_and_step(desk):
    text = SCRIPT.replace(LOSS, LOSS.replace("ops.exp(-s)", "ops.log(-1e-9 * ops.abs(s) - 1e-9)"))
    outcome, history = desk.finish(text)
    assert (outcome.status, outcome.bad.step, outcome.bad.terms) == ("failed", 1, ("nll",))
    warnings = [event.body for event in history.events() if event.kind == "warning"]
    assert {"term:nll", "total"} <= {warning["where"] for warning in warnings}
    sentences = [warning["sentence"] for warning in warnings]
    assert "The term nll became not a number (NaN) at step 1 (epoch 1)." in sentences
    history.close()


def test_a_loss_that_never_returns_is_interrupted_by_stop(desk):
    desk.begin(SCRIPT.replace(LOSS, "    while True: pass"))
    while desk.await_(wire.Phase).phase != "building":
        pass
    time.sleep(1)
    assert stop(desk).status == "stopped"


def test_the_engine_is_as_good_as_new_after_failures(desk, done):
    _, again = desk.finish(SCRIPT)
    np.testing.assert_array_equal(again.steps(), done.steps())
    again.close()


# ---- how it dies


@pytest.mark.fault
def test_native_code_that_never_returns_is_ended_by_force(desk):
    loop = "tf.while_loop(lambda v: True, lambda v: (v + 1.0,), (s,))[0]"
    body = f"    import tensorflow as tf\n\n    tf.print('looping')\n    return {loop}"
    run = desk.begin(SCRIPT.replace(LOSS, body))
    wait_for(lambda: "looping" in printed(run), 30)
    began = time.monotonic()
    assert "force" in stop(desk).sentence
    assert time.monotonic() - began < 12  # eight are meant; the machine of a test may be busy
    assert History(run).state.status == "stopped"
    wait_for(lambda: not desk.endpoint.live)
    desk.client.close()


@pytest.mark.fault
def test_a_killed_engine_is_noticed_and_named(desk):
    run = desk.training(long())
    began = time.monotonic()
    os.kill(desk.endpoint.pid, signal.SIGKILL)
    while not isinstance(message := desk.client.receive(5), wire.Gone):
        assert message is not None
    assert time.monotonic() - began < 5
    assert message.signal == "SIGKILL"
    history = History(run)
    assert history.state.status == "killed"
    assert history.step_count > 0
    history.close()
    desk.client.close()
    desk.engine()


@pytest.mark.fault
def test_an_engine_whose_owner_is_gone_ends_by_itself(tmp_path):
    endpoint = start_engine(tmp_path, idle=0.5)
    wait_for(lambda: not endpoint.live, 30)
    assert endpoint.process.wait(5) == 0
    assert list(tmp_path.iterdir()) == []


def stop(desk: Desk) -> wire.Outcome:
    desk.client.send(wire.Stop())
    return desk.await_(wire.Outcome)


def printed(run: Path) -> str:
    return "".join((run / name).read_text() for name in ("errors.txt", "output.txt") if (run / name).exists())


def events(run: Path) -> list:
    history = History(run)
    try:
        return history.events()
    finally:
        history.close()


def column_end(run: Path, name: str) -> float:
    history = History(run)
    try:
        return float(history.column(name)[-1])
    finally:
        history.close()


def wait_for(condition, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
