"""Taking the script away: in which style, to which file; what stands in the way is said in a sentence."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from core.codegen import compile_style, notebook, script
from core.codegen.code import CannotGenerate
from core.project.facts import DataFacts
from core.project.schema import Project
from core.project.writing import unwritable
from core.runs.folder import write_whole
from gui import theme
from gui.document import Document
from gui.widgets.iconbutton import Button
from gui.widgets.naming import named, role

STYLES = {
    "script": ("Script", ".py", "Keras as you would write it by hand, with every term by its name."),
    "compile": (
        "Script with plain compile()",
        ".py",
        "compile(loss=..., loss_weights=...) and nothing else.",
    ),
    "notebook": ("Notebook", ".ipynb", "The same script in cells, for Jupyter or Colab."),
}


def made(style: str, project: Project, folder: Path, out: Path, facts: DataFacts | None) -> str:
    """The text of `project` in `style`. Raises CannotGenerate with the sentence why there is none."""
    if style == "compile":
        return compile_style.compile_script(project, folder=folder, out=out, facts=facts).text
    if style == "notebook":
        return notebook.notebook(project, folder=folder, out=out, facts=facts)
    return script.script(project, folder=folder, out=out, facts=facts).text


class ExportDialog(QDialog):
    """Asks for style and file; `written` is the file once there is one."""

    def __init__(
        self, document: Document, facts: DataFacts | None, start: Path, parent: QWidget | None = None
    ):
        super().__init__(parent)
        self._document, self._facts = document, facts
        self.written: Path | None = None
        self.setWindowTitle("Export")
        self.setMinimumWidth(theme.px(520))
        stem = document.path.stem if document.path else "train"
        self.place = named(QLineEdit(str(start / f"{stem}.py")), "exportPlace", "File to write")
        self._styles = QButtonGroup(self)
        self._error = role(QLabel(wordWrap=True), "error")
        self._error.hide()
        self._build()
        self._styles.idClicked.connect(lambda _id: self._match_suffix())

    @property
    def style_chosen(self) -> str:
        return list(STYLES)[self._styles.checkedId()]

    def choose(self, style: str) -> None:
        """Choose a style as a click on it does."""
        self._styles.button(list(STYLES).index(style)).click()

    def write(self) -> bool:
        """Write the file; where that fails the dialog stays and says why."""
        out = self._out()
        if out is None:
            return False
        try:
            text = made(self.style_chosen, self._document.project, self._document.folder, out, self._facts)
            write_whole(out.resolve(), text)
        except CannotGenerate as error:
            return self._complain(f"There is no script yet: {error.sentence}")
        except OSError as error:
            return self._complain(unwritable(out, error))
        self.written = out
        self.accept()
        return True

    def copy(self) -> None:
        """Put the text on the clipboard instead."""
        out = self._out()
        if out is None:
            return
        try:
            text = made(self.style_chosen, self._document.project, self._document.folder, out, self._facts)
        except CannotGenerate as error:
            self._complain(f"There is no script yet: {error.sentence}")
            return
        QGuiApplication.clipboard().setText(text)
        self._complain("")

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(*(theme.px(theme.GAP_L),) * 4)
        column.setSpacing(theme.px(theme.GAP_S))
        column.addWidget(role(QLabel("What you export is what ran"), "heading"))
        reason = compile_style.why_not(self._document.project)
        for number, (key, (label, _suffix, words)) in enumerate(STYLES.items()):
            button = named(QRadioButton(label), f"export_{key}", label)
            button.setEnabled(key != "compile" or reason is None)
            self._styles.addButton(button, number)
            column.addWidget(button)
            column.addWidget(self._remark(reason if key == "compile" and reason else words))
        self._styles.button(0).setChecked(True)
        row = QHBoxLayout()
        row.addWidget(self.place, 1)
        browse = named(Button("Browse…"), "exportBrowse")
        browse.clicked.connect(self._browse)
        row.addWidget(browse)
        column.addLayout(row)
        column.addWidget(self._error)
        column.addLayout(self._buttons())

    def _remark(self, words: str) -> QLabel:
        label = role(QLabel(words, wordWrap=True), "muted")
        label.setContentsMargins(theme.px(theme.GAP_XL), 0, 0, theme.px(theme.GAP_XS))
        return label

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        copy = named(Button("Copy instead", "copy"), "exportCopy")
        cancel = named(Button("Cancel"), "exportCancel")
        write = named(Button("Write", "export", "primary"), "exportWrite")
        copy.clicked.connect(self.copy)
        cancel.clicked.connect(self.reject)
        write.clicked.connect(self.write)
        write.setDefault(True)
        row.addWidget(copy)
        row.addStretch(1)
        row.addWidget(cancel)
        row.addWidget(write)
        return row

    def _match_suffix(self) -> None:
        path = Path(self.place.text())
        if path.name:
            self.place.setText(str(path.with_suffix(STYLES[self.style_chosen][1])))

    def _out(self) -> Path | None:
        """The file that the line names; None where it names none, and why is said."""
        text = self.place.text().strip()
        try:
            out = Path(text).expanduser()
        except RuntimeError:
            self._complain(
                f"Nobody here is called {Path(text).parts[0][1:]}; give the whole path of the file."
            )
            return None
        if not out.name:
            self._complain("Give the file to write a name.")
            return None
        return out

    def _browse(self) -> None:
        suffix = STYLES[self.style_chosen][1]
        name, _kind = QFileDialog.getSaveFileName(self, "Export to", self.place.text(), f"*{suffix}")
        if name:
            self.place.setText(name)

    def _complain(self, sentence: str) -> bool:
        self._error.setText(sentence)
        self._error.setVisible(bool(sentence))
        self._error.setAlignment(Qt.AlignmentFlag.AlignLeft)
        return False
