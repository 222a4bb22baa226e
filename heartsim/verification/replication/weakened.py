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

FAILING: Final = {"tissue.contractility": "70 kPa", "tissue.right_wall": 88 / 70}
"""Left wall and septum so weak that EF is 28 %, right free wall as in the healthy heart (88 kPa).
"""

SPEEDS: Final = {2.0: "4000 rpm", 4.5: "5600 rpm"}
"""Rotor speed that gives each flow of the source [L/min]."""


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
def failing(flow: float = 0.0) -> Beat:
    """Heart whose left ventricle fails, with a pump of a flow [L/min] or without."""
    patient = Scenario.read("healthy_biventricle").with_(FAILING)
    if not flow:
        return beat(patient)
    pumped = beat(patient.with_procedures(lvad(speed=SPEEDS[flow])))
    if abs(pumped["assist"] - flow) > NEAR:
        raise SolveFailed(f"the pump gives {pumped['assist']:.1f} instead of {flow} L/min.")
    return pumped


NEAR: Final = 0.25
"""How far from its flow a pump may be [L/min]."""


def _over_normal(key: str, flow: float) -> float:
    """Fiber stress over that of the healthy heart [%]."""
    return 100 * failing(flow)[key] / shipped("healthy_biventricle")[key]


_LOST: Final = "finite elements, infarct of 15 % (J Biomech Eng 2025, 147:081005), ± half: -32 %"
_SACK: Final = "Sack 2016 (doi:10.5301/ijao.5000520), ± half (our choice)"

_STRESSES: Final = (
    (0.0, "LV stress, end-diastole", 508),
    (0.0, "LV stress, end-systole", 113),
    (0.0, "RV stress, end-diastole", 94),
    (0.0, "RV stress, end-systole", 570),
    (4.5, "LV stress, end-diastole", 85),
    (4.5, "LV stress, end-systole", 109),
    (4.5, "RV stress, end-diastole", 95),
    (4.5, "RV stress, end-systole", 342),
)
"""Flow of the pump [L/min], where and when, per cent of normal."""

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
            f"{key} over normal, {f'{flow} L/min' if flow else 'before'}",
            partial(_over_normal, key, flow),
            near(found),
            "%",
            f"{_SACK}: {found} %",
        )
        for flow, key, found in _STRESSES
    ),
)
"""Published effects on weakened hearts with a wall."""
