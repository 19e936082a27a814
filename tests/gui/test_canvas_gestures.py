"""Composing on the canvas with the mouse and the keyboard."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit

from core.project.schema import ExpressionLoss
from tests.gui.canvas_bench import Bench

K, CONTROL = Qt.Key, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def bench(qtbot):
    return Bench(qtbot)


def test_a_click_selects_a_node_for_everybody(bench):
    bench.click(bench.middle("layer:trunk"))
    assert bench.selection.current == "layer:trunk"


def test_a_selection_made_elsewhere_is_shown(bench):
    bench.selection.select("term:nll")
    assert bench.scene.chosen() == ["term:nll"]


def test_control_and_click_select_several(bench):
    bench.click(bench.middle("layer:shift"))
    bench.click(bench.middle("layer:sign"), CONTROL)
    assert set(bench.selection.all) == {"layer:shift", "layer:sign"}


def test_a_rubber_band_selects_what_it_touches(bench):
    corner = bench.scene.content().topLeft() - QPointF(10, 10)
    bench.drag(bench.at(corner), bench.at(bench.scene.content().bottomRight() + QPointF(10, 10)))
    assert set(bench.scene.chosen()) == set(bench.scene.nodes)


def test_a_click_on_the_ground_selects_nothing(bench):
    bench.click(bench.middle("layer:trunk"))
    bench.click(QPoint(4, 4))
    assert bench.selection.all == ()


def test_dragging_a_port_to_a_node_wires_them(bench):
    bench.drag(bench.out("input:features"), bench.middle("layer:sign"))
    assert bench.project.model.layers["sign"].sources == ("features",)
    assert bench.document.undo.undoText() == "Wire features to sign"


def test_a_wire_can_be_drawn_backwards(bench):
    bench.drag(bench.entry("layer:sign"), bench.middle("input:features"))
    assert bench.project.model.layers["sign"].sources == ("features",)


def test_a_wire_that_cannot_work_says_why_while_it_is_drawn(bench):
    bench.drag(bench.out("layer:shift"), bench.middle("layer:trunk"), let_go=False)
    assert "cycle" in bench.view.drag.hint.text()
    assert bench.view.drag.hint.isVisible()
    before = bench.project
    QTest.mouseRelease(bench.view.viewport(), Qt.MouseButton.LeftButton, pos=bench.middle("layer:trunk"))
    assert bench.project is before
    assert not bench.view.drag.hint.isVisible()


def test_escape_gives_up_a_wire(bench):
    bench.drag(bench.out("input:features"), bench.middle("layer:sign"), let_go=False)
    bench.key(K.Key_Escape)
    QTest.mouseRelease(bench.view.viewport(), Qt.MouseButton.LeftButton, pos=bench.middle("layer:sign"))
    assert bench.project.model.layers["sign"].sources == ("trunk",)


def test_letting_a_wire_go_on_empty_ground_adds_what_is_chosen_there(bench):
    bench.drag(bench.out("layer:trunk"), QPoint(300, 480))
    bench.choose("dropout")
    new = bench.selection.current
    assert bench.project.model.layers[new.removeprefix("layer:")].class_name == "Dropout"
    assert bench.project.model.layers[new.removeprefix("layer:")].sources == ("trunk",)
    assert abs(bench.entry(new).x() - 300) <= 3


def test_what_is_added_is_one_step_of_undo(bench):
    before = bench.project
    bench.drag(bench.out("layer:trunk"), QPoint(300, 480))
    bench.choose("dropout")
    bench.document.undo.undo()
    assert bench.project == before


def test_a_term_grows_from_a_head_and_takes_its_target_from_a_wire(bench):
    bench.drag(bench.out("head:polarity"), QPoint(760, 500))
    bench.choose("mae")
    assert bench.project.terms["mae"].bind == {"y_pred": "head:polarity"}
    bench.drag(bench.out("target:positive"), bench.middle("term:mae"))
    assert bench.project.terms["mae"].bind["y_true"] == "target:positive"


def test_a_wire_to_a_term_asks_which_argument_where_several_fit(bench):
    changed = bench.project.terms["nll"].model_copy(
        update={"loss": ExpressionLoss(code="a * square(y - p)"), "bind": {"y": "target:rating"}}
    )
    terms = {**bench.project.terms, "nll": changed}
    bench.document.edit("other", bench.project.model_copy(update={"terms": terms}))
    bench.drag(bench.out("head:uncertainty"), bench.middle("term:nll"))
    bench.choose("a")
    assert bench.project.terms["nll"].bind["a"] == "head:uncertainty"


def test_a_new_head_comes_from_the_menu(bench):
    bench.drag(bench.out("layer:trunk"), QPoint(300, 480))
    bench.choose("new head")
    assert bench.selection.current == "head:trunk"
    assert bench.project.model.heads["trunk"].layer == "trunk"


def test_delete_removes_the_selected_node_and_its_wires(bench):
    bench.click(bench.middle("layer:sign"))
    bench.key(K.Key_Delete)
    assert "sign" not in bench.project.model.layers
    assert bench.project.model.heads["polarity"].layer == ""
    assert "layer:sign" not in bench.scene.nodes


def test_delete_on_a_wire_cuts_it(bench):
    wire = bench.scene.wires["layer:trunk", "layer:sign", ""]
    bench.click(bench.at(wire.path().pointAtPercent(0.6)))
    bench.key(K.Key_Delete)
    assert bench.project.model.layers["sign"].sources == ()


def test_delete_on_a_target_keeps_its_field(bench):
    bench.click(bench.middle("target:positive"))
    bench.key(K.Key_Delete)
    assert "positive" in bench.project.data.fields
    assert "y_true" not in bench.project.terms["bce"].bind


def test_moving_two_nodes_is_one_step_of_undo(bench):
    bench.click(bench.middle("layer:shift"))
    bench.click(bench.middle("layer:log_var"), CONTROL)
    before = {name: bench.node(name).pos() for name in ("layer:shift", "layer:log_var")}
    bench.drag(bench.middle("layer:shift"), bench.middle("layer:shift") + QPoint(40, -20))
    moved = bench.project.canvas.positions
    assert all(moved[name][0] > before[name].x() for name in before)
    bench.document.undo.undo()
    assert {name: bench.node(name).pos() for name in before} == before


def test_a_click_that_trembles_moves_nothing(bench):
    place = bench.middle("layer:shift")
    bench.drag(place, place + QPoint(1, 1))
    assert bench.document.undo.count() == 0


def test_arrange_lays_all_nodes_out_again(bench):
    bench.drag(bench.middle("layer:shift"), bench.middle("layer:shift") + QPoint(60, -60))
    bench.panel.arrange()
    assert bench.project.canvas.positions == {}


def test_arrows_walk_along_the_wires(bench):
    bench.click(bench.middle("input:features"))
    walked = []
    for _ in range(3):
        bench.key(K.Key_Right)
        walked.append(bench.selection.current.partition(":")[0])
    assert walked == ["layer", "layer", "head"]
    bench.key(K.Key_Left)
    assert bench.selection.current.startswith("layer:")


def test_down_goes_to_the_next_node_of_the_column(bench):
    bench.click(bench.middle("layer:shift"))
    below = ("layer:log_var", "layer:sign")
    above = bench.node("layer:shift").y() > bench.node("layer:log_var").y()
    bench.key(K.Key_Up if above else K.Key_Down)
    assert bench.selection.current in below


@pytest.mark.parametrize("key", [K.Key_Return, K.Key_Tab])
def test_enter_and_tab_add_after_the_selection(bench, key):
    bench.click(bench.middle("layer:trunk"))
    bench.key(key)
    bench.choose("batchnorm")
    assert bench.project.model.layers["batch_normalization"].sources == ("trunk",)
    assert bench.view.hasFocus()


def test_f2_renames_in_place(bench):
    bench.click(bench.middle("layer:trunk"))
    bench.key(K.Key_F2)
    line = bench.view.findChild(QLineEdit, "canvasName")
    QTest.keyClicks(line, "body")
    QTest.keyClick(line, K.Key_Return)
    assert "body" in bench.project.model.layers
    assert bench.project.model.layers["shift"].sources == ("body",)
    assert bench.selection.current == "layer:body"


def test_a_taken_name_is_refused_and_the_line_stays(bench):
    bench.click(bench.middle("layer:trunk"))
    bench.key(K.Key_F2)
    line = bench.view.findChild(QLineEdit, "canvasName")
    QTest.keyClicks(line, "shift")
    QTest.keyClick(line, K.Key_Return)
    assert "trunk" in bench.project.model.layers
    assert line.isVisible()


def test_control_d_duplicates_with_the_wires_among_the_copies(bench):
    bench.click(bench.middle("layer:trunk"))
    bench.click(bench.middle("layer:shift"), CONTROL)
    bench.key(K.Key_D, CONTROL)
    layers = bench.project.model.layers
    assert layers["trunk_2"].sources == ("features",)
    assert layers["shift_2"].sources == ("trunk_2",)


def test_a_space_drag_pans(bench):
    before = bench.middle("layer:trunk")
    QTest.keyPress(bench.view, K.Key_Space)
    bench.drag(QPoint(300, 480), QPoint(340, 460))
    QTest.keyRelease(bench.view, K.Key_Space)
    assert bench.middle("layer:trunk") == before + QPoint(40, -20)
    assert bench.selection.all == ()


def test_the_middle_button_pans(bench):
    before = bench.middle("layer:trunk")
    bench.drag(QPoint(300, 480), QPoint(320, 490), Qt.MouseButton.MiddleButton)
    assert bench.middle("layer:trunk") == before + QPoint(20, 10)


def test_a_tap_on_space_is_passed_on(bench, qtbot):
    with qtbot.waitSignal(bench.panel.space_tapped, timeout=1000):
        bench.key(K.Key_Space)


def test_control_plus_zooms_and_control_0_fits_again(bench):
    fitted = bench.view.zoom
    bench.key(K.Key_Plus, CONTROL)
    assert bench.view.zoom > fitted
    bench.key(K.Key_0, CONTROL)
    assert bench.view.zoom == pytest.approx(fitted)


def test_a_double_click_on_the_ground_offers_what_to_add(bench):
    QTest.mouseDClick(bench.view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(20, 480))
    bench.choose("flatten")
    assert bench.project.model.layers["flatten"].sources == ()
