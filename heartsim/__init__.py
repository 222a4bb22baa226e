"""Beating-heart mechanics for heart teams: compare operations on a patient's own heart.

::

    import heartsim as hs

    base = hs.Scenario.read("demo_baseline")
    treated = base.with_procedures(hs.procedures.tavr(area="1.8 cm2"))
    results = [hs.run(scenario) for scenario in (base, treated)]
    hs.compare(*results).table()

Names load on first use, so that ``import heartsim`` costs nothing. Research prediction, not
medical advice.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heartsim import procedures as procedures
    from heartsim import testing as testing
    from heartsim import units as units
    from heartsim.batch import run_batch as run_batch
    from heartsim.compare import Comparison as Comparison
    from heartsim.compare import compare as compare
    from heartsim.errors import HeartsimError as HeartsimError
    from heartsim.errors import InputError as InputError
    from heartsim.errors import SolveFailed as SolveFailed
    from heartsim.gradient import gradient as gradient
    from heartsim.heart import Heart as Heart
    from heartsim.mesh.heartmesh import Cavity as Cavity
    from heartsim.mesh.heartmesh import HeartMesh as HeartMesh
    from heartsim.procedures import Procedure as Procedure
    from heartsim.procedures import Receipt as Receipt
    from heartsim.render.window import view as view
    from heartsim.result import Recording as Recording
    from heartsim.result import Result as Result
    from heartsim.run import run as run
    from heartsim.runtime import use_float64 as use_float64
    from heartsim.scenario import Scenario as Scenario
    from heartsim.sweep import Study as Study
    from heartsim.sweep import sweep as sweep
    from heartsim.verification import verify as verify

__version__ = "0.1.0"

_HOME = {
    "Cavity": "heartsim.mesh.heartmesh",
    "Comparison": "heartsim.compare",
    "Heart": "heartsim.heart",
    "HeartMesh": "heartsim.mesh.heartmesh",
    "HeartsimError": "heartsim.errors",
    "InputError": "heartsim.errors",
    "Procedure": "heartsim.procedures",
    "Receipt": "heartsim.procedures",
    "Recording": "heartsim.result",
    "Result": "heartsim.result",
    "Scenario": "heartsim.scenario",
    "SolveFailed": "heartsim.errors",
    "Study": "heartsim.sweep",
    "compare": "heartsim.compare",
    "gradient": "heartsim.gradient",
    "run": "heartsim.run",
    "run_batch": "heartsim.batch",
    "sweep": "heartsim.sweep",
    "use_float64": "heartsim.runtime",
    "verify": "heartsim.verification",
    "view": "heartsim.render.window",
}
_MODULES = ("procedures", "testing", "units")

__all__ = [*sorted(_HOME), *_MODULES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _MODULES:
        return import_module(f"heartsim.{name}")
    raise AttributeError(f"module 'heartsim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


class _Package(ModuleType):
    """Keeps ``hs.run`` the function, although importing ``heartsim.run`` binds the module."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
