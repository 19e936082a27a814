"""The inspector: every setting of the selected part can be changed, is checked, undone, and can go back."""

import json

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget

from core import catalogue
from core.project.facts import Facts
from core.project.problems import Problem
from core.project.schema import Layer, Project
from gui.panels.editors import editor_for
from gui.panels.inspecting.model import reclassed
from gui.panels.inspecting.objects import with_value
from gui.panels.inspector import InspectorPanel, sheet_of
from gui.panels.sheets import Edit
from gui.widgets.numberfield import NumberField
from gui.widgets.switch import Switch


@pytest.fixture
def inspector(qtbot, bench):
    panel = InspectorPanel(bench.document, bench.selection, bench.checking)
    qtbot.addWidget(panel)
    panel.resize(310, 700)
    panel.show()
    panel.bench = bench
    return panel


def typed(qtbot, panel, key, text):
    field = panel.form.editor(key)
    assert isinstance(field, QLineEdit)
    field.selectAll()
    qtbot.keyClicks(field, text)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def rows_of(sheet):
    found, waiting = {}, list(sheet.rows)
    while waiting:
        row = waiting.pop()
        found[row.key] = row
        waiting += getattr(row, "nested", ())
    return found


def test_typing_a_number_changes_the_layer_as_one_undoable_edit(qtbot, inspector):
    document = inspector.bench.document
    inspector.bench.selection.select("layer:trunk")
    typed(qtbot, inspector, "units", "128")
    assert document.project.model.layers["trunk"].config["units"] == 128
    assert document.undo.undoText() == "Units of trunk"
    document.undo.undo()
    assert document.project.model.layers["trunk"].config["units"] == 8
    assert inspector.form.editor("units").text() == "8"


def test_steps_with_the_arrow_keys_are_undone_together(qtbot, inspector):
    document = inspector.bench.document
    inspector.bench.selection.select("term:mse")
    for _ in range(3):
        qtbot.keyClick(inspector.form.editor("weight"), Qt.Key.Key_Up)
    assert document.project.terms["mse"].weight == pytest.approx(0.53)
    document.undo.undo()
    assert document.project.terms["mse"].weight == 0.5


def test_a_wrong_number_says_why_and_changes_nothing(qtbot, inspector):
    document = inspector.bench.document
    inspector.bench.selection.select("layer:trunk")
    before = document.project
    typed(qtbot, inspector, "units", "0")
    assert document.project is before
    assert inspector.form.editor("units").property("wrong")


def test_renaming_follows_everywhere_and_stays_selected(qtbot, inspector):
    bench = inspector.bench
    bench.selection.select("layer:trunk")
    typed(qtbot, inspector, "name", "body")
    assert bench.document.project.model.layers["shift"].sources == ("body",)
    assert bench.selection.current == "layer:body"
    assert inspector.header.title.text() == "body"


def test_a_taken_name_is_refused_at_the_field(qtbot, inspector):
    bench = inspector.bench
    bench.selection.select("layer:trunk")
    typed(qtbot, inspector, "name", "shift")
    assert "trunk" in bench.document.project.model.layers
    assert any(
        "taken" in label.text() for label in inspector.form.findChildren(QWidget) if hasattr(label, "text")
    )


def test_a_switch_is_an_edit(qtbot, inspector):
    inspector.bench.selection.select("layer:trunk")
    switch = inspector.form.findChild(Switch, "use_biasSwitch")
    switch.click()
    assert inspector.bench.document.project.model.layers["trunk"].config["use_bias"] is False


def test_reset_takes_the_value_out_of_the_file(inspector):
    bench = inspector.bench
    bench.selection.select("layer:trunk")
    inspector.form.findChild(QWidget, "reset_activation").click()
    assert "activation" not in bench.document.project.model.layers["trunk"].config


def test_the_penalty_inside_a_layer_is_edited_in_place(qtbot, inspector):
    bench = inspector.bench
    bench.selection.select("layer:trunk")
    typed(qtbot, inspector, "kernel_regularizer.l2", "0.5")
    assert bench.document.project.model.layers["trunk"].config["kernel_regularizer"] == {
        "class": "L2",
        "config": {"l2": 0.5},
    }


def test_choosing_another_regularizer_shows_its_own_parameters(inspector, two_heads):
    row = rows_of(sheet_of(two_heads, Facts(), "layer:trunk"))["kernel_regularizer"]
    changed = row.put(two_heads, "L1L2")
    keys = rows_of(sheet_of(changed, Facts(), "layer:trunk")).keys()
    assert {"kernel_regularizer.l1", "kernel_regularizer.l2"} <= keys


def test_the_learning_rate_becomes_a_schedule_that_starts_where_it_was(two_heads):
    rows = rows_of(sheet_of(two_heads, Facts(), "training"))
    changed = rows["optimizer.learning_rate"].put(two_heads, "CosineDecay")
    rate = changed.training.optimizer.config["learning_rate"]
    assert rate["class"] == "CosineDecay"
    assert rate["config"]["initial_learning_rate"] == 0.001


