"""Scenarios side by side: one table, what to read with care, and under which loading rule."""

from heartsim.compare.comparison import RULES, Comparison, compare, percent
from heartsim.compare.outputs import LIMITS, OUTPUTS, Limit, Output
from heartsim.compare.weighing import CRITERIA, Criterion

__all__ = [
    "CRITERIA",
    "LIMITS",
    "OUTPUTS",
    "RULES",
    "Comparison",
    "Criterion",
    "Limit",
    "Output",
    "compare",
    "percent",
]
