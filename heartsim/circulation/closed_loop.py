"""Closed loop: the parameters of every part and the laws that join them.

Absence is a zero (closed shunt, stopped pump), never another network: a procedure only changes
leaves.

Time convention: t = 0 is late diastole, at the trigger of the atria; the ventricles are
triggered ``av_delay`` later; everything repeats with ``period``.
"""

import dataclasses
from collections.abc import Mapping
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from heartsim.circulation.chambers import Chamber, Relation
from heartsim.circulation.components import Conduit, Orifice, Scalar, Valve, Vessel, parameter
from heartsim.circulation.graph import (
    BEDS,
    BRANCHES,
    CHAMBERS,
    CONDUITS,
    FREE_WALL,
    HOLES,
    NODES,
    PUMPS,
    SECTIONS,
    VALVES,
    VENTRICLES,
    Beds,
    Branches,
    Gates,
    Nodes,
    State,
    pressure_drops,
)
from heartsim.circulation.pumps import Balloon, Pump
from heartsim.circulation.surroundings import Pericardium, Septum, contact


@final
class Circulation(eqx.Module):
    """Parameters of the closed loop; every number is an array leaf, the topology is fixed."""

    LA: Chamber
    LV: Chamber
    RA: Chamber
    RV: Chamber
    mitral: Valve
    aortic: Valve
    tricuspid: Valve
    pulmonary: Valve
    neoaortic: Valve
    """Right ventricle to aorta: Norwood, truncus, double outlet."""
    systemic_arteries: Vessel
    systemic_veins: Vessel
    """Systemic veins; where `upper_veins` are apart, those of the lower body."""
    pulmonary_arteries: Vessel
    pulmonary_veins: Vessel
    upper_veins: Vessel
    """Veins of the upper body and superior vena cava, where they are apart."""
    coronary: Vessel
    """Blood in the muscle's vessels, squeezed by the left ventricle; drains into the RA."""
    atrial_shunt: Orifice
    """Hole between the atria, flow left to right positive."""
    ventricular_shunt: Orifice
    """Hole between the ventricles, flow left to right positive."""
    ductus: Orifice
    """Aorta to pulmonary artery: ductus, Blalock-Taussig or Potts shunt, truncus."""
    fenestration: Orifice
    """Systemic veins to left atrium (Fontan fenestration)."""
    cavopulmonary: Conduit
    """Systemic veins to pulmonary arteries (Fontan)."""
    glenn: Conduit
    """Upper veins to pulmonary arteries (Glenn)."""
    upper_body: Conduit
    """Arteries to veins of the upper body, where they are apart."""
    coronary_arteries: Conduit
    """Aorta to the vessels in the muscle."""
    left_pump: Pump
    """Left ventricle to aorta (LVAD, Impella)."""
    right_pump: Pump
    """Right ventricle to pulmonary artery (RVAD)."""
    ecmo: Pump
    """Right atrium to aorta (veno-arterial ECMO)."""
    balloon: Balloon
    """Intra-aortic balloon."""
    pericardium: Pericardium
    septum: Septum
    period: Scalar = parameter()
    """Heart period, 60 s / rate [ms]."""
    av_delay: Scalar = parameter()
    """Trigger of the ventricles after that of the atria [ms]."""
    muscle_squeeze: Scalar = parameter()
    """Part of the left ventricular pressure that acts on the coronary bed from outside."""


def trigger(circulation: Circulation, chamber: str) -> Scalar:
    """Beat time at which a chamber is triggered [ms]."""
    return circulation.av_delay if chamber in VENTRICLES else jnp.zeros_like(circulation.period)


def chamber_relation(circulation: Circulation, chamber: str, t: Scalar) -> Relation:
    """Pressure-volume relation of a 0D chamber at a beat time [ms]."""
    law: Chamber = getattr(circulation, chamber)
    return law.at(t - trigger(circulation, chamber), circulation.period)


