"""How a script comes by its rows: all of them in memory, or streamed from disk. Either way the pieces of it are a part
that reads the data, and the class `Batches`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.codegen import block_code, fitting, loading, streamed_batches, streaming
from core.codegen.code import Code
from core.codegen.wiring import Wiring
from core.data.loading import streams
from core.project.facts import DataFacts
from core.project.schema import Project

Labels = Mapping[str, str]


def streamed(project: Project, folder: Path) -> bool:
    """Whether the script of `project`, whose paths are relative to `folder`, reads its rows while it trains."""
    return streams(project.data, folder)


def from_memory(
    wiring: Wiring,
    project: Project,
    folder: Path,
    out: Path,
    facts: DataFacts | None,
    labels: Labels | None = None,
) -> tuple[Code, Code]:
    """Return `load_data()` and `Batches` for the parts of `project` that are used. Raises CannotGenerate."""
    return loading.loading(project, folder, out, facts), fitting.batches(wiring, labels)


def from_disk(
    wiring: Wiring,
    project: Project,
    folder: Path,
    out: Path,
    facts: DataFacts | None,
    labels: Labels | None = None,
) -> tuple[Code, Code]:
    """Return `Table` and `Batches` for the parts of `project` that are used. Raises CannotGenerate."""
    if facts is None:
        from core.data import inspect  # loads pandas, which the window starts without

        facts = inspect(project.data, folder, project.seed)
    fields = loading.complete_fields(project)
    kept = sum(facts.split.get(part, 0) for part in ("validation", "test"))
    small = kept * block_code.row_bytes(fields, facts) <= block_code.SMALL
    table = streaming.loading(project.data, fields, facts, folder, out)
    return table, streamed_batches.batches(wiring, labels, small)
