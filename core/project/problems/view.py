"""A project with its facts, looked at once so that rules need not search."""

from dataclasses import dataclass

from core.project.facts import Facts
from core.project.schema import Project


@dataclass(frozen=True)
class View:
    """What every rule is given."""

    project: Project
    facts: Facts
