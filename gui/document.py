"""The open project, its undo history, and the one signal that says it changed.

A project is an immutable value, so an edit is one snapshot: nobody writes inverse operations and everything can be
undone. Panels listen to `changed(before, after)` and redraw the parts that are no longer the same object.
"""

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from core.project import storage
from core.project.schema import Project

MERGE_ID = 1


class Document(QObject):
    """Owns the current `Project`; `folder` is what its relative paths start from."""

    changed = Signal(object, object)  # (before: Project, after: Project)
    opened = Signal()  # another project takes the place of this one; `changed` follows
    moved = Signal()  # the path or the saved state is another one

    def __init__(
        self, project: Project | None = None, folder: Path | None = None, parent: QObject | None = None
    ):
        super().__init__(parent)
        self.project = project or Project()
        self.folder = folder or Path.cwd()
        self.path: Path | None = None
        self._on_disk: tuple[int, int] | None = None
        self.undo = QUndoStack(self)
        self.undo.cleanChanged.connect(self._tell_saved)

    def _tell_saved(self, _clean: bool) -> None:
        self.moved.emit()

    @property
    def unsaved(self) -> bool:
        return not self.undo.isClean()

    def edit(self, label: str, project: Project, merge: str | None = None) -> None:
        """Make `project` the current one, as one step of undo called `label`.

        Consecutive edits with the same `merge` key become one step (typing a name, dragging a slider).
        """
        if project == self.project and list(project.terms) == list(self.project.terms):
            return
        self.undo.push(_Snapshot(self, label, self.project, project, merge))

    def replace(self, project: Project, folder: Path, path: Path | None = None) -> None:
        """Show another project; its undo history starts empty."""
        before, self.project = self.project, project
        self.folder, self.path = folder, path
        self.undo.clear()
        self.opened.emit()
        self.changed.emit(before, project)
        self.moved.emit()

    def open(self, path: Path) -> None:
        """Read `path` and show it. Raises storage.UnreadableProject, and then nothing here has changed."""
        stamp = _stamp(path)
        self.replace(storage.load(path), path.resolve().parent, path.resolve())
        self._on_disk = stamp

    def save(self, path: Path, moved: Project | None = None) -> None:
        """Write the project whole or not at all; `moved` is what becomes of it in the folder of `path`.

        Raises OSError, and then the old file and what is open are untouched.
        """
        storage.save(moved or self.project, path)
        self.path, self.folder = path.resolve(), path.resolve().parent
        self._on_disk = _stamp(self.path)
        if moved is not None:
            self.edit("Find the data from the new folder", moved)
        self.undo.setClean()
        self.moved.emit()

    @property
    def changed_outside(self) -> bool:
        """Whether somebody else has written to the project's file since it was read or saved here."""
        now = _stamp(self.path) if self.path else None
        return now is not None and now != self._on_disk

    def show(self, project: Project) -> None:
        """Switch to `project` without a step of undo; for the undo commands only."""
        before, self.project = self.project, project
        self.changed.emit(before, project)


def _stamp(path: Path) -> tuple[int, int] | None:
    """When `path` was written and how long it is; None where it cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


class _Snapshot(QUndoCommand):
    """The project before and after one edit."""

    def __init__(self, document: Document, label: str, before: Project, after: Project, merge: str | None):
        super().__init__(label)
        self._document, self._before, self._after, self._merge = document, before, after, merge

    def id(self) -> int:
        return MERGE_ID if self._merge else -1

    def redo(self) -> None:
        self._document.show(self._after)

    def undo(self) -> None:
        self._document.show(self._before)

    def mergeWith(self, other: QUndoCommand) -> bool:  # noqa: N802 (Qt's name)
        if not isinstance(other, _Snapshot) or other._merge != self._merge:
            return False
        self._after = other._after
        return True
