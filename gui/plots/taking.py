"""Takes a chart away: as a picture, as SVG, as numbers, or on the clipboard."""

import csv
import io
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QBuffer, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QMenu

from core.project.writing import unwritable
from core.runs.folder import write_whole
from gui import theme
from gui.plots.chart import Chart
from gui.plots.columns import Columns

SIZE = QSize(900, 460)
TITLE = 34


def fill_menu(chart: Chart, menu: QMenu) -> None:
    """The ways to take `chart` away."""
    menu.addAction("Copy picture", lambda: QGuiApplication.clipboard().setImage(picture(chart)))
    menu.addAction("Copy numbers", lambda: QGuiApplication.clipboard().setText(numbers(chart)))
    menu.addSeparator()
    for suffix in ("png", "svg", "csv"):
        action = menu.addAction(f"Save as {suffix.upper()}…", partial(_ask_and_write, chart, suffix))
        action.setObjectName(f"save_{suffix}")


def write(chart: Chart, path: Path) -> None:
    """Write `chart` to `path` as its suffix says: .png, .svg or .csv. Raises OSError."""
    if path.suffix.lower() == ".csv":
        write_whole(path, numbers(chart))
    elif path.suffix.lower() == ".svg":
        write_whole(path, drawing(chart))
    else:
        write_whole(path, _png(picture(chart)))


def _png(image: QImage) -> bytes:
    memory = QBuffer()
    memory.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(memory, "PNG")  # type: ignore[call-overload]
    return bytes(memory.data().data())


def picture(chart: Chart, scale: float = 2.0) -> QImage:
    """The chart as an image, twice as sharp as a plain screen."""
    image = QImage(SIZE * scale, QImage.Format.Format_ARGB32)
    image.setDevicePixelRatio(scale)
    image.fill(QColor(theme.tokens().surface))
    painter = QPainter(image)
    _paint(chart, painter)
    painter.end()
    return image


def drawing(chart: Chart) -> str:
    """The chart as SVG."""
    memory, generator = QBuffer(), QSvgGenerator()
    generator.setOutputDevice(memory)
    generator.setSize(SIZE)
    generator.setViewBox(QRectF(0, 0, SIZE.width(), SIZE.height()))
    generator.setTitle(chart.title)
    generator.setResolution(chart.logicalDpiX())  # else fonts and pens come out in another size
    painter = QPainter(generator)
    painter.fillRect(QRectF(0, 0, SIZE.width(), SIZE.height()), QColor(theme.tokens().surface))
    _paint(chart, painter)
    painter.end()
    return bytes(memory.data().data()).decode("utf-8")


def numbers(chart: Chart) -> str:
    """Every step and every epoch of every curve, as CSV: run, series, kind, step, epoch, value."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["run", "series", "kind", "step", "epoch", "value"])
    for trace in chart.traces:
        columns, series = trace.columns, trace.series
        if trace.by_step:
            _write_rows(
                rows, columns, series, "step", np.arange(columns.count) + 1, columns.pyramids[series].values
            )
        for kind, validation in (("train epoch", False), ("validation epoch", True)):
            _write_rows(rows, columns, series, kind, *columns.by_epoch(series, validation))
    return text.getvalue()


def _write_rows(
    rows: object, columns: Columns, series: str, kind: str, steps: object, values: object
) -> None:
    steps, values = np.asarray(steps, np.float64), np.asarray(values)
    epochs = columns.clock("epoch").at(steps)
    rows.writerows(  # type: ignore[attr-defined]
        (columns.name, series, kind, int(step), f"{epoch:.4f}", f"{value:.9g}")
        for step, epoch, value in zip(steps, epochs, values.tolist(), strict=True)
    )


def _paint(chart: Chart, painter: QPainter) -> None:
    t = theme.tokens()
    painter.setPen(QColor(t.text))
    painter.setFont(theme.font(14, bold=True))
    painter.drawText(QRectF(12, 6, SIZE.width() - 24, TITLE), Qt.AlignmentFlag.AlignVCenter, chart.title)
    chart.plot.paint(painter, QRectF(0, TITLE, SIZE.width(), SIZE.height() - TITLE), cursor=False)


def _ask_and_write(chart: Chart, suffix: str) -> None:
    name, _ = QFileDialog.getSaveFileName(chart, "Save the chart", f"{chart.title}.{suffix}", f"*.{suffix}")
    if not name:
        return
    path = Path(name) if name.lower().endswith(f".{suffix}") else Path(f"{name}.{suffix}")
    try:
        write(chart, path)
    except OSError as error:
        from PySide6.QtWidgets import QMessageBox

        QMessageBox.warning(chart, "The chart was not saved", unwritable(path, error))
