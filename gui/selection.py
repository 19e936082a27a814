"""What is selected, by reference (`layer:trunk`, `term:nll`): one selection for canvas, terms, inspector and code."""

from PySide6.QtCore import QObject, Signal


class Selection(QObject):
    """The references that are selected; the last one chosen is `current`, which the inspector shows."""

    changed = Signal(str)  # the current reference, "" for none

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self.current = ""
        self.all: tuple[str, ...] = ()

    def select(self, *references: str) -> None:
        """Select exactly `references`; without any, nothing is selected."""
        if references == self.all:
            return
        self.all = references
        self.current = references[-1] if references else ""
        self.changed.emit(self.current)
