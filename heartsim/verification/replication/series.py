"""Published effects that take several 0D beats: a cohort, a ramp, loads, blood given."""

from functools import cache, partial
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from heartsim.circulation.adult import STRESSED_VOLUME
from heartsim.indices.elastance import espvr, potential_energy
from heartsim.procedures import fontan, lvad
from heartsim.scenario import Scenario
from heartsim.units import J, mL, mmHg
from heartsim.verification.replication.circulations import (
    SHUNT,
    Beat,
    beat,
    indices,
    recorded,
)
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

EXERCISE: Final = {
    "circulation.heart_rate": "105 /min",
    "circulation.systemic_resistance": "0.80 mmHg s/mL",
    "circulation.RV.passive": "0.15 mmHg/mL",
}
"""What the eight patients of `cohort` share: exercise, and a right ventricle twice as stiff, for a
venous pressure near the 17.5 mmHg of the source."""


@cache
def cohort() -> tuple[tuple[Beat, Beat], ...]:
    """Eight patients with preserved EF at exercise, without and with an interatrial shunt.

    From the first to the last the relaxed left ventricle is 12.5 times as stiff and the blood more,
    so that wedge less venous pressure spans 5 to 30 mmHg around the 16.8 of the source.
    """
    patients = zip(np.geomspace(0.04, 0.5, 8), np.linspace(2400, 2800, 8), strict=True)
    treated = Scenario.read("interatrial_shunt_0D").with_(EXERCISE)
    each = [
        treated.with_(
            {
                "circulation.LV.passive": f"{stiffness:.4g} mmHg/mL",
                "circulation.blood_volume": f"{volume:.5g} mL",
            }
        )
        for stiffness, volume in patients
    ]
    return tuple((beat(one.baseline()), beat(one)) for one in each)


def _slope() -> float:
    """Change of the wedge over the wedge less venous pressure before, by least squares."""
    gradient = [before["LAP"] - before["RAP"] for before, _ in cohort()]
    change = [after["LAP"] - before["LAP"] for before, after in cohort()]
    return float(np.polyfit(gradient, change, 1)[0])


SPEEDS: Final = range(4800, 6401, 400)
"""Rotor speeds of a clinical ramp [rpm]."""


@cache
def ramp() -> tuple[Beat, ...]:
    """Failing heart on a pump at rising speeds; the baroreflex keeps the pressure of the first."""
    patient = Scenario.read("lvad_0D").baseline()
    slowest, *faster = (patient.with_procedures(lvad(speed=f"{rpm} rpm")) for rpm in SPEEDS)
    first = beat(slowest)
    held = {"protocol.loading": "reflex", "protocol.target": f"{first['MAP']:.6g} mmHg"}
    return first, *(beat(one.with_(held)) for one in faster)


def _over_ramp(key: str) -> float:
    return difference(ramp()[0][key], ramp()[-1][key])


LOADS: Final = (1.0, 0.9, 0.8)
"""Blood over the patient's own, all of it first, as a balloon in the vena cava withholds it."""

WALL: Final = 200 * mL
"""Volume of a dilated left ventricular wall (our choice), for stress."""


class Ventricle(NamedTuple):
    """A left ventricle: slope of its end-systolic line by load, its work and its stress.

    Attributes
    ----------
    elastance : float
        [mmHg/mL]
    area : float
        Pressure-volume area [J].
    diastolic_stress, systolic_stress : float
        In a wall of one fiber, ``p (1 + 3 V/V_w)`` as in `OneFiber` [mmHg].
    """

    elastance: float
    area: float
    diastolic_stress: float
    systolic_stress: float


def _holding(patient: Scenario, blood: float) -> Scenario:
    """Patient with another stressed blood volume [mm³]."""
    return patient.with_({"circulation.blood_volume": f"{blood / mL:.6g} mL"})


@cache
def leaking(*, clipped: bool) -> Ventricle:
    """Left ventricle with mitral regurgitation, or after edge-to-edge repair."""
    treated = Scenario.read("mitral_repair_0D")
    patient = treated if clipped else treated.baseline()
    blood = patient.circulation.blood_volume or STRESSED_VOLUME
    loops = [recorded(_holding(patient, share * blood)) for share in LOADS]
    found = indices(loops[0], patient.name)
    line = espvr([(one.volume["LV"] / mL, one.pressure["LV"] / mmHg) for one in loops])
    ended = found["LVESV"], found["LVESP"]
    thickness = 3 * mL / WALL
    return Ventricle(
        line.Ees,
        found["stroke work"] + potential_energy(line, ended) * mmHg * mL / J,
        found["LVEDP"] * (1 + thickness * found["LVEDV"]),
        found["LVESP"] * (1 + thickness * found["LVESV"]),
    )


def _clipped(key: str) -> float:
    """Relative change of a number of `Ventricle` by edge-to-edge repair [%]."""
    before, after = (getattr(leaking(clipped=when), key) for when in (False, True))
    return percent(before, after)


