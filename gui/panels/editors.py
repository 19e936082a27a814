"""Editors for one value each, chosen by the type of a parameter of the catalogue.

All speak alike: `show_value(value)` shows without telling, `edited` carries a value the user chose, `refused`
a sentence why what stands there is none ("" once it is).
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from core import catalogue
from core.catalogue import Entry, Parameter
from gui.widgets.codeeditor import CodeEditor
from gui.widgets.naming import named
from gui.widgets.numberfield import NumberField
from gui.widgets.picker import FEW, ComboBox, Picker
from gui.widgets.searchmenu import Choice
from gui.widgets.switch import Switch

NONE = "none"
TABLES: Mapping[str, Callable[[], Mapping[str, Entry]]] = {
    "initializer": catalogue.initializers,
    "regularizer": catalogue.regularizers,
    "constraint": catalogue.constraints,
    "layer": catalogue.layers,
    "schedule": catalogue.schedules,
}
"""Which objects a parameter of each type may hold."""


class NumberEditor(NumberField):
    """One number."""

    def __init__(self, parameter: Parameter):
        super().__init__(
            None,
            whole=parameter.type == "int",
            minimum=parameter.minimum,
            maximum=parameter.maximum,
            optional=parameter.optional or (parameter.default is None and not parameter.required),
        )
        self.setPlaceholderText("needed" if parameter.required else "not set")


class SwitchEditor(QWidget):
    """On or off."""

    edited = Signal(object)
    refused = Signal(str)

    def __init__(self, parameter: Parameter):
        super().__init__()
        self.switch = named(Switch(parameter.name.replace("_", " ")), f"{parameter.name}Switch")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.switch)
        row.addStretch(1)
        self.setFocusProxy(self.switch)
        self.switch.toggled.connect(lambda on: self.edited.emit(on))

    def show_value(self, value: object) -> None:
        with QSignalBlocker(self.switch):
            self.switch.setChecked(bool(value))
        self.switch.update()


class TextEditor(QLineEdit):
    """One line of text, told when it is left; `read` turns it into a value or raises ValueError(sentence)."""

    edited = Signal(object)
    refused = Signal(str)

    def __init__(
        self,
        read: Callable[[str], object] = str,
        write: Callable[[Any], str] = str,
        placeholder: str = "",
    ):
        super().__init__()
        self._read, self._write = read, write
        self._shown: object = None
        self.setPlaceholderText(placeholder)
        self.editingFinished.connect(self._commit)

    def show_value(self, value: object) -> None:
        self._shown = value
        text = "" if value is None else self._write(value)
        if text != self.text():
            self.setText(text)
            self.setCursorPosition(0)
        self._mark("")

    def complain(self, sentence: str) -> None:
        """Say that the value was refused; the text stays to be mended."""
        self._mark(sentence)

    def _commit(self) -> None:
        if not self.isModified():
            return
        try:
            value = self._read(self.text().strip())
        except ValueError as error:
            self._mark(str(error))
            return
        self._mark("")
        if value != self._shown:
            self.setModified(False)
            self.edited.emit(value)

    def _mark(self, sentence: str) -> None:
        if bool(sentence) != bool(self.property("wrong")):
            self.setProperty("wrong", bool(sentence))
            self.style().unpolish(self)
            self.style().polish(self)
        self.refused.emit(sentence)


class ChoiceEditor(QWidget):
    """One of a few as a combo box, of many as a menu one types into. The key "" stands for None."""

    edited = Signal(object)
    refused = Signal(str)

    def __init__(self, choices: Sequence[Choice], hint: str = "Search"):
        super().__init__()
        self.choices = tuple(choices)
        self._by_key = {choice.key: choice for choice in choices}
        self.control: ComboBox | Picker = ComboBox() if len(choices) <= FEW else Picker(hint)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.control)
        self.setFocusProxy(self.control)
        if isinstance(self.control, ComboBox):
            self._fill(self.control)
            self.control.activated.connect(self._take_index)
        else:
            self.control.picked.connect(self._take)

    def show_value(self, value: object) -> None:
        key = "" if value is None else str(value)
        if isinstance(self.control, Picker):
            self.control.show_choices(self.choices, key)
            return
        if key not in self._by_key and self.control.findData(key) < 0:
            self.control.addItem(key or "choose…", key)
        with QSignalBlocker(self.control):
            self.control.setCurrentIndex(self.control.findData(key))

    def _fill(self, box: ComboBox) -> None:
        for choice in self.choices:
            box.addItem(choice.label, choice.key)
            tip = choice.words or choice.detail
            box.setItemData(box.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)

    def _take_index(self, index: int) -> None:
        assert isinstance(self.control, ComboBox)
        self._take(str(self.control.itemData(index)))

    def _take(self, key: str) -> None:
        self.edited.emit(key or None)


class CodeField(CodeEditor):
    """Python as a value."""

    refused = Signal(str)


def editor_for(parameter: Parameter) -> QWidget:
    """The editor for values of a parameter; objects with parameters of their own have one in `nested`."""
    match parameter.type:
        case "int" | "float":
            return NumberEditor(parameter)
        case "bool":
            return SwitchEditor(parameter)
        case "choice":
            return ChoiceEditor(_choices(parameter))
        case "activation":
            return ChoiceEditor(_activations(parameter), "Search activations")
        case "ints" | "shape":
            return TextEditor(_read_ints, _write_list, "not set")
        case "floats":
            return TextEditor(_read_floats, _write_list, "not set")
        case "str":
            return TextEditor()
        case _:
            return TextEditor(_read_json, json.dumps, "not set")


def _choices(parameter: Parameter) -> list[Choice]:
    none = [Choice("", NONE)] if parameter.optional else []
    return [*none, *(Choice(key, key) for key in parameter.choices)]


def _activations(parameter: Parameter) -> list[Choice]:
    none = [Choice("", NONE, "the values as they are")] if parameter.default is None else []
    known = catalogue.activations()
    return [*none, *(Choice(name, name, words=entry.help) for name, entry in known.items())]


def _read_ints(text: str) -> object:
    numbers = _numbers(text, int, "whole numbers")
    return numbers[0] if len(numbers) == 1 else numbers or None


def _read_floats(text: str) -> object:
    return _numbers(text, float, "numbers") or None


def _numbers(text: str, kind: Callable[[str], Any], what: str) -> list[Any]:
    parts = [part for part in re.split(r"[,;\sx]+", text.strip("()[] ")) if part]
    try:
        return [None if part == "None" else kind(part) for part in parts]
    except ValueError:
        raise ValueError(f"Write {what}, with commas between them.") from None


def _write_list(value: object) -> str:
    return ", ".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)


def _read_json(text: str) -> object:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError('Write a number, a list like [1, 2], or a text in quotes like "a".') from None
