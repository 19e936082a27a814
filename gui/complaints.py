"""What nobody foresaw: shown in the window with its traceback one click away, and the program goes on.

An error may happen in any thread, so it travels to the window as a queued signal.
"""

import contextlib
import sys
import traceback
from types import TracebackType

from PySide6.QtCore import QObject, Qt, Signal, Slot

from gui.widgets.banner import Banner


class Complaints(QObject):
    """To be `sys.excepthook`: tells errors to `banner`."""

    _raised = Signal(str, str)

    def __init__(self, banner: Banner):
        super().__init__(banner)
        self._banner = banner
        self._raised.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        details = "".join(traceback.format_exception(kind, error, trace))
        print(details, file=sys.stderr)
        sentence = (
            f"Lossmith made a mistake ({kind.__name__}); your project is untouched, and saving it is wise."
        )
        with contextlib.suppress(RuntimeError):  # at the end of the program the window may be gone
            self._raised.emit(sentence, details)

    @Slot(str, str)
    def _show(self, sentence: str, details: str) -> None:
        self._banner.tell(sentence, "bad", None, details)
