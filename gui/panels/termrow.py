"""One line of the terms board, and the line of the regularization below them."""

from collections.abc import Callable, Mapping

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QSlider, QWidget

from core.project.problems import Problem
from core.project.schema import CatalogueLoss, ExpressionLoss, Layer, Project, Term
from gui import theme
from gui.plots.ticks import fixed
from gui.widgets.card import ElidedLabel
from gui.widgets.iconbutton import IconButton
from gui.widgets.naming import named, role
from gui.widgets.numberfield import NumberField
from gui.widgets.sharebar import ShareBar
from gui.widgets.switch import Switch

HEADINGS = ("on", "term", "loss", "heads ← targets", "weight", "now", "weighted", "share of total", "")
WIDTHS = (44, -3, -4, -4, 188, 76, 76, 136, 28)
"""Pixels, or negative: shares of what is left."""
SLIDER_STEPS = 100
SLIDER_TOPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Line(QFrame):
    """Cells side by side, in the same columns in every line."""

    def __init__(self, cells: list[QWidget], height: int = theme.ROW + 2):
        super().__init__()
        self._height, self._cells = height, cells
        self.row = row = QHBoxLayout(self)
        for cell, width in zip(cells, WIDTHS, strict=True):
            if width <= 0:
                cell.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            row.addWidget(cell, max(0, -width))
        self._selected = False
        self._size()
        theme.notifier().changed.connect(self._size)

    def _size(self) -> None:
        """Everything at the scale in use."""
        self.row.setContentsMargins(theme.px(theme.GAP_M), 0, theme.px(theme.GAP_M), 0)
        self.row.setSpacing(theme.px(theme.GAP_S))
        self.setFixedHeight(theme.px(self._height))
        for cell, width in zip(self._cells, WIDTHS, strict=True):
            if width > 0:
                cell.setFixedWidth(theme.px(width))

    def show_selected(self, selected: bool) -> None:
        self._selected = selected
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """By hand: a style sheet for each line would be read anew at every selection."""
        t, painter = theme.tokens(), QPainter(self)
        if self._selected:
            painter.fillRect(self.rect(), QColor(t.accent_soft))
        painter.setPen(QColor(t.border))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)


def heading_line() -> Line:
    """The names of the columns."""
    return named(Line([role(QLabel(words), "muted") for words in HEADINGS], 26), "termHeadings")


