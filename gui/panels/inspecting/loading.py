"""The sheet of the data as a whole: which file, how many rows, and whether they are kept in memory."""

from typing import Any

from core.project.facts import Facts
from core.project.schema import Data, Project
from gui.panels.inspecting.rows import UNKNOWN, choice_row
from gui.panels.sheets import Press, Row, Said, Sheet
from gui.widgets.searchmenu import Choice

WAYS = (
    Choice("auto", "automatically"),
    Choice("memory", "into memory"),
    Choice("stream", "stream from disk"),
)
HELP = (
    "Rows in memory train fastest. Rows that stream are read from disk in every epoch, so a file of any size can be "
    "trained on; automatically, large files stream."
)
SHEET_HELP = "Where the rows come from, and how they reach the training."


def data_sheet(project: Project, facts: Facts) -> Sheet:
    """The source and how its rows are loaded."""
    found, data = facts.data, project.data
    source = data.source
    named = source.name if source is not None and source.kind == "sklearn" else getattr(source, "path", "")
    count = f"{found.rows:,}" if found and found.exact and not found.error else UNKNOWN
    said = found.loading.sentence if found and found.loading else UNKNOWN
    rows: tuple[Row, ...] = (
        Said("source", "source", named or "none yet"),
        Said("rows", "rows", count),
        choice_row("loading", "load", data.loading, WAYS, _choose, HELP),
        Said("how", "", said),
        Press("to_split", "", "Split settings", "settings", leads="split"),
    )
    return Sheet("Data", source.kind if source is not None else "", rows, SHEET_HELP)


def _choose(project: Project, way: Any) -> Project:
    data = Data.model_validate({**dict(project.data), "loading": way})
    return project.model_copy(update={"data": data})
