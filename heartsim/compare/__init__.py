"""Scenarios side by side: one table, what to read with care, and under which loading rule."""

from heartsim.compare.comparison import RULES, Comparison, compare, percent
from heartsim.compare.outputs import LIMITS, OUTPUTS, Limit, Output
from heartsim.compare.places import MOMENTS, Place, places
from heartsim.compare.weighing import CRITERIA, Criterion

__all__ = [
    "CRITERIA",
    "LIMITS",
    "MOMENTS",
    "OUTPUTS",
    "RULES",
    "Comparison",
    "Criterion",
    "Limit",
    "Output",
    "Place",
    "compare",
    "percent",
    "places",
]
