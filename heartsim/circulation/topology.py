"""Re-routing of blood: Glenn, Fontan, Norwood, truncus as changes of leaves; the blood handed over.

Each function takes a loop and the blood in it and returns both changed; the total volume of blood
is the same before and after, and what had to move is returned beside them. Vessels are tied,
holes are made and valves are closed; nothing else is different from a healthy loop.
"""

import dataclasses
from typing import Final, NamedTuple

import equinox as eqx
import jax.numpy as jnp

from heartsim.circulation.chambers import Elastance
from heartsim.circulation.closed_loop import Circulation, blood_volume, with_blood_volume
from heartsim.circulation.components import Conduit, Orifice, Scalar, Valve, Vessel, leaf
from heartsim.circulation.graph import BEDS, BRANCHES, State
from heartsim.errors import InputError
from heartsim.units import mL, mmHg

NO_DERIVATIVE: Final = (
    "opens a bed that is cut off from the loop: opened however little, the bed fills to the same "
    "volume, so the periodic beat jumps there and has no derivative. Compare runs with the bed "
    "shut and open instead."
)
"""Why no index can be differentiated by `ways_into_cut_off`; stands behind their name."""


class Rerouted(NamedTuple):
    """A loop after an operation, its blood, and the blood that was handed over [mm³]."""

    circulation: Circulation
    state: State
    moved: Scalar


def cut_off(circulation: Circulation) -> frozenset[str]:
    """Beds all of whose branches are shut: their blood stays what it is."""
    return frozenset(
        bed
        for bed in BEDS
        if all(_carries_nothing(getattr(circulation, name)) for name in _branches(bed))
    )


def ways_into_cut_off(circulation: Circulation) -> frozenset[str]:
    """Numbers, such as ``"glenn.conductance"``, that open a bed all of whose branches are shut."""
    shut = {name for bed in cut_off(circulation) for name in _branches(bed)}
    return frozenset(
        f"{name}.{'tied' if isinstance(getattr(circulation, name), Vessel) else 'conductance'}"
        for name in shut
    )


def _branches(bed: str) -> tuple[str, ...]:
    return tuple(name for name, ends in BRANCHES.items() if bed in ends)


def _carries_nothing(part: eqx.Module) -> bool:
    """Whether a vessel is tied off or a conduit absent; other branches count as open."""
    if isinstance(part, Vessel):
        return float(part.tied) == 1
    return isinstance(part, Conduit) and float(part.conductance) == 0


def _with_area(hole: Orifice, area: Scalar) -> Orifice:
    return dataclasses.replace(hole, area=leaf(area))


def _shut(valve: Valve) -> Valve:
    """Atretic valve: no way in either direction."""
    nothing = jnp.zeros_like(valve.area)
    return dataclasses.replace(valve, area=nothing, regurgitant_area=nothing)


def emptied(circulation: Circulation, state: State, chamber: str) -> tuple[State, Scalar]:
    """Blood of a chamber down to its unstressed volume handed to the systemic veins.

    Raises
    ------
    InputError
        If the chamber is not an elastance.
    """
    law = getattr(circulation, chamber)
    if not isinstance(law, Elastance):
        raise InputError(f"{chamber} is not an elastance chamber and cannot be taken out.")
    moved = state.volume(chamber) - law.unstressed
    taken = state._replace(**{f"V_{chamber}": law.unstressed})
    return with_blood_volume(circulation, taken, blood_volume(circulation, state)), moved


