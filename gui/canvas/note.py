"""A remark on the canvas: templates explain themselves with notes, and users write their own."""

from PySide6.QtCore import QRectF
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QPainter,
    QPainterPath,
    QPalette,
    QPen,
    QTextDocument,
)
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from core.project.schema import Note
from gui import theme
from gui.canvas.node import font

PADDING, LEAST_HEIGHT = 10.0, 34.0


class NoteItem(QGraphicsItem):
    """Shows one `Note`, by its place in the project's list."""

    def __init__(self, note: Note, index: int):
        super().__init__()
        self.note, self.index = note, index
        self._text = QTextDocument()
        flag = QGraphicsItem.GraphicsItemFlag
        self.setFlags(flag.ItemIsSelectable | flag.ItemIsMovable)
        self.setZValue(-2)
        self.setPos(note.x, note.y)
        self.restyle()

    def restyle(self) -> None:
        self.prepareGeometryChange()
        self._text.setDefaultFont(font(12))
        self._text.setDocumentMargin(0)
        self._text.setTextWidth(self.note.width - 2 * PADDING)
        self._text.setPlainText(self.note.text)
        self.setToolTip("A note: double-click to edit it, Delete removes it")
        self.update()

    def area(self) -> QRectF:
        height = max(LEAST_HEIGHT, self._text.size().height() + 2 * PADDING)
        return QRectF(0, 0, self.note.width, height)

    def boundingRect(self) -> QRectF:  # noqa: N802
        return self.area().adjusted(-2, -2, 2, 2)

    def shape(self) -> QPainterPath:
        path = QPainterPath()
        path.addRect(self.area())
        return path

    def paint(
        self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None
    ) -> None:
        t = theme.tokens()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = (
            QPen(QColor(t.accent), 2)
            if self.isSelected()
            else QPen(QColor(theme.mix(t.warning, t.canvas, 0.6)), 1)
        )
        painter.setPen(edge)
        painter.setBrush(QColor(t.warning_soft))
        painter.drawRoundedRect(self.area(), 6, 6)
        painter.translate(PADDING, PADDING)
        context = _coloured(t.text)
        self._text.documentLayout().draw(painter, context)


def _coloured(colour: str) -> QAbstractTextDocumentLayout.PaintContext:
    """How a text document is told its colour."""
    context = QAbstractTextDocumentLayout.PaintContext()
    context.palette.setColor(QPalette.ColorRole.Text, QColor(colour))
    return context
