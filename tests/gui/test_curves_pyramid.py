"""What a curve shows of many steps is their true lowest, highest and mean."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gui.plots.clock import Clock
from gui.plots.pyramid import Pyramid, Pyramids
from gui.plots.smoothing import smooth


def _grown(values: np.ndarray, chunk: int) -> Pyramid:
    pyramids = Pyramids(3)  # the one that is looked at lies between two others
    for start in range(0, len(values), chunk):
        part = values[start : start + chunk]
        pyramids.append(np.column_stack([np.zeros(len(part)), part, np.ones(len(part))]))
    return pyramids.column(1)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(0, 3000),
    chunk=st.integers(1, 700),
    ends=st.tuples(st.integers(-5, 3100), st.integers(-5, 3100)),
    most=st.integers(1, 400),
)
def test_every_bucket_tells_the_truth(count: int, chunk: int, ends: tuple[int, int], most: int) -> None:
    values = np.random.default_rng(count).normal(size=count).astype(np.float32)
    first, last = min(ends), max(ends)
    buckets = _grown(values, chunk).buckets(first, last, most)
    assert len(buckets.at) <= most + 4
    for at, low, high, mean in zip(*buckets[:4], strict=True):
        start = int(at) // buckets.width * buckets.width
        inside = values[start : start + buckets.width]
        assert (low, high) == (inside.min(), inside.max())
        assert mean == pytest.approx(inside.mean(), abs=1e-6)


def test_the_highest_peak_survives_a_million_steps() -> None:
    values = np.zeros(1_000_000)
    values[654_321] = 9.0
    buckets = _grown(values, 40_000).buckets(0, 1_000_000, 500)
    assert buckets.high.max() == 9.0
    assert abs(buckets.at[buckets.high.argmax()] - 654_321) <= buckets.width


def test_buckets_stay_in_place_while_panning() -> None:
    pyramid = _grown(np.random.default_rng(0).normal(size=100_000), 1000)
    here, there = pyramid.buckets(20_000, 60_000, 300), pyramid.buckets(20_777, 60_777, 300)
    shared = np.isin(there.at, here.at)
    assert shared.sum() > 200
    assert np.array_equal(there.low[shared], here.low[np.isin(here.at, there.at)])


def test_what_is_not_finite_is_a_gap_and_its_first_step_is_kept() -> None:
    values = np.ones(100)
    values[40:60] = [np.nan, np.inf] * 10
    pyramid = _grown(values, 7)
    assert pyramid.first_bad == 40
    assert np.isnan(pyramid.buckets(0, 99, 1000).mean[40:60]).all()
    assert pyramid.buckets(0, 99, 4).high[0] == 1.0


def test_a_number_too_large_for_the_screen_is_a_gap() -> None:
    assert _grown(np.array([1.0, 1e300]), 2).first_bad == 1


def test_smoothing_starts_at_the_first_value_and_keeps_a_constant() -> None:
    assert smooth(np.full(50, 3.0, np.float32), 0.9) == pytest.approx(3.0)


def test_smoothing_leaves_gaps_where_they_are() -> None:
    values = np.array([1, np.nan, 3, 3], np.float32)
    assert np.isnan(smooth(values, 0.5)).tolist() == [False, True, False, False]


def test_no_smoothing_changes_nothing() -> None:
    values = np.array([1, 5, 2], np.float32)
    assert smooth(values, 0.0) is values


@pytest.mark.parametrize(("unit", "place"), [("step", 150.0), ("epoch", 1.5), ("time", 4.0)])
def test_a_step_has_its_place_on_every_axis(unit: str, place: float) -> None:
    clock = Clock(unit, [(100, 2.0), (200, 6.0)], 100)
    assert float(clock.at(150)) == pytest.approx(place)
    assert float(clock.step(place)) == pytest.approx(150)


def test_the_axis_goes_on_beyond_the_last_epoch() -> None:
    assert float(Clock("epoch", [(100, 2.0), (200, 4.0)], 100).at(250)) == pytest.approx(2.5)


def test_before_the_first_epoch_ends_the_plan_gives_its_length() -> None:
    assert float(Clock("epoch", [], 80).at(40)) == pytest.approx(0.5)
