"""Forms: the rows of a sheet as widgets, one column of labels and one edge of fields."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from gui import theme
from gui.panels.editors import ChoiceEditor, CodeField, editor_for
from gui.panels.sheets import Edit, Heading, Press, Row, Said, structure
from gui.widgets.card import ElidedLabel
from gui.widgets.iconbutton import Button, IconButton
from gui.widgets.naming import named, role

LABELS, INDENT = 100, 12
LABEL, FIELD, RESET = range(3)


class Form(QWidget):
    """Shows rows; `wanted` carries a row and the value a user chose, `reset` the row to bring its default
    back to.

    `explained` carries the help of the row that has the keyboard.
    """

    wanted = Signal(object, object)
    reset = Signal(object)
    pressed = Signal(object)
    explained = Signal(str)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._rows: tuple[Row, ...] = ()
        self._lines: list[_Line] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._held: QWidget | None = None

    def show_rows(self, rows: tuple[Row, ...]) -> None:
        """Show these rows; widgets are made anew only where the rows are other ones."""
        if self._held is None or structure(rows) != structure(self._rows):
            self._build(rows)
        self._rows = rows
        for line, row in zip(self._lines, _flat(rows), strict=True):
            line.show_row(row[0])

    def complain(self, row: Edit, sentence: str) -> None:
        """Say at the row why its value was refused."""
        for line in self._lines:
            if line.row.key == row.key:
                line.complain(sentence)

    def editor(self, key: str) -> QWidget | None:
        """The editor of the row called `key`."""
        return next((line.editor for line in self._lines if line.row.key == key), None)

    def _build(self, rows: tuple[Row, ...]) -> None:
        if self._held is not None:
            self._column.removeWidget(self._held)
            self._held.hide()
            self._held.deleteLater()
        self._held = QWidget()
        grid = QGridLayout(self._held)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.px(theme.GAP_S))
        grid.setVerticalSpacing(theme.px(theme.GAP_XS))
        grid.setColumnMinimumWidth(LABEL, theme.px(LABELS))
        grid.setColumnStretch(FIELD, 1)
        grid.setColumnMinimumWidth(RESET, theme.px(26))
        self._lines = [_Line(row, depth, grid, self) for row, depth in _flat(rows)]
        self._column.addWidget(self._held)


class _Line(QObject):
    """The widgets of one row."""

    def __init__(self, row: Row, depth: int, grid: QGridLayout, form: Form):
        super().__init__(grid.parentWidget())
        self.row, self._form = row, form
        self.editor: QWidget | None = None
        self._shows: Callable[[Row], None] = lambda _row: None
        self._complaint = ""
        place = grid.rowCount()
        if isinstance(row, Heading):
            self._add_heading(row, grid, place)
        elif isinstance(row, Said):
            self._add_said(row, grid, place, depth)
        elif isinstance(row, Press):
            self._add_press(row, grid, place)
        else:
            self._add_edit(row, grid, place, depth)

    def show_row(self, row: Row) -> None:
        self.row = row
        self._shows(row)

    def complain(self, sentence: str) -> None:
        self._complaint = sentence
        self._error.setText(sentence)
        self._error.setVisible(bool(sentence))
        if hasattr(self.editor, "complain"):
            self._error.setVisible(bool(sentence))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.FocusIn and isinstance(self.row, Edit):
            self._form.explained.emit(self.row.help)
        return False

    # ---- kinds of rows

    def _add_heading(self, row: Heading, grid: QGridLayout, place: int) -> None:
        if place > 1:
            line = QFrame()
            line.setFrameShape(QFrame.Shape.HLine)
            line.setFixedHeight(theme.px(theme.GAP_S))
            line.setStyleSheet("border: none;")
            grid.addWidget(line, place, LABEL, 1, 3)
        grid.addWidget(role(QLabel(row.text), "title"), place + 1, LABEL, 1, 3)

    def _add_said(self, row: Said, grid: QGridLayout, place: int, depth: int) -> None:
        text = role(QLabel(wordWrap=True), "muted")
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        text.setMinimumHeight(theme.px(20))
        if row.label:
            grid.addWidget(self._label(row.label, depth), place, LABEL, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(text, place, FIELD, 1, 2)
        else:
            grid.addWidget(text, place, LABEL, 1, 3)

        def show(new: Row) -> None:
            assert isinstance(new, Said)
            text.setText(new.text)

        self._shows = show

    def _add_press(self, row: Press, grid: QGridLayout, place: int) -> None:
        button = named(Button(row.text, row.glyph), f"press_{row.key}", row.text)
        self.editor = button
        button.clicked.connect(lambda: self._form.pressed.emit(self.row))
        if row.label:
            grid.addWidget(self._label(row.label, 0), place, LABEL)
            grid.addWidget(button, place, FIELD, 1, 2)
        else:
            grid.addWidget(button, place, LABEL, 1, 3)

        def show(new: Row) -> None:
            assert isinstance(new, Press)
            button.setText(new.text)

        self._shows = show

    def _add_edit(self, row: Edit, grid: QGridLayout, place: int, depth: int) -> None:
        self.editor = editor = self._made_editor(row)
        label = self._label(row.label, depth)
        label.setToolTip(row.help)
        self._error = role(QLabel(wordWrap=True), "error")
        self._error.hide()
        if row.code:
            grid.addWidget(label, place, LABEL, 1, 3)
            grid.addWidget(editor, place + 1, LABEL, 1, 3)
            grid.addWidget(self._error, place + 2, LABEL, 1, 3)
        else:
            grid.addWidget(label, place, LABEL)
            grid.addWidget(editor, place, FIELD, 1, 1 if row.reset is not None else 2)
            grid.addWidget(self._error, place + 1, FIELD, 1, 2)
        self._reset = named(IconButton("reset", f"Back to the default of {row.label}"), f"reset_{row.key}")
        self._reset.clicked.connect(lambda: self._form.reset.emit(self.row))
        keep = self._reset.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self._reset.setSizePolicy(keep)
        if row.reset is not None and not row.code:
            grid.addWidget(self._reset, place, RESET)
        self._shows = self._show_edit

    def _made_editor(self, row: Edit) -> QWidget:
        if row.code:
            editor: QWidget = CodeField()
        elif row.choices:
            editor = ChoiceEditor(row.choices)
        else:
            editor = editor_for(row.parameter)
        named(editor, f"edit_{row.key}", row.label)
        focus = editor.focusProxy() or editor
        named(focus, focus.objectName() or f"edit_{row.key}_control", row.label)
        focus.setAccessibleDescription(row.help)
        focus.installEventFilter(self)
        focus.setToolTip(focus.toolTip() or row.help)
        if not row.code:
            editor.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        editor.edited.connect(lambda value: self._form.wanted.emit(self.row, value))  # type: ignore[attr-defined]
        editor.refused.connect(self._say)  # type: ignore[attr-defined]
        return editor

    def _show_edit(self, row: Row) -> None:
        assert isinstance(row, Edit)
        assert self.editor is not None
        self.editor.show_value(row.value)  # type: ignore[attr-defined]
        self._reset.setVisible(row.changed and row.reset is not None and not row.code)
        if row.code:
            self.editor.mark_line(row.error_line)  # type: ignore[attr-defined]
            self._say(row.error)

    def _say(self, sentence: str) -> None:
        self._error.setText(sentence)
        self._error.setVisible(bool(sentence))

    def _label(self, text: str, depth: int) -> QWidget:
        label = role(ElidedLabel(text), "muted")
        label.setContentsMargins(theme.px(INDENT * depth), 0, 0, 0)
        return label


def _flat(rows: tuple[Row, ...], depth: int = 0) -> list[tuple[Row, int]]:
    """Rows with those nested in them, in the order of the form."""
    found: list[tuple[Row, int]] = []
    for row in rows:
        found.append((row, depth))
        if isinstance(row, Edit):
            found += _flat(row.nested, depth + 1)
    return found
