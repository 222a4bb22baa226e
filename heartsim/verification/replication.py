"""Published effects of operations beside computed ones, honest misses included.

Each effect is a pair of patients, one number of each, and the band that a source gives for the
change, or only its direction where the source says so. Pairs are static states of an idealized
left ventricle (`heartsim.verification.operated`) or periodic beats of shipped scenarios, without or
with a wall. A miss is a finding, not a failure of the program, so these rows stand apart from the
problems of `heartsim verify`.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import numpy as np

from heartsim.activation.eikonal import arrival_times, cell_times
from heartsim.activation.sites import STIMULUS
from heartsim.balance import audit
from heartsim.errors import InputError, SolveFailed, not_found
from heartsim.indices import summarize, value
from heartsim.lumped import lumped_heart, periodic_beat, recording_of
from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.ellipsoid import human_left_ventricle
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.microstructure.coordinates import left_wall
from heartsim.microstructure.fibers import rule_based
from heartsim.procedures import (
    CATALOGUE,
    Procedure,
    infarct,
    infarct_patch,
    left_bundle_block,
    on_anatomy,
    resynchronization,
)
from heartsim.run import run
from heartsim.scenario import Scenario
from heartsim.verification.operated import Patient, Relations, operated, patient, relations
from heartsim.verification.table import Row

EDGE: Final = 12.0
"""Edge length of the idealized left ventricle [mm]."""

WEAK: Final = "45 kPa"
"""Contractility of the failing ventricle on which operations are tried."""

STIFFER: Final = "5"
"""By how much a scar is stiffened."""

_COARSE: Final = {
    "patient.element": "P1P1",
    "protocol.step": "10 ms",
    "protocol.periodic_within": "1 mL",
}
"""How scenarios with a wall are computed here."""

_DOSES: Final[Mapping[str, Mapping[str, str]]] = {"support_wrap": {"fit": "97.2 %"}}
"""Doses of operations on the failing ventricle: a wrap that squeezes as that of its source."""

Compute = Callable[[], float]


class Effect(NamedTuple):
    """One published effect: how to compute it, and the band of its source."""

    operation: str
    quantity: str
    compute: Compute
    low: float
    high: float
    unit: str
    source: str


def table(operations: Sequence[str] = ()) -> Iterator[Row]:
    """Compute published effects one after the other.

    Parameters
    ----------
    operations : sequence of str
        Catalogue names; all by default.

    Yields
    ------
    Row
        Computed change and published band; not a number where a state was not found.

    Raises
    ------
    InputError
        If no published effect of an operation is known.
    """
    known = {effect.operation for effect in EFFECTS}
    for name in operations:
        if name not in known:
            raise not_found(InputError, "operation", name, "heartsim replicate", known)
    for effect in EFFECTS:
        if operations and effect.operation not in operations:
            continue
        try:
            computed = effect.compute()
        except SolveFailed:
            computed = math.nan
        yield Row(
            effect.operation,
            effect.quantity,
            computed,
            effect.low,
            effect.high,
            effect.unit,
            effect.source,
        )


def _wall(operation: str, key: str) -> Compute:
    """Relative change of a relation of the failing left ventricle by an operation [%]."""
    return lambda: _percent(getattr(_weak(""), key), getattr(_weak(operation), key))


@cache
def _weak(operation: str) -> Relations:
    procedures = [CATALOGUE[operation](**_DOSES.get(operation, {}))] if operation else []
    return relations(operated(_failing(), procedures))


@cache
def _failing() -> Patient:
    return patient(human_left_ventricle(EDGE), WEAK)


def _percent(before: float, after: float) -> float:
    return 100.0 * (after / before - 1.0)


def _difference(before: float, after: float) -> float:
    return after - before


def _scar(key: str) -> Compute:
    """Relative change of a relation by stiffening the scar of a ventricle [%]."""
    return lambda: _percent(getattr(_stiffened("1"), key), getattr(_stiffened(STIFFER), key))


@cache
def _stiffened(times: str) -> Relations:
    scar, patch = infarct(fraction="20 %", stiffness="1"), infarct_patch(stiffness=times)
    both = Procedure("both", "", (*scar.edits, *patch.edits))
    return relations(operated(patient(human_left_ventricle(EDGE)), [both]))


_KEYS: Final = {
    "LVEDV": "chambers.LV.EDV_mL",
    "LVSP": "chambers.LV.P_max_mmHg",
    "RVEDV": "chambers.RV.EDV_mL",
    "SBP": "circulation.SBP_mmHg",
    "forward": "chambers.LV.forward_SV_mL",
    "gradient": "valves.aortic.mean_gradient_mmHg",
    "peak gradient": "valves.aortic.peak_gradient_mmHg",
    "stroke work": "chambers.LV.stroke_work_J",
    "dP/dt": "chambers.LV.dPdt_max_mmHg_per_s",
    "CO": "circulation.CO_L_per_min",
    "RAP": "circulation.mRAP_mmHg",
    "LAP": "circulation.mLAP_mmHg",
    "Qp/Qs": "circulation.Qp_Qs",
}


def _beats(scenario: str, key: str, change: Callable[[float, float], float]) -> Compute:
    """Change of an index by the operations of a shipped scenario without a wall."""
    return lambda: change(_indices(scenario, "before")[key], _indices(scenario, "after")[key])


_ON_OTHERS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "tavr": ("aortic_stenosis", {}),
    "state": ("healthy", {"pulmonary_resistance": "400 %"}),
}
"""Baseline and doses of an operation that has no scenario of its own without a wall."""


@cache
def _indices(name: str, when: str) -> Mapping[str, float]:
    baseline, doses = _ON_OTHERS.get(name, (name, {}))
    scenario = Scenario.read(f"{baseline}_0D")
    if when == "before":
        scenario = scenario.baseline()
    elif name in _ON_OTHERS:
        scenario = scenario.with_procedures(CATALOGUE[name](**doses))
    heart, receipts = lumped_heart(scenario)
    recording = recording_of(heart, periodic_beat(heart), scenario, receipts, {}, {})
    found = summarize(recording, audit(recording), scenario=name)
    return {short: value(found, key) for short, key in _KEYS.items()}


def _hearts(before: str, after: str, key: str, change: Callable[[float, float], float]) -> Compute:
    """Change of an index from one shipped scenario with a wall to another."""
    return lambda: change(_walled(before)[key], _walled(after)[key])


@cache
def _walled(name: str) -> Mapping[str, float]:
    scenario = Scenario.read(name).with_(_COARSE)
    with TemporaryDirectory() as folder:
        indices = run(scenario, Path(folder) / name, quiet=True).indices
    return {short: value(indices, key) for short, key in _KEYS.items()}


def total_activation(segment: str = "") -> float:
    """Time in which the left wall of a heart with a blocked left bundle is activated [ms].

    Parameters
    ----------
    segment : str
        AHA segment of the left lead; without it no lead paces.
    """
    leads = [resynchronization(segment=segment)] if segment else []
    mesh, _ = on_anatomy(_two_chambers(), [left_bundle_block(), *leads], overlap="in order")
    stimulus = mesh.fields[STIMULUS]
    sites = np.flatnonzero(np.isfinite(stimulus))
    times = arrival_times(
        mesh.points,
        mesh.tets,
        mesh.fields["fiber"],
        sites,
        start=stimulus[sites],
        layer=np.concatenate([mesh.surface(f"{name}_endocardium") for name in mesh.cavities]),
    )
    return float(np.ptp(cell_times(times, mesh.tets)[left_wall(mesh)]))


@cache
def _two_chambers() -> HeartMesh:
    mesh = biventricle(9.0)
    return mesh.with_fields({"fiber": rule_based(mesh)[:, 0, 0]})


def _lead_over_others() -> float:
    """How much sooner a laterobasal lead activates the left wall than apical and inferior ones."""
    others = min(total_activation(segment) for segment in ("4", "13", "15", "16"))
    return others - min(total_activation(segment) for segment in ("5", "6"))


_INF: Final = math.inf
_SAME: Final = (-5.0, 5.0, "%")
"""Band of what a source calls unchanged (our reading)."""

_WRAP: Final = "finite-element study PMC2844501, linear in pressure, at 2 to 3 mmHg"
_SVR: Final = "Lee 2013 (PMC3727014), STICH (doi:10.1056/NEJMoa0900559)"
_CHORD: Final = "Carrick 2012 (PMC3470864)"
_GEL: Final = "Lee 2013 (JoVE 50096), Sabbah 2013 (PMC3756288)"
_SCAR: Final = "Fomovsky 2011 (PMC3328213)"
_CLIP: Final = "107 patients with MitraClip, acutely: 57 to 65 mL, EDV 172 to 158 mL"
_TAVR: Final = "Ben-Assa 2019; central pressures at once after implantation (direction)"
_SEPT: Final = "meta-analysis PMC7403752: RAP -2.8, LAP +1.9 mmHg"

_WALLS: Final = (
    ("support_wrap", "stroke", -15, -5, _WRAP),
    ("support_wrap", "diastolic_stress", -24, -12, _WRAP),
    ("ventricular_restoration", "systolic", -30, -10, _SVR),
    ("ventricular_restoration", "stroke", -_INF, 5, _SVR),
    ("ventricular_restoration", "elastance", 0, _INF, _SVR),
    ("ventricular_restoration", "systolic_stress", -_INF, 0, _SVR),
    ("batista", "elastance", 100, 200, "Popovic 2000 (Heart 83:316): 0.52 to 1.47 mmHg/mL"),
    ("batista", "stroke", -_INF, 5, "theory, J Card Surg 2001;16:24"),
    ("transventricular_chord", "diastolic", -_INF, 0, _CHORD),
    ("transventricular_chord", "systolic", -_INF, 0, _CHORD),
    ("transventricular_chord", "stroke", *_SAME[:2], _CHORD),
    ("transventricular_chord", "diastolic_stress", -_INF, 0, _CHORD),
    ("hydrogel", "diastolic", -_INF, 0, _GEL),
    ("hydrogel", "diastolic_stress", -_INF, 0, _GEL),
    ("hydrogel", "systolic_stress", -_INF, 0, _GEL),
    ("pericardial_stripping", "diastolic", 0, 25, "rats, Front Physiol 2022.878861"),
)

_BEATS: Final = (
    ("mitral_repair", "forward", _percent, 10, 25, "%", _CLIP),
    ("mitral_repair", "LVEDV", _percent, -12, -5, "%", _CLIP),
    ("tavr", "gradient", _difference, -_INF, 0, "mmHg", "PARTNER 3 (direction)"),
    ("tavr", "LVSP", _difference, -_INF, 0, "mmHg", _TAVR),
    ("tavr", "SBP", _difference, 0, _INF, "mmHg", _TAVR),
    (
        "state",
        "LVEDV",
        _percent,
        -_INF,
        0,
        "%",
        "fourfold pulmonary resistance; direction from textbooks",
    ),
    ("atrial_septostomy", "RAP", _difference, -5, -1, "mmHg", _SEPT),
    ("atrial_septostomy", "LAP", _difference, 1, 3, "mmHg", _SEPT),
    ("interatrial_shunt", "Qp/Qs", _difference, 0.1, 0.5, "-", "Wessler 2018: Qp/Qs 1.27"),
    ("pulmonary_replacement", "RVEDV", _percent, -40, -20, "%", "PMC6466707: 161 to 120 mL/m2"),
    ("lvad", "LAP", _difference, -_INF, 0, "mmHg", "Uriel 2016 (direction)"),
    ("lvad", "RAP", _difference, -2, 2, "mmHg", "Uriel 2016: venous pressure does not change"),
)

_CRT: Final = ("left_bundle_block", "resynchronization")
_MYECTOMY: Final = ("outflow_obstruction", "septal_myectomy")

_HEARTS: Final = (
    (_CRT, "stroke work", _percent, 10, 80, "%", "de Roest 2013 (PMID 23183349)"),
    (_CRT, "dP/dt", _percent, 0, 30, "%", "de Roest 2013 (PMID 23183349)"),
    (
        _MYECTOMY,
        "peak gradient",
        _difference,
        -80,
        -60,
        "mmHg",
        "myectomy in twelve patients (as in its page)",
    ),
    (_MYECTOMY, "LAP", _difference, -_INF, 0, "mmHg", "myectomy in twelve patients (direction)"),
)

EFFECTS: Final = (
    Effect("support_wrap", "squeeze", lambda: _weak("support_wrap").squeeze, 2, 3, "mmHg", _WRAP),
    *(
        Effect(name, key.replace("_", " "), _wall(name, key), low, high, "%", source)
        for name, key, low, high, source in _WALLS
    ),
    Effect("infarct_patch", "diastolic", _scar("diastolic"), -_INF, 0, "%", _SCAR),
    Effect("infarct_patch", "systolic", _scar("systolic"), -_INF, 0, "%", _SCAR),
    Effect("infarct_patch", "stroke", _scar("stroke"), *_SAME, _SCAR),
    Effect(
        "resynchronization",
        "laterobasal before apical, inferior",
        _lead_over_others,
        0,
        _INF,
        "ms",
        "Crozier 2016 (PMC4915816), Pluijmert 2016 (PMC5225964)",
    ),
    *(
        Effect(name, key, _beats(name, key, change), low, high, unit, source)
        for name, key, change, low, high, unit, source in _BEATS
    ),
    *(
        Effect(pair[1], key, _hearts(*pair, key, change), low, high, unit, source)
        for pair, key, change, low, high, unit, source in _HEARTS
    ),
)
"""Published effects; relations of walls are named as in `Relations`, at equal pressures."""
