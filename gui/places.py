"""Which panels there are and where they stand at first. Each is imported when the first project is shown."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from gui.docks import Place
from gui.workbench import Workbench

AREA = Qt.DockWidgetArea


def load() -> None:
    """Import what the panels are made of, so that the first project need not wait for it. Makes no widget."""
    import gui.canvas.panel
    import gui.panels.balance
    import gui.panels.code
    import gui.panels.curves
    import gui.panels.data
    import gui.panels.inspector
    import gui.panels.problems
    import gui.panels.runs
    import gui.panels.terms  # noqa: F401


def canvas(bench: Workbench) -> QWidget:
    from gui.canvas.panel import CanvasPanel

    return CanvasPanel(bench.document, bench.selection, bench.checking, bench.training)


def _data(bench: Workbench) -> QWidget:
    from gui.panels.data import DataPanel

    return DataPanel(bench.document, bench.selection, bench.checking, bench.training, bench.files)


def _inspector(bench: Workbench) -> QWidget:
    from gui.panels.inspector import InspectorPanel

    return InspectorPanel(bench.document, bench.selection, bench.checking)


def _terms(bench: Workbench) -> QWidget:
    from gui.panels.terms import TermsPanel

    return TermsPanel(bench.document, bench.selection, bench.checking, bench.training)


def _curves(bench: Workbench) -> QWidget:
    from gui.panels.curves import CurvesPanel

    return CurvesPanel(bench.document, bench.selection, bench.checking, bench.training)


def _balance(bench: Workbench) -> QWidget:
    from gui.panels.balance import BalancePanel

    return BalancePanel(bench.document, bench.selection, bench.checking, bench.training)


def _runs(bench: Workbench) -> QWidget:
    from gui.panels.runs import RunsPanel

    return RunsPanel(bench.document, bench.selection, bench.checking, bench.training)


def _code(bench: Workbench) -> QWidget:
    from gui.panels.code import CodePanel

    return CodePanel(bench.document, bench.selection, bench.checking, bench.training)


def _problems(bench: Workbench) -> QWidget:
    from gui.panels.problems import ProblemsPanel

    return ProblemsPanel(bench.document, bench.selection, bench.checking, bench.training)


PLACES = (
    Place("model", "Model", AREA.NoDockWidgetArea, canvas),
    Place("data", "Data", AREA.LeftDockWidgetArea, _data),
    Place("inspector", "Inspector", AREA.RightDockWidgetArea, _inspector),
    Place("terms", "Terms", AREA.BottomDockWidgetArea, _terms),
    Place("curves", "Curves", AREA.BottomDockWidgetArea, _curves, tabbed=True),
    Place("balance", "Balance", AREA.BottomDockWidgetArea, _balance, tabbed=True),
    Place("runs", "Runs", AREA.BottomDockWidgetArea, _runs, tabbed=True),
    Place("code", "Code", AREA.BottomDockWidgetArea, _code, tabbed=True),
    Place("problems", "Problems", AREA.BottomDockWidgetArea, _problems, tabbed=True),
)
