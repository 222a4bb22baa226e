"""Published effects on circulations: periodic beats of 0D hearts before and after an operation."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from heartsim.balance import audit
from heartsim.errors import SolveFailed
from heartsim.indices import summarize, value
from heartsim.lumped import record
from heartsim.procedures import CATALOGUE
from heartsim.result import Recording
from heartsim.scenario import Scenario
from heartsim.units import m
from heartsim.verification.replication.effect import (
    FALLS,
    RISES,
    SAME,
    Change,
    difference,
    effects,
    near,
    percent,
)

SURFACE: Final = 1.9 * m**2
"""Body surface of the patients (our choice)."""

_KEYS: Final = {
    "LVEDV": "chambers.LV.EDV_mL",
    "LVESV": "chambers.LV.ESV_mL",
    "LVEDP": "chambers.LV.EDP_mmHg",
    "LVESP": "chambers.LV.ESP_mmHg",
    "LVSP": "chambers.LV.P_max_mmHg",
    "LVEF": "chambers.LV.EF_percent",
    "LVEDVi": "chambers.LV.EDVi_mL_per_m2",
    "RVEDV": "chambers.RV.EDV_mL",
    "RVEDVi": "chambers.RV.EDVi_mL_per_m2",
    "RVESVi": "chambers.RV.ESVi_mL_per_m2",
    "RVEDP": "chambers.RV.EDP_mmHg",
    "RVESP": "chambers.RV.ESP_mmHg",
    "RVEF": "chambers.RV.EF_percent",
    "SBP": "circulation.SBP_mmHg",
    "DBP": "circulation.DBP_mmHg",
    "MAP": "circulation.MAP_mmHg",
    "PP": "circulation.PP_mmHg",
    "mPAP": "circulation.mPAP_mmHg",
    "forward stroke volume": "chambers.LV.forward_SV_mL",
    "aortic mean gradient": "valves.aortic.mean_gradient_mmHg",
    "outflow peak gradient": "valves.aortic.peak_gradient_mmHg",
    "pulmonary regurgitant fraction": "valves.pulmonary.regurgitant_fraction_percent",
    "stroke work": "chambers.LV.stroke_work_J",
    "CO": "circulation.CO_L_per_min",
    "CI": "circulation.CI_L_per_min_m2",
    "RAP": "circulation.mRAP_mmHg",
    "LAP": "circulation.mLAP_mmHg",
    "venous pressure": "circulation.mSVP_mmHg",
    "Qp/Qs": "circulation.Qp_Qs",
}

Beat = Mapping[str, float]


def recorded(scenario: Scenario) -> Recording:
    """Periodic beat of a 0D scenario.

    Raises
    ------
    SolveFailed
        If it is not periodic, or its loading rule is not held.
    """
    recording = record(scenario, {}, {})
    if recording.status != "converged":
        raise SolveFailed(f"{scenario.name}: {recording.status}.")
    return recording


def beat(scenario: Scenario) -> Beat:
    """Indices of the periodic beat of a 0D scenario, by the short names of this module."""
    return indices(recorded(scenario), scenario.name)


def indices(recording: Recording, name: str) -> Beat:
    """Indices of a recorded beat, by the short names of this module."""
    found = summarize(recording, audit(recording), scenario=name, body_surface=SURFACE)
    return {short: value(found, key) for short, key in _KEYS.items()}


_ON_OTHERS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "tavr": ("aortic_stenosis", {}),
    "state": ("healthy", {"pulmonary_resistance": "400 %"}),
    # full support
    "lvad": ("lvad", {"speed": "6600 rpm"}),
    "fenestration_closure": ("fenestration", {}),
}
"""Baseline and doses of an operation without a 0D scenario of its name, or with other doses."""


def pair(operation: str) -> tuple[Scenario, Scenario]:
    """Scenarios before and after an operation."""
    if operation not in _ON_OTHERS:
        after = Scenario.read(f"{operation}_0D")
        return after.baseline(), after
    name, doses = _ON_OTHERS[operation]
    before = Scenario.read(f"{name}_0D").baseline()
    return before, before.with_procedures(CATALOGUE[operation](**doses))


@cache
def _pair(operation: str) -> tuple[Beat, Beat]:
    """Beats before and after an operation."""
    before, after = pair(operation)
    return beat(before), beat(after)


def _change(operation: str, key: str, change: Change) -> float:
    """Change of an index by an operation."""
    before, after = _pair(operation)
    return change(before[key], after[key])


SHUNT: Final = "Wessler 2018 (Circ Heart Fail 11:e004540)"
_CLIP: Final = "MitraClip, 107 patients, acutely"
_TAVR: Final = "Ben-Assa 2019 (stm 11:509); central pressures at once after implantation"
_SEPT: Final = "meta-analysis PMC7403752"
_BINER: Final = "Biner 2012, MitraClip, filling pressures high before (Eur J Heart Fail, Aug 2012)"
_GAEMPERLI: Final = "Gaemperli 2013 (Circulation 127:1018), ± half (our choice)"
_CENTRAL: Final = "central hemodynamics at once after TAVR, all pressures rise"
_PVR: Final = "PMC6466707, meta-regression CCC 2025"
_GAIN: Final = "meta-regression CCC 2025, months later"
_SAC: Final = "six patients catheterized around pericardiectomy"
_LVAD: Final = "model of two ventricles, Biomed Eng Online 2018 (PMC5963151), ± half (our choice)"
_HOLE: Final = "fenestration model PMC9280082"

_CHANGES: Final = (
    ("mitral_repair", "forward stroke volume", percent, (10, 25), "%", f"{_CLIP}: 57 to 65 mL"),
    ("mitral_repair", "LVEDV", percent, (-12, -5), "%", f"{_CLIP}: 172 to 158 mL"),
    ("mitral_repair", "CO", percent, near(14), "%", f"{_CLIP}, ± half (our choice): 5.0 to 5.7"),
    ("mitral_repair", "CI", percent, near(23), "%", f"{_GAEMPERLI}: 2.6 to 3.2"),
    (
        "mitral_repair",
        "LVEF",
        difference,
        near(-2),
        "points",
        "Cardiovasc Ultrasound 11:13, ± half (our choice): 37 to 35",
    ),
    ("mitral_repair", "LVEDP", difference, near(-7), "mmHg", f"{_BINER}, ± half: 20 to 13"),
    ("mitral_repair", "LAP", difference, near(-4), "mmHg", f"{_BINER}, ± half: 20 to 16"),
    ("mitral_repair", "mPAP", difference, near(-7), "mmHg", f"{_BINER}, ± half: 36 to 29"),
    (
        "tavr",
        "aortic mean gradient",
        difference,
        FALLS,
        "mmHg",
        "PARTNER 3 (doi:10.1056/NEJMoa1814052)",
    ),
    ("tavr", "LVSP", difference, FALLS, "mmHg", _TAVR),
    ("tavr", "SBP", difference, RISES, "mmHg", _TAVR),
    ("tavr", "DBP", difference, RISES, "mmHg", _CENTRAL),
    ("tavr", "MAP", difference, RISES, "mmHg", _CENTRAL),
    ("tavr", "PP", difference, RISES, "mmHg", _CENTRAL),
    ("tavr", "stroke work", percent, FALLS, "%", f"{_TAVR}: 1.58 to 1.26 J without hypertension"),
    ("state", "LVEDV", percent, FALLS, "%", "fourfold pulmonary resistance; direction: textbook"),
    ("atrial_septostomy", "RAP", difference, (-5, -1), "mmHg", f"{_SEPT}: -2.8"),
    ("atrial_septostomy", "LAP", difference, (1, 3), "mmHg", f"{_SEPT}: +1.9"),
    ("atrial_septostomy", "CI", difference, (0.3, 0.9), "L/min/m²", f"{_SEPT}: +0.62"),
    ("interatrial_shunt", "Qp/Qs", difference, (0.1, 0.5), "-", f"{SHUNT}: 1.27"),
    (
        "pulmonary_replacement",
        "RVEDV",
        percent,
        (-40, -20),
        "%",
        "PMC6466707: 161 to 120 mL/m2, months later",
    ),
    ("pulmonary_replacement", "RVEDVi", difference, (-67, -52), "mL/m²", f"{_GAIN}: -59.6"),
    (
        "pulmonary_replacement",
        "RVESVi",
        difference,
        near(-32.5),
        "mL/m²",
        f"{_GAIN}, ± half (our choice): -32.5",
    ),
    (
        "pulmonary_replacement",
        "LVEDVi",
        difference,
        near(4.6),
        "mL/m²",
        f"{_GAIN}, ± half (our choice): +4.6",
    ),
    (
        "pulmonary_replacement",
        "pulmonary regurgitant fraction",
        difference,
        near(-48),
        "points",
        "PMC6466707, ± half (our choice): 49 to 1 %",
    ),
    ("pulmonary_replacement", "LVEDV", percent, RISES, "%", f"{_PVR}: +4.6 mL/m2"),
    ("pulmonary_replacement", "RVEF", difference, (-5, 5), "points", f"{_PVR}: 0"),
    (
        "pulmonary_replacement",
        "CO",
        percent,
        RISES,
        "%",
        "Gusseva (KCL), 20 patients: effective flow up",
    ),
    ("lvad", "LVESP", percent, near(-41), "%", f"{_LVAD}: -41 %"),
    ("lvad", "CO", percent, near(40), "%", f"{_LVAD}: +40 %"),
    ("lvad", "stroke work", percent, near(-67), "%", f"{_LVAD}: -67 %"),
    ("lvad", "RAP", percent, near(-29), "%", f"{_LVAD}: -29 %"),
    ("lvad", "RVESP", percent, near(-53), "%", f"{_LVAD}: -53 %"),
    ("lvad", "mPAP", percent, near(-71), "%", f"{_LVAD}: -71 %"),
    ("lvad", "RVEF", percent, near(52), "%", f"{_LVAD}: +52 %"),
    ("fenestration_closure", "CO", percent, FALLS, "%", _HOLE),
    ("fenestration_closure", "venous pressure", difference, RISES, "mmHg", _HOLE),
    ("pericardiectomy", "LVEDP", percent, SAME, "%", f"{_SAC}: 20, in theater no change"),
    ("pericardiectomy", "RVEDP", percent, SAME, "%", f"{_SAC}: 17, in theater no change"),
)

EFFECTS: Final = effects(_CHANGES, _change)
"""Published effects on circulations, one pair of beats each."""