@final
class Network(eqx.Module):
    """Everything but the chambers at one instant, parts of a kind stacked: one call serves all."""

    valves: Valve
    """`VALVES`, stacked."""
    impedance: Gates
    """Characteristic impedance behind each valve [kPa ms/mm³]."""
    beds: Vessel
    """`BEDS`, stacked."""
    holes: Orifice
    """`HOLES`, then the losses of `PUMPS`, stacked."""
    head: Float[Array, " holes"]
    """Head of each of them [kPa]; 0 in a hole."""
    conduits: Conduit
    """`CONDUITS`, stacked."""
    pericardium: Pericardium
    septum_compliance: Scalar
    """Of the septum as stiff as it is now [mm³/kPa]."""
    muscle_squeeze: Scalar
    gas: Scalar
    """Pressure by which a balloon raises that of the arteries [kPa]."""

    def flows(self, drop: Branches, push: Gates, outflow: Beds) -> Branches:
        """Flow of each of `BRANCHES` [mm³/ms].

        Parameters
        ----------
        drop : (branches,)
            Pressure drops [kPa].
        push : (valves,)
            Drops that moving blood adds at the valves [kPa].
        outflow : (beds,)
            Flows out of `BEDS` [mm³/ms], which have inertia of their own.
        """
        valve, _, hole, conduit = jnp.split(drop, SECTIONS)
        return jnp.concatenate(
            [
                self.valves.flow(valve + push, self.impedance),
                outflow,
                self.holes.flow(hole + self.head),
                self.conduits.flow(conduit),
            ]
        )

    def pressures(
        self,
        chambers: Float[Array, " chambers"],
        beds: Beds,
        heart: Scalar,
        lumped: Bool[np.ndarray, " chambers"],
    ) -> Nodes:
        """Pressure of each of `NODES` [kPa].

        Parameters
        ----------
        chambers : (chambers,)
            Transmural pressures [kPa].
        beds : (beds,)
            Stressed volume over compliance [kPa].
        heart : () float
            Blood in all four chambers [mm³].
        lumped : (chambers,) bool
            Chambers that the pericardium presses on: those that are 0D. A 3D wall has supports of
            its own.
        """
        inside = chambers + jnp.where(lumped, self.pericardium.squeeze(heart), 0.0)
        muscle = self.muscle_squeeze * inside[CHAMBERS.index("LV")]
        outside = {"systemic_arteries": self.gas, "coronary": muscle}
        on_beds = jnp.stack([outside.get(bed, jnp.zeros_like(heart)) for bed in BEDS])
        return jnp.concatenate([inside, self.beds.transmural(beds) + on_beds])

    def within_step(self, previous: State, dt: Scalar) -> tuple["Network", Gates]:
        """Network at the end of an implicit step, and the push of moving blood [kPa]."""
        flow, opening = previous.group("Q", VALVES), previous.group("A", VALVES)
        valves, push = self.valves.within_step(flow, opening, dt)
        return dataclasses.replace(self, valves=valves), push

    def openings(self, flow: Branches) -> Gates:
        """Open area of each valve [mm²] by its flow."""
        return self.valves.opening(flow[: len(VALVES)])


def network(circulation: Circulation, t: Scalar) -> Network:
    """Sort the parts of a loop by kind, as they are at a beat time [ms]."""

    def stacked(parts: list[eqx.Module]) -> eqx.Module:
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)

    def together(names: tuple[str, ...]) -> eqx.Module:
        return stacked([getattr(circulation, name) for name in names])

    aorta, artery = circulation.systemic_arteries, circulation.pulmonary_arteries
    none = jnp.zeros_like(aorta.impedance)
    behind = {
        "aortic": aorta.impedance,
        "neoaortic": aorta.impedance,
        "pulmonary": artery.impedance,
    }
    pumps = [getattr(circulation, name) for name in PUMPS]
    e = circulation.LV.strength(t - circulation.av_delay, circulation.period)
    return Network(
        valves=together(VALVES),
        impedance=jnp.stack([behind.get(name, none) for name in VALVES]),
        beds=together(BEDS),
        holes=stacked([getattr(circulation, name) for name in HOLES] + [p.loss for p in pumps]),
        head=jnp.stack([none] * len(HOLES) + [p.head for p in pumps]),
        conduits=together(CONDUITS),
        pericardium=circulation.pericardium,
        septum_compliance=circulation.septum.bulge(jnp.ones_like(e), e),
        muscle_squeeze=circulation.muscle_squeeze,
        gas=circulation.balloon.gas(t, circulation.period) / aorta.compliance,
    )