def test_another_optimizer_keeps_the_learning_rate(two_heads):
    rows = rows_of(sheet_of(two_heads, Facts(), "training"))
    faster = rows["optimizer.learning_rate.value"].put(two_heads, 0.01)
    changed = rows_of(sheet_of(faster, Facts(), "training"))["optimizer_class"].put(faster, "SGD")
    assert changed.training.optimizer.class_name == "SGD"
    assert changed.training.optimizer.config["learning_rate"] == 0.01


def test_arguments_are_bound_by_choosing_what_they_stand_for(inspector):
    bench = inspector.bench
    bench.selection.select("term:nll")
    box = inspector.form.editor("bind_s").control
    index = box.findData("head:prediction")
    box.setCurrentIndex(index)
    box.activated.emit(index)
    assert bench.document.project.terms["nll"].bind["s"] == "head:prediction"


def test_a_new_name_in_the_formula_asks_to_be_bound(qtbot, inspector):
    bench = inspector.bench
    bench.selection.select("term:nll")
    inspector.form.editor("code").setPlainText("square(y - p) * w")
    assert inspector.form.editor("bind_w") is not None
    assert bench.document.project.terms["nll"].loss.code == "square(y - p) * w"


def test_typing_in_the_formula_keeps_the_keyboard_and_the_place(qtbot, inspector):
    inspector.bench.selection.select("term:nll")
    code = inspector.form.editor("code")
    qtbot.waitUntil(code.isVisible)
    inspector.activateWindow()
    code.setFocus()
    qtbot.waitUntil(code.hasFocus)
    qtbot.keyClicks(code, "2*")
    assert inspector.form.editor("code") is code
    assert code.toPlainText().startswith("2*")
    assert code.textCursor().position() == 2


def test_a_formula_that_cannot_be_read_says_where(inspector):
    inspector.bench.selection.select("term:nll")
    inspector.form.editor("code").setPlainText("square(y - ")
    row = rows_of(inspector._sheet)["code"]
    assert row.error


def test_a_loss_of_the_catalogue_becomes_an_expression_and_back(two_heads):
    rows = rows_of(sheet_of(two_heads, Facts(), "term:mse"))
    formula = rows["loss_kind"].put(two_heads, "expression")
    assert formula.terms["mse"].bind == {"y": "target:y", "p": "head:prediction"}
    back = rows_of(sheet_of(formula, Facts(), "term:mse"))["loss_kind"].put(formula, "catalogue")
    assert back.terms["mse"].bind == {"y_true": "target:y", "y_pred": "head:prediction"}


def test_a_first_function_is_written_for_the_user(two_heads):
    rows = rows_of(sheet_of(two_heads, Facts(), "term:mse"))
    python = rows["loss_kind"].put(two_heads, "python")
    written = rows_of(sheet_of(python, Facts(), "term:mse"))["first"].do(python)
    assert "def my_loss" in written.functions
    assert rows_of(sheet_of(written, Facts(), "term:mse"))["bind_y_pred"].value == "head:prediction"


def test_another_class_keeps_the_parameters_that_it_shares():
    layer = Layer.model_validate({"class": "Dense", "config": {"units": 32, "activation": "relu"}})
    changed = reclassed(layer, "LSTM")
    assert changed.config == {"units": 32, "activation": "relu"}
    assert "units" not in reclassed(layer, "Dropout").config


def test_the_fill_of_a_number_field_is_a_word_or_a_number(two_heads):
    rows = rows_of(sheet_of(two_heads, Facts(), "field:x"))
    filled = rows["missing"].put(two_heads, "fill")
    fill = rows_of(sheet_of(filled, Facts(), "field:x"))["fill"]
    assert fill.put(filled, "0.5").data.fields["x"].fill == 0.5
    assert fill.put(filled, "median").data.fields["x"].fill == "median"
    with pytest.raises(ValueError, match="mean, median or a number"):
        fill.put(filled, "most")


def test_early_stopping_watches_totals_terms_and_metrics(two_heads):
    on = rows_of(sheet_of(two_heads, Facts(), "training"))["early_on"].put(two_heads, True)
    watched = rows_of(sheet_of(on, Facts(), "training"))["monitor"]
    assert [choice.key for choice in watched.choices] == ["total", "mse", "nll", "mae"]


def test_a_layer_that_merges_offers_another_source(two_heads):
    layers = {"joined": Layer.model_validate({"class": "Concatenate", "from": ["shift", "log_var"]})}
    model = two_heads.model.model_copy(update={"layers": {**two_heads.model.layers, **layers}})
    merged = two_heads.model_copy(update={"model": model})
    rows = rows_of(sheet_of(merged, Facts(), "layer:joined"))
    assert rows["from_2"].value is None
    fewer = rows["from_0"].put(merged, None)
    assert fewer.model.layers["joined"].sources == ("log_var",)


