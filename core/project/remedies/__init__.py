"""What helps when a run's numbers stopped being finite: edits that one click applies, the likeliest first."""

from core.project.remedies.offers import LESS, lower_rate, remedies

__all__ = ["LESS", "lower_rate", "remedies"]
