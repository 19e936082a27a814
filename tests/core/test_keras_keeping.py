"""The epoch that is said to be kept is one that a run can go on from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.engine import keeping
from core.engine.keeping import Keeper
from core.runs import checkpoint
from core.runs.checkpoint import Place

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def model() -> Any:
    import keras

    made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    made.compile("sgd", "mse")
    made.optimizer.build(made.trainable_variables)
    return made


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every state is too large to be copied."""
    monkeypatch.setattr(keeping, "LARGE", 0)


def keeper(run: Path, written: bool, told: Callable[[str], None] = print) -> Keeper:
    """One whose record can be `written`, or cannot."""
    return Keeper(run, lambda: written, told)


def end_epoch(kept: Keeper, model: Any, epoch: int, last: bool = False) -> None:
    kept.epoch_ended(model, (), Place(epoch, 10 * epoch, 0.0, 0.0, {}), last)


def test_a_copy_that_waits_to_be_written_counts(model: Any, tmp_path: Path) -> None:
    kept = keeper(tmp_path, written=False)
    end_epoch(kept, model, 3)
    assert kept.epoch == 3


@pytest.mark.usefixtures("large")
def test_a_large_state_counts_when_it_is_written(model: Any, tmp_path: Path) -> None:
    kept = keeper(tmp_path, written=True)
    end_epoch(kept, model, 3)
    found = checkpoint.read(tmp_path)
    assert found is not None
    assert kept.epoch == found.place.epoch == 3


@pytest.mark.usefixtures("large")
def test_a_large_state_does_not_count_where_its_record_cannot_be_written(model: Any, tmp_path: Path) -> None:
    kept = keeper(tmp_path, written=False)
    end_epoch(kept, model, 3, last=True)
    assert kept.epoch == 0


@pytest.mark.usefixtures("large")
def test_a_large_state_does_not_count_while_it_is_too_early_to_write_another(
    model: Any, tmp_path: Path
) -> None:
    kept = keeper(tmp_path, written=True)
    end_epoch(kept, model, 3)
    kept._copies = keeping.Allowance(1.0)  # time for a copy, and not for a write
    end_epoch(kept, model, 4)
    assert kept.epoch == 3


@pytest.mark.usefixtures("large")
def test_a_large_state_does_not_count_where_there_is_no_folder_to_write_it_to(
    model: Any, tmp_path: Path
) -> None:
    said: list[str] = []
    kept = keeper(tmp_path / "gone", True, said.append)
    end_epoch(kept, model, 3, last=True)
    assert kept.epoch == 0
    assert "resumed from an earlier epoch" in said[0]