class TermRow(Line):
    """Edits one term. Weights come with `more` True while the same drag or key goes on."""

    switched = Signal(str, bool)
    weighed = Signal(str, float)
    settled = Signal()
    renamed = Signal(str, str)
    removed = Signal(str)
    picked = Signal(str)

    def __init__(self, name: str):
        self.name = name
        self.on = named(Switch(f"Term {name} counts"), f"on_{name}")
        self._mark = QLabel()
        self._name = named(QLineEdit(name), f"name_{name}", f"Name of term {name}")
        self._loss = role(ElidedLabel(), "mono")
        self._bound = role(ElidedLabel(), "muted")
        self.slider = named(QSlider(Qt.Orientation.Horizontal), f"slider_{name}", f"Weight of {name}")
        self.weight = named(NumberField(1.0), f"weight_{name}", f"Weight of {name}")
        self._now, self._weighted, self._share = *_numbers(name), ShareBar()
        remove = named(IconButton("remove", f"Remove term {name}"), f"remove_{name}")
        cells = [self.on, self._name_cell(), self._loss, self._bound, self._weight_cell()]
        super().__init__([*cells, self._now, self._weighted, self._share, remove])
        named(self, f"row_{name}", f"Term {name}")
        self.on.clicked.connect(lambda on: self.switched.emit(self.name, on))
        self.slider.valueChanged.connect(self._slide)
        self.slider.sliderReleased.connect(self.settled)
        self.weight.edited.connect(self._type)
        self._name.editingFinished.connect(self._rename)
        remove.clicked.connect(lambda: self.removed.emit(self.name))
        for part in (self._name, self.slider, self.weight, self.on):
            part.installEventFilter(self)

    def _name_cell(self) -> QWidget:
        cell = QWidget()
        row = QHBoxLayout(cell)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.px(theme.GAP_XS))
        self._name.setProperty("look", "flat")
        row.addWidget(self._mark)
        row.addWidget(self._name, 1)
        return cell

    def _weight_cell(self) -> QWidget:
        cell = QWidget()
        row = QHBoxLayout(cell)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.px(theme.GAP_S))
        self.slider.setRange(0, SLIDER_STEPS)
        self.slider.setPageStep(SLIDER_STEPS // 10)
        self.slider.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        row.addWidget(self.slider, 1)
        row.addWidget(self.weight)
        return cell

    def _size(self) -> None:
        super()._size()
        self.weight.setFixedWidth(theme.px(66))

    # ---- showing

    def show_term(self, project: Project, term: Term, problems: list[Problem], selected: bool) -> None:
        """Show the term as it is in `project`, without telling anybody."""
        self.on.setChecked(term.on)
        self._show_weight(term.weight)
        self._loss.setText(loss_words(term))
        self._bound.setText(bound_words(term.bind))
        self._colour = theme.colour_of(project, f"term:{self.name}")
        if not self._name.hasFocus():
            self._name.setText(self.name)
        self._mark_with(problems)
        for cell in (self._loss, self._bound, self._now, self._weighted):
            cell.setEnabled(term.on)
        self.show_selected(selected)

    def _show_weight(self, weight: float) -> None:
        self.weight.show_value(weight)
        if self.slider.isSliderDown():
            return
        self._top = next((top for top in SLIDER_TOPS if abs(weight) <= top), abs(weight))
        self.slider.blockSignals(True)
        self.slider.setValue(round(max(0.0, weight) / self._top * SLIDER_STEPS))
        self.slider.blockSignals(False)
        self.slider.setToolTip(f"0 to {self._top:g}; type any other number beside it")

    def _mark_with(self, problems: list[Problem]) -> None:
        side = theme.px(14)
        if not problems:
            self._mark.setPixmap(swatch_pixmap(self._colour))
            self._mark.setToolTip("")
            return
        serious = any(problem.severity == "blocking" for problem in problems)
        t = theme.tokens()
        icon = theme.icon("problem" if serious else "warning", t.bad if serious else t.warning)
        self._mark.setPixmap(icon.pixmap(side, side))
        self._mark.setToolTip("\n".join(problem.message for problem in problems))

    def show_values(self, now: float | None, weighted: float | None, share: float | None) -> None:
        """Show what the term is worth in the run that is shown; None for what is not known."""
        _say(self._now, fixed(now))
        _say(self._weighted, fixed(weighted))
        self._share.show_share(share, self._colour)

    def refuse_name(self, sentence: str) -> None:
        """Say why the new name will not do, and put the old one back."""
        self._name.setText(self.name)
        self._name.setToolTip(sentence)

    # ---- editing

    def _slide(self, value: int) -> None:
        weight = round(value / SLIDER_STEPS * self._top, 6)
        self.weight.show_value(weight)
        self.weighed.emit(self.name, weight)

    def _type(self, weight: object) -> None:
        if isinstance(weight, int | float):
            self.weighed.emit(self.name, float(weight))

    def _rename(self) -> None:
        if self._name.text() != self.name:
            self.renamed.emit(self.name, self._name.text().strip())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """The line is selected with whatever in it takes the focus; a weight is settled when the focus
        leaves.
        """
        if event.type() == QEvent.Type.FocusIn:
            self.picked.emit(self.name)
        elif event.type() == QEvent.Type.FocusOut:
            self.settled.emit()
        return False

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.picked.emit(self.name)
        super().mousePressEvent(event)


class RegularizationRow(Line):
    """What the regularizers of the layers add to the total."""

    picked = Signal(str)

    def __init__(self, choose: Callable[[], None]):
        self._choose = choose
        self._mark, self._loss, self._bound = (
            QLabel(),
            role(ElidedLabel(), "mono"),
            role(ElidedLabel(), "muted"),
        )
        name = QWidget()
        row = QHBoxLayout(name)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.px(theme.GAP_XS) + 8)
        row.addWidget(self._mark)
        row.addWidget(QLabel("regularization"), 1)
        self._now, self._weighted, self._share = *_numbers("regularization"), ShareBar()
        dash = role(QLabel("—"), "muted")
        cells = [
            QLabel(),
            name,
            self._loss,
            self._bound,
            dash,
            self._now,
            self._weighted,
            self._share,
            QLabel(),
        ]
        super().__init__(cells)
        named(self, "row_regularization", "Regularization")

    def show_layers(self, regularizers: Mapping[str, str], selected: bool) -> None:
        """Show which layers are regularized by what."""
        self._mark.setPixmap(swatch_pixmap(theme.tokens().muted))
        self._loss.setText(", ".join(dict.fromkeys(regularizers.values())))
        self._bound.setText(", ".join(regularizers))
        self.show_selected(selected)

    def show_values(self, now: float | None, share: float | None) -> None:
        _say(self._now, fixed(now))
        _say(self._weighted, fixed(now))
        self._share.show_share(share, theme.tokens().neutral)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._choose()
        super().mousePressEvent(event)


