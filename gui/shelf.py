"""What one does with runs that lie on the disk: list, rename, throw away and put back, restore, export.

Everything here reads or writes files, so panels call it in a worker thread. Errors are sentences.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from core.project import storage
from core.project.schema import Project
from core.runs.folder import FACTS, PROJECT, RunSummary, facts_of, list_runs, write_whole
from core.runs.history import History

TRASH = ".trash"
LONGEST_NAME = 200


def runs(root: Path) -> list[RunSummary]:
    """The runs in `root`, newest first; what has never begun and does not wait either is left out."""
    return list_runs(root)


def rename(run: Path, name: str) -> None:
    """Give a run another name; its folder keeps its own. Raises ValueError or OSError."""
    if not name or len(name) > LONGEST_NAME:
        raise ValueError("A run needs a name, of at most 200 letters.")
    write_whole(run / FACTS, json.dumps({**facts_of(run), "name": name}, indent=1) + "\n")


def throw_away(paths: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Move runs to the trash beside them; return where each was and is. Raises OSError."""
    moved = []
    for path in paths:
        place = path.parent / TRASH / path.name
        place.parent.mkdir(exist_ok=True)
        path.rename(place)
        moved.append((path, place))
    return moved


def put_back(moved: Sequence[tuple[Path, Path]]) -> None:
    """Undo `throw_away`. Raises OSError."""
    for before, now in moved:
        now.rename(before)


def project_of(run: Path, folder: Path) -> Project:
    """The project that `run` trained, its data found from `folder`. Raises UnreadableProject."""
    project, home = storage.load(run / PROJECT), Path(str(facts_of(run)["folder"]))
    path = getattr(project.data.source, "path", "")
    if not path or Path(path).is_absolute() or home == folder.resolve():
        return project
    source = project.data.source.model_copy(update={"path": str(home / path)})  # type: ignore[union-attr]
    return project.model_copy(update={"data": project.data.model_copy(update={"source": source})})


def export_script(run: Path, out: Path) -> None:
    """Write the script that repeats `run`, with what was changed while it trained. Raises sentences and
    OSError.
    """
    from core.codegen.replay import as_trained, changes_of
    from core.codegen.script import script

    folder = Path(str(facts_of(run)["folder"]))
    history = History(run)
    try:
        project = as_trained(storage.load(run / PROJECT), history)
        made = script(project, folder=folder, out=out, changes=changes_of(history))
    finally:
        history.close()
    write_whole(out, made.text)
