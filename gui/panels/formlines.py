"""The lines of a form, one class for each kind of row."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QWidget

from gui import theme
from gui.panels.editors import ChoiceEditor, CodeField, editor_for
from gui.panels.sheets import Edit, Heading, Press, Row, Said, signature
from gui.widgets.card import ElidedLabel
from gui.widgets.iconbutton import Button, IconButton
from gui.widgets.naming import named, role

if TYPE_CHECKING:
    from gui.panels.forms import Form

LABELS, INDENT = 118, 12
LABEL, FIELD = range(2)
PLACES = 3
"""Rows of the grid that a line may use."""


class Line(QObject):
    """The widgets of one row, in a grid of two columns."""

    def __init__(self, row: Row, depth: int, form: "Form"):
        super().__init__(form)
        self.row, self.depth, self._form = row, depth, form
        self.signature = signature(row, depth)
        self.editor: QWidget | None = None
        self._widgets: list[QWidget] = []

    def place(self, grid: QGridLayout, at: int) -> None:
        """Put the widgets into the grid from its row `at` on."""

    def show_row(self, row: Row) -> None:
        """Show the values of a row of the same signature."""
        self.row = row

    def complain(self, sentence: str) -> None:
        """Say why a value was refused; "" says nothing."""

    def remove(self, grid: QGridLayout) -> None:
        """Take the widgets out of the grid and away."""
        for widget in self._widgets:
            grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self.deleteLater()

    def _put(self, grid: QGridLayout, widget: QWidget, at: int, column: int | None = None) -> None:
        """Put a widget into one column, or across both."""
        self._widgets.append(widget)
        if column is None:
            grid.addWidget(widget, at, LABEL, 1, 2)
        else:
            grid.addWidget(widget, at, column)

    def _label(self, text: str) -> QWidget:
        label = role(ElidedLabel(text), "muted")
        label.setContentsMargins(theme.px(INDENT * self.depth), 0, 0, 0)
        label.setMinimumWidth(theme.px(24))
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        return label


class HeadingLine(Line):
    def place(self, grid: QGridLayout, at: int) -> None:
        assert isinstance(self.row, Heading)
        label = role(QLabel(self.row.text), "title")
        label.setContentsMargins(0, theme.px(theme.GAP_M) if at else 0, 0, 0)
        self._put(grid, label, at)


class SaidLine(Line):
    def place(self, grid: QGridLayout, at: int) -> None:
        assert isinstance(self.row, Said)
        self._text = role(QLabel(wordWrap=True), "muted")
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setMinimumHeight(theme.px(20))
        if self.row.label:
            self._put(grid, self._label(self.row.label), at, LABEL)
        self._put(grid, self._text, at, FIELD if self.row.label else None)

    def show_row(self, row: Row) -> None:
        super().show_row(row)
        assert isinstance(row, Said)
        self._text.setText(row.text)


class PressLine(Line):
    def place(self, grid: QGridLayout, at: int) -> None:
        row = self.row
        assert isinstance(row, Press)
        self._button = named(Button(row.text, row.glyph), f"press_{row.key}", row.text)
        self.editor = self._button
        self._button.clicked.connect(lambda: self._form.pressed.emit(self.row))
        if row.label:
            # What the button says may be long; it must not push the fields of the form out of sight.
            self._button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            self._button.setToolTip(row.text)
            self._put(grid, self._label(row.label), at, LABEL)
        self._put(grid, self._button, at, FIELD if row.label else None)

    def show_row(self, row: Row) -> None:
        super().show_row(row)
        assert isinstance(row, Press)
        self._button.setText(row.text)


class EditLine(Line):
    """A label, an editor, what brings the default back, and a line for what is wrong."""

    def place(self, grid: QGridLayout, at: int) -> None:
        row = self.row
        assert isinstance(row, Edit)
        self.editor = self._made_editor(row)
        self._reset: IconButton | None = None
        self._error = role(QLabel(wordWrap=True), "error")
        self._error.hide()
        label = self._label(row.label)
        label.setToolTip(row.help)
        if row.code:
            for offset, widget in enumerate((label, self.editor, self._error)):
                self._put(grid, widget, at + offset)
            return
        self._put(grid, self._with_reset(row, label), at, LABEL)
        self._put(grid, self.editor, at, FIELD)
        self._put(grid, self._error, at + 1, FIELD)

    def show_row(self, row: Row) -> None:
        super().show_row(row)
        assert isinstance(row, Edit)
        assert self.editor is not None
        self.editor.show_value(row.value)  # type: ignore[attr-defined]
        if self._reset is not None:
            self._reset.setVisible(row.changed)
        if row.code:
            self.editor.mark_line(row.error_line)  # type: ignore[attr-defined]
            self.complain(row.error)

    def complain(self, sentence: str) -> None:
        self._error.setText(sentence)
        self._error.setVisible(bool(sentence))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.FocusIn and isinstance(self.row, Edit):
            self._form.explained.emit(self.row.help)
        return False

    def _with_reset(self, row: Edit, label: QWidget) -> QWidget:
        """The label, and at its end what brings the default back, shown where the value is another one."""
        cell = QWidget()
        line = QHBoxLayout(cell)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        line.addWidget(label, 1)
        if row.reset is not None:
            says = f"Back to the default of {row.label}"
            self._reset = reset = named(IconButton("reset", says), f"reset_{row.key}", says)
            reset.clicked.connect(lambda: self._form.reset.emit(self.row))
            line.addWidget(reset)
        return cell

    def _made_editor(self, row: Edit) -> QWidget:
        if row.code:
            editor: QWidget = CodeField()
        elif row.choices:
            editor = ChoiceEditor(row.choices)
        else:
            editor = editor_for(row.parameter)
        named(editor, f"edit_{row.key}", row.label)
        control = editor.focusProxy() or editor
        named(control, control.objectName() or f"edit_{row.key}_control", row.label)
        control.setAccessibleDescription(row.help)
        control.setToolTip(control.toolTip() or row.help)
        control.installEventFilter(self)
        if not row.code:
            editor.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        editor.edited.connect(lambda value: self._form.wanted.emit(self.row, value))  # type: ignore[attr-defined]
        editor.refused.connect(self.complain)  # type: ignore[attr-defined]
        return editor


def line_for(row: Row) -> type[Line]:
    """The class that shows a row."""
    kinds: dict[type, type[Line]] = {Edit: EditLine, Said: SaidLine, Heading: HeadingLine, Press: PressLine}
    return kinds[type(row)]
