"""Where a search for bad values fails or takes too long, the run ends as it would have, and what is finite is kept."""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from core.engine.rereading import Reread
from core.runs import wire
from tests.core.odd_rows import Desk, project, rows_that_validate, sgd, weights_kept

pytestmark = [pytest.mark.keras, pytest.mark.fault, pytest.mark.timeout(240)]

OPENED = "        self.table, self.part, self.epoch = table, part, 0\n"
ONCE = (
    OPENED
    + """        if hasattr(table, "taken"):
            raise ValueError("The table can be read once only")
        table.taken = True
"""
)
ROOT = "sqrt(square(p - y) * w)"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with contextlib.closing(Desk(tmp_path_factory.mktemp("searching"))) as made:
        yield made


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk of its own: what runs there with `hurried` hurries all later ones."""
    with contextlib.closing(Desk(tmp_path_factory.mktemp("impatient"))) as made:
        yield made


def once(text: str) -> str:
    """A script whose rows can be read for the training alone."""
    assert OPENED in text
    return text.replace(OPENED, ONCE)


def hurried(text: str) -> str:
    """A script that leaves its engine no time to search."""
    hurry = "from core.engine import replaying\n\nreplaying.PATIENCE = 0.0\n"
    return text.replace("import keras\n", f"import keras\n\n{hurry}", 1)


# ---- what is kept where the step is not found


def test_the_newest_state_in_memory_is_kept_where_the_steps_cannot_be_made_again(desk: Desk) -> None:
    bad, outcome, run = desk.bad(project(ROOT), lambda text: text.replace("Batches", "Pieces"))
    assert bad.note.startswith("The script reads its batches while it trains")
    assert bad.kept_step is not None
    assert bad.kept_step < bad.step
    assert "last-finite.keras has the model before that" in outcome.sentence
    assert all(np.isfinite(weight).all() for weight in weights_kept(run))


def test_the_newest_state_in_memory_is_kept_where_there_is_no_time_to_search(impatient: Desk) -> None:
    bad, _, run = impatient.bad(project(ROOT), hurried)
    assert (bad.cause, bad.terms) == ("unknown", ("odd", "mse"))
    assert bad.note == (
        "Making the steps since the last state in memory again takes more than 0 s, so it was given up."
    )
    assert bad.kept_step is not None
    assert all(np.isfinite(weight).all() for weight in weights_kept(run))


def test_a_search_that_fails_for_a_reason_of_its_own_is_told_and_ends_no_run_in_another_way(
    desk: Desk,
) -> None:
    bad, outcome, run = desk.bad(project(ROOT, loading="stream"), once)
    assert bad.note == "Where it began could not be found: The table can be read once only."
    assert "The weights were lost with it" in outcome.sentence
    assert all(np.isfinite(weight).all() for weight in weights_kept(run))


def test_nor_does_it_where_the_weights_are_lost_long_after_the_first_bad_value(desk: Desk) -> None:
    late = project("-square(p) - log(w)", optimizer=sgd(0.02), epochs=60, loading="stream")
    run = desk.folder(late, once)
    outcome, heard = desk.train(run)
    (first,) = [message.bad for message in heard if isinstance(message, wire.Trouble)]
    assert not first.ended
    assert outcome.bad is not None, outcome
    assert (outcome.bad.ended, outcome.bad.step, outcome.bad.note) == (True, first.step, first.note)
    assert outcome.bad.kept_step is not None
    assert all(np.isfinite(weight).all() for weight in weights_kept(run))


# ---- what takes long


def test_the_validation_rows_are_looked_through_for_a_while_only(impatient: Desk) -> None:
    seen = impatient.table("seen.csv", int(rows_that_validate()[-1]))
    run = impatient.folder(project("square(p - y) / w", validation=0.2, file=seen), hurried)
    outcome, heard = impatient.train(run)
    (found,) = [message.bad for message in heard if isinstance(message, wire.Trouble)]
    assert (outcome.status, found.validation, found.cause) == ("done", True, "unknown")
    assert found.note == "Looking through the validation rows takes more than 0 s, so it was given up."


class Enough(Exception):
    """Nobody wants to read on."""


def numbers() -> Reread:
    """Ten batches, each a number, that are read from the first on."""
    import tensorflow as tf

    return Reread(SimpleNamespace(dataset=tf.data.Dataset.range(10)))


def test_batches_that_are_read_again_are_known_by_their_numbers() -> None:
    batches = numbers()
    assert [int(batches[index]) for index in (3, 5, 4, 1, 9)] == [3, 5, 4, 1, 9]


def test_reading_up_to_a_batch_can_be_ended_before_each_of_those_that_are_passed_over() -> None:
    batches, asked = numbers(), iter(range(4))

    def go_on() -> None:
        if next(asked, None) is None:
            raise Enough

    batches.go_on = go_on
    with pytest.raises(Enough):
        batches[7]
    batches.go_on = lambda: None
    assert int(batches[7]) == 7
