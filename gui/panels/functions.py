"""Edits the project's Python functions, checked while one types, without ever running them here."""

import json
import subprocess

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from core.project import edits
from core.project.functions import FunctionsError, signatures
from core.project.schema import Project
from gui import theme
from gui.background import Background
from gui.checking import Checking
from gui.document import Document
from gui.widgets.banner import Strip
from gui.widgets.codeeditor import CodeEditor
from gui.widgets.codeview import LineNumbers
from gui.widgets.iconbutton import Button
from gui.widgets.naming import named, role

PAUSE = 250
"""Milliseconds without a key until what was typed becomes the project's."""
NEW_STEP = 2500
"""Milliseconds without a key after which typing is another step of undo."""
UNTRUSTED_HERE = "These functions came with the file. Read them: they do not run until you trust them."
EXAMPLE = '''def mean_absolute(y_true, y_pred):
    """The mean absolute error, one value a row."""
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)
'''
HINT = (
    "Python functions that terms can use as their loss. Arguments are bound by name; "
    "keras, ops, layers and np are there already.\n\n"
    "def my_loss(y_true, y_pred):\n    return ops.square(y_true - y_pred)"
)
KNOWN_NAMES = ["keras", "ops", "layers", "np", "SEED"]


class FunctionsEditor(QWidget):
    """The code, a line on what is wrong with it, and the question of trust where it came with a file."""

    def __init__(self, document: Document, checking: Checking, parent: QWidget | None = None):
        super().__init__(parent)
        self._document, self._checking = document, checking
        self._worker = Background("functions", self)
        self._gesture = 0
        self.editor = named(CodeEditor(), "functionsEditor", "The project's Python functions")
        self.editor.setPlaceholderText(HINT)
        self._numbers = LineNumbers(self.editor)
        self.message = named(QLabel(wordWrap=True), "functionsMessage")
        self.trust_strip = Strip()
        self.trust_strip.cross.hide()
        self.example = named(Button("Insert an example", "add", "quiet"), "insertExample")
        self.example.clicked.connect(self._insert_example)
        self._take_soon, self._step_soon = (
            self._timer(PAUSE, self._take),
            self._timer(NEW_STEP, self._next_step),
        )
        self._lay_out()
        self.editor.edited.connect(self._typed)
        self.editor.left.connect(self._take)
        document.changed.connect(self._follow)
        document.opened.connect(self._forget)
        checking.changed.connect(self._show_trust)
        self._show(document.project)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, theme.px(theme.GAP_XS))
        head.addWidget(role(QLabel("Functions of this project"), "title"), 1)
        head.addWidget(self.example)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(theme.GAP_XS))
        column.addLayout(head)
        column.addWidget(self.trust_strip)
        column.addWidget(self.editor, 1)
        column.addWidget(self.message)
        self.trust_strip.hide()

    def close_worker(self) -> None:
        """Keep what was typed last, and end the thread."""
        self._take()
        self._worker.close()

    # ---- showing

    def _follow(self, before: Project, after: Project) -> None:
        if before.functions != after.functions:
            self._show(after)

    def _show(self, project: Project) -> None:
        if not self._take_soon.isActive():
            self.editor.show_value(project.functions)
        self.example.setVisible(not project.functions.strip())
        self._check(self.editor.toPlainText())
        self._show_trust()

    def _show_trust(self) -> None:
        if self._checking.trusted:
            self.trust_strip.hide()
        else:
            self.trust_strip.say(UNTRUSTED_HERE, "warning", ("Trust", self._checking.trust))

    # ---- typing

    def _typed(self, _text: str) -> None:
        self._take_soon.start()
        self._step_soon.start()

    def _take(self) -> None:
        self._take_soon.stop()
        project, text = self._document.project, self.editor.toPlainText()
        if text != project.functions:
            self._document.edit(
                "Edit functions", edits.put(project, "functions", text), f"functions:{self._gesture}"
            )

    def _forget(self) -> None:
        """What was typed for another project is nothing for this one."""
        self._take_soon.stop()
        self._next_step()

    def _next_step(self) -> None:
        self._gesture += 1

    def _insert_example(self) -> None:
        self.editor.show_value(EXAMPLE)
        self._take()
        self.editor.setFocus()

    # ---- checking

    def _check(self, text: str) -> None:
        self._worker.ask(
            "check", lambda: diagnosis(text), self._say, lambda error: self._say((0, str(error)))
        )

    def _say(self, found: tuple[int, str] | None) -> None:
        line, sentence = found or (0, "")
        self.editor.mark_line(line or None)
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence))
        self.message.setStyleSheet(f"color: {theme.tokens().bad};")

    def _timer(self, milliseconds: int, what: object) -> QTimer:
        timer = QTimer(self, singleShot=True, interval=milliseconds)
        timer.timeout.connect(what)
        return timer


def diagnosis(code: str) -> tuple[int, str] | None:
    """The first thing that is wrong with `code`: its line (0 for the whole) and a sentence; None if nothing
    is.
    """
    try:
        found = signatures(code)
    except FunctionsError as error:
        return error.line, str(error)
    refused = next((one for one in found.values() if one.refusal), None)
    if refused is not None:
        return refused.line, f"Line {refused.line}: {refused.refusal}."
    return _linted(code) if code.strip() else None


def _linted(code: str) -> tuple[int, str] | None:
    """What ruff finds that would fail when it runs: names that are not there, values never given."""
    from ruff import find_ruff_bin

    names = f"builtins = {json.dumps(KNOWN_NAMES)}"
    chosen = ["--isolated", "--select", "F821,F823,F7,F502,F601", "--config", names]
    command = [find_ruff_bin(), "check", *chosen, "--output-format", "json", "-"]
    done = subprocess.run(command, input=code, capture_output=True, encoding="utf-8", timeout=10, check=False)
    found = json.loads(done.stdout or "[]")
    if not found:
        return None
    line = int(found[0]["location"]["row"])
    return line, f"Line {line}: {found[0]['message'].rstrip('.')}."
