"""The export dialog, where the line names no file."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from pytestqt.qtbot import QtBot

from gui.exporting import STYLES, ExportDialog


@pytest.fixture
def dialog(bench: SimpleNamespace, qtbot: QtBot, tmp_path: Path) -> ExportDialog:
    dialog = ExportDialog(bench.document, None, tmp_path)
    qtbot.addWidget(dialog)
    return dialog


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Give the file to write a name."),
        ("/", "Give the file to write a name."),
        (
            "~nobody-by-this-name/x.py",
            "Nobody here is called nobody-by-this-name; give the whole path of the file.",
        ),
    ],
)
def test_a_line_that_names_no_file_is_refused_in_a_sentence(
    dialog: ExportDialog, typed: str, said: str
) -> None:
    dialog.place.setText(typed)
    assert not dialog.write()
    assert dialog._error.text() == said
    dialog._error.clear()
    dialog.copy()
    assert dialog._error.text() == said


def test_another_style_leaves_an_empty_line_alone(dialog: ExportDialog) -> None:
    for typed, shown in (("", ""), ("taken.py", "taken.ipynb")):
        dialog.place.setText(typed)
        dialog.choose("notebook")
        assert dialog.place.text() == shown
        dialog.choose(next(iter(STYLES)))
