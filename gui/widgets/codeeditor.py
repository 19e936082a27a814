"""A small editor for Python: colours, indentation, a marked line where something is wrong."""

import keyword
import re

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from gui import theme

INDENT = "    "
RULES = (
    ("comment", re.compile(r"#[^\n]*")),
    ("string", re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")),
    ("keyword", re.compile(rf"\b(?:{'|'.join(keyword.kwlist)})\b")),
    ("number", re.compile(r"\b\d+(?:\.\d*)?(?:[eE][+-]?\d+)?\b")),
    ("call", re.compile(r"\b[A-Za-z_]\w*(?=\s*\()")),
)


class Highlighter(QSyntaxHighlighter):
    """Colours Python line by line in the colours of the theme."""

    def __init__(self, document: QTextDocument):
        super().__init__(document)
        theme.notifier().changed.connect(self.rehighlight)

    def highlightBlock(self, text: str) -> None:  # noqa: N802
        for name, rule in reversed(RULES):
            for found in rule.finditer(text):
                self.setFormat(found.start(), found.end() - found.start(), _format(name))


class CodeEditor(QPlainTextEdit):
    """Python to be typed. `edited` carries the text after each change, `left` says that it lost the keyboard.

    Tab indents, so Escape moves the keyboard on. It is as high as its text, between `least` and `most` lines.
    """

    edited = Signal(str)
    left = Signal()

    def __init__(self, least: int = 2, most: int = 16, parent: QWidget | None = None):
        super().__init__(parent)
        self._least, self._most = least, most
        self._wrong: int | None = None
        self._told = ""
        self.setProperty("role", "code")
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._highlighter = Highlighter(self.document())
        self._size()
        self.textChanged.connect(self._tell)
        self.document().blockCountChanged.connect(lambda _count: self.updateGeometry())
        theme.notifier().changed.connect(self._size)

    def show_value(self, text: str) -> None:
        """Show `text` without telling; where it is shown already nothing moves."""
        if text == self.toPlainText():
            return
        self._told = text
        blocked = self.blockSignals(True)
        self.setPlainText(text)
        self.blockSignals(blocked)
        self._highlighter.rehighlight()
        self.updateGeometry()

    def mark_line(self, line: int | None) -> None:
        """Mark a line (from 1) as wrong; None marks none."""
        self._wrong = line
        block = self.document().findBlockByNumber(line - 1) if line else None
        if block is None or not block.isValid():
            self.setExtraSelections([])
            return
        mark = QTextEdit.ExtraSelection()
        mark.format.setBackground(QColor(theme.tokens().bad_soft))
        mark.format.setProperty(QTextFormat.Property.FullWidthSelection, True)
        mark.cursor = QTextCursor(block)
        self.setExtraSelections([mark])

    def sizeHint(self) -> QSize:  # noqa: N802
        lines = min(max(self.blockCount(), self._least), self._most)
        height = lines * self.fontMetrics().lineSpacing() + theme.px(16)
        return QSize(theme.px(160), height)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(theme.px(80), self.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        cursor = self.textCursor()
        match event.key():
            case Qt.Key.Key_Tab if not event.modifiers():
                cursor.insertText(INDENT)
            case Qt.Key.Key_Escape:
                self.focusNextChild()
            case Qt.Key.Key_Return | Qt.Key.Key_Enter if not event.modifiers():
                cursor.insertText("\n" + _indent_after(cursor.block().text()[: cursor.positionInBlock()]))
            case _:
                super().keyPressEvent(event)
                return
        self.ensureCursorVisible()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.left.emit()

    def _size(self) -> None:
        self.setFont(theme.mono_font())
        self.setTabStopDistance(4 * self.fontMetrics().horizontalAdvance(" "))
        self.mark_line(self._wrong)
        self.updateGeometry()

    def _tell(self) -> None:
        text = self.toPlainText()
        if text != self._told:  # colouring the text is a change of the document, too
            self._told = text
            self.edited.emit(text)


def _indent_after(line: str) -> str:
    """How the line after `line` begins."""
    own = line[: len(line) - len(line.lstrip())]
    return own + INDENT if line.rstrip().endswith(":") else own


def _format(name: str) -> QTextCharFormat:
    t = theme.tokens()
    colours = {
        "comment": t.muted,
        "string": t.good,
        "keyword": t.accent,
        "number": t.warning,
        "call": theme.readable(t.heads[3]),
    }
    result = QTextCharFormat()
    result.setForeground(QColor(colours[name]))
    result.setFontItalic(name == "comment")
    return result
