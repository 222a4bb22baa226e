"""Published effects on a wall: static states of an idealized left ventricle, `Relations`."""

from collections.abc import Mapping
from functools import cache, partial
from typing import Final

from heartsim.mesh.ellipsoid import human_left_ventricle
from heartsim.procedures import CATALOGUE, Procedure, infarct, ischemia
from heartsim.verification.operated import Patient, Relations, operated, patient, relations
from heartsim.verification.replication.effect import (
    FALLS,
    INF,
    RISES,
    SAME,
    Effect,
    difference,
    near,
    percent,
)

EDGE: Final = 12.0
"""Edge length of the idealized left ventricle [mm]."""

HEALTHY: Final = "80 kPa"
WEAK: Final = "45 kPa"
"""Contractility of a ventricle with a diseased region, and of a failing one."""

_DISEASE: Final[Mapping[str, Procedure]] = {
    "infarct_patch": infarct(fraction="20 %", stiffness="1"),
    "contractile_patch": infarct(fraction="20 %"),
    "revascularise": ischemia(),
}
"""What operations on a region treat; all others are tried on a failing ventricle."""

_DOSES: Final[Mapping[str, Mapping[str, str]]] = {
    # it squeezes as that of its source
    "support_wrap": {"fit": "97.2 %"},
    "infarct_patch": {"stiffness": "5"},
}

_WORDS: Final = {
    "diastolic": "end-diastolic volume",
    "systolic": "end-systolic volume",
    "stroke": "stroke volume",
    "ejection_fraction": "ejection fraction",
    "elastance": "end-systolic elastance",
    "coupling": "arterial over end-systolic elastance",
    "diastolic_stress": "fiber stress, end-diastole",
    "systolic_stress": "fiber stress, end-systole",
    "peak_stress": "fiber stress, end-systole, 95th percentile",
}
"""Relations, all at equal filling and arterial pressures."""


def _change(operation: str, key: str) -> float:
    """Relative change of a relation by an operation [%]; of the ejection fraction in points."""
    disease = operation if operation in _DISEASE else ""
    before, after = _state(disease), _state(disease, operation)
    change = difference if key == "ejection_fraction" else percent
    return change(getattr(before, key), getattr(after, key))


@cache
def _state(disease: str, operation: str = "") -> Relations:
    """Relations of a ventricle with the disease that one operation treats, after another or not."""
    edits = _DISEASE[disease].edits if disease else ()
    if operation:
        edits += CATALOGUE[operation](**_DOSES.get(operation, {})).edits
    one = ventricle(HEALTHY if disease else WEAK)
    return relations(operated(one, [Procedure(operation, "", edits)]))


@cache
def healthy() -> Relations:
    """Relations of the healthy ventricle."""
    return relations(operated(ventricle(HEALTHY), []))


@cache
def _batista_when_stronger() -> Relations:
    wedge = CATALOGUE["batista"]()
    return relations(operated(ventricle(HEALTHY), [wedge]))


def _gain_when_weaker() -> float:
    """By how many points stroke volume changes more in a weak than in a strong ventricle."""
    strong = percent(healthy().stroke, _batista_when_stronger().stroke)
    return _change("batista", "stroke") - strong


@cache
def ventricle(contractility: str) -> Patient:
    """Idealized left ventricle as a patient."""
    return patient(human_left_ventricle(EDGE), contractility)


_WRAP: Final = "finite-element study PMC2844501, linear in pressure, at 2 to 3 mmHg"
_STICH: Final = "STICH, bypass arm (doi:10.1056/NEJMoa0900559), ± half"
_SVR: Final = "Lee 2013 (PMC3727014), STICH (doi:10.1056/NEJMoa0900559)"
_CHORD: Final = "Carrick 2012 (PMC3470864)"
_GEL: Final = "Lee 2013 (JoVE 50096), Sabbah 2013 (PMC3756288)"
_SLING: Final = "Minakata 2013 (scirp 29178)"
_NORMAL: Final = "Genet 2014 (PMC4101610), finite elements, 5 normal hearts"
_SCAR: Final = "Fomovsky 2011 (PMC3328213)"
_BATISTA: Final = "Popovic 2000 (Heart 83:316)"

