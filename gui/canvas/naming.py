"""Typing on the canvas itself: a line over a node to rename it, a box over a note to write it."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QToolTip

from gui.canvas.node import NodeItem, font
from gui.canvas.note import NoteItem
from gui.canvas.view import GraphView
from gui.widgets.naming import named

Accept = Callable[[str], str | None]
"""Takes what was typed; returns a sentence where it will not do, and then the line stays open."""


class InPlace(QObject):
    """At most one line or box, over the viewport. Enter accepts, Escape gives up, leaving it accepts."""

    def __init__(self, view: GraphView):
        super().__init__(view)
        self._view = view
        self.editor: QLineEdit | QPlainTextEdit | None = None
        self._accept: Accept = lambda _text: None
        view.zoomed.connect(self.close)

    def rename(self, item: NodeItem, accept: Accept) -> None:
        """Type another name over the title of a node."""
        line = named(
            QLineEdit(item.node.name, self._view.viewport()), "canvasName", f"Name of {item.node.title}"
        )
        area = item.card().translated(item.pos()).adjusted(7, 7, -7, -7)
        self._open(line, area, accept, bold=True)
        line.selectAll()

    def write(self, item: NoteItem, accept: Accept) -> None:
        """Type another text into a note; Ctrl+Enter accepts, Enter breaks the line."""
        box = named(QPlainTextEdit(item.note.text, self._view.viewport()), "canvasNote", "Text of the note")
        area = item.area().translated(item.pos())
        self._open(box, area.adjusted(0, 0, 0, 24), accept, bold=False)
        box.selectAll()

    def _open(self, editor: QLineEdit | QPlainTextEdit, area: QRectF, accept: Accept, bold: bool) -> None:
        self.close()
        self.editor, self._accept = editor, accept
        face = font(13 if bold else 12, bold=bold)
        face.setPixelSize(max(10, round(face.pixelSize() * self._view.zoom)))
        editor.setFont(face)
        editor.setStyleSheet("padding: 0 2px; min-height: 0;")
        corner = self._view.mapFromScene(area.topLeft())
        size = area.size() * self._view.zoom
        editor.setGeometry(
            corner.x(), corner.y(), max(96, round(size.width())), max(24, round(size.height()))
        )
        editor.installEventFilter(self)
        editor.show()
        editor.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if watched is not self.editor:
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return False
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._key(event)
        if event.type() == QEvent.Type.FocusOut:
            self._take()
        return False

    def _key(self, event: QKeyEvent) -> bool:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
            return True
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if enter and (control or isinstance(self.editor, QLineEdit)):
            self._take(stay=True)
            return True
        return False

    def _take(self, stay: bool = False) -> None:
        """Accept what was typed; where it will not do, say why, and stay open if that is still possible."""
        editor = self.editor
        if editor is None:
            return
        text = editor.text() if isinstance(editor, QLineEdit) else editor.toPlainText()
        why = self._accept(text)
        if why and stay:
            QToolTip.showText(editor.mapToGlobal(editor.rect().bottomLeft()), why, editor)
            return
        self.close()

    def close(self) -> None:
        editor, self.editor = self.editor, None
        if editor is not None:
            editor.hide()
            editor.deleteLater()
            self._view.setFocus()