def upper_body_apart(circulation: Circulation, state: State, share: Scalar) -> Rerouted:
    """Give the upper body its own arterioles and veins, a share of those of the whole body.

    Conductances and compliance are split ``share : 1 - share`` and both veins keep the pressure,
    so nothing changes until one of them is re-routed. Blood of the upper veins is taken from the
    systemic ones.
    """
    arteries, veins = circulation.systemic_arteries, circulation.systemic_veins
    rest = 1 - share
    lower = dataclasses.replace(
        veins,
        resistance=veins.resistance / rest,
        compliance=veins.compliance * rest,
        inertance=veins.inertance / rest,
        unstressed=veins.unstressed * rest,
    )
    upper = dataclasses.replace(
        veins,
        resistance=veins.resistance / share,
        compliance=veins.compliance * share,
        inertance=veins.inertance / share,
        unstressed=veins.unstressed * share,
        impedance=jnp.zeros_like(veins.impedance),
        tied=jnp.zeros_like(veins.tied),
    )
    changed = dataclasses.replace(
        circulation,
        systemic_arteries=dataclasses.replace(arteries, resistance=arteries.resistance / rest),
        systemic_veins=lower,
        upper_veins=upper,
        upper_body=Conduit(share / arteries.resistance),
    )
    apart = state._replace(
        p_upper_veins=state.p_systemic_veins,
        Q_upper_veins=share * state.Q_systemic_veins,
        Q_systemic_veins=rest * state.Q_systemic_veins,
        Q_systemic_arteries=rest * state.Q_systemic_arteries,
    )
    return Rerouted(changed, apart, share * veins.compliance * state.p_systemic_veins)


def single_left_ventricle(circulation: Circulation, state: State, septum: Scalar) -> Rerouted:
    """Tricuspid atresia: both atria drain through a hole into the left ventricle alone.

    Parameters
    ----------
    circulation, state
        The loop and its blood.
    septum : () float
        Area of the hole between the atria [mm²].
    """
    state, moved = emptied(circulation, state, "RV")
    changed = dataclasses.replace(
        circulation,
        tricuspid=_shut(circulation.tricuspid),
        pulmonary=_shut(circulation.pulmonary),
        atrial_shunt=_with_area(circulation.atrial_shunt, septum),
    )
    return Rerouted(changed, state, moved)


def glenn(circulation: Circulation, state: State, share: Scalar, resistance: Scalar) -> Rerouted:
    """Upper veins to the pulmonary arteries; those of the lower body still reach the atrium.

    Parameters
    ----------
    circulation, state
        The loop and its blood.
    share : () float
        Part of the systemic flow that the upper body takes.
    resistance : () float
        Of the anastomosis [kPa ms/mm³].
    """
    loop, state, moved = upper_body_apart(circulation, state, share)
    upper = dataclasses.replace(loop.upper_veins, tied=jnp.ones_like(loop.upper_veins.tied))
    loop = dataclasses.replace(loop, upper_veins=upper, glenn=Conduit(1 / resistance))
    return Rerouted(loop, state, moved)


def fontan(
    circulation: Circulation, state: State, resistance: Scalar, fenestration: Scalar
) -> Rerouted:
    """All systemic veins to the pulmonary arteries, with or without a hole to the atrium.

    Parameters
    ----------
    circulation, state
        The loop and its blood.
    resistance : () float
        Of the total cavopulmonary connection [kPa ms/mm³].
    fenestration : () float
        Area of the hole to the left atrium [mm²]; 0 is none.
    """
    veins = circulation.systemic_veins
    loop = dataclasses.replace(
        circulation,
        systemic_veins=dataclasses.replace(veins, tied=jnp.ones_like(veins.tied)),
        cavopulmonary=Conduit(1 / resistance),
        fenestration=_with_area(circulation.fenestration, fenestration),
    )
    return Rerouted(loop, state, jnp.zeros_like(state.V_LV))


def hypoplastic_left_heart(
    circulation: Circulation, state: State, septum: Scalar, ductus: Scalar
) -> Rerouted:
    """Mitral and aortic atresia: the right ventricle feeds the body through the ductus.

    Parameters
    ----------
    circulation, state
        The loop and its blood.
    septum, ductus : () float
        Areas of the hole between the atria and of the ductus [mm²].
    """
    state, moved = emptied(circulation, state, "LV")
    changed = dataclasses.replace(
        circulation,
        mitral=_shut(circulation.mitral),
        aortic=_shut(circulation.aortic),
        atrial_shunt=_with_area(circulation.atrial_shunt, septum),
        ductus=_with_area(circulation.ductus, ductus),
    )
    return Rerouted(changed, state, moved)


