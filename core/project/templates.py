"""The projects that ship with Lossmith: each opens and trains at once and teaches one idea.

They are ordinary project files in resources/templates; `templates.json` there says, in the order of the start
page, what they are about. Their tables lie in resources/data.
"""

import json
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.project import storage
from core.project.schema import Project, SklearnSource

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "templates"
DEMO = "reviews"
"""The template that a first start opens."""


class UnknownTemplate(Exception):
    """There is no template of that name; `str()` is the sentence for the user."""


@dataclass(frozen=True)
class Template:
    """One shipped project. `seconds` is how long it trains on two cores, about."""

    name: str
    title: str
    sentence: str
    idea: str
    seconds: int

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.lossmith"

    @property
    def picture(self) -> Path:
        """A small SVG of its graph, 320 by 180."""
        return FOLDER / f"{self.name}.svg"

    def project(self) -> Project:
        """Read the project; its relative paths start from `path.parent`."""
        return storage.load(self.path)


@cache
def templates() -> tuple[Template, ...]:
    """Return all templates, in the order of the start page."""
    return tuple(Template(**entry) for entry in json.loads((FOLDER / "templates.json").read_text("utf-8")))


def template(name: str) -> Template:
    """Return one template. Raises UnknownTemplate with the names that there are."""
    for one in templates():
        if one.name == name:
            return one
    names = ", ".join(one.name for one in templates())
    raise UnknownTemplate(f'There is no template called "{name}"; there are {names}.')


def write(one: Template, path: Path) -> Project:
    """Write a project made from the template to `path`, and its table beside it, and return the project.

    A table of that name that is there already is left alone when it is the same; otherwise the new one gets
    a number. Raises OSError where the folder cannot be written.
    """
    project = one.project()
    source = project.data.source
    if source is not None and not isinstance(source, SklearnSource):
        table = _beside((one.path.parent / source.path).resolve(), path.resolve().parent)
        data = project.data.model_copy(update={"source": source.model_copy(update={"path": table.name})})
        project = project.model_copy(update={"data": data})
    storage.save(project, path)
    return project


def _beside(table: Path, folder: Path) -> Path:
    """Copy `table` into `folder` under a name that is free or holds the same already."""
    content = table.read_bytes()
    for number in range(1, 1000):
        copy = folder / (table.name if number == 1 else f"{table.stem}-{number}{table.suffix}")
        if not copy.exists():
            try:
                return Path(shutil.copyfile(table, copy))
            except OSError:
                copy.unlink(missing_ok=True)  # a part of a table is worse than none
                raise
        if copy.is_file() and copy.read_bytes() == content:
            return copy
    raise FileExistsError(17, "too many tables of this name", str(folder / table.name))
