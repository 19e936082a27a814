"""When Keras falls over: the window says so where it can be mended, and the curves of before stay."""

from dataclasses import replace

from core.project.edits import put
from core.project.facts import ModelFacts
from gui.trainingstate import TrainingState


def lost(bench):
    return [one for one in bench.checking.problems if one.code == "engine-lost"]


def test_an_engine_that_dies_of_a_question_is_a_warning_until_keras_answers(bench, qtbot):
    qtbot.waitUntil(lambda: bench.checking.facts.data is not None, timeout=10_000)
    bench.training.facts_lost.emit("The engine's process ended by itself with exit code 7.")
    qtbot.waitUntil(lambda: bool(lost(bench)))
    assert lost(bench)[0].where == "total"
    assert lost(bench)[0].severity == "warning"
    assert "exit code 7" in lost(bench)[0].message
    bench.training.facts_arrived.emit(ModelFacts())
    qtbot.waitUntil(lambda: not lost(bench))


def test_functions_are_suspected_where_there_are_any(bench, qtbot):
    bench.document.edit("Type", put(bench.document.project, "functions", "def f(y):\n    return y\n"))
    bench.training.facts_lost.emit("The engine is gone.")
    qtbot.waitUntil(lambda: bool(lost(bench)))
    assert lost(bench)[0].where == "functions"


def test_a_run_that_fails_before_its_first_step_gives_the_old_curves_back(bench, make_run):
    training, before, after = bench.training, make_run(), make_run(epochs=0)
    training.show_run(before)
    training._show_begun(after)
    begun = TrainingState("building", "training", run=after)
    training._take_state(begun)
    assert training.run == after
    training._take_state(replace(begun, phase="failed", sentence="The data is gone."))
    assert training.run == before
    assert training.state.run == after
    assert training.history.step_count


def test_a_run_that_fails_later_keeps_its_own_curves(bench, make_run):
    training, before, after = bench.training, make_run(), make_run()
    training.show_run(before)
    training._show_begun(after)
    begun = TrainingState("training", "training", run=after)
    training._take_state(begun)
    training._take_state(replace(begun, phase="failed", sentence="It ran into a wall."))
    assert training.run == after