def norwood(circulation: Circulation, state: State, septum: Scalar, shunt: Scalar) -> Rerouted:
    """Hypoplastic left heart: the right ventricle feeds the aorta, a shunt feeds the lungs.

    Parameters
    ----------
    circulation, state
        The loop and its blood.
    septum, shunt : () float
        Areas of the hole between the atria and of the systemic-to-pulmonary shunt [mm²].
    """
    heart, state, moved = hypoplastic_left_heart(circulation, state, septum, shunt)
    changed = dataclasses.replace(
        heart, neoaortic=circulation.pulmonary, pulmonary=_shut(circulation.pulmonary)
    )
    return Rerouted(changed, state, moved)


def truncus(circulation: Circulation, state: State, septum: Scalar, origin: Scalar) -> Rerouted:
    """One arterial trunk over a septal defect: both ventricles eject into the aorta.

    The trunk's valve is two orifices side by side, one for each ventricle; the pulmonary arteries
    leave the trunk through an orifice.

    Parameters
    ----------
    circulation, state
        The loop and its blood.
    septum, origin : () float
        Areas of the hole between the ventricles and of the origin of the pulmonary arteries [mm²].
    """
    changed = dataclasses.replace(
        circulation,
        neoaortic=circulation.aortic,
        pulmonary=_shut(circulation.pulmonary),
        ventricular_shunt=_with_area(circulation.ventricular_shunt, septum),
        ductus=_with_area(circulation.ductus, origin),
    )
    return Rerouted(changed, state, jnp.zeros_like(state.V_LV))


CORONARY_COMPLIANCE: Final = 0.12 * mL / mmHg
"""Compliance of the vessels in the muscle [mm³/kPa] (our choice: 9 mL at 75 mmHg)."""

_ARTERIAL: Final = 0.7


def coronary_apart(circulation: Circulation, share: Scalar, squeeze: Scalar) -> Circulation:
    """Give the heart muscle vessels of its own, which the contracting left ventricle squeezes [1]_.

    ::

        aorta ──[ 0.7 R ]──┬──[ 0.3 R ]── RA        R = (R_arteries + R_veins) / share
                          ═╪═ C
                           └── outside: squeeze * p_LV   (the intramyocardial pump)

    The body's arteries keep the rest of the conductance, so mean flow stays as it was. The bed
    starts without blood and fills from the veins as the loop finds its periodic state.

    Parameters
    ----------
    circulation : Circulation
    share : () float
        Part of the systemic conductance that the coronary vessels take; about 5 %.
    squeeze : () float
        Part of the left ventricular pressure that acts on the bed from outside.

    References
    ----------
    .. [1] Spaan, Breuls, Laird (1981). Diastolic-systolic coronary flow differences are caused by
       intramyocardial pump action in the anesthetized dog. Circ. Res. 49:584.
    """
    arteries, veins = circulation.systemic_arteries, circulation.systemic_veins
    whole = (arteries.resistance + veins.resistance) / share
    bed = dataclasses.replace(
        circulation.coronary,
        resistance=(1 - _ARTERIAL) * whole,
        compliance=jnp.full_like(whole, CORONARY_COMPLIANCE),
        tied=jnp.zeros_like(whole),
    )
    return dataclasses.replace(
        circulation,
        systemic_arteries=dataclasses.replace(
            arteries, resistance=arteries.resistance / (1 - share)
        ),
        coronary=bed,
        coronary_arteries=Conduit(1 / (_ARTERIAL * whole)),
        muscle_squeeze=leaf(squeeze),
    )
