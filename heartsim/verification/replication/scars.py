"""Published effects around an infarct: stress in and beside it, gel in it, a Dor of it."""

from collections.abc import Sequence
from functools import cache, partial
from typing import Final

from heartsim.procedures import (
    Procedure,
    infarct,
    infarct_patch,
    infarct_straps,
    ventricular_restoration,
)
from heartsim.procedures.edit import Edit
from heartsim.procedures.material import InjectGel
from heartsim.units import mL
from heartsim.verification.operated import Relations, operated, relations
from heartsim.verification.replication.effect import FALLS, RISES, Effect, near, percent
from heartsim.verification.replication.walls import HEALTHY, ventricle

_AT: Final = {"fraction": "20 %", "border_zone": "10 mm"}

STAGES: Final = {
    "healthy": {"contractility": "100 %", "stiffness": "1"},
    "acute": {"stiffness": "1"},
    "fibrotic": {"stiffness": "10"},
}
"""Doses of `infarct`: the same region of a heart before, at once after, and healed."""

GEL: Final = InjectGel("infarct", 15 * 0.3 * mL, 3.0)
"""As much gel as stiff as that of `hydrogel`, in the infarct instead of the belt."""


@cache
def infarcted(stage: str, *treatments: Edit) -> Relations:
    """Relations of a ventricle with an anteroapical infarct at a stage, treated or not."""
    disease = infarct(**_AT, **STAGES[stage])
    return relations(operated(ventricle(HEALTHY), [_with(disease, treatments)]))


def _with(disease: Procedure, treatments: Sequence[Edit]) -> Procedure:
    """A patient and treatment as one list of edits, in this order."""
    return Procedure(disease.name, "", (*disease.edits, *treatments))


def _over_healthy(*treatments: Edit) -> float:
    """Systolic fiber stress in a fibrotic infarct over that of the muscle before it [%]."""
    found, before = infarcted("fibrotic", *treatments), infarcted("healthy")
    return 100 * found.regional["infarct"].systolic / before.regional["infarct"].systolic


def _gelled(stage: str, key: str) -> float:
    """Relative change of a relation by gel in the infarct [%]."""
    return percent(getattr(infarcted(stage), key), getattr(infarcted(stage, GEL), key))


def _beside(treatments: Sequence[Edit], when: str) -> float:
    """Relative change of fiber stress in the border zone of a fibrotic infarct [%]."""
    states = infarcted("fibrotic"), infarcted("fibrotic", *treatments)
    before, after = (getattr(one.regional["infarct_border"], when) for one in states)
    return percent(before, after)


def _strapped(against: Sequence[Edit] = ()) -> float:
    """Change of stroke volume by straps on an acute infarct [%], or beyond another treatment's."""
    before, held = infarcted("acute"), infarcted("acute", *infarct_straps().edits)
    gained = percent(before.stroke, held.stroke)
    return gained - percent(before.stroke, infarcted("acute", *against).stroke)


STIFFENED: Final = infarct_patch(stiffness="5")

_MILLER: Final = "Miller 2013 (doi:10.1002/cnm.2551)"
_SUN: Final = "five sheep, Sun 2010 (PMC2907919), six weeks later"
_FOMOVSKY: Final = "Fomovsky 2011 (PMC3328213): stiff along the long axis alone is best"
DOR: Final = ventricular_restoration()

EFFECTS: Final = (
    Effect(
        "infarct",
        "systolic fiber stress in a fibrotic infarct over healthy",
        _over_healthy,
        near(291.6),
        "%",
        f"{_MILLER}, ± half (our choice): 291.6",
    ),
    Effect(
        "hydrogel",
        "systolic fiber stress in a gelled infarct over healthy",
        partial(_over_healthy, GEL),
        near(116.5),
        "%",
        f"{_MILLER}, ± half (our choice): 117.6 in layers, 115.3 in bulk",
    ),
    *(
        Effect(
            "hydrogel",
            f"ejection fraction, gel in {words} infarct",
            partial(_gelled, stage, "ejection_fraction"),
            near(found),
            "%",
            f"{_MILLER}, ± half (our choice): {told}",
        )
        for stage, words, found, told in (
            ("acute", "an acute", 7.9, "+7.4 and +8.4"),
            ("fibrotic", "a fibrotic", 13.9, "+14.1 and +13.7"),
        )
    ),
    Effect(
        "hydrogel",
        "fiber stress beside a gelled infarct, end-systole",
        partial(_beside, (GEL,), "systolic"),
        (-10, -8),
        "%",
        f"{_MILLER}: -8 to -10",
    ),
    Effect("infarct_straps", "stroke volume", _strapped, RISES, "%", _FOMOVSKY),
    Effect(
        "infarct_straps",
        "stroke volume beyond stiffening all ways",
        partial(_strapped, STIFFENED.edits),
        RISES,
        "points",
        _FOMOVSKY,
    ),
    *(
        Effect(
            "ventricular_restoration",
            f"fiber stress beside the infarct, {words}",
            partial(_beside, DOR.edits, when),
            FALLS,
            "%",
            _SUN,
        )
        for words, when in (("end-diastole", "diastolic"), ("end-systole", "systolic"))
    ),
)
"""Published effects around an infarct."""
