"""Published share of residual stress: a sutured wall against the same shape free of stress."""

from collections.abc import Mapping
from functools import cache, partial
from typing import Final

from heartsim.procedures import Procedure, batista, infarct
from heartsim.units import mmHg
from heartsim.verification.operated import Relations, freed, operated, relations
from heartsim.verification.replication.effect import FALLS, Effect, near, percent
from heartsim.verification.replication.scars import DOR
from heartsim.verification.replication.walls import HEALTHY, WEAK, ventricle

_WEDGE: Final = batista()
_SCAR: Final = infarct()

_EDITS: Final = {
    "ventricular_restoration": (HEALTHY, (*_SCAR.edits, *DOR.edits), 12.0 * mmHg),
    "batista": (WEAK, _WEDGE.edits, 20.0 * mmHg),
}
"""Contractility of the patient, disease and operation, and filling pressure of the source [kPa]."""

_WORDS: Final[Mapping[str, str]] = {
    "diastolic": "end-diastolic volume",
    "systolic": "end-systolic volume",
    "stroke": "stroke volume",
    "diastolic_stress": "fiber stress, end-diastole",
    "systolic_stress": "fiber stress, end-systole",
}


@cache
def closed(operation: str, *, stressed: bool) -> Relations:
    """Relations of a sutured wall, with the stress of its sutures or freed of it."""
    contractility, edits, filling = _EDITS[operation]
    heart = operated(ventricle(contractility), [Procedure(operation, "", edits)])
    return relations(heart if stressed else freed(heart), filling=filling)


def _share(operation: str, key: str) -> float:
    """Relative change of a relation by the stress of sutures [%]."""
    free, held = (closed(operation, stressed=when) for when in (False, True))
    return percent(getattr(free, key), getattr(held, key))


def _left(region: str) -> float:
    """Fiber stress that a Dor leaves in a region without pressure [kPa]."""
    return closed("ventricular_restoration", stressed=True).regional[region].residual


_DOR: Final = "Pantoja 2015 (doi:10.1016/j.athoracsur.2015.05.119)"
_CUT: Final = "volume reduction of 10 and 20 %, axisymmetric model, at 20 mmHg"

EFFECTS: Final = (
    *(
        Effect(
            operation,
            f"{_WORDS[key]} by residual stress",
            partial(_share, operation, key),
            band,
            "%",
            source,
        )
        for operation, key, band, source in (
            ("ventricular_restoration", "systolic", near(-7.9), f"{_DOR}, ± half: -7.9"),
            ("ventricular_restoration", "diastolic", near(-10.6), f"{_DOR}, ± half: -10.6"),
            ("ventricular_restoration", "stroke", FALLS, f"{_DOR}: pump function lower"),
            ("batista", "stroke", (-3.0, -2.0), f"{_CUT}: 2 to 3 % lost"),
            ("batista", "diastolic_stress", (-2.0, 2.0), f"{_CUT}: about 1 to 2 %"),
            ("batista", "systolic_stress", (-2.0, 2.0), f"{_CUT}: about 1 to 2 %"),
        )
    ),
    Effect(
        "ventricular_restoration",
        "residual fiber stress, remote",
        partial(_left, "remote"),
        (2.9 - 1.3, 2.9 + 1.3),
        "kPa",
        f"{_DOR}: 2.9 ± 1.3",
    ),
    Effect(
        "ventricular_restoration",
        "residual fiber stress, border zone",
        partial(_left, "infarct_border"),
        FALLS,
        "kPa",
        f"{_DOR}: strongly compressive",
    ),
)
"""Published shares of residual stress."""
