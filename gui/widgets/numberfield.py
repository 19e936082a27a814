"""A field for one number: typed, turned with the wheel, or stepped with the arrow keys."""

from decimal import Decimal
from math import isfinite

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from gui import theme

Number = int | float | None
WHEEL_NOTCH = 120


class NumberField(QLineEdit):
    """A whole number or a float, with limits; empty means None where `optional`.

    Up, Down and the wheel step it (a tenth of its size for floats; with Shift ten times as far). Escape
    brings the last good value back. `edited` tells each new value, `refused` why a text is none.
    """

    edited = Signal(object)
    refused = Signal(str)

    def __init__(
        self,
        value: Number = 0,
        *,
        whole: bool = False,
        minimum: float | None = None,
        maximum: float | None = None,
        optional: bool = False,
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self._whole, self._optional = whole, optional
        self._minimum, self._maximum = minimum, maximum
        self._value: Number = None
        self._turned = 0
        self._size()
        self.show_value(value)
        theme.notifier().changed.connect(self._size)
        self.editingFinished.connect(self._commit)
        self.textEdited.connect(lambda _text: self._mark(self._complaint()))

    @property
    def value(self) -> Number:
        """The last good value."""
        return self._value

    def show_value(self, value: Number) -> None:
        """Show `value` without telling; a user in the middle of typing it is left alone."""
        if self.hasFocus() and self.isModified() and self._parsed() == value:
            self._value = value
            return
        self._value = value
        self.setText(written(value))
        self._mark("")

    def _size(self) -> None:
        self.setFont(theme.font(tabular=True))

    def step(self, steps: int) -> None:
        """Go `steps` steps up (or down, if negative) and tell."""
        parsed = self._parsed()
        start = parsed if isinstance(parsed, int | float) else (self._value or 0)
        self._take(self._within(stepped(start, steps, self._whole)))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        far = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        match event.key():
            case Qt.Key.Key_Up:
                self.step(far)
            case Qt.Key.Key_Down:
                self.step(-far)
            case Qt.Key.Key_Escape if self.isModified():
                self.setText(written(self._value))
                self._mark("")
            case _:
                super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Only with focus: a form that is scrolled under the mouse must not change its numbers."""
        if not self.hasFocus() or self.isReadOnly():
            event.ignore()
            return
        self._turned += event.angleDelta().y() or event.angleDelta().x()
        notches = int(self._turned / WHEEL_NOTCH)
        self._turned -= notches * WHEEL_NOTCH
        if notches:
            self.step(notches * (10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1))
        event.accept()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self.selectAll()

    def _commit(self) -> None:
        complaint = self._complaint()
        self._mark(complaint)
        if not complaint and self.isModified():
            self._take(self._parsed())

    def _take(self, value: object) -> None:
        assert value is None or isinstance(value, int | float)
        changed, self._value = value != self._value, value
        self.setText(written(value))
        self._mark("")
        if changed:
            self.edited.emit(value)

    def _parsed(self) -> Number | str:
        return parsed(self.text(), self._whole, self._optional)

    def _complaint(self) -> str:
        value = self._parsed()
        if isinstance(value, str):
            return value
        if value is not None and self._minimum is not None and value < self._minimum:
            return f"At least {written(self._minimum)}."
        if value is not None and self._maximum is not None and value > self._maximum:
            return f"At most {written(self._maximum)}."
        return ""

    def _within(self, value: float) -> float:
        low = value if self._minimum is None else max(value, self._minimum)
        kept = low if self._maximum is None else min(low, self._maximum)
        return int(kept) if self._whole else kept

    def _mark(self, complaint: str) -> None:
        if bool(complaint) != bool(self.property("wrong")):
            self.setProperty("wrong", bool(complaint))
            self.style().unpolish(self)
            self.style().polish(self)
        self.setAccessibleDescription(complaint)
        self.refused.emit(complaint)


def parsed(text: str, whole: bool, optional: bool) -> Number | str:
    """The number that `text` spells, or the sentence why it is none. A decimal comma is taken too."""
    text = text.strip().replace(" ", "")
    if not text:
        return None if optional else "A number is needed here."
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        number = float(text)
        value = int(text) if whole and number == int(number) and "e" not in text.lower() else number
    except (ValueError, OverflowError):
        return "A whole number is needed here." if whole else "A number is needed here."
    if not isfinite(number):
        return "A finite number is needed here."
    if whole and number != int(number):
        return "A whole number is needed here."
    return int(value) if whole else number


def stepped(value: float, steps: int, whole: bool) -> float:
    """`value`, `steps` steps on: 1 for whole numbers, else a tenth of the value's size."""
    if whole:
        return int(value) + steps
    exact = Decimal(repr(float(value)))
    size = exact.adjusted() if exact else 0
    return float(exact + steps * Decimal(1).scaleb(size - 1))


def written(value: Number) -> str:
    """The shortest text that reads back as `value`; "" for None."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    return repr(value)
