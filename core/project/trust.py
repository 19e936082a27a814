"""Which Python code of projects may run: remembered by content, outside the project.

Opening a project never runs its code. Its `functions` run only after the user trusted exactly that text, as
editors do with workspaces; one changed character is other code. What ships with Lossmith is trusted from the
start. Expressions are a white list and need no trust.
"""

import hashlib
import json
import os
from functools import cache
from pathlib import Path

import platformdirs

from core.project.schema import Project

TEMPLATES = Path(__file__).parents[2] / "resources" / "templates"
MOST_REMEMBERED = 10_000


def fingerprint(code: str) -> str:
    """The SHA-256 of `code`, as hexadecimal digits."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


class Trust:
    """The store of trusted code, a JSON list of fingerprints in the user's configuration folder."""

    def __init__(self, path: Path | None = None):
        self._path = path or platformdirs.user_config_path("lossmith") / "trusted.json"
        self._session: set[str] = set()

    def covers(self, project: Project) -> bool:
        """Whether the Python in `project` may run: there is none, or it is trusted, or it ships with us."""
        return not project.functions.strip() or self.trusts(project.functions)

    def trusts(self, code: str) -> bool:
        return fingerprint(code) in self._session or self.trusts_lastingly(code)

    def trusts_lastingly(self, code: str) -> bool:
        """Whether `code` is trusted beyond this program's end."""
        return fingerprint(code) in _shipped() or fingerprint(code) in self._read()

    def remember(self, code: str, *, lasting: bool = True) -> None:
        """Trust exactly `code`; without `lasting` only until this program ends. Raises OSError."""
        mark = fingerprint(code)
        self._session.add(mark)
        known = self._read()
        if lasting and mark not in known:
            self._write([*known, mark][-MOST_REMEMBERED:])

    def _read(self) -> list[str]:
        """What is remembered; an unreadable store trusts nothing, which is the safe way to be wrong."""
        try:
            marks = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return []
        return [mark for mark in marks if isinstance(mark, str)] if isinstance(marks, list) else []

    def _write(self, marks: list[str]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            temporary.write_text(json.dumps(marks, indent=1) + "\n", "utf-8")
            temporary.replace(self._path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


@cache
def _shipped() -> frozenset[str]:
    """The fingerprints of the functions in the templates that ship with Lossmith."""
    return frozenset(fingerprint(_functions_of(path)) for path in TEMPLATES.glob("**/*.lossmith"))


def _functions_of(path: Path) -> str:
    return str(json.loads(path.read_text("utf-8")).get("functions", ""))
