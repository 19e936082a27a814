"""Numbers, graphs and messages stay whole where there is little room."""

import pytest

from gui.plots.ticks import fixed
from gui.widgets.banner import Strip
from tests.gui.canvas_bench import Bench

MOST_DIGITS = 7


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0698, "0.0698"), (7.98312, "7.983"), (651.197, "651.20"), (1234.56, "1,234.6"), (56_789.1, "56,789")],
)
def test_a_number_shows_as_many_digits_as_its_column_holds(value, shown):
    assert fixed(value) == shown


def test_no_number_needs_more_room_than_its_column_has():
    values = [sign * 10 ** (tenth / 10) for tenth in range(-60, 90) for sign in (1, -1)]
    assert max(len(fixed(value).lstrip("-")) for value in values) <= MOST_DIGITS


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "—"), (float("nan"), "NaN"), (float("inf"), "∞"), (0.0, "0.000")]
)
def test_what_is_no_number_is_said(value, shown):
    assert fixed(value) == shown


def test_a_graph_that_was_seen_whole_stays_whole_in_a_smaller_view(qtbot):
    bench = Bench(qtbot)
    bench.view.hold()
    bench.panel.resize(1000, 300)
    seen = bench.view.mapToScene(bench.view.viewport().rect()).boundingRect()
    assert seen.contains(bench.scene.content())


def test_a_view_that_somebody_zoomed_into_is_left_alone(qtbot):
    bench = Bench(qtbot)
    bench.view.zoom_by(3)
    zoom = bench.view.zoom
    bench.panel.resize(1000, 300)
    assert bench.view.zoom == zoom


def test_in_a_narrow_place_the_button_stands_under_the_sentence(qtbot):
    strip = Strip(narrow=True)
    qtbot.addWidget(strip)
    strip.say(
        "The head rent is not trained: no term uses it.", "warning", ("Say that no loss is meant", print)
    )
    strip.resize(260, 140)
    qtbot.wait(20)
    assert strip.action.geometry().top() >= strip.sentence.geometry().bottom()
    assert strip.action.geometry().right() <= strip.width()