def loss_words(term: Term) -> str:
    """`Huber(delta=2)`, the formula, or `my_loss()`."""
    if isinstance(term.loss, CatalogueLoss):
        config = ", ".join(f"{key}={value}" for key, value in term.loss.config.items())
        return f"{term.loss.name}({config})" if config else term.loss.name
    if isinstance(term.loss, ExpressionLoss):
        return " ".join(term.loss.code.split()) or "no formula yet"
    return f"{term.loss.function}()" if term.loss.function else "no function chosen"


def bound_words(bind: Mapping[str, str]) -> str:
    """`prediction, uncertainty ← rating`."""
    heads = [value.partition(":")[2] for value in bind.values() if not value.startswith("target:")]
    targets = [value.partition(":")[2] for value in bind.values() if value.startswith("target:")]
    left, right = (", ".join(dict.fromkeys(names)) for names in (heads, targets))
    return f"{left or '—'} ← {right}" if right else left or "bound to nothing yet"


def regularizers_of(project: Project) -> dict[str, str]:
    """What regularizes each layer, in words, by the layer's name."""
    found = {name: _regularizers(layer) for name, layer in project.model.layers.items()}
    return {name: words for name, words in found.items() if words}


def _regularizers(layer: Layer) -> str:
    if layer.class_name == "ActivityRegularization":
        return "ActivityRegularization"
    parts = [value for key, value in layer.config.items() if key.endswith("regularizer") and value]
    return ", ".join(dict.fromkeys(_regularizer(part) for part in parts))


def _regularizer(part: object) -> str:
    if not isinstance(part, Mapping):
        return str(part)
    config = part.get("config")
    values = config.values() if isinstance(config, Mapping) else ()
    return f"{part.get('class', 'regularizer')}({', '.join(map(str, values))})"


def swatch_pixmap(colour: str):  # type: ignore[no-untyped-def]
    from gui.plots.legend import swatch

    return swatch(colour).pixmap(theme.px(14), theme.px(14))


def _numbers(name: str) -> tuple[QLabel, QLabel]:
    """What `name` is worth now, and weighted."""
    labels = named(QLabel(), f"now_{name}"), named(QLabel(), f"weighted_{name}")
    for label in labels:
        label.setFont(theme.font(tabular=True))
    return labels


def _say(label: QLabel, words: str) -> None:
    if label.text() != words:
        label.setText(words)
