"""What the tests of the canvas share: the example of the project file with three heads, and a panel that
shows it.
"""

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtTest import QTest

from core.project.facts import DataFacts, Facts, FieldFacts, ModelFacts
from core.project.problems import Problem
from core.project.schema import Project
from gui.canvas.panel import CanvasPanel
from gui.document import Document
from gui.selection import Selection

EXAMPLE = {
    "lossmith": 1,
    "name": "Rating with uncertainty",
    "data": {
        "source": {"kind": "csv", "path": "reviews.csv"},
        "fields": {
            "features": {"columns": ["f0", "f1", "f2"], "scaling": "standardize"},
            "rating": {"columns": ["stars"]},
            "positive": {"columns": ["positive"]},
        },
    },
    "model": {
        "inputs": {"features": {"field": "features"}},
        "layers": {
            "trunk": {
                "class": "Dense",
                "from": ["features"],
                "config": {
                    "units": 64,
                    "activation": "relu",
                    "kernel_regularizer": {"class": "L2", "config": {"l2": 0.0001}},
                },
            },
            "shift": {"class": "Dense", "from": ["trunk"], "config": {"units": 1}},
            "log_var": {"class": "Dense", "from": ["trunk"], "config": {"units": 1}},
            "sign": {"class": "Dense", "from": ["trunk"], "config": {"units": 1, "activation": "sigmoid"}},
        },
        "heads": {
            "prediction": {"layer": "shift"},
            "uncertainty": {"layer": "log_var"},
            "polarity": {"layer": "sign"},
        },
    },
    "terms": {
        "nll": {
            "loss": {"kind": "expression", "code": "exp(-s) * square(y - p) + s"},
            "bind": {"y": "target:rating", "p": "head:prediction", "s": "head:uncertainty"},
        },
        "mse": {
            "bind": {"y_true": "target:rating", "y_pred": "head:prediction"},
            "weight": 0.0,
        },
        "bce": {
            "loss": {"kind": "catalogue", "name": "BinaryCrossentropy"},
            "bind": {"y_true": "target:positive", "y_pred": "head:polarity"},
            "weight": 0.5,
        },
    },
}
ONE = FieldFacts(shape=(1,), dtype="float32")
FACTS = Facts(
    data=DataFacts(
        rows=100, fields={"features": FieldFacts(shape=(3,), dtype="float32"), "rating": ONE, "positive": ONE}
    ),
    model=ModelFacts(
        shapes={"input:features": (3,), "layer:trunk": (64,), "layer:shift": (1,), "head:prediction": (1,)},
        parameters={"layer:trunk": 256, "layer:shift": 65, "layer:log_var": 65, "layer:sign": 65},
    ),
)


class Known(QObject):
    """Facts and problems as the checking would give them; the real one needs an engine."""

    changed = Signal()

    def __init__(self, facts: Facts = FACTS, problems: tuple[Problem, ...] = ()):
        super().__init__()
        self.facts, self.problems = facts, problems


class Bench:
    """A canvas with its document and selection, and a mouse that works in the scene."""

    def __init__(self, qtbot, project: Project | dict = EXAMPLE, facts: Facts = FACTS, training=None):
        project = Project.model_validate(project) if isinstance(project, dict) else project
        self.document, self.selection = Document(project), Selection()
        self.checking = Known(facts)
        self.panel = CanvasPanel(self.document, self.selection, self.checking, training)
        qtbot.addWidget(self.panel)
        self.panel.resize(1100, 520)
        self.panel.show()
        qtbot.waitExposed(self.panel)
        self.view, self.scene = self.panel.view, self.panel.scene
        self.view.setFocus()

    @property
    def project(self) -> Project:
        return self.document.project

    def node(self, reference: str):
        return self.scene.nodes[reference]

    def at(self, place) -> QPoint:
        return self.view.mapFromScene(place)

    def middle(self, reference: str) -> QPoint:
        item = self.node(reference)
        return self.at(item.pos() + item.card().center())

    def out(self, reference: str) -> QPoint:
        return self.at(self.node(reference).exit())

    def entry(self, reference: str) -> QPoint:
        return self.at(self.node(reference).entry())

    def click(self, place: QPoint, modifier=Qt.KeyboardModifier.NoModifier) -> None:
        QTest.mouseClick(self.view.viewport(), Qt.MouseButton.LeftButton, modifier, place)

    def drag(self, start: QPoint, end: QPoint, button=Qt.MouseButton.LeftButton, let_go: bool = True) -> None:
        port = self.view.viewport()
        QTest.mousePress(port, button, Qt.KeyboardModifier.NoModifier, start)
        for step in (1, 2, 3, 4):
            QTest.mouseMove(port, start + (end - start) * step / 4)
        if let_go:
            QTest.mouseRelease(port, button, Qt.KeyboardModifier.NoModifier, end)

    def key(self, key, modifier=Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.view, key, modifier)

    def choose(self, typed: str) -> None:
        """Type into the open menu and press Enter."""
        menu = self.panel.menu
        assert menu is not None
        assert menu.isVisible()
        QTest.keyClicks(menu.line, typed)
        QTest.keyClick(menu.line, Qt.Key.Key_Return)
