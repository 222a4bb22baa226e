"""Parameter sets of the closed loop, with their sources, and a state to start from each."""

from typing import Final

import equinox as eqx

from heartsim.circulation.chambers import Elastance, OneFiber
from heartsim.circulation.closed_loop import Circulation, with_blood_volume
from heartsim.circulation.components import Conduit, Orifice, Valve, Vessel, leaf
from heartsim.circulation.graph import CONDUITS, HOLES, PUMPS, VALVES, State
from heartsim.circulation.pumps import Balloon, Pump
from heartsim.circulation.surroundings import Pericardium, Septum
from heartsim.units import cm, kPa, minute, mL, mmHg, ms, s

_ELASTANCE: Final = mmHg / mL
_RESISTANCE: Final = mmHg * s / mL
_COMPLIANCE: Final = mL / mmHg
_INERTANCE: Final = mmHg * s**2 / mL
_FLOW: Final = mL / s

PLAIN: Final = 1e4 * cm**2
"""Orifice area at which a valve is its linear resistance alone [mm²]."""

STRESSED_VOLUME: Final = 1110 * mL
"""Total stressed blood volume of the healthy adult [mm³], a fifth of all blood."""

END_DIASTOLIC: Final = {"LV": 122.7 * mL, "RV": 132.0 * mL, "LA": 40.7 * mL, "RA": 40.9 * mL}
"""Volumes of the healthy adult's 0D chambers at the end of filling [mm³], from its limit cycle:
the largest of the ventricles, the smallest of the atria."""

_SHUNT_RESISTANCE: Final = 0.002 * _RESISTANCE

_SPARE_COMPLIANCE: Final = 1.0 * _COMPLIANCE
"""Of beds that are absent: without a way in or out they stay empty whatever it is."""


_ARTERIES: Final = 611.0
_VEINS: Final = 2496.0
_LUNGS: Final = 120.0
"""Unstressed volumes of the beds [mL] of Ursino (1998), doi:10.1152/ajpheart.1998.275.5.H1733, as a
public implementation has them: both peripheral beds, both veins, pulmonary veins; the pulmonary
arteries are given no more than these."""


def _elastance(
    active: float, passive: float, contraction: float, relaxation: float, unstressed: float
) -> Elastance:
    """Elastance chamber from mmHg/mL, mmHg/mL, ms, ms and mL, with no delay of its own."""
    return Elastance(
        active=active * _ELASTANCE,
        passive=passive * _ELASTANCE,
        unstressed=unstressed * mL,
        onset=0 * ms,
        contraction=contraction * ms,
        relaxation=relaxation * ms,
    )


def _vessel(
    resistance: float,
    compliance: float,
    inertance: float,
    impedance: float = 0.0,
    *,
    unstressed: float,
) -> Vessel:
    """Vascular bed from mmHg s/mL, mL/mmHg, mmHg s²/mL, mmHg s/mL and mL."""
    return Vessel(
        resistance=resistance * _RESISTANCE,
        compliance=compliance * _COMPLIANCE,
        inertance=inertance * _INERTANCE,
        impedance=impedance * _RESISTANCE,
        unstressed=unstressed * mL,
    )


def _valve(area: float, resistance: float) -> Valve:
    """Competent valve from an effective orifice area [mm²] and a resistance [mmHg s/mL]."""
    return Valve(area=area, regurgitant_area=0.0, resistance=resistance * _RESISTANCE)


def _state(
    volumes: tuple[float, ...], pressures: tuple[float, ...], flows: tuple[float, ...]
) -> State:
    """State with closed valves from mL, mmHg and mL/s in the order of its fields.

    Veins of the upper body and the coronary bed, which are absent, are empty.
    """
    still = (0.0,) * len(VALVES)
    beds = [p * mmHg for p in (*pressures, 0, 0)]
    outflows = [q * _FLOW for q in (*flows, 0, 0)]
    values = [*(v * mL for v in volumes), *beds, 0.0, *outflows, *still, *still]
    return State(*map(leaf, values))


def _dormant() -> dict[str, eqx.Module | float]:
    """Branches, beds and surroundings that a healthy adult does without, all absent."""
    absent = Vessel(
        resistance=_RESISTANCE,
        compliance=_SPARE_COMPLIANCE,
        inertance=0.0,
        impedance=0.0,
        tied=1.0,
    )
    return {
        **{name: Orifice(area=0.0, resistance=_SHUNT_RESISTANCE) for name in HOLES},
        **{name: Conduit(conductance=0.0) for name in CONDUITS},
        **{name: Pump(area=0.0, resistance=_SHUNT_RESISTANCE, head=0.0) for name in PUMPS},
        "neoaortic": _valve(0.0, 0.001),
        "upper_veins": absent,
        "coronary": absent,
        "balloon": Balloon(volume=0.0, inflated=0.0, deflated=0.0),
        "pericardium": Pericardium(pressure=0.0, stiffening=0.0, unstressed=0.0),
        "septum": Septum(compliance=0.0, stiffening=0.0),
        "muscle_squeeze": 0.0,
    }


