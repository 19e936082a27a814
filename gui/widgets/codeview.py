"""Python to be read: line numbers, colours also inside long strings, and lines that are marked."""

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QEvent, QObject, QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QTextCharFormat, QTextCursor, QTextFormat
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from gui import theme
from gui.widgets.codeeditor import Highlighter

INSIDE_STRING = 1
QUOTES = '"""'
PADDING = 8


class ScriptHighlighter(Highlighter):
    """Knows strings of several lines, too."""

    def highlightBlock(self, text: str) -> None:  # noqa: N802
        super().highlightBlock(text)
        inside = self.previousBlockState() == INSIDE_STRING
        start = 0 if inside else text.find(QUOTES)
        while start >= 0:
            end = text.find(QUOTES, start if inside else start + len(QUOTES))
            stop = len(text) if end < 0 else end + len(QUOTES)
            self.setFormat(start, stop - start, _string_format())
            inside = end < 0
            start = -1 if inside else text.find(QUOTES, stop)
        self.setCurrentBlockState(INSIDE_STRING if inside else 0)


class LineNumbers(QWidget):
    """The numbers at the left of `editor`; numbers of `marked` lines stand out."""

    def __init__(self, editor: QPlainTextEdit):
        super().__init__(editor)
        self._editor = editor
        self.marked: frozenset[int] = frozenset()
        editor.blockCountChanged.connect(lambda _count: self._make_room())
        editor.updateRequest.connect(lambda _area, _dy: self.update())
        editor.installEventFilter(self)
        theme.notifier().changed.connect(self._make_room)
        self._make_room()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.FontChange):
            self._make_room()
        return False

    def _make_room(self) -> None:
        digits = max(2, len(str(self._editor.blockCount())))
        width = self._editor.fontMetrics().horizontalAdvance("9") * digits + theme.px(2 * PADDING)
        self._editor.setViewportMargins(width, 0, 0, 0)
        inside = self._editor.contentsRect()
        self.setGeometry(QRect(inside.left(), inside.top(), width, inside.height()))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t, painter, editor = theme.tokens(), QPainter(self), self._editor
        painter.fillRect(event.rect(), QColor(t.canvas))
        painter.setFont(editor.font())
        block, offset = editor.firstVisibleBlock(), editor.contentOffset()
        while block.isValid():
            box = editor.blockBoundingGeometry(block).translated(offset)
            if box.top() > self.height():
                break
            number = block.blockNumber() + 1
            painter.setPen(QColor(t.text if number in self.marked else t.muted))
            area = QRect(0, round(box.top()), self.width() - theme.px(PADDING), round(box.height()))
            painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(number))
            block = block.next()


class CodeView(QPlainTextEdit):
    """Shows Python; can be selected and copied, not edited."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.setReadOnly(True)
        self.setProperty("role", "code")
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._ranges: tuple[tuple[int, int], ...] = ()
        self._highlighter = ScriptHighlighter(self.document())
        self.numbers = LineNumbers(self)
        theme.notifier().changed.connect(self._retheme)
        self._retheme()

    def show_code(self, text: str) -> None:
        """Show `text`; where one looks stays where it is."""
        if text == self.toPlainText():
            return
        down, across = self.verticalScrollBar().value(), self.horizontalScrollBar().value()
        self.setPlainText(text)
        self.verticalScrollBar().setValue(down)
        self.horizontalScrollBar().setValue(across)

    def mark_lines(self, ranges: Sequence[tuple[int, int]], go_there: bool = False) -> None:
        """Mark line ranges (from 1, both ends included), and scroll to the first where `go_there`."""
        self._ranges = tuple(ranges)
        lines = [number for first, last in ranges for number in range(first, last + 1)]
        self.numbers.marked = frozenset(lines)
        self.setExtraSelections(list(self._marks(lines)))
        self.numbers.update()
        if lines and go_there:
            self._scroll_to(lines[0])

    @property
    def marked(self) -> tuple[tuple[int, int], ...]:
        return self._ranges

    def _marks(self, lines: Iterable[int]) -> Iterable[QTextEdit.ExtraSelection]:
        for number in lines:
            mark = QTextEdit.ExtraSelection()
            mark.format.setBackground(QColor(theme.tokens().accent_soft))
            mark.format.setProperty(QTextFormat.Property.FullWidthSelection, True)
            mark.cursor = QTextCursor(self.document().findBlockByNumber(number - 1))
            yield mark

    def _scroll_to(self, line: int) -> None:
        seen = self.viewport().height() // max(1, self.fontMetrics().lineSpacing())
        self.verticalScrollBar().setValue(max(0, line - 1 - seen // 4))

    def _retheme(self) -> None:
        self.setFont(theme.mono_font())
        self.mark_lines(self._ranges)


def _string_format() -> QTextCharFormat:
    result = QTextCharFormat()
    result.setForeground(QColor(theme.tokens().good))
    return result
