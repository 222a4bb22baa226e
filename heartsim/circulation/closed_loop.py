"""Adult closed loop: four chambers, four valves, two circulations, and dormant surgical branches.

::

      ┌─ systemic_veins ──▶ RA ─tricuspid▶ RV ─pulmonary▶ pulmonary_arteries ─┐
      │                     ║ atrial_shunt  ║ ventricular_shunt   ║ ductus     ▼
      └─ systemic_arteries ◀aortic─ LV ◀mitral─ LA ◀───────────── pulmonary_veins

The topology is data: `BRANCHES` names where each flow leaves and where it enters, and the same
flow is subtracted there and added here, so blood is conserved whatever the parameters. Absence is
a zero (closed shunt, stopped pump), never another network: a procedure only changes leaves.

Time convention: t = 0 is late diastole, at the trigger of the atria; the ventricles are
triggered ``av_delay`` later; everything repeats with ``period``.
"""

import dataclasses
from collections.abc import Mapping
from typing import Final, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim.circulation.components import (
    Chamber,
    Conduit,
    Orifice,
    Pump,
    Relation,
    Scalar,
    Valve,
    Vessel,
    parameter,
)

CHAMBERS: Final = ("LA", "LV", "RA", "RV")
VENTRICLES: Final = ("LV", "RV")
BEDS: Final = ("systemic_arteries", "systemic_veins", "pulmonary_arteries", "pulmonary_veins")
NODES: Final = CHAMBERS + BEDS
VALVES: Final = ("mitral", "aortic", "tricuspid", "pulmonary")

BRANCHES: Final[Mapping[str, tuple[str, str]]] = {
    "mitral": ("LA", "LV"),
    "aortic": ("LV", "systemic_arteries"),
    "tricuspid": ("RA", "RV"),
    "pulmonary": ("RV", "pulmonary_arteries"),
    "systemic_arteries": ("systemic_arteries", "systemic_veins"),
    "systemic_veins": ("systemic_veins", "RA"),
    "pulmonary_arteries": ("pulmonary_arteries", "pulmonary_veins"),
    "pulmonary_veins": ("pulmonary_veins", "LA"),
    "atrial_shunt": ("LA", "RA"),
    "ventricular_shunt": ("LV", "RV"),
    "ductus": ("systemic_arteries", "pulmonary_arteries"),
    "fenestration": ("systemic_veins", "LA"),
    "cavopulmonary": ("systemic_veins", "pulmonary_arteries"),
    "pump": ("LV", "systemic_arteries"),
}
"""Flow name → (node it leaves, node it enters)."""

HOLES: Final = ("atrial_shunt", "ventricular_shunt", "ductus", "fenestration")


def _incidence() -> Float[np.ndarray, "nodes branches"]:
    """Signed incidence (node, branch): +1 where a flow enters, -1 where it leaves."""
    table = np.zeros((len(NODES), len(BRANCHES)))
    for column, (source, target) in enumerate(BRANCHES.values()):
        table[NODES.index(source), column] = -1.0
        table[NODES.index(target), column] = 1.0
    return table


INCIDENCE: Final = _incidence()

BED_BRANCHES: Final = slice(len(VALVES), len(VALVES) + len(BEDS))
"""Where `BEDS` stand among `BRANCHES`."""

_SECTIONS: Final = (4, 8, 12, 13)


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
    systemic_arteries: Vessel
    systemic_veins: Vessel
    pulmonary_arteries: Vessel
    pulmonary_veins: Vessel
    atrial_shunt: Orifice
    """Hole between the atria, flow left to right positive."""
    ventricular_shunt: Orifice
    """Hole between the ventricles, flow left to right positive."""
    ductus: Orifice
    """Aorta to pulmonary artery: ductus, Blalock-Taussig or Potts shunt."""
    fenestration: Orifice
    """Systemic veins to left atrium (Fontan fenestration)."""
    cavopulmonary: Conduit
    """Systemic veins to pulmonary arteries (Glenn, Fontan)."""
    pump: Pump
    """Left ventricle to aorta (assist device)."""
    period: Scalar = parameter()
    """Heart period, 60 s / rate [ms]."""
    av_delay: Scalar = parameter()
    """Trigger of the ventricles after that of the atria [ms]."""


class State(NamedTuple):
    """Blood volumes [mm³], pressures of the vascular beds [kPa], flows out of them [mm³/ms]."""

    V_LA: Scalar
    V_LV: Scalar
    V_RA: Scalar
    V_RV: Scalar
    p_systemic_arteries: Scalar
    p_systemic_veins: Scalar
    p_pulmonary_arteries: Scalar
    p_pulmonary_veins: Scalar
    Q_systemic_arteries: Scalar
    Q_systemic_veins: Scalar
    Q_pulmonary_arteries: Scalar
    Q_pulmonary_veins: Scalar

    def volume(self, chamber: str) -> Scalar:
        """Volume of a chamber [mm³]."""
        return getattr(self, f"V_{chamber}")

    def pressure(self, bed: str) -> Scalar:
        """Pressure of a vascular bed [kPa]."""
        return getattr(self, f"p_{bed}")

    def outflow(self, bed: str) -> Scalar:
        """Flow out of a vascular bed [mm³/ms]."""
        return getattr(self, f"Q_{bed}")


Nodes = Float[Array, " nodes"]
Branches = Float[Array, " branches"]
Beds = Float[Array, " beds"]