def stored_volumes(circulation: Circulation, state: State) -> Nodes:
    """Stressed blood volume held by each of `NODES` [mm³]."""
    compliance = jnp.stack([getattr(circulation, bed).compliance for bed in BEDS])
    return jnp.concatenate([state.group("V", CHAMBERS), compliance * state.group("p", BEDS)])


def node_pressures(
    circulation: Circulation, state: State, t: Scalar, chamber_pressures: Mapping[str, Scalar]
) -> Nodes:
    """Pressure of each of `NODES` [kPa].

    Parameters
    ----------
    circulation, state
        The loop and its state at time ``t``.
    t : () float
        Time in the beat [ms].
    chamber_pressures : mapping of str to () float
        Pressures that come from outside, such as those of 3D cavities [kPa]; its keys choose the
        chambers whose own elastance is not used.
    """
    volume = state.group("V", CHAMBERS)
    free = volume + FREE_WALL * state.V_septum
    inside = [
        chamber_pressures[name]
        if name in chamber_pressures
        else chamber_relation(circulation, name, t)(free[i])
        + (contact(volume[i]) if name in VENTRICLES else 0.0)
        for i, name in enumerate(CHAMBERS)
    ]
    lumped = np.array([name not in chamber_pressures for name in CHAMBERS])
    beds = state.group("p", BEDS)
    return network(circulation, t).pressures(jnp.stack(inside), beds, volume.sum(), lumped)


def flows(
    circulation: Circulation, state: State, t: Scalar, chamber_pressures: Mapping[str, Scalar]
) -> dict[str, Scalar]:
    """Flow of each of `BRANCHES` at a state [mm³/ms]; valves forward positive."""
    drop = pressure_drops(node_pressures(circulation, state, t, chamber_pressures))
    parts = network(circulation, t)
    law = parts.flows(drop, jnp.zeros(len(VALVES), drop.dtype), state.group("Q", BEDS))
    # valves remember: the step that led to the state knows their flow
    flow = law.at[: len(VALVES)].set(state.group("Q", VALVES))
    return dict(zip(BRANCHES, flow, strict=True))


def pressures(
    circulation: Circulation, state: State, t: Scalar, chamber_pressures: Mapping[str, Scalar]
) -> dict[str, Scalar]:
    """Pressures to record [kPa]: LA LV RA RV aorta pulmonary_artery systemic_veins pulmonary_veins.

    ``aorta`` and ``pulmonary_artery`` are those of the root, just behind the valve: pressure of
    the bed plus the drop over its characteristic impedance.
    """
    values = node_pressures(circulation, state, t, chamber_pressures)
    node = dict(zip(NODES, values, strict=True))
    systemic, pulmonary = circulation.systemic_arteries, circulation.pulmonary_arteries
    ejected = state.flow("aortic") + state.flow("neoaortic")
    return {name: node[name] for name in CHAMBERS} | {
        "aorta": node["systemic_arteries"] + systemic.impedance * ejected,
        "pulmonary_artery": node["pulmonary_arteries"]
        + pulmonary.impedance * state.flow("pulmonary"),
        "systemic_veins": node["systemic_veins"],
        "pulmonary_veins": node["pulmonary_veins"],
        "upper_veins": node["upper_veins"],
    }


def with_chambers(circulation: Circulation, chambers: Mapping[str, Chamber]) -> Circulation:
    """Loop with other 0D chambers, by name, such as emulated ones."""
    return dataclasses.replace(circulation, **chambers)


def blood_volume(circulation: Circulation, state: State) -> Scalar:
    """Total stressed blood volume, chambers plus ``C p`` of the beds [mm³]."""
    return jnp.sum(stored_volumes(circulation, state))


def with_blood_volume(circulation: Circulation, state: State, target: Scalar) -> State:
    """State whose total stressed blood volume is ``target`` [mm³].

    The difference is given to (or taken from) the systemic veins, as an infusion or a bleed.
    """
    missing = target - blood_volume(circulation, state)
    pressure = state.p_systemic_veins + missing / circulation.systemic_veins.compliance
    return state._replace(p_systemic_veins=pressure)
