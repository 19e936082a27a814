"""Rules about terms as a whole."""

from collections.abc import Iterator

from core.project.problems.problem import Problem
from core.project.problems.view import View


def no_terms(view: View) -> Iterator[Problem]:
    """A model without a term that is on has nothing to learn."""
    if not any(term.on for term in view.project.terms.values()):
        yield Problem("no-terms", "blocking", "total", "Nothing to train on: add a term, or switch one on.")
