"""Published effects of where and when leads pace a heart with left bundle branch block."""

from functools import cache
from typing import Final

import numpy as np

from heartsim.procedures import resynchronization
from heartsim.scenario import Scenario
from heartsim.verification.replication.effect import INF, RISES, Effect
from heartsim.verification.replication.hearts import Beat, beat, total_activation

LATERAL: Final = "12"
"""AHA segment of the lateral wall midway between base and apex."""

SITES: Final = ("4", "6", "12", "13", "16")
"""AHA segments of the left lead: inferior, lateral, apical."""

AHEAD: Final = "60 ms"


@cache
def paced(segment: str, ahead: str = "0 ms") -> Beat:
    """Heart with left bundle branch block, left lead in a segment, so long before the right."""
    patient = Scenario.read("left_bundle_block")
    return beat(patient.with_procedures(resynchronization(segment=segment, lv_first=ahead)))


def _correlation() -> float:
    """Correlation over sites of total activation time of the left wall with dP/dt max."""
    time = [total_activation(site) for site in SITES]
    rise = [paced(site)["dP/dt"] for site in SITES]
    return float(np.corrcoef(time, rise)[0, 1])


_CURE: Final = "dogs, Dou 2012 (doi:10.1155/2012/948781): best 60 ms apart, lateral, midway"

EFFECTS: Final = (
    Effect(
        "resynchronization",
        "CURE gained by the left lead 60 ms ahead",
        lambda: paced(LATERAL, AHEAD)["CURE"] - paced(LATERAL)["CURE"],
        RISES,
        "-",
        _CURE,
    ),
    Effect(
        "resynchronization",
        "activation time with dP/dt over 5 sites, correlation",
        _correlation,
        (-INF, -0.8),
        "-",
        "Pluijmert 2016 (PMC5225964): below -0.80 in three patients",
    ),
)
"""Published effects of pacing."""
