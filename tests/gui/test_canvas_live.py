"""The canvas while something trains: the total shows its value from the record of the run."""

from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtCore import QObject, Signal

from core.runs.history import History
from core.runs.record import Record
from gui.canvas.live import last_values
from tests.gui.canvas_bench import Bench


class Trains(QObject):
    """A training with a run that is being written; the real one starts an engine."""

    state_changed, run_changed, closing = Signal(object), Signal(object), Signal()

    def __init__(self, history: History):
        super().__init__()
        self.history = history
        self.state = SimpleNamespace(busy=True, phase="training")


@pytest.fixture
def record(tmp_path):
    record = Record(tmp_path)
    record.set(series=["total", "regularization", "term:mse", "weight:mse"])
    yield record
    record.close()


@pytest.fixture
def training(record, tmp_path):
    training = Trains(History(tmp_path))
    yield training
    training.closing.emit()
    training.history.close()


def test_the_newest_step_is_what_counts(record, training):
    record.steps(0, np.array([[3.0, 0.2, 1.0, 1.0], [2.0, 0.1, 0.5, 1.0]]))
    record.commit()
    assert last_values(training.history) == {"total": 2.0, "regularization": 0.1}


def test_before_the_first_step_there_is_nothing_to_show(training):
    assert last_values(training.history) == {}


def test_the_total_follows_the_run(qtbot, record, training):
    bench = Bench(qtbot, training=training)
    record.steps(0, np.array([[2.5, 0.1, 0.5, 1.0]]))
    record.commit()
    training.state_changed.emit(training.state)
    qtbot.waitUntil(lambda: bench.node("total").live == "2.5", timeout=3000)
    training.run_changed.emit(None)
    assert bench.node("total").live == ""
