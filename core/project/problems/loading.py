"""Rules about rows that do not all fit into memory."""

from collections.abc import Iterator
from typing import Any

from core.project.edits import put
from core.project.problems.problem import Fix, Problem
from core.project.problems.view import View
from core.project.schema import Project


def rows_that_cannot_stream(view: View) -> Iterator[Problem]:
    """A project may ask for rows from disk where they must all be in memory."""
    found = view.data.loading if view.data else None
    if view.project.data.loading != "stream" or found is None or found.why_not is None:
        return
    message = f"The rows cannot stream from disk: {found.why_not}."
    fix = Fix("Load them into memory", lambda now: _data(now, loading="memory"))
    yield Problem("cannot-stream", "blocking", "data", message, fix)


def large_data_in_memory(view: View) -> Iterator[Problem]:
    """A large file that is read whole may be more than the memory holds."""
    found = view.data.loading if view.data else None
    if view.project.data.loading != "auto" or found is None or not found.too_large:
        return
    message = f"The data is large, and all of it is kept in memory: {found.why_not}."
    split = view.project.data.split
    at_random = split.model_copy(update={"kind": "random", "by": None})
    fix = Fix("Split at random", lambda now: put(now, "split", at_random))
    by_rows = split.kind in ("time", "stratified")
    yield Problem("large-in-memory", "warning", "data", message, fix if by_rows else None)


def _data(project: Project, **values: Any) -> Project:
    return project.model_copy(update={"data": project.data.model_copy(update=values)})