def chamber_relation(circulation: Circulation, chamber: str, t: Scalar) -> Relation:
    """Pressure-volume relation of a 0D chamber at a beat time [ms]."""
    trigger = circulation.av_delay if chamber in VENTRICLES else jnp.zeros_like(circulation.period)
    law: Chamber = getattr(circulation, chamber)
    return law.at(t - trigger, circulation.period)


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
    chambers = [
        chamber_pressures[name]
        if name in chamber_pressures
        else chamber_relation(circulation, name, t)(state.volume(name))
        for name in CHAMBERS
    ]
    return jnp.stack(chambers + [state.pressure(name) for name in BEDS])


def pressure_drops(pressure: Nodes) -> Branches:
    """Pressure drop along each of `BRANCHES` [kPa]."""
    return -jnp.asarray(INCIDENCE, pressure.dtype).T @ pressure


def net_inflow(flow: Branches) -> Nodes:
    """Net flow into each of `NODES` [mm³/ms]; the entries sum to zero."""
    return jnp.asarray(INCIDENCE, flow.dtype) @ flow


@final
class Network(eqx.Module):
    """Components of the loop by kind, parameters stacked, so that one call serves all."""

    valves: Valve
    """`VALVES`, stacked."""
    impedance: Float[Array, " valves"]
    """Characteristic impedance behind each valve [kPa ms/mm³]."""
    beds: Vessel
    """`BEDS`, stacked."""
    holes: Orifice
    """`HOLES`, stacked."""
    cavopulmonary: Conduit
    pump: Pump

    def flows(self, drop: Branches, outflow: Beds) -> Branches:
        """Flow of each of `BRANCHES` [mm³/ms].

        Parameters
        ----------
        drop : (branches,)
            Pressure drops [kPa].
        outflow : (beds,)
            Flows out of `BEDS` [mm³/ms], which have inertia of their own.
        """
        valve, _, hole, conduit, pump = jnp.split(drop, _SECTIONS)
        return jnp.concatenate(
            [
                self.valves.flow(valve, self.impedance),
                outflow,
                self.holes.flow(hole),
                self.cavopulmonary.flow(conduit),
                self.pump.flow(pump),
            ]
        )

    def implicit_outflow(self, previous: State, dt: Scalar) -> tuple[Beds, Beds]:
        """Conductance and carried part of the flow out of each bed, see `Vessel`."""
        return self.beds.implicit_outflow(outflows(previous), dt)


def network(circulation: Circulation) -> Network:
    """Sort the components of a loop by kind."""

    def together(names: tuple[str, ...]) -> eqx.Module:
        parts = [getattr(circulation, name) for name in names]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)

    aorta, artery = circulation.systemic_arteries, circulation.pulmonary_arteries
    none = jnp.zeros_like(aorta.impedance)
    return Network(
        valves=together(VALVES),
        impedance=jnp.stack([none, aorta.impedance, none, artery.impedance]),
        beds=together(BEDS),
        holes=together(HOLES),
        cavopulmonary=circulation.cavopulmonary,
        pump=circulation.pump,
    )


def outflows(state: State) -> Beds:
    """Flows out of `BEDS` [mm³/ms]."""
    return jnp.stack([state.outflow(name) for name in BEDS])


def stored_volumes(circulation: Circulation, state: State) -> Nodes:
    """Stressed blood volume held by each of `NODES` [mm³]."""
    chambers = [state.volume(name) for name in CHAMBERS]
    return jnp.stack(
        chambers + [getattr(circulation, bed).compliance * state.pressure(bed) for bed in BEDS]
    )


def residual(
    circulation: Circulation,
    state: State,
    previous: State,
    t: Scalar,
    dt: Scalar,
    chamber_pressures: Mapping[str, Scalar],
) -> State:
    """Implicit Euler residual of one step from ``t`` to ``t + dt``.

    Parameters
    ----------
    circulation : Circulation
        The loop.
    state, previous : State
        State at ``t + dt`` and at ``t``.
    t, dt : () float
        Time at the start of the step and its length [ms].
    chamber_pressures : mapping of str to () float
        Pressures at ``t + dt`` of the chambers that are not 0D [kPa].

    Returns
    -------
    State
        Residual of each equation as a volume [mm³]: of each node, stored volume minus its
        previous value minus inflow; of each inertance, ``dt`` times the error of its flow. The
        nodal entries add up to the change of total blood volume.
    """
    parts = network(circulation)
    drop = pressure_drops(node_pressures(circulation, state, t + dt, chamber_pressures))
    conductance, carried = parts.implicit_outflow(previous, dt)
    gained = stored_volumes(circulation, state) - stored_volumes(circulation, previous)
    nodal = gained - dt * net_inflow(parts.flows(drop, outflows(state)))
    inertial = dt * (outflows(state) - conductance * drop[BED_BRANCHES] - carried)
    return State(*nodal, *inertial)


def flows(
    circulation: Circulation, state: State, t: Scalar, chamber_pressures: Mapping[str, Scalar]
) -> dict[str, Scalar]:
    """Flow of each of `BRANCHES` at a state [mm³/ms]; valves forward positive."""
    drop = pressure_drops(node_pressures(circulation, state, t, chamber_pressures))
    flow = network(circulation).flows(drop, outflows(state))
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
    flow = flows(circulation, state, t, chamber_pressures)
    systemic, pulmonary = circulation.systemic_arteries, circulation.pulmonary_arteries
    return {name: node[name] for name in CHAMBERS} | {
        "aorta": node["systemic_arteries"] + systemic.impedance * flow["aortic"],
        "pulmonary_artery": node["pulmonary_arteries"] + pulmonary.impedance * flow["pulmonary"],
        "systemic_veins": node["systemic_veins"],
        "pulmonary_veins": node["pulmonary_veins"],
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
