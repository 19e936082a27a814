"""Project files: read them whole or refuse them with one sentence, write them whole or not at all.

Order of reading: parse, then upgrade, then build. A file may come from anywhere, so its size, its depth and
the number of its parts are limited before anything is built from it.
"""

import json
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from core.project.migrations import upgrade
from core.project.refusals import sentence
from core.project.schema import MAX_PARTS, VERSION, Project
from core.project.writing import refuse_what_is_no_file

MAX_BYTES = 64 * 2**20
MAX_KEYS = 5 * MAX_PARTS
MAX_VALUES = 50 * MAX_PARTS
"""Commas in the text: they are counted in a moment, a million nodes are built in many."""
MAX_DEPTH = 60
MAX_DIGITS = 300


class UnreadableProject(Exception):
    """A project file that cannot be opened; `str()` is the sentence for the user."""


def load(path: Path) -> Project:
    """Read the project file at `path`. Raises UnreadableProject."""
    return loads(_decode(_read(Path(path)), str(path)), str(path))


def loads(text: str, where: str = "") -> Project:
    """Read a project from JSON; `where` names the file in errors. Raises UnreadableProject."""
    refuse = _refuser(where)
    raw = _parse(text, refuse)
    version = _version(raw, refuse)
    if version < VERSION:
        try:
            text = json.dumps(upgrade(raw))
        except (LookupError, TypeError, ValueError):
            refuse(f"it is of version {version}, which this Lossmith cannot upgrade; it was not opened")
    try:
        return Project.model_validate_json(text, strict=True)
    except ValidationError as error:
        refuse(sentence(error, raw))


def dumps(project: Project) -> str:
    """Return the project as JSON, in the order of its parts, so that it diffs well."""
    plain = project.model_dump(mode="json", by_alias=True)
    return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def save(project: Project, path: Path) -> None:
    """Write the project whole or not at all. Raises OSError, and then the old file is untouched."""
    target = Path(os.path.realpath(path))
    refuse_what_is_no_file(target)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:80]}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(dumps(project).encode())
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the project file."""
    schema = Project.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "required": ["lossmith"]}


def _mode(target: Path) -> int:
    """The permissions for `target`: those it has, or what the user's umask gives a new file."""
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the system can sync a folder (Windows cannot)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuser(where: str) -> Callable[[str], NoReturn]:
    name = where or "The project"

    def refuse(why: str) -> NoReturn:
        raise UnreadableProject(f"{name} cannot be opened: {why}.")

    return refuse


def _read(path: Path) -> bytes:
    refuse = _refuser(str(path))
    try:
        if not path.is_file():
            refuse(_why_no_file(path))
        if path.stat().st_size > MAX_BYTES:
            refuse(f"it is larger than {MAX_BYTES // 2**20} MiB, which no project needs")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        refuse((getattr(error, "strerror", None) or str(error)).lower())


def _why_no_file(path: Path) -> str:
    if path.is_dir():
        return "it is a folder, choose a file"
    return "it is no ordinary file, choose another" if path.exists() else "there is no such file"


def _decode(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        why = f"it is not UTF-8 text (byte {error.start:,}), so it is no project file; choose another"
        _refuser(where)(why)


def _parse(text: str, refuse: Callable[[str], NoReturn]) -> dict[str, Any]:
    if len(text) > MAX_BYTES:
        refuse(f"it is larger than {MAX_BYTES // 2**20} MiB, which no project needs")
    if not text.strip():
        refuse("it is empty; choose another file, or a copy of this one")
    if (values := text.count(",")) > MAX_VALUES:
        refuse(f"it lists {values:,} values, more than the {MAX_VALUES:,} allowed; choose another file")
    try:
        raw = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer)
    except RecursionError:
        refuse("its lists and objects are nested too deeply")
    except json.JSONDecodeError as error:
        refuse(_where_json_ends(text, error))
    except ValueError as error:
        refuse(str(error))
    if not isinstance(raw, dict):
        refuse("it holds no JSON object, so it is no project file; choose another")
    if _depth_over(raw, MAX_DEPTH):
        refuse("its lists and objects are nested too deeply")
    return raw


def _where_json_ends(text: str, error: json.JSONDecodeError) -> str:
    place = f"line {error.lineno}, column {error.colno}"
    if not text[error.pos :].strip() or error.msg.startswith("Unterminated string"):
        return f"it breaks off at {place}, as if it was saved only in part; open a copy of it"
    return f"it is not valid JSON at {place} ({error.msg}); mend that place, or choose another file"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object, refusing what JSON parsers disagree about: a key given twice."""
    if len(pairs) > MAX_KEYS:
        raise ValueError(f"one of its objects has {len(pairs):,} keys, more than the {MAX_KEYS:,} allowed")
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in made if keys.count(key) > 1)
        raise ValueError(f'the key "{twice[:80]}" is given twice in one object')
    return made


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"one of its numbers has {len(digits):,} digits")
    return int(digits)


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number that a project may hold")


def _depth_over(raw: Any, limit: int) -> bool:
    """Whether `raw` nests deeper than `limit`, found without recursion."""
    level = [raw]
    for _ in range(limit):
        level = [
            item
            for value in level
            if isinstance(value, (dict, list))
            for item in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True


def _version(raw: dict[str, Any], refuse: Callable[[str], NoReturn]) -> int:
    version = raw.get("lossmith")
    if version is None:
        refuse('it has no version number "lossmith", so it is no project file; choose another')
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        refuse('"lossmith" must be a whole version number')
    if version > VERSION:
        refuse(
            f"it is of version {version}, made by a newer Lossmith (this reads {VERSION}); update Lossmith"
        )
    return version
