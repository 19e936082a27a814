"""What a training runs on is chosen in its sheet, which says what this machine makes of it."""

import pytest

from core.project.facts import Facts, ModelFacts
from gui.panels.inspecting.hardware import machine
from gui.panels.inspector import InspectorPanel, sheet_of

GPUS = ("GPU:0", "GPU:1")


def rows(project, facts=Facts()):  # noqa: B008 (immutable)
    return {row.key: row for row in sheet_of(project, facts, "training").rows}


def on(*devices):
    return Facts(model=ModelFacts(devices=devices))


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16", "float32"])
def test_precision_is_a_choice(two_heads, precision):
    row = rows(two_heads)["precision"]
    assert precision in [choice.key for choice in row.choices]
    assert row.put(two_heads, precision).training.precision == precision


def test_devices_are_a_choice(two_heads):
    assert rows(two_heads)["devices"].put(two_heads, "all").training.devices == "all"


def test_the_sheet_says_what_this_machine_has(two_heads):
    everywhere = rows(two_heads)["devices"].put(two_heads, "all")
    assert machine(two_heads, Facts()) == "—"
    assert machine(two_heads, on("CPU:0")) == "has no GPU"
    assert machine(everywhere, on("CPU:0")) == "has no GPU, so one device trains"
    assert machine(everywhere, on("GPU:0")) == "has one GPU, so one device trains"
    assert machine(everywhere, on(*GPUS)) == "has 2 devices, that share each batch"
    assert machine(two_heads, on(*GPUS)) == "has 2 devices, of which one trains"


def test_both_are_shown_in_the_window_and_undone(qtbot, bench):
    panel = InspectorPanel(bench.document, bench.selection, bench.checking)
    qtbot.addWidget(panel)
    panel.resize(310, 900)
    panel.show()
    bench.selection.select("training")
    document = bench.document
    for key in ("precision", "devices"):
        qtbot.waitUntil(lambda key=key: panel.form.editor(key).isVisible())
    document.edit("Precision", rows(document.project)["precision"].put(document.project, "mixed_float16"))
    assert document.project.training.precision == "mixed_float16"
    document.undo.undo()
    assert document.project.training.precision == "float32"