def healthy_adult() -> tuple[Circulation, State]:
    """Textbook adult at rest, 72 beats per minute, with 0D ventricles.

    Resistances follow from the textbook means (cardiac output 5 L/min, mean arterial pressure
    92 mmHg, mean pulmonary artery pressure 15 mmHg, atria 3 and 7 mmHg); arterial compliances
    and impedances from the pulse pressures; valve areas are normal echocardiographic ones
    (aortic 3-4 cm², mitral 4-6 cm²) [1]_, [2]_. Elastances give normal cine-MRI volumes of a
    75 kg adult [3]_.

    Returns
    -------
    circulation : Circulation
        The loop.
    state : State
        A state close to its limit cycle at t = 0.

    References
    ----------
    .. [1] Baumgartner et al. (2017). Recommendations on the echocardiographic assessment of
       aortic valve stenosis. doi:10.1016/j.echo.2017.02.009
    .. [2] Kovacs et al. (2009). Pulmonary arterial pressure during rest and exercise in healthy
       subjects: a systematic review. doi:10.1183/09031936.00145608
    .. [3] Petersen et al. (2017). Reference ranges for cardiac structure and function using
       cardiovascular magnetic resonance in Caucasians from the UK Biobank population cohort.
       doi:10.1186/s12968-017-0327-9
    """
    circulation = Circulation(
        LA=_elastance(0.10, 0.15, 90, 110, 10),
        LV=_elastance(2.8, 0.070, 320, 140, 12),
        RA=_elastance(0.06, 0.08, 90, 110, 12),
        RV=_elastance(0.48, 0.034, 320, 140, 20),
        mitral=_valve(5.0 * cm**2, 0.001),
        aortic=_valve(4.0 * cm**2, 0.001),
        tricuspid=_valve(7.0 * cm**2, 0.001),
        pulmonary=_valve(4.0 * cm**2, 0.001),
        systemic_arteries=_vessel(0.98, 1.25, 5e-3, 0.035, unstressed=_ARTERIES),
        systemic_veins=_vessel(0.04, 70.0, 5e-4, unstressed=_VEINS),
        pulmonary_arteries=_vessel(0.08, 4.5, 5e-4, 0.01, unstressed=_LUNGS),
        pulmonary_veins=_vessel(0.01, 15.0, 5e-4, unstressed=_LUNGS),
        period=minute / 72,
        av_delay=150 * ms,
        **_dormant(),
    )
    state = _state((55.3, 105.5, 52.3, 110.9), (84.4, 7.3, 12.6, 7.5), (79, 103, 66, 118))
    return circulation, with_blood_volume(circulation, state, leaf(STRESSED_VOLUME))


_FIBERS: Final = {
    "LV": (135.0, 50.0, 32.0, 0.83, 4.0, 12.0, 320.0, 140.0),
    "RV": (50.0, 60.0, 14.0, 0.83, 3.0, 9.0, 320.0, 140.0),
    "LA": (15.0, 30.0, 5.0, 0.83, 12.0, 7.0, 90.0, 110.0),
    "RA": (15.0, 35.0, 3.5, 0.83, 8.0, 6.0, 90.0, 110.0),
}
"""Wall and unloaded cavity [mL], tension [kPa], slack stretch, passive stiffness [kPa], exponent,
rise and fall [ms] of one-fiber chambers; fitted by hand so that the adult's beat stays normal."""


def one_fiber_chamber(name: str) -> OneFiber:
    """Chamber of a healthy adult as a wall of one fiber: ``LA``, ``LV``, ``RA`` or ``RV``."""
    wall, cavity, tension, slack, stiffness, exponent, rise, fall = _FIBERS[name]
    return OneFiber(
        wall=wall * mL,
        unstressed=cavity * mL,
        tension=tension * kPa,
        slack=slack,
        stiffness=stiffness * kPa,
        exponent=exponent,
        onset=0 * ms,
        contraction=rise * ms,
        relaxation=fall * ms,
    )


def regazzoni_2022() -> tuple[Circulation, State]:
    """Return the loop of Regazzoni et al. (2022) [1]_: 60 beats per minute, resistive valves.

    Returns
    -------
    circulation : Circulation
        The loop; valves are plain resistances, the ventricles follow the atria by 200 ms.
    state : State
        Its initial state, at the trigger of the ventricles.

    Notes
    -----
    The published mean venous pressure (30 mmHg) is that of the whole bed before the large veins,
    and mean pulmonary artery pressure (37 mmHg) is above normal.

    References
    ----------
    .. [1] Regazzoni et al. (2022). A cardiac electromechanical model coupled with a lumped-
       parameter model for closed-loop blood circulation. doi:10.1016/j.jcp.2022.111083
    """
    plain = _valve(PLAIN, 0.0075)
    circulation = Circulation(
        LA=_elastance(0.07, 0.09, 170, 170, 4),
        LV=_elastance(2.75, 0.08, 340, 170, 5),
        RA=_elastance(0.06, 0.07, 170, 170, 4),
        RV=_elastance(0.55, 0.05, 340, 170, 10),
        mitral=plain,
        aortic=plain,
        tricuspid=plain,
        pulmonary=plain,
        systemic_arteries=_vessel(0.8, 1.2, 5e-3, unstressed=_ARTERIES),
        systemic_veins=_vessel(0.26, 130.0, 5e-4, unstressed=_VEINS),
        pulmonary_arteries=_vessel(0.1625, 10.0, 5e-4, unstressed=_LUNGS),
        pulmonary_veins=_vessel(0.1625, 16.0, 5e-4, unstressed=_LUNGS),
        period=1 * s,
        av_delay=200 * ms,
        **_dormant(),
    )
    state = _state((65, 120, 65, 145), (80, 30, 35, 24), (0, 0, 0, 0))
    return circulation, state
