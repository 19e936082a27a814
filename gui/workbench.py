"""What the window works on: the open document with everything that watches it, without a single widget."""

from PySide6.QtCore import QObject

from core.project.references import exists
from core.project.schema import Project
from gui.checking import Checking
from gui.document import Document
from gui.files import Files
from gui.selection import Selection
from gui.settings import Settings
from gui.training import Training


class Workbench(QObject):
    """Document, selection, training and checking of one window. `close()` ends the threads."""

    def __init__(
        self,
        parent: QObject | None = None,
        settings: Settings | None = None,
        training: Training | None = None,
    ):
        super().__init__(parent)
        self.settings = settings or Settings()
        self.document = Document(parent=self)
        self.selection = Selection(self)
        self.training = training or Training(self)
        self.checking = Checking(self.document, self.training, self)
        self.files = Files(self.document, self.settings, self)
        self.document.changed.connect(self._keep_selection_valid)
        self.document.changed.connect(self._send_rate)
        self.document.opened.connect(self._forget_run)

    def train(self) -> None:
        """Train the project as it stands."""
        self.training.train(self.document.project, self.document.folder)

    def toggle_pause(self) -> None:
        """Pause a run that trains, resume one that is paused."""
        if self.training.state.phase == "paused":
            self.training.resume()
        elif self.training.state.busy:
            self.training.pause()

    def _forget_run(self) -> None:
        """Another project is open: what an earlier one has trained says nothing about its terms."""
        self.training.leave_run()

    def _send_rate(self, before: Project, after: Project) -> None:
        """A learning rate that changes while its project trains changes in the run too."""
        old, new = (each.training.optimizer.config.get("learning_rate") for each in (before, after))
        if self.training.own_run and self.training.state.busy and isinstance(new, int | float) and new != old:
            self.training.set_rate(float(new))

    def close(self) -> None:
        self.files.close()
        self.training.close()

    def _keep_selection_valid(self, _before: Project, after: Project) -> None:
        kept = tuple(reference for reference in self.selection.all if exists(after, reference))
        if kept != self.selection.all:
            self.selection.select(*kept)
