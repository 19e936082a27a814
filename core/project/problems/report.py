"""Apply every rule to a project and put what they report in order."""

from collections.abc import Callable, Iterator, Sequence

from core.project.facts import Facts
from core.project.problems import rules_of_terms
from core.project.problems.problem import Problem
from core.project.problems.view import View
from core.project.schema import Project

Rule = Callable[[View], Iterator[Problem]]
RULES: Sequence[Rule] = (rules_of_terms.no_terms,)
SEVERITIES = ("blocking", "warning", "hint")


def problems(project: Project, facts: Facts) -> tuple[Problem, ...]:
    """Return every problem of a project, the blocking ones first. Never raises."""
    view = View(project, facts)
    found = [problem for rule in RULES for problem in rule(view)]
    return tuple(sorted(found, key=lambda problem: SEVERITIES.index(problem.severity)))
