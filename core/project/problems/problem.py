"""What a rule reports: a Problem, and the Fix that one click applies."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from core.project.schema import Project

Severity = Literal["blocking", "warning", "hint"]


@dataclass(frozen=True)
class Fix:
    """An edit that mends a problem; `label` is what its button says."""

    label: str
    apply: Callable[[Project], Project]


@dataclass(frozen=True)
class Problem:
    """Something wrong or doubtful: `where` is the reference of the part that it is about."""

    code: str
    severity: Severity
    where: str
    message: str
    fix: Fix | None = None
