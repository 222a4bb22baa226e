"""Published effects on hearts with a wall: activation alone, and periodic beats of minutes."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from heartsim.build import activation_times
from heartsim.errors import SolveFailed
from heartsim.indices import value
from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.microstructure.coordinates import left_wall
from heartsim.microstructure.fibers import rule_based
from heartsim.procedures import left_bundle_block, on_anatomy, resynchronization
from heartsim.run import run
from heartsim.scenario import Scenario
from heartsim.verification.replication.effect import (
    RISES,
    Change,
    Effect,
    difference,
    effects,
    near,
    percent,
)

COARSE: Final = {
    "patient.element": "P1P1",
    "protocol.step": "10 ms",
    "protocol.periodic_within": "1 mL",
}
"""How scenarios with a wall are computed here."""

_USUAL: Final = Scenario.from_dict({"title": "usual speeds", "patient": {"mesh": "biventricle"}})
"""How fast activation spreads in a heart that is only paced."""

_UNTREATED: Final = {
    "resynchronization": "left_bundle_block",
    "septal_myectomy": "outflow_obstruction",
}
"""Scenario of the patient before an operation."""

_KEYS: Final = {
    "stroke work": "chambers.LV.stroke_work_J",
    "dP/dt": "chambers.LV.dPdt_max_mmHg_per_s",
    "EF": "chambers.LV.EF_percent",
    "tau": "chambers.LV.tau_ms",
    "peak gradient": "valves.aortic.peak_gradient_mmHg",
    "LAP": "circulation.mLAP_mmHg",
    "mPAP": "circulation.mPAP_mmHg",
    "assist": "circulation.assist_L_per_min",
    "total activation": "dyssynchrony.total_activation_ms",
    "CURE": "dyssynchrony.CURE",
    "LV stress, end-diastole": "wall.fiber_stress_ED_kPa.mean",
    "LV stress, end-systole": "wall.fiber_stress_ES_kPa.mean",
    "RV stress, end-diastole": "wall.fiber_stress_ED_kPa.regions.RV",
    "RV stress, end-systole": "wall.fiber_stress_ES_kPa.regions.RV",
}

Beat = Mapping[str, float]


def _change(operation: str, key: str, change: Change) -> float:
    """Change of an index from the scenario of a patient to that of the operation."""
    return change(shipped(_UNTREATED[operation])[key], shipped(operation)[key])


@cache
def shipped(name: str) -> Beat:
    """Indices of a shipped scenario, by the short names of this module."""
    return beat(Scenario.read(name))


def beat(scenario: Scenario) -> Beat:
    """Indices of a scenario with a wall, coarsely computed, by the short names of this module.

    Raises
    ------
    SolveFailed
        If its beat is not periodic.
    """
    with TemporaryDirectory() as folder:
        indices = run(scenario.with_(COARSE), Path(folder) / "beat", quiet=True).indices
    if indices["status"] != "converged":
        raise SolveFailed(f"{scenario.title}: {indices['status']}.")
    return {short: value(indices, key) for short, key in _KEYS.items()}


def _work_over_pressure_rise() -> float:
    """By how many points stroke work rises more than dP/dt max under resynchronization."""
    work, rise = (_change("resynchronization", key, percent) for key in ("stroke work", "dP/dt"))
    return work - rise


def total_activation(segment: str = "") -> float:
    """Time in which the left wall of a heart with a blocked left bundle is activated [ms].

    Parameters
    ----------
    segment : str
        AHA segment of the left lead; without it no lead paces.
    """
    leads = [resynchronization(segment=segment)] if segment else []
    mesh, _ = on_anatomy(_two_chambers(), [left_bundle_block(), *leads], overlap="in order")
    return float(np.ptp(activation_times(mesh, _USUAL)[left_wall(mesh)]))


@cache
def _two_chambers() -> HeartMesh:
    mesh = biventricle(9.0)
    return mesh.with_fields({"fiber": rule_based(mesh)[:, 0, 0]})


def _lead_over_others() -> float:
    """How much sooner a laterobasal lead activates the left wall than apical and inferior ones."""
    others = min(total_activation(segment) for segment in ("4", "13", "15", "16"))
    return others - min(total_activation(segment) for segment in ("5", "6"))


_LEAD: Final = "Crozier 2016 (PMC4915816), Pluijmert 2016 (PMC5225964)"
_CRT: Final = "de Roest 2013 (PMID 23183349)"
_QRS: Final = "Zanon 2009, ± half (our choice): QRS 195 to 156 ms after a year"
_MYECTOMY: Final = "diastolic function around myectomy in twelve patients"

_CHANGES: Final = (
    ("resynchronization", "stroke work", percent, (10, 80), "%", _CRT),
    ("resynchronization", "dP/dt", percent, (0, 30), "%", _CRT),
    ("septal_myectomy", "peak gradient", difference, (-80, -60), "mmHg", f"{_MYECTOMY}: 83 to 12"),
    ("septal_myectomy", "LAP", difference, near(-8), "mmHg", f"{_MYECTOMY}, ± half: 20 to 12"),
    ("septal_myectomy", "mPAP", difference, near(-9), "mmHg", f"{_MYECTOMY}, ± half: 29 to 20"),
    ("septal_myectomy", "tau", difference, near(-22), "ms", f"{_MYECTOMY}, ± half: 64 to 42"),
    ("resynchronization", "total activation", difference, near(-39), "ms", _QRS),
)

EFFECTS: Final = (
    Effect(
        "resynchronization",
        "laterobasal before apical, inferior",
        _lead_over_others,
        RISES,
        "ms",
        _LEAD,
    ),
    *effects(_CHANGES, _change),
    Effect(
        "septal_myectomy",
        "peak gradient afterwards",
        lambda: shipped("septal_myectomy")["peak gradient"],
        (17 - 14, 17 + 14),
        "mmHg",
        "myectomy with mitral extension, 2005: 17 ± 14 after a year",
    ),
    Effect(
        "resynchronization",
        "stroke work gained beyond dP/dt",
        _work_over_pressure_rise,
        RISES,
        "points",
        _CRT,
    ),
)
"""Published effects on hearts with a wall."""