def test_problems_of_the_part_stand_above_its_form(qtbot, inspector):
    bench = inspector.bench
    bench.selection.select("term:nll")
    bench.checking.problems = (Problem("doubt", "warning", "term:nll", "Doubtful.", None),)
    bench.checking.changed.emit()
    assert inspector._strips.count() == 1


PLACES = (
    "field:x target:y input:x layer:trunk head:prediction term:mse term:nll metric:mae split training total"
)


@pytest.mark.parametrize(
    "reference", ["", "regularization", "functions", "data", "layer:gone", *PLACES.split()]
)
def test_everything_that_can_be_selected_has_a_sheet(inspector, reference):
    inspector.bench.selection.select(reference)
    assert inspector.header.title.text()


@pytest.mark.parametrize("table", ["layers", "losses", "metrics", "optimizers", "schedules", "regularizers"])
def test_every_parameter_of_the_catalogue_has_an_editor_that_shows_its_default(qtbot, table):
    for entry in getattr(catalogue, table)().values():
        for parameter in entry.parameters:
            if parameter.type in ("initializer", "regularizer", "constraint", "layer", "schedule"):
                continue
            editor = editor_for(parameter)
            qtbot.addWidget(editor)
            editor.show_value(parameter.default)


def test_every_layer_can_be_shown_with_its_example(two_heads):
    for name, entry in catalogue.layers().items():
        layer = Layer.model_validate({"class": name, "from": ["trunk"], "config": dict(entry.example)})
        project = _with_layer(two_heads, layer)
        shown = rows_of(sheet_of(project, Facts(), "layer:tried")).keys()
        assert {parameter.name for parameter in entry.parameters} <= shown


def test_setting_a_value_to_its_default_leaves_it_out():
    parameter = catalogue.layers()["Dense"].parameter("use_bias")
    assert with_value({"units": 4, "use_bias": False}, parameter, True) == {"units": 4}


def test_lists_are_typed_with_commas(qtbot):
    editor = editor_for(catalogue.layers()["Conv2D"].parameter("kernel_size"))
    qtbot.addWidget(editor)
    told = []
    editor.edited.connect(told.append)
    editor.show_value(3)
    editor.setText("5, 3")
    editor.setModified(True)
    editor.editingFinished.emit()
    assert told == [[5, 3]]


def test_what_is_no_list_is_refused(qtbot):
    editor = editor_for(catalogue.layers()["Conv2D"].parameter("kernel_size"))
    qtbot.addWidget(editor)
    said = []
    editor.refused.connect(said.append)
    editor.setText("three")
    editor.setModified(True)
    editor.editingFinished.emit()
    assert said[-1] == "Write whole numbers, with commas between them."


def test_no_form_is_wider_than_its_panel(qtbot, inspector):
    for reference in ("layer:trunk", "term:nll", "training", "field:x"):
        inspector.bench.selection.select(reference)
        qtbot.wait(20)
        body = inspector._area.widget()
        assert body.minimumSizeHint().width() <= inspector._area.viewport().width()


def _with_layer(project: Project, layer: Layer) -> Project:
    raw = json.loads(project.model_dump_json(by_alias=True))
    raw["model"]["layers"]["tried"] = json.loads(layer.model_dump_json(by_alias=True))
    return Project.model_validate(raw)


def test_numbers_that_are_needed_say_so(qtbot):
    editor = editor_for(catalogue.layers()["Dense"].parameter("units"))
    qtbot.addWidget(editor)
    assert isinstance(editor, NumberField)
    assert editor.placeholderText() == "needed"


def test_rows_know_their_type():
    rows = rows_of(sheet_of(Project(), Facts(), "training"))
    assert isinstance(rows["epochs"], Edit)


def test_a_metric_is_added_to_a_head_found_again_and_removed_by_mouse(qtbot, inspector):
    document, selection = inspector.bench.document, inspector.bench.selection
    head = next(iter(document.project.model.heads))
    before = set(document.project.metrics)
    selection.select(f"head:{head}")
    qtbot.mouseClick(inspector.findChild(QWidget, "press_add_metric"), Qt.MouseButton.LeftButton)
    (added,) = set(document.project.metrics) - before
    assert document.project.metrics[added].bind["y_pred"] == f"head:{head}"
    selection.select()
    qtbot.mouseClick(inspector.findChild(QWidget, f"press_metric_{added}"), Qt.MouseButton.LeftButton)
    assert selection.current == f"metric:{added}"
    qtbot.mouseClick(inspector.findChild(QWidget, "press_remove"), Qt.MouseButton.LeftButton)
    assert set(document.project.metrics) == before
