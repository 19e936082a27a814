"""The canvas while something trains: the total shows its value from the record of the run."""

import numpy as np
import pytest
from PySide6.QtCore import QObject, Signal

from core.runs.record import Record
from tests.gui.canvas_bench import Bench


class Trains(QObject):
    """A training that shows a run; the real one starts an engine."""

    run_changed, closing = Signal(object), Signal()

    def __init__(self):
        super().__init__()
        self.run = None
        self.last_total = None

    def show(self, run):
        self.run = run
        self.run_changed.emit(run)


@pytest.fixture
def record(tmp_path):
    record = Record(tmp_path)
    record.set(series=["total", "regularization", "term:mse", "weight:mse"], status="running")
    yield record
    record.close()


@pytest.fixture
def training():
    training = Trains()
    yield training
    training.closing.emit()


def test_the_total_follows_the_run_that_is_shown(qtbot, record, training, tmp_path):
    bench = Bench(qtbot, training=training)
    record.steps(0, np.array([[2.5, 0.25, 2.25, 1.0]]))
    record.commit()
    training.show(tmp_path)
    qtbot.waitUntil(lambda: bench.node("total").live == "2.500", timeout=3000)
    assert bench.node("regularization").live == "0.250"
    training.show(None)
    assert bench.node("total").live == ""
