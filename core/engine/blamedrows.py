"""Names the rows of a batch that are to blame by their numbers in the data file, with the values that they have."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.engine.batch import Batch
from core.engine.blame import Blame, Mask
from core.engine.sourcerows import SourceRows
from core.project.badvalues import MOST_ROWS
from core.project.schema import NumberField, Project

MOST_OF_BATCH, MOST_DESCRIBED = 1_000, 3


class BlamedRows:
    """The rows of a run whose script, in the file `script`, was imported as `module`; `part` is what that calls the
    rows of its table that batches are made of.
    """

    def __init__(self, script: Path, module: ModuleType | None, part: str, project: Project | None):
        self._script, self._module, self._part, self._project = script, module, part, project
        self._read: dict[int, SourceRows | None] = {}

    def of_batch(self, batch: Batch) -> dict[str, Any]:
        """Tell which rows a batch has."""
        told: dict[str, Any] = {"batch_size": len(batch.rows)}
        if not batch.count:
            return told
        numbers = sorted(self._numbers(batch, batch.rows))
        source = self._source_name() if self._source(batch.count) else ""
        return told | {"batch": tuple(numbers[:MOST_OF_BATCH]), "source": source}

    def to_blame(self, blame: Blame, batch: Batch, given: Mapping[str, Any]) -> dict[str, Any]:
        """Tell which rows of a batch are to blame; `given` are the values of what was computed with, by name."""
        spoilt = self._spoilt(blame, batch)
        if spoilt:
            words = [f"row {row}: {text}" for row, text in spoilt.items()]
            return _named(list(spoilt)) | {"values": tuple(words[:MOST_ROWS])}
        if blame.rows is None:
            return {}
        told = {"values": tuple(self._described(blame.rows, batch, given))}
        if not batch.count:
            return told | {"row_count": int(blame.rows.sum())}
        return told | _named(self._numbers(batch, batch.rows[np.flatnonzero(blame.rows)]))

    def _described(self, mask: Mask, batch: Batch, given: Mapping[str, Any]) -> Iterator[str]:
        """The first rows to blame, by what was computed with."""
        values = {name: np.asarray(value) for name, value in given.items()}
        known = {name: value for name, value in values.items() if len(value) == len(mask)}
        for place in np.flatnonzero(mask)[:MOST_DESCRIBED] if known else ():
            words = ", ".join(f"{name} = {_spelt(value[place])}" for name, value in known.items())
            number = self._numbers(batch, batch.rows[[place]])[0] if batch.count else ""
            yield f"row {number}: {words}" if number else f"a row: {words}"

    def _spoilt(self, blame: Blame, batch: Batch) -> dict[int, str]:
        """The rows of the batch that hold what is no number in the source, where an input or a target is to blame."""
        source = self._source(batch.count)
        if source is None or self._project is None or blame.cause not in ("input", "target"):
            return {}
        name = self._project.model.inputs[blame.name].field if blame.cause == "input" else blame.name
        field = self._project.data.fields.get(name)
        if not isinstance(field, NumberField):
            return {}
        taken = set(self._numbers(batch, batch.rows))
        return {row: text for row, text in source.spoilt(field.columns).items() if row in taken}

    def _numbers(self, batch: Batch, positions: NDArray[np.int64]) -> list[int]:
        source = self._source(batch.count)
        return (source.numbers(positions) if source else positions + 1).tolist()

    def _source(self, count: int) -> SourceRows | None:
        """Where `count` rows come from, None where that cannot be told: the file may be gone or changed."""
        if count not in self._read:
            self._read[count] = None
            with contextlib.suppress(Exception):
                if self._module is not None and count:
                    self._read[count] = SourceRows(self._module, self._script, self._part, count)
        return self._read[count]

    def _source_name(self) -> str:
        """What the data is called: a file's name, or a bundled set's."""
        source = self._project.data.source if self._project else None
        named = getattr(source, "path", None) or getattr(source, "name", None) or "the data"
        return Path(named).name


def _named(rows: Sequence[int]) -> dict[str, Any]:
    return {"rows": tuple(sorted(rows)[:MOST_ROWS]), "row_count": len(rows)}


def _spelt(value: Any) -> str:
    """One value, or the first of many."""
    flat = np.asarray(value).ravel()
    shown = ", ".join(
        f"{each:.6g}" if each.dtype.kind == "f" else str(each) for each in flat[:MOST_DESCRIBED]
    )
    return shown if flat.size == 1 else f"[{shown}{', …' if flat.size > MOST_DESCRIBED else ''}]"
