"""Sweeps: one study file, many hearts, one table.

``sweep`` runs a study; `Study` is the checked file. Reading and checking a study, and its table,
need neither JAX nor a device: only the processes that run cases do.
"""

from heartsim.sweep.runner import Sweep, sweep
from heartsim.sweep.study import Case, Study

__all__ = ["Case", "Study", "Sweep", "sweep"]
