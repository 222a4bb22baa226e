"""Published effects of pressure around the heart: fluid in the sac, a device that squeezes."""

from functools import cache, partial
from typing import Final

from heartsim.units import kPa, mmHg
from heartsim.verification.operated import NO_PRESSURE, Outside, Relations, operated, relations
from heartsim.verification.replication.effect import FALLS, Effect, difference, near, percent
from heartsim.verification.replication.walls import HEALTHY, healthy, ventricle

FAILING: Final = "48.3 kPa"
"""Contractility at which the ejection fraction is the 17.6 % of the source."""

CUP: Final = Outside(0.0, 3.1 * kPa)
"""Pressure of the source, in systole alone."""

EFFUSION: Final = Outside(10.0 * mmHg, 10.0 * mmHg)
"""Fluid that presses as hard at all times (our dose)."""


@cache
def squeezed(contractility: str, outside: Outside) -> Relations:
    """Relations of a ventricle under a pressure from outside."""
    return relations(operated(ventricle(contractility), []), outside=outside)


def _flooded(key: str) -> float:
    """Relative change of a relation by fluid in the sac [%]."""
    return percent(getattr(healthy(), key), getattr(squeezed(HEALTHY, EFFUSION), key))


def _cupped() -> float:
    """Change of the ejection fraction of a failing ventricle by direct compression [points]."""
    before, after = (squeezed(FAILING, outside) for outside in (NO_PRESSURE, CUP))
    return difference(before.ejection_fraction, after.ejection_fraction)


_CUP: Final = "Aranda-Michel 2019 (doi:10.1371/journal.pone.0224475), ± half (our choice)"
_FLUID: Final = "mechanics of pericardial effusion, Scardulla"

EFFECTS: Final = (
    Effect(
        "direct_compression",
        "ejection fraction",
        _cupped,
        near(12.7),
        "points",
        f"{_CUP}: 17.6 to 30.3",
    ),
    *(
        Effect("effusion", words, partial(_flooded, key), FALLS, "%", f"{_FLUID}: {found}")
        for key, words, found in (
            ("diastolic", "end-diastolic volume", "relation shifts left"),
            ("systolic", "end-systolic volume", "relation shifts left"),
        )
    ),
)
"""Published effects of pressure from outside."""
