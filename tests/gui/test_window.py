"""The window: menus and shortcuts from one table, panels that come back, messages, and the run bar."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDockWidget,
    QHeaderView,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)

from core.project import storage
from core.project.problems import Problem
from core.project.templates import template
from core.project.trust import Trust
from gui import actions, theme
from gui.runbar import clock, words
from gui.settings import Settings
from gui.training import Training
from gui.trainingstate import TrainingState
from gui.window import Window
from gui.workbench import Workbench

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def window(qtbot, qapp, tmp_path):
    theme.use(qapp, "light", 1.0)
    training = Training(runs=tmp_path / "runs", trust=Trust(tmp_path / "trusted.json"))
    bench = Workbench(settings=Settings(tmp_path / "window.ini"), training=training)
    window = Window(bench)
    qtbot.addWidget(window, before_close_func=lambda w: w.bench.document.undo.setClean())
    window.resize(1280, 800)
    window.show()
    yield window
    window.bench.document.undo.setClean()
    window.close()
    theme.use(qapp, "light", 1.0)


@pytest.fixture
def opened(window, two_heads, tmp_path):
    window.bench.files.new(two_heads, tmp_path)
    return window


def blocked(window, *codes):
    found = tuple(Problem(code, "blocking", "term:mse", f"{code}.", None) for code in codes)
    window.bench.checking.problems = found
    window.bench.checking.changed.emit()


def test_no_two_actions_share_a_shortcut():
    keys = [QKeySequence(each).toString() for act in actions.TABLE for each in act.keys]
    keys += ["Ctrl+Z", "Ctrl+Shift+Z"]
    assert len(keys) == len(set(keys))


def test_every_action_is_in_its_menu_and_says_its_shortcut(window):
    shown = {menu.title(): menu for menu in (action.menu() for action in window.menuBar().actions())}
    for act in actions.TABLE:
        action = window.actions_by_key[act.key]
        assert action in shown[act.menu].actions()
        if act.keys:
            assert action.shortcut().toString(QKeySequence.SequenceFormat.NativeText) in action.toolTip()


def test_a_key_that_is_held_gives_an_order_to_a_run_once(window):
    assert not any(window.actions_by_key[key].autoRepeat() for key in ("train", "pause", "stop"))


def test_the_shortcuts_that_were_agreed_are_there(window):
    wanted = {
        "train": ["F5", "Ctrl+Return"],
        "stop": ["Shift+F5"],
        "pause": ["Space"],
        "palette": ["Ctrl+K"],
        "shortcuts": ["?"],
        "help": ["F1"],
        "data": ["Ctrl+1"],
        "balance": ["Ctrl+6"],
        "redo": ["Ctrl+Shift+Z"],
    }
    for key, keys in wanted.items():
        given = [each.toString() for each in window.actions_by_key[key].shortcuts()]
        assert [each for each in keys if each not in given] == []


def test_the_window_begins_with_the_start_page(window):
    assert window.start.isVisible()
    assert not window.bar.isVisible()


def test_opening_a_project_shows_its_panels(opened):
    assert not opened.start.isVisible()
    assert {dock.windowTitle() for dock in opened.findChildren(QDockWidget)} == {
        "Data",
        "Inspector",
        "Terms",
        "Curves",
        "Balance",
        "Runs",
        "Code",
        "Problems",
    }


def test_undo_says_what_it_undoes(opened):
    opened.bench.document.edit("Rename", opened.bench.document.project.model_copy(update={"name": "New"}))
    assert opened.actions_by_key["undo"].text() == "Undo Rename"
    opened.actions_by_key["undo"].trigger()
    assert opened.bench.document.project.name == "Two heads"


def test_the_palette_finds_an_action_and_does_it(qtbot, opened):
    opened.do("palette")
    qtbot.keyClicks(opened.menu.line, "switch between light")
    qtbot.keyClick(opened.menu.line, Qt.Key.Key_Return)
    assert theme.tokens().name == "dark"


def test_the_palette_offers_only_what_makes_sense_now(opened):
    opened.do("palette")
    assert "Stop" not in opened.menu.shown_labels()
    opened.menu.close()


def test_a_layer_is_added_by_keyboard_after_what_is_selected(qtbot, opened):
    opened.bench.selection.select("layer:trunk")
    opened.do("add_layer")
    qtbot.keyClicks(opened.menu.line, "dropout")
    qtbot.keyClick(opened.menu.line, Qt.Key.Key_Return)
    assert opened.bench.selection.current == "layer:dropout"
    assert opened.bench.document.project.model.layers["dropout"].sources == ("trunk",)
    assert opened.bench.document.undo.undoText() == "Add dropout"


def test_a_term_is_added_on_the_selected_head_with_its_target(qtbot, opened):
    opened.bench.selection.select("head:prediction")
    opened.do("add_term")
    qtbot.keyClicks(opened.menu.line, "huber")
    qtbot.keyClick(opened.menu.line, Qt.Key.Key_Return)
    assert opened.bench.document.project.terms["huber"].bind == {
        "y_true": "target:y",
        "y_pred": "head:prediction",
    }


def test_a_head_and_a_metric_are_added_too(qtbot, opened):
    opened.bench.selection.select("layer:trunk")
    opened.do("add_head")
    head = opened.bench.selection.current
    assert opened.bench.document.project.model.heads[head.partition(":")[2]].layer == "trunk"
    opened.do("add_metric")
    qtbot.keyClicks(opened.menu.line, "RootMeanSquared")
    qtbot.keyClick(opened.menu.line, Qt.Key.Key_Return)
    assert opened.bench.selection.current.startswith("metric:root_mean")


def test_removing_what_is_selected_can_be_undone(opened):
    opened.bench.selection.select("term:mse")
    opened.do("remove")
    assert "mse" not in opened.bench.document.project.terms
    assert opened.bench.selection.current == ""
    opened.bench.document.undo.undo()
    assert "mse" in opened.bench.document.project.terms


def test_train_says_how_many_problems_there_are_and_leads_to_them(opened):
    blocked(opened, "one", "two")
    assert opened.bar.train.text() == "2 problems"
    opened.do("train")
    assert opened.bench.selection.current == "term:mse"
    assert opened.docks.docks["problems"].isVisible()
    assert not opened.bench.training.state.busy


def test_one_problem_is_one(opened):
    blocked(opened, "one")
    assert opened.bar.problems.text() == "1 problem"


def test_a_failed_run_is_said_in_a_banner_that_leads_to_the_guilty_part(qtbot, opened):
    failed = TrainingState(
        "failed", "ready", sentence="The loss of nll is not finite.", where="term:nll", details="x"
    )
    opened.bench.training.state_changed.emit(failed)
    assert opened.banner.isVisible()
    opened.banner.action.click()
    assert opened.bench.selection.current == "term:nll"


def test_a_stopped_run_is_no_error(opened):
    opened.bench.training.state_changed.emit(
        TrainingState("stopped", "ready", sentence="Stopped at epoch 3.")
    )
    assert not opened.banner.isVisible()


def test_the_state_is_said_in_bar_status_line_and_title(opened):
    state = TrainingState(
        "training",
        "training",
        epoch=3,
        epochs=8,
        step=2,
        steps=9,
        speed=3180,
        seconds_left=7,
        sentence="Training.",
    )
    opened.bench.training.state = state
    opened.bench.training.state_changed.emit(state)
    assert opened.bar.words.text() == "epoch 3 of 8 · 0:07 left · 3,180 steps/s"
    assert "epoch 3 of 8" in opened.windowTitle()
    assert opened.bar.stop.isEnabled()
    assert not opened.bar.train.isEnabled()
    opened.bench.training.state = TrainingState()


def test_a_paused_run_is_resumed_with_the_same_button(opened):
    opened.bar.show_state(TrainingState("paused", "training", epoch=1, epochs=2))
    assert opened.bar.pause.text() == "Resume"


def test_a_file_that_cannot_be_read_leaves_the_open_project_alone(opened, tmp_path):
    broken = tmp_path / "broken.lossmith"
    broken.write_text('{"lossmith": 1', encoding="utf-8")
    before = opened.bench.document.project
    assert not opened.bench.files.open(broken)
    assert opened.bench.document.project is before
    assert "broken.lossmith" in opened.banner.sentence.text()


def test_saving_where_nobody_may_write_is_a_sentence(opened, tmp_path):
    assert not opened.bench.files.save_as(tmp_path / "no such folder" / "x.lossmith")
    assert opened.banner.isVisible()
    assert "x.lossmith cannot be written" in opened.banner.sentence.text()


def test_a_saved_project_opens_again_the_same(opened, tmp_path):
    path = tmp_path / "mine.lossmith"
    assert opened.bench.files.save_as(path)
    assert not opened.bench.document.unsaved
    assert storage.load(path) == opened.bench.document.project
    assert "mine.lossmith" in opened.windowTitle()


def test_dropped_files_that_are_neither_project_nor_data_are_refused(opened, tmp_path):
    assert not opened.bench.files.take_dropped(tmp_path / "picture.png")
    assert "neither a project" in opened.banner.sentence.text()


def test_panels_are_found_where_they_were(qtbot, opened, tmp_path):
    opened.docks.docks["data"].hide()
    opened.docks.remember(opened.bench.settings)
    opened.docks.put_back()
    assert opened.docks.docks["data"].isVisible()
    opened.docks.restore(opened.bench.settings)
    assert not opened.docks.docks["data"].isVisible()


def test_charts_get_a_third_of_the_window_to_train_in(qtbot, opened):
    opened.docks.make_room_for_charts()
    qtbot.waitUntil(lambda: opened.docks.docks["curves"].height() >= opened.height() * 0.3)


@pytest.mark.parametrize("size", [(1280, 720), (1280, 800), (1920, 1080)])
def test_nothing_is_wider_or_higher_than_the_window(qtbot, opened, size):
    opened.resize(*size)
    qtbot.wait(50)
    assert opened.minimumSizeHint().width() <= size[0]
    assert opened.minimumSizeHint().height() <= size[1]
    for button in opened.bar.findChildren(QPushButton):
        assert button.width() >= button.sizeHint().width()


def test_the_theme_and_the_size_are_remembered(qapp, opened):
    opened.do("theme")
    opened.do("bigger")
    again = Settings(opened.bench.settings._path)
    assert again.theme == "dark"
    assert again.scale == pytest.approx(1.1)


def test_broken_settings_are_as_if_there_were_none(tmp_path):
    path = tmp_path / "window.ini"
    path.write_text("[view]\ntheme=purple\nscale=huge\n[files]\nrecent=@Invalid()\n", encoding="utf-8")
    settings = Settings(path)
    assert (settings.theme, settings.scale, settings.recent) == ("light", 1.0, [])


def test_every_control_that_is_shown_has_a_name_for_screen_readers(qtbot, opened):
    opened.bench.selection.select("layer:trunk")
    qtbot.wait(50)
    nameless = [
        f"{type(widget).__name__} {widget.objectName()}"
        for kind in (QAbstractButton, QLineEdit, QComboBox, QAbstractItemView, QPlainTextEdit)
        for widget in opened.findChildren(kind)
        if widget.isVisible()
        and not widget.accessibleName()
        and not getattr(widget, "text", str)()
        and not isinstance(widget, QHeaderView)
    ]
    assert nameless == []


def test_numbers_of_the_run_bar_are_short():
    assert clock(7) == "0:07"
    assert clock(3700) == "1:01:40"
    assert words(TrainingState()) == ""


def test_export_writes_the_script_that_would_run(qtbot, opened, tmp_path):
    from gui.exporting import ExportDialog

    dialog = ExportDialog(opened.bench.document, None, tmp_path)
    qtbot.addWidget(dialog)
    assert dialog.write()
    text = dialog.written.read_text(encoding="utf-8")
    assert "def load_data" in text
    assert "lossmith" not in text.lower()


def test_export_says_why_the_plain_style_is_not_offered(qtbot, opened, tmp_path):
    from gui.exporting import ExportDialog

    dialog = ExportDialog(opened.bench.document, None, tmp_path)
    qtbot.addWidget(dialog)
    assert not dialog.findChild(QWidget, "export_compile").isEnabled()


def test_export_into_a_folder_that_is_not_there_says_so(qtbot, opened, tmp_path):
    from gui.exporting import ExportDialog

    dialog = ExportDialog(opened.bench.document, None, tmp_path / "nowhere")
    qtbot.addWidget(dialog)
    assert not dialog.write()
    assert "cannot be written" in dialog._error.text()


def test_a_notebook_has_its_own_suffix(qtbot, opened, tmp_path):
    from gui.exporting import ExportDialog

    dialog = ExportDialog(opened.bench.document, None, tmp_path)
    qtbot.addWidget(dialog)
    dialog.choose("notebook")
    assert dialog.write()
    assert dialog.written.suffix == ".ipynb"
    assert json.loads(dialog.written.read_text(encoding="utf-8"))["cells"]


def test_help_and_shortcuts_open(qtbot, opened):
    from gui.dialogs import HelpPage, ShortcutSheet

    for dialog in (HelpPage(opened), ShortcutSheet(opened.actions_by_key, opened)):
        qtbot.addWidget(dialog)
        dialog.show()
        assert dialog.grab().width() > 0


OPEN_AN_EXAMPLE = """
import sys
from PySide6.QtWidgets import QApplication
from core.project.templates import template
from gui.window import Window

app = QApplication([])
window = Window()
window.show()
window.bench.files.new_from(template("one-output"))
app.processEvents()
print({"tensorflow", "keras"} & set(sys.modules))
window.bench.close()
"""


def test_the_window_needs_no_tensorflow():
    ended = subprocess.run([sys.executable, "-c", OPEN_AN_EXAMPLE], cwd=ROOT, capture_output=True, text=True)
    assert ended.stdout.strip() == "set()", ended.stderr


def test_an_example_is_open_in_the_window(window):
    window.bench.files.new_from(template("reviews"))
    assert window.docks is not None
    assert QApplication.instance() is not None
