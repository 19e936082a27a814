"""What the window remembers between starts: an ini file in the user's configuration folder.

LOSSMITH_SETTINGS names another file, for tests and for those who carry theirs along.
"""

import os
from pathlib import Path

import platformdirs
from PySide6.QtCore import QSettings

MAX_RECENT = 12


def settings_path() -> Path:
    """The file that holds the settings."""
    named = os.environ.get("LOSSMITH_SETTINGS")
    return Path(named) if named else platformdirs.user_config_path("lossmith", appauthor=False) / "window.ini"


class Settings:
    """Typed access to the ini file. What cannot be read is as if it were not there."""

    def __init__(self, path: Path | None = None):
        self._path = path or settings_path()
        self._store = QSettings(str(self._path), QSettings.Format.IniFormat)

    @property
    def theme(self) -> str:
        value = str(self._store.value("view/theme", "light"))
        return value if value in ("light", "dark") else "light"

    @theme.setter
    def theme(self, name: str) -> None:
        self._store.setValue("view/theme", name)

    @property
    def scale(self) -> float:
        """The size of everything, 0.8 to 2."""
        try:
            return float(str(self._store.value("view/scale", 1.0)))
        except ValueError:
            return 1.0

    @scale.setter
    def scale(self, scale: float) -> None:
        self._store.setValue("view/scale", scale)

    @property
    def recent(self) -> list[Path]:
        """Projects opened or saved lately that still exist, the latest first."""
        value = self._store.value("files/recent", [])
        names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        return [path for name in names if (path := Path(str(name))).is_file()]

    def remember(self, path: Path) -> None:
        """Put `path` in front of the recent projects."""
        paths = [path.resolve(), *(other for other in self.recent if other != path.resolve())]
        self._store.setValue("files/recent", [str(path) for path in paths[:MAX_RECENT]])

    def forget_recent(self) -> None:
        self._store.remove("files/recent")

    @property
    def last_folder(self) -> Path:
        """Where file dialogs start."""
        folder = Path(str(self._store.value("files/folder", "")) or Path.home())
        return folder if folder.is_dir() else Path.home()

    @last_folder.setter
    def last_folder(self, folder: Path) -> None:
        self._store.setValue("files/folder", str(folder))

    def blob(self, key: str) -> bytes:
        """A geometry or layout that was kept under `key`, b"" if none was."""
        value = self._store.value(f"layout/{key}")
        return bytes(value.data()) if hasattr(value, "data") else b""

    def keep(self, key: str, blob: object) -> None:
        self._store.setValue(f"layout/{key}", blob)

    def forget_layout(self) -> None:
        self._store.remove("layout")
