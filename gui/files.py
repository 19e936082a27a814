"""Files of the open project: new, open, save, and the data it is made from; every failure is a sentence."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from core.project.edits import put
from core.project.schema import Project
from core.project.storage import UnreadableProject
from core.project.templates import Template
from core.project.writing import unwritable
from gui.document import Document
from gui.holding import Holding
from gui.settings import Settings
from gui.settling import settle

SUFFIX = ".lossmith"
PROJECTS = f"Lossmith projects (*{SUFFIX})"
DATA = "Data (*.csv *.tsv *.txt *.parquet *.pq *.npz *.npy);;All files (*)"
DATA_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".npz", ".npy")


class Files(QObject):
    """Opens and saves the document. Where no path is given, a dialog over `window` asks for one."""

    failed = Signal(str)  # a sentence
    told = Signal(str)  # what was done
    warned = Signal(str)  # what has to be known of what was done
    opened = Signal()  # another project is shown, or a new one
    recent_changed = Signal()

    def __init__(self, document: Document, settings: Settings, parent: QObject | None = None):
        super().__init__(parent)
        self._document, self._settings = document, settings
        self.window: QWidget | None = None
        self._holding = Holding()

    def new(self, project: Project | None = None, folder: Path | None = None) -> bool:
        """Show a new project (or a copy of `project`), which has no file yet."""
        if not self.may_leave():
            return False
        self._document.replace(project or Project(), folder or self._settings.last_folder)
        self._holding.leave()
        self.opened.emit()
        return True

    def new_from(self, template: Template) -> bool:
        """Show a copy of an example; saving it does not touch the example."""
        return self.new(template.project(), template.path.parent)

    def new_from_data(self) -> bool:
        """Ask for data and show a new project made from it."""
        path = self._ask_for(QFileDialog.getOpenFileName, "Start from data", DATA)
        return path is not None and self.new() and self.open_data(path)

    def open(self, path: Path | None = None) -> bool:
        """Open a project; tell `failed` why it could not be read, and keep what is open."""
        path = path or self._ask_for(QFileDialog.getOpenFileName, "Open project", PROJECTS)
        if path is None or not self.may_leave():
            return False
        try:
            self._document.open(path)
        except (UnreadableProject, OSError) as error:
            self.failed.emit(_sentence(error, f"{path.name} could not be opened"))
            return False
        self._remember(path)
        self.opened.emit()
        self._hold(path)
        return True

    def open_data(self, path: Path | None = None) -> bool:
        """Make `path` the project's data; fields that it has no columns for become problems."""
        from core.data import UnreadableData, source_for  # brings pandas along

        path = path or self._ask_for(QFileDialog.getOpenFileName, "Open data", DATA)
        if path is None:
            return False
        project = self._document.project
        try:
            source = source_for(path, self._document.folder)
        except (UnreadableData, OSError) as error:
            self.failed.emit(_sentence(error, f"{path.name} could not be read"))
            return False
        self._settings.last_folder = path.parent
        data = project.data.model_copy(update={"source": source})
        self._document.edit(f"Open {path.name}", put(project, "data", data))
        self.opened.emit()
        return True

    def save(self) -> bool:
        """Save to the project's file; ask for one if it has none."""
        return self.save_as(self._document.path) if self._document.path else self.save_as()

    def save_as(self, path: Path | None = None) -> bool:
        """Save to `path`. The old file is untouched when that fails."""
        path = path or self._ask_for(QFileDialog.getSaveFileName, "Save project", PROJECTS, self._proposal())
        if path is None:
            return False
        path = path if path.suffix else path.with_suffix(SUFFIX)
        if (
            path.resolve() == self._document.path
            and self._document.changed_outside
            and not self._may_replace()
        ):
            return False
        try:
            self._document.save(path, self._with_data_from(path.resolve().parent))
        except OSError as error:
            self.failed.emit(f"Nothing was saved: {unwritable(path, error)}")
            return False
        self._remember(path)
        self.told.emit(f"Saved {path.name}.")
        self._hold(path)
        return True

    def close(self) -> None:
        """Let other windows have the project."""
        self._holding.leave()

    def _hold(self, path: Path) -> None:
        if not self._holding.take(path):
            self.warned.emit(
                f"{path} is open in another window too: "
                "whoever saves it second is asked before the work of the first is replaced."
            )

    def may_leave(self) -> bool:
        """Whether the project may be left: it is saved, or the user chose to lose the changes."""
        settle()
        if not self._document.unsaved or self.window is None:
            return True
        name = self._document.path.name if self._document.path else self._document.project.name
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self.window,
            "Unsaved changes",
            f"{name} has changes that are not saved.",
            buttons.Save | buttons.Discard | buttons.Cancel,
            buttons.Save,
        )
        if answer == buttons.Save:
            return self.save()
        return bool(answer == buttons.Discard)

    def take_dropped(self, path: Path) -> bool:
        """Open what was dropped on the window: a project, or data."""
        if path.suffix == SUFFIX:
            return self.open(path)
        if path.suffix.lower() in DATA_SUFFIXES:
            return self.open_data(path)
        self.failed.emit(
            f"{path.name} is neither a project ({SUFFIX}) nor data ({', '.join(DATA_SUFFIXES)})."
        )
        return False

    def _may_replace(self) -> bool:
        """Whether what somebody else has saved in the meantime may be lost: another window, or an editor."""
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self.window,
            "Changed by somebody else",
            f"{self._document.path} has changed since it was opened here: another window or program wrote to it. "
            "Replace it by what is shown here?",
            buttons.Yes | buttons.Cancel,
            buttons.Cancel,
        )
        return bool(answer == buttons.Yes)

    def _with_data_from(self, folder: Path) -> Project | None:
        """A relative data path is relative to the project's file, so it changes when that moves."""
        project, before = self._document.project, self._document.folder
        path = getattr(project.data.source, "path", "")
        if not path or Path(path).is_absolute() or folder == before.resolve():
            return None
        here = (before / path).resolve()
        moved = here.relative_to(folder) if here.is_relative_to(folder) else here
        source = project.data.source.model_copy(update={"path": moved.as_posix()})  # type: ignore[union-attr]
        data = project.data.model_copy(update={"source": source})
        return put(project, "data", data)

    def _proposal(self) -> Path:
        folder = self._document.path.parent if self._document.path else self._settings.last_folder
        stem = "".join(c if c.isalnum() else "-" for c in self._document.project.name.lower()).strip("-")
        return folder / f"{stem or 'project'}{SUFFIX}"

    def _ask_for(
        self, dialog: Callable[..., tuple[str, str]], title: str, kinds: str, start: Path | None = None
    ) -> Path | None:
        name, _kind = dialog(self.window, title, str(start or self._settings.last_folder), kinds)
        return Path(name) if name else None

    def _remember(self, path: Path) -> None:
        self._settings.remember(path)
        self._settings.last_folder = path.resolve().parent
        self.recent_changed.emit()


def _sentence(error: Exception, what: str) -> str:
    """What went wrong, for the user: our own errors are sentences already, the system's are made one."""
    if isinstance(error, OSError):
        return f"{what}: {(error.strerror or str(error)).lower()}."
    return str(error)