_CHANGES: Final = (
    ("support_wrap", "diastolic", FALLS, _WRAP),
    ("support_wrap", "systolic", SAME, _WRAP),
    ("support_wrap", "stroke", (-15, -5), _WRAP),
    ("support_wrap", "diastolic_stress", (-24, -12), _WRAP),
    ("ventricular_restoration", "diastolic", FALLS, f"{_SVR}: less distensible"),
    ("ventricular_restoration", "systolic", (-30, -10), _SVR),
    ("ventricular_restoration", "stroke", (-INF, 5), _SVR),
    ("ventricular_restoration", "elastance", RISES, _SVR),
    ("ventricular_restoration", "systolic_stress", FALLS, _SVR),
    ("ventricular_restoration", "peak_stress", (-60, -30), _SVR),
    ("batista", "elastance", (100, 200), f"{_BATISTA}: 0.52 to 1.47 mmHg/mL"),
    ("batista", "coupling", near(-69), f"{_BATISTA}, ± half: 3.25 to 1.01"),
    ("batista", "stroke", (-INF, 5), "theory, J Card Surg 2001;16:24 (PMID 11713853)"),
    ("transventricular_chord", "diastolic", FALLS, _CHORD),
    ("transventricular_chord", "systolic", FALLS, _CHORD),
    ("transventricular_chord", "stroke", SAME, _CHORD),
    ("transventricular_chord", "diastolic_stress", FALLS, _CHORD),
    ("transventricular_chord", "systolic_stress", FALLS, _CHORD),
    ("hydrogel", "diastolic", FALLS, _GEL),
    ("hydrogel", "systolic", FALLS, _GEL),
    ("hydrogel", "stroke", RISES, "Lee 2013 (JoVE 50096): function up in the first patients"),
    ("papillary_sling", "diastolic", FALLS, _SLING),
    ("papillary_sling", "systolic", FALLS, _SLING),
    ("papillary_sling", "ejection_fraction", SAME, f"{_SLING}: unchanged"),
    ("hydrogel", "diastolic_stress", FALLS, _GEL),
    ("hydrogel", "systolic_stress", FALLS, _GEL),
    ("pericardial_stripping", "diastolic", (0, 25), "rats, Front Physiol 2022.878861"),
    ("infarct_patch", "diastolic", FALLS, _SCAR),
    ("infarct_patch", "systolic", FALLS, _SCAR),
    ("infarct_patch", "stroke", SAME, _SCAR),
    ("infarct_patch", "elastance", RISES, f"{_SCAR}: contractility up"),
    ("contractile_patch", "stroke", near(18), "Sayut 2025 (arXiv 2508.10188), ± half: +18 %"),
    ("revascularise", "ejection_fraction", (0, 10), "Rajakumar (PMC7525849): +5 ± 5, 3 months"),
    ("revascularise", "systolic", near(-6), f"{_STICH}: -6 %"),
)

EFFECTS: Final = (
    Effect(
        "support_wrap",
        "squeeze",
        lambda: _state("", "support_wrap").squeeze,
        (2, 3),
        "mmHg",
        _WRAP,
    ),
    *(
        Effect(
            operation,
            _WORDS[key],
            partial(_change, operation, key),
            band,
            "points" if key == "ejection_fraction" else "%",
            source,
        )
        for operation, key, band, source in _CHANGES
    ),
    Effect(
        "batista",
        "stroke volume, weak less strong ventricle",
        _gain_when_weaker,
        RISES,
        "points",
        "theory, J Card Surg 2001;16:24 (PMID 11713853): gain only with low elastance",
    ),
    Effect(
        "healthy",
        "fiber stress, end-diastole",
        lambda: healthy().diastolic_stress,
        (2.21 - 0.58, 2.21 + 0.58),
        "kPa",
        f"{_NORMAL}: 2.21 ± 0.58",
    ),
    Effect(
        "healthy",
        "fiber stress, end-systole",
        lambda: healthy().systolic_stress,
        (16.54 - 4.73, 16.54 + 4.73),
        "kPa",
        f"{_NORMAL}: 16.54 ± 4.73",
    ),
)
"""Published effects on walls."""
