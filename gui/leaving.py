"""Closing the window: what becomes of a run that is on, and of changes that are not saved, asked in one question.

A run does not need the window. It goes on without, and the next start finds it; so that is the default.
"""

from typing import Literal

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from gui import theme
from gui.runbar import words
from gui.settling import settle
from gui.training import Training, TrainingState
from gui.widgets.iconbutton import Button
from gui.widgets.naming import named, role
from gui.workbench import Workbench

Answer = Literal["keep", "stop", "cancel"]
WIDTH = 460
KEEPING = (
    "It does not need this window: kept training, it goes on by itself, and the next start of Lossmith shows it again "
    "with every step. Stopped, it keeps its model and can be resumed."
)


class Leaving(QObject):
    """Decides whether `window` may close now; where a run must stop first, closes it once that is done."""

    def __init__(self, window: QWidget, bench: Workbench):
        super().__init__(window)
        self._window, self._bench = window, bench
        self._answered = False

    def allowed(self) -> bool:
        """Ask what there is to ask. False when the window stays, for good or until the run has stopped."""
        settle()
        training = self._bench.training
        if self._answered:
            return True
        if not training.state.busy:
            return self._bench.files.may_leave()
        question = Question(training.state, self._unsaved(), self._window)
        question.exec()
        if question.answer == "cancel" or (question.saves and not self._bench.files.save()):
            return False
        if question.answer == "stop" and training.state.busy:
            if training.state.phase != "stopping":  # else it would end by force, and the model were lost
                training.stop()
            waiting = Waiting(training, self._window)
            waiting.accepted.connect(self._go)
            waiting.open()
            return False
        return True

    def _go(self) -> None:
        """The run has stopped, and everything was answered before."""
        self._answered = True
        self._window.close()

    def _unsaved(self) -> str:
        document = self._bench.document
        name = document.path.name if document.path else document.project.name
        return name if document.unsaved else ""


class Question(QDialog):
    """Keep training, stop and save, or cancel. `answer` is what was chosen, `saves` whether the project is saved."""

    def __init__(self, state: TrainingState, unsaved: str, parent: QWidget | None = None):
        super().__init__(parent)
        self.answer: Answer = "cancel"
        named(self, "leavingQuestion", "A run is still training")
        self.setWindowTitle("A run is still training")
        self.setFixedWidth(theme.px(WIDTH))
        self._save = named(QCheckBox(f"Save the changes to {unsaved} too"), "leavingSave")
        self._save.setChecked(bool(unsaved))
        self._save.setVisible(bool(unsaved))
        column = _column(self, "A run is still training", words(state))
        column.addWidget(role(QLabel(KEEPING, wordWrap=True), "muted"))
        column.addWidget(self._save)
        column.addLayout(self._buttons())
        self._keep.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def saves(self) -> bool:
        return self.answer != "cancel" and self._save.isChecked()

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(0, theme.px(theme.GAP_S), 0, 0)
        row.setSpacing(theme.px(theme.GAP_S))
        row.addStretch(1)
        cancel = named(Button("&Cancel"), "leavingCancel")
        stop = named(Button("&Stop and save", "stop"), "leavingStop")
        self._keep = keep = named(Button("&Keep training", "train", "primary"), "leavingKeep")
        for button, answer in ((cancel, "cancel"), (stop, "stop"), (keep, "keep")):
            button.setAutoDefault(button is keep)
            button.clicked.connect(lambda _checked=False, answer=answer: self._choose(answer))
            row.addWidget(button)
        keep.setDefault(True)
        return row

    def _choose(self, answer: Answer) -> None:
        self.answer = answer
        self.done(0)


class Waiting(QDialog):
    """Stands before the window until the run has stopped and saved its model; `accepted` then."""

    def __init__(self, training: Training, window: QWidget):
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        named(self, "leavingWait", "Stopping the run")
        self.setWindowTitle("Stopping the run")
        self.setFixedWidth(theme.px(WIDTH))
        column = _column(self, "Stopping the run and saving its model", training.state.sentence)
        self._sentence = self.findChild(QLabel, "leavingSentence")
        busy = named(QProgressBar(), "leavingProgress", "Working")
        busy.setRange(0, 0)
        busy.setTextVisible(False)
        column.addWidget(busy)
        row = QHBoxLayout()
        row.addStretch(1)
        stay = named(Button("Stay open"), "leavingStay")
        stay.clicked.connect(self.reject)
        row.addWidget(stay)
        column.addLayout(row)
        training.state_changed.connect(self._follow)

    def _follow(self, state: TrainingState) -> None:
        if self._sentence is not None:
            self._sentence.setText(state.sentence)
        if not state.busy and self.isVisible():
            self.accept()


def _column(dialog: QDialog, title: str, sentence: str) -> QVBoxLayout:
    column = QVBoxLayout(dialog)
    column.setContentsMargins(*(theme.px(theme.GAP_L),) * 4)
    column.setSpacing(theme.px(theme.GAP_S))
    column.addWidget(role(QLabel(title, wordWrap=True), "title"))
    column.addWidget(named(QLabel(sentence, wordWrap=True), "leavingSentence"))
    return column
