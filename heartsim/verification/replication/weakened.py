"""Published effects on beating walls that were weakened: an infarct, a patch on it, a pump."""

from functools import cache, partial
from typing import Final

from heartsim.errors import SolveFailed
from heartsim.procedures import lvad
from heartsim.scenario import Scenario
from heartsim.verification.replication.effect import Effect, near, percent
from heartsim.verification.replication.hearts import Beat, beat, shipped

_SCAR: Final = [{"name": "infarct", "fraction": "15 %"}]
"""As large as that of the source."""

_PATCH: Final = [{"name": "contractile_patch", "active": "25 %"}]
"""Healthy muscle of a quarter of the infarct's volume, spread over it."""

FAILING: Final = {"tissue.contractility": "44 kPa", "tissue.right_wall": 2.0}
"""Left wall and septum a fifth as strong, right free wall as in the healthy heart: EF 34 %. For the
28 % of the source the right wall, given over the left, would leave the scenario's range."""

SPEED: Final = "5100 rpm"
"""Rotor speed that gives the flow of the source."""

FLOW: Final = 4.5
"""Flow of the pump in the source [L/min]."""

NEAR: Final = 0.25
"""How far from it the flow may be [L/min]."""


@cache
def infarcted(*, patched: bool) -> Beat:
    """Heart with an infarct of 15 %, with a contractile patch on it or not."""
    scenario = Scenario.read("contractile_patch").with_({"condition": _SCAR, "procedure": _PATCH})
    return beat(scenario if patched else scenario.baseline())


def _restored() -> float:
    """Share of the lost stroke work that a patch gives back [%]."""
    healthy = shipped("healthy_biventricle")["stroke work"]
    lost, left = (healthy - infarcted(patched=when)["stroke work"] for when in (False, True))
    return 100 * (1 - left / lost)


@cache
def failing(*, pumped: bool) -> Beat:
    """Heart whose left ventricle fails, with a pump or without.

    Raises
    ------
    SolveFailed
        If the beat is not periodic, or the pump does not give its flow.
    """
    patient = Scenario.read("healthy_biventricle").with_(FAILING)
    if not pumped:
        return beat(patient)
    found = beat(patient.with_procedures(lvad(speed=SPEED)))
    if abs(found["assist"] - FLOW) > NEAR:
        raise SolveFailed(f"the pump gives {found['assist']:.2f} instead of {FLOW} L/min.")
    return found


def _over_normal(key: str, pumped: bool) -> float:
    """Fiber stress over that of the healthy heart [%]."""
    return 100 * failing(pumped=pumped)[key] / shipped("healthy_biventricle")[key]


_LOST: Final = "finite elements, infarct of 15 % (J Biomech Eng 2025, 147:081005), ± half: -32 %"
_SACK: Final = "Sack 2016 (doi:10.5301/ijao.5000520), ± half (our choice)"

_STRESSES: Final = (
    (False, "LV stress, end-diastole", 508),
    (False, "LV stress, end-systole", 113),
    (False, "RV stress, end-systole", 570),
    (True, "LV stress, end-diastole", 85),
    (True, "LV stress, end-systole", 109),
    (True, "RV stress, end-diastole", 95),
    (True, "RV stress, end-systole", 342),
)
"""With a pump or not, where and when, per cent of normal."""

EFFECTS: Final = (
    Effect(
        "infarct",
        "stroke work",
        lambda: percent(
            shipped("healthy_biventricle")["stroke work"], infarcted(patched=False)["stroke work"]
        ),
        near(-32),
        "%",
        _LOST,
    ),
    Effect(
        "contractile_patch",
        "share of the lost stroke work restored",
        _restored,
        (0, 15),
        "%",
        "the same study: up to 15 %",
    ),
    *(
        Effect(
            "lvad",
            f"{key} over normal, {'4.5 L/min' if pumped else 'before'}",
            partial(_over_normal, key, pumped),
            near(found),
            "%",
            f"{_SACK}: {found} %",
        )
        for pumped, key, found in _STRESSES
    ),
)
"""Published effects on weakened hearts with a wall."""
