"""The widgets: they answer to mouse and keyboard alike, and say who they are."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QLabel, QWidget

from gui.widgets.banner import Banner, Toasts
from gui.widgets.card import ElidedLabel
from gui.widgets.emptystate import EmptyState
from gui.widgets.flow import FlowLayout
from gui.widgets.numberfield import NumberField, parsed, stepped, written
from gui.widgets.pill import Pill
from gui.widgets.searchmenu import Choice, SearchMenu, ranked
from gui.widgets.sparkline import Sparkline
from gui.widgets.switch import Switch


def shown(qtbot, widget):
    qtbot.addWidget(widget)
    widget.show()
    return widget


@pytest.fixture
def layers():
    return [
        Choice("Dense", "Dense", "Core"),
        Choice("GlobalAveragePooling1D", "GlobalAveragePooling1D", "Pooling"),
        Choice("Dropout", "Dropout", "Regularization", refusal="Needs an input."),
        Choice("EinsumDense", "EinsumDense", "Core"),
    ]


def test_a_switch_answers_to_the_mouse_and_to_space(qtbot):
    switch = shown(qtbot, Switch("use bias"))
    qtbot.mouseClick(switch, Qt.MouseButton.LeftButton, pos=QPoint(3, 10))
    assert switch.isChecked()
    qtbot.keyClick(switch, Qt.Key.Key_Space)
    assert not switch.isChecked()
    assert switch.accessibleName() == "use bias"


def test_typing_a_number_tells_it_on_return(qtbot):
    field = shown(qtbot, NumberField(0.5))
    field.selectAll()
    qtbot.keyClicks(field, "0.25")
    with qtbot.waitSignal(field.edited) as told:
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert told.args == [0.25]


def test_leaving_a_field_untouched_tells_nothing(qtbot):
    field = shown(qtbot, NumberField(0.1))
    with qtbot.assertNotEmitted(field.edited):
        qtbot.keyClick(field, Qt.Key.Key_Return)


def test_a_wrong_number_is_refused_with_a_sentence_and_escape_brings_the_old_one_back(qtbot):
    field = shown(qtbot, NumberField(8, whole=True, minimum=1))
    said = []
    field.refused.connect(said.append)
    field.selectAll()
    qtbot.keyClicks(field, "0")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert said[-1] == "At least 1."
    assert field.value == 8
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == "8"
    assert said[-1] == ""


@pytest.mark.parametrize(
    ("start", "key", "modifier", "end"),
    [
        (1.0, Qt.Key.Key_Up, Qt.KeyboardModifier.NoModifier, 1.1),
        (0.001, Qt.Key.Key_Up, Qt.KeyboardModifier.NoModifier, 0.0011),
        (0.5, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier, 0.4),
    ],
)
def test_arrow_keys_step_by_a_tenth_of_the_number(qtbot, start, key, modifier, end):
    field = shown(qtbot, NumberField(start))
    qtbot.keyClick(field, key, modifier)
    assert field.value == end


def test_the_wheel_turns_a_number_only_with_focus(qtbot):
    field = shown(qtbot, NumberField(8, whole=True))
    turn = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    field.clearFocus()
    field.wheelEvent(turn)
    assert field.value == 8
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    field.wheelEvent(turn)
    assert field.value == 9


def test_steps_stay_within_the_limits(qtbot):
    field = shown(qtbot, NumberField(0.95, maximum=1.0))
    field.step(10)
    assert field.value == 1.0


def test_a_decimal_comma_is_taken():
    assert parsed("0,5", whole=False, optional=False) == 0.5


def test_an_empty_field_means_none_where_that_is_allowed():
    assert parsed(" ", whole=False, optional=True) is None
    assert parsed("", whole=False, optional=False) == "A number is needed here."


@pytest.mark.parametrize("text", ["nan", "inf", "1e999"])
def test_numbers_that_are_not_finite_are_refused(text):
    assert parsed(text, whole=False, optional=False) == "A finite number is needed here."


def test_big_whole_numbers_are_kept_exactly():
    assert parsed("9007199254740993", whole=True, optional=False) == 9007199254740993


def test_written_numbers_read_back_the_same():
    for number in (0.1, 1e-7, 3.0, 123456789.25, 7):
        assert parsed(written(number), whole=isinstance(number, int), optional=False) == number


def test_stepping_down_from_a_power_of_ten_leaves_no_rounding_noise():
    assert stepped(1.0, -1, whole=False) == 0.9


def test_the_menu_finds_by_start_then_by_part_and_by_capitals(layers):
    assert [choice.key for choice in ranked(layers, "dense")] == ["Dense", "EinsumDense"]
    assert [choice.key for choice in ranked(layers, "gap")] == ["GlobalAveragePooling1D"]


def test_the_menu_is_used_by_keyboard_alone(qtbot, layers):
    menu = shown(qtbot, SearchMenu())
    menu.open_at(QPoint(0, 0), layers)
    qtbot.keyClicks(menu.line, "de")
    qtbot.keyClick(menu.line, Qt.Key.Key_Down)
    with qtbot.waitSignal(menu.chosen) as taken:
        qtbot.keyClick(menu.line, Qt.Key.Key_Return)
    assert taken.args == ["EinsumDense"]
    assert not menu.isVisible()


def test_the_menu_does_not_take_what_is_refused(qtbot, layers):
    menu = shown(qtbot, SearchMenu())
    menu.open_at(QPoint(0, 0), layers)
    qtbot.keyClicks(menu.line, "dropout")
    with qtbot.assertNotEmitted(menu.chosen):
        qtbot.keyClick(menu.line, Qt.Key.Key_Return)


def test_an_empty_menu_says_so(qtbot, layers):
    menu = shown(qtbot, SearchMenu())
    menu.open_at(QPoint(0, 0), layers)
    qtbot.keyClicks(menu.line, "zzz")
    assert menu.shown_labels() == []
    assert any(label.isVisible() for label in menu.findChildren(QLabel))


def test_a_banner_s_action_is_done_and_closes_it(qtbot):
    banner, done = shown(qtbot, Banner()), []
    banner.tell("The loss of nll is not finite.", "bad", ("Show nll", lambda: done.append(True)), "Traceback")
    assert banner.isVisible()
    assert banner.more.isVisible()
    banner.action.click()
    assert done == [True]
    assert not banner.isVisible()


def test_a_banner_copies_its_sentence_with_the_details(qtbot, qapp):
    banner = shown(qtbot, Banner())
    banner.tell("It failed.", "bad", details="line 3")
    banner.copy.click()
    assert qapp.clipboard().text() == "It failed.\n\nline 3"


def test_toasts_stack_without_covering_each_other(qtbot):
    window = shown(qtbot, QWidget())
    window.resize(600, 500)
    toasts = Toasts(window)
    for number in range(3):
        toasts.tell(f"Saved {number}, with a sentence long enough to be wrapped over two lines of text.")
    places = [strip.geometry() for strip in toasts._shown]
    assert not any(a.intersects(b) for a in places for b in places if a is not b)
    toasts._shown[0].dismiss()
    assert len(toasts.sentences) == 2


def test_a_pill_is_wide_enough_for_its_words(qtbot):
    pill = shown(qtbot, Pill("1 warning"))
    narrow = pill.sizeHint().width()
    pill.show_state("engine training at full speed", "busy")
    assert pill.sizeHint().width() > narrow
    assert pill.accessibleName() == "engine training at full speed"


@pytest.mark.parametrize("state", ["quiet", "busy", "good", "warning", "bad"])
def test_a_pill_paints_every_state(qtbot, state):
    pill = shown(qtbot, Pill())
    pill.show_state("words", state)
    assert not pill.grab().isNull()


def test_a_sparkline_takes_any_counts(qtbot):
    line = shown(qtbot, Sparkline([0, 0]))
    line.set_counts([])
    line.set_counts(range(200))
    assert not line.grab().isNull()


def test_an_elided_label_keeps_its_whole_text(qtbot):
    label = shown(qtbot, ElidedLabel("a long title that cannot fit"))
    label.resize(40, 20)
    assert label.text() == "a long title that cannot fit"
    assert label.toolTip() == "a long title that cannot fit"


def test_an_empty_state_offers_the_next_step(qtbot):
    state = shown(qtbot, EmptyState("data", "Fields come from a table of data.", "Open data"))
    with qtbot.waitSignal(state.pressed) as told:
        state.findChild(QWidget, "emptyStateOpenData").click()
    assert told.args == ["Open data"]


def test_cells_flow_into_as_many_columns_as_fit(qtbot):
    place = shown(qtbot, QWidget())
    flow = FlowLayout(100, 10, place)
    for _ in range(4):
        flow.addWidget(QLabel("cell"))
    assert flow.heightForWidth(430) < flow.heightForWidth(220) < flow.heightForWidth(100)