GIVEN: Final = 0.17
"""Blood that was gained in two weeks, over all that there was."""

_OF_ALL: Final = 5
"""All blood over the stressed blood, see `STRESSED_VOLUME`."""


@cache
def acute_fontan(*, given: float = 0.0) -> Beat:
    """Healthy adult whose veins were joined to the lungs, with more of all blood or not.

    The blood that is given is stressed blood, as the vessels keep their unstressed volumes.
    """
    blood = (1 + given * _OF_ALL) * STRESSED_VOLUME
    return beat(_holding(Scenario.read("healthy_0D"), blood).with_procedures(fontan()))


@cache
def _healthy() -> Beat:
    return beat(Scenario.read("healthy_0D"))


def _against_healthy(given: float) -> float:
    return percent(_healthy()["CI"], acute_fontan(given=given)["CI"])


_RAMP: Final = "Uriel 2016 (PMID 26746378)"
_CLIP: Final = "Gaemperli 2013 (Circulation 127:1018)"
_SHEEP: Final = "sheep with a venous pressure of 15 mmHg, PMC2925053"


EFFECTS: Final = (
    Effect(
        "interatrial_shunt",
        "change of LAP over LAP-RAP, 8 stiff LVs at exercise",
        _slope,
        (-0.8, -0.4),
        "-",
        f"{SHUNT}: -0.60",
    ),
    Effect(
        "interatrial_shunt",
        "Qp/Qs, least of 8 stiff LVs at exercise",
        lambda: min(after["Qp/Qs"] for _, after in cohort()),
        (1.1, 1.5),
        "-",
        f"{SHUNT}: 1.27",
    ),
    Effect(
        "interatrial_shunt",
        "Qp/Qs, largest of 8 stiff LVs at exercise",
        lambda: max(after["Qp/Qs"] for _, after in cohort()),
        (1.1, 1.5),
        "-",
        f"{SHUNT}: 1.27",
    ),
    Effect(
        "interatrial_shunt",
        "LAP, mean change of 8 stiff LVs at exercise",
        lambda: sum(after["LAP"] - before["LAP"] for before, after in cohort()) / len(cohort()),
        near(-2.5),
        "mmHg",
        f"{SHUNT}, ± half (our choice): 34.1 to 31.6",
    ),
    Effect(
        "interatrial_shunt",
        "RAP, least change of 8 stiff LVs at exercise",
        lambda: min(after["RAP"] - before["RAP"] for before, after in cohort()),
        RISES,
        "mmHg",
        f"{SHUNT}: 17.5 to 20.3",
    ),
    *(
        Effect(
            "lvad",
            f"{key}, 4800 to 6400 rpm",
            partial(_over_ramp, key),
            band,
            unit,
            f"{_RAMP}: {found}",
        )
        for key, band, unit, found in (
            ("LAP", (-16, -6), "mmHg", "-9.9"),
            ("RAP", (-2, 2), "mmHg", "unchanged"),
            ("CO", (0.5, 2.5), "L/min", "+1.28"),
        )
    ),
    Effect(
        "lvad",
        "SBP, 4800 to 6400 rpm",
        lambda: percent(ramp()[0]["SBP"], ramp()[-1]["SBP"]),
        SAME,
        "%",
        f"{_RAMP}: unchanged",
    ),
    Effect(
        "lvad",
        "LAP, largest step of the ramp",
        lambda: max(after["LAP"] - before["LAP"] for before, after in pairwise(ramp())),
        FALLS,
        "mmHg",
        f"{_RAMP}: -1.23 a step",
    ),
    *(
        Effect(
            "mitral_repair",
            quantity,
            partial(_clipped, key),
            band,
            "%",
            f"{_CLIP}: {found}",
        )
        for quantity, key, band, found in (
            ("wall stress, end-diastole", "diastolic_stress", FALLS, "48 to 34 mmHg"),
            ("wall stress, end-systole", "systolic_stress", (SAME[0], INF), "184 to 209 mmHg"),
            ("end-systolic elastance by load", "elastance", (-10, 10), "unchanged"),
            ("pressure-volume area", "area", (-10, 10), "unchanged"),
        )
    ),
    Effect(
        "fontan",
        "venous pressure, acute",
        lambda: acute_fontan()["venous pressure"],
        (12, 15),
        "mmHg",
        "clinical range; 15 in sheep, PMC2925053",
    ),
    Effect(
        "fontan",
        "CI, acute, from two ventricles",
        partial(_against_healthy, 0.0),
        (-40, -20),
        "%",
        f"{_SHEEP}: 3.9 to 2.7",
    ),
    Effect(
        "fontan",
        "CI, 17 % more of all blood, from two",
        partial(_against_healthy, GIVEN),
        (-10, 10),
        "%",
        f"{_SHEEP}: as before after two weeks",
    ),
)
"""Published effects on circulations, several beats each."""
