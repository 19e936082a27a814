"""Puts together what a user is told of a step with bad values: from the part of the model that is to blame to the names
of the project, the rows of its data file and the values that stand there.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from core.codegen.wiring import Wiring
from core.engine.batch import Batch
from core.engine.blame import Blame, Step, is_bad
from core.engine.blamedrows import BlamedRows
from core.engine.codeline import guilty_line
from core.engine.formula import guilty_part
from core.project import storage
from core.project.badvalues import BadValues
from core.project.references import exists, parse
from core.project.schema import ExpressionLoss, Project, PythonLoss
from core.runs.folder import PROJECT, SCRIPT


class Diagnosis:
    """What can be said of bad values in the run in folder `run`, whose imported script is `module`.

    `part` is what that calls the rows of its table that batches are made of.
    """

    def __init__(self, run: Path, module: ModuleType | None, part: str = "train_rows"):
        self._script = run / SCRIPT
        self._project = _project_of(run)
        self._names = Names(self._project)
        self._rows = BlamedRows(self._script, module, part, self._project)

    def of_record(self, bad: BadValues, terms: tuple[str, ...]) -> BadValues:
        """Say what the record alone tells: the terms that went bad, and their heads."""
        where = self._names.known(f"term:{terms[0]}") if terms else "total"
        return bad.model_copy(update={"terms": terms, "heads": self._names.heads_of(terms), "where": where})

    def of_step(self, bad: BadValues, step: Step, batch: Batch) -> BadValues:
        """Say what one step shows that was computed slowly; where it shows nothing, only its rows."""
        blame = step.blame(self._names.may_miss, self._names.targets)
        told = self._rows.of_batch(batch)
        if blame is None:
            return bad.model_copy(update=told)
        found = {
            "cause": blame.cause,
            "kind": "nan" if blame.nan else "infinite",
            "where": self._names.where(blame),
            "layer": blame.layer,
            "terms": blame.terms or bad.terms,
            "heads": self._names.heads(blame, step),
            **self._inside(blame, step),
            **self._rows.to_blame(blame, batch, self._computed_with(blame, step)),
        }
        return bad.model_copy(update=told | found)

    def of_update(self, bad: BadValues, model: Any) -> BadValues:
        """Say which weights a step made bad, by gradients that are not."""
        spoilt = next((each for each in model.trainable_variables if is_bad(each.value)), None)
        if spoilt is None:
            return bad
        layer = str(spoilt.path).split("/")[0]
        nan = np.isnan(np.asarray(spoilt.value, np.float32)).any()
        told = {"cause": "update", "layer": layer, "where": self._names.known(f"layer:{layer}")}
        return bad.model_copy(update=told | {"kind": "nan" if nan else "infinite"})

    # ---- inside a term

    def _inside(self, blame: Blame, step: Step) -> dict[str, Any]:
        """The part of the formula, or the line of the Python loss, that is to blame."""
        of_term = blame.cause == "term" or (blame.cause == "gradient" and not blame.layer)
        known = self._project.terms.get(blame.name) if self._project and of_term else None
        if known is None or self._project is None:
            return {}
        gradient = blame.cause == "gradient"
        if isinstance(known.loss, ExpressionLoss):
            given = dict(self._given(self._project, known.bind, step))
            part = guilty_part(known.loss.code, given, gradient)
            if part is None:
                return {}
            kind = {} if gradient else {"kind": "nan" if part.nan else "infinite"}
            return {"formula": part.text, **kind}
        if isinstance(known.loss, PythonLoss) and not gradient:
            return {"line": guilty_line(step.compute_terms, self._script)}
        return {}

    def _computed_with(self, blame: Blame, step: Step) -> Mapping[str, Any]:
        """The values that the part to blame was computed with, by name."""
        if blame.cause in ("input", "target"):
            return {blame.name: {"input": step.x, "target": step.y}[blame.cause][blame.name]}
        known = self._project.terms.get(blame.name) if self._project and not blame.layer else None
        return dict(self._given(self._project, known.bind, step)) if known and self._project else {}

    def _given(self, project: Project, bind: Mapping[str, str], step: Step) -> Iterator[tuple[str, Any]]:
        """The values that the names of a formula had; missing labels are 1, as in the script."""
        for argument, value in bind.items():
            found = parse(value)
            if found is None:
                continue
            if found.kind in ("head", "layer"):
                name = found.name
                yield (
                    argument,
                    step.outputs[name if found.kind == "head" else Wiring(project).output_key(name)],
                )
            elif found.kind == "input":
                yield argument, step.as_float(step.x[found.name])
            else:
                yield argument, step.label(found.name, self._names.may_miss(found.name))


class Names:
    """What the parts that are to blame are called in a project; without one, by themselves."""

    def __init__(self, project: Project | None):
        self._project = project

    @property
    def targets(self) -> Mapping[str, Sequence[str]]:
        """The targets of each term."""
        terms = self._project.terms if self._project else {}
        return {
            name: [value[7:] for value in term.bind.values() if value.startswith("target:")]
            for name, term in terms.items()
        }

    def may_miss(self, field: str) -> bool:
        """Whether terms leave out the rows in which a target has no value."""
        known = self._project.data.fields.get(field) if self._project else None
        return known is not None and known.missing == "keep"

    def known(self, reference: str) -> str | None:
        """The reference, unless the project has no such part: a script may be changed by hand."""
        return reference if self._project is None or exists(self._project, reference) else None

    def where(self, blame: Blame) -> str | None:
        """The reference of the part to look at first."""
        if blame.cause == "gradient":
            return self.known(f"layer:{blame.layer}" if blame.layer else f"term:{blame.name}")
        if blame.cause == "regularization":
            return self.known(f"layer:{blame.layer}") or "regularization"
        return self.known(f"{blame.cause}:{blame.name}")

    def heads(self, blame: Blame, step: Step) -> tuple[str, ...]:
        """The heads whose values are bad, else those of the terms that are."""
        heads = self._project.model.heads if self._project else step.outputs
        bad = tuple(name for name, value in step.outputs.items() if name in heads and is_bad(value))
        own = blame.cause == "term" or (blame.cause == "gradient" and not blame.layer)
        return bad or self.heads_of((blame.name,) if own else blame.terms)

    def heads_of(self, terms: Sequence[str]) -> tuple[str, ...]:
        """The heads that terms are bound to."""
        known = [self._project.terms[name] for name in terms if self._project and name in self._project.terms]
        bound = (value for term in known for value in term.bind.values())
        return tuple(dict.fromkeys(value[5:] for value in bound if value.startswith("head:")))


def _project_of(run: Path) -> Project | None:
    try:
        return storage.load(run / PROJECT)
    except storage.UnreadableProject:
        return None
