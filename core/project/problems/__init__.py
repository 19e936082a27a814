"""What is wrong or doubtful in a project: one small function a rule, none of which raises."""

from core.project.problems.problem import Fix, Problem
from core.project.problems.report import problems

__all__ = ["Fix", "Problem", "problems"]
