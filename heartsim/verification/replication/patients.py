"""Published effects on 0D patients made from a shipped scenario as a source describes them."""

from functools import cache, partial
from typing import Final

from heartsim.procedures import pericardiectomy, state
from heartsim.scenario import Scenario
from heartsim.verification.replication.circulations import Beat, beat, pair
from heartsim.verification.replication.effect import (
    FALLS,
    INF,
    RISES,
    Effect,
    difference,
    near,
    percent,
)

COMPENSATED: Final = {"circulation.blood_volume": "1180 mL"}
"""Less blood, so that the wedge is the 15 mmHg that patients had before a clip."""

HALF: Final = {"pressure": "0.5 mmHg", "stiffening": "0.03 /mL", "unstressed": "185 mL"}
"""A sac that presses half as much as that of `pericardial_constriction`."""

NORMAL: Final = {"LVEDP": 12.0, "RVEDP": 8.0}
"""Upper normal limits, see `heartsim.indices.catalogue` [mmHg]."""


@cache
def compensated(*, clipped: bool) -> Beat:
    """Mitral regurgitation with nearly normal filling pressures, clipped or not."""
    before, after = pair("mitral_repair")
    return beat((after if clipped else before).with_(COMPENSATED))


def _clipped(key: str) -> float:
    return difference(compensated(clipped=False)[key], compensated(clipped=True)[key])


@cache
def freed(*, half: bool) -> Beat:
    """Heart after pericardiectomy, or with half the sac's pressure left."""
    before, after = pair("pericardiectomy")
    return beat(before.with_procedures(pericardiectomy(**HALF)) if half else after)


def _gradient_of_a_weaker_heart() -> float:
    """Change of the outflow gradient by half the contractility [%]."""
    before = Scenario.read("obstructive_cardiomyopathy_0D")
    after = before.with_procedures(state(contractility="50 %"))
    key = "outflow peak gradient"
    return percent(beat(before)[key], beat(after)[key])


_CLIP: Final = "MitraClip, 107 patients, acutely, ± half (our choice): 11.4 to 8.8"
_WEDGE: Final = "Gaemperli 2013 (Circulation 127:1018), ± half (our choice): 15 to 12"
_MONTHS: Final = "six patients catheterized around pericardiectomy: normal after 2 to 5 months"
_PARTIAL: Final = "fourteen patients after pericardiectomy: persistently abnormal if incomplete"

EFFECTS: Final = (
    Effect(
        "mitral_repair",
        "LVEDP, compensated",
        partial(_clipped, "LVEDP"),
        near(-2.6),
        "mmHg",
        _CLIP,
    ),
    Effect("mitral_repair", "LAP, compensated", partial(_clipped, "LAP"), near(-3), "mmHg", _WEDGE),
    *(
        Effect(
            "pericardiectomy",
            f"{key} afterwards",
            lambda key=key: freed(half=False)[key],
            (-INF, most),
            "mmHg",
            _MONTHS,
        )
        for key, most in NORMAL.items()
    ),
    Effect(
        "pericardiectomy",
        "LVEDP, half the sac less all of it taken",
        lambda: difference(freed(half=False)["LVEDP"], freed(half=True)["LVEDP"]),
        RISES,
        "mmHg",
        _PARTIAL,
    ),
    Effect(
        "state",
        "outflow gradient, contractility halved",
        _gradient_of_a_weaker_heart,
        FALLS,
        "%",
        "myosin inhibitor in a closed loop, EHJ Digital Health abstract 90253",
    ),
)
"""Published effects on such patients."""
