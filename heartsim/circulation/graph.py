"""The graph of the closed loop: names of nodes and branches, and the state of the blood.

::

      ┌─ systemic_veins ──▶ RA ─tricuspid▶ RV ─pulmonary▶ pulmonary_arteries ─┐
      │  upper_veins ─────▶ ║ atrial_shunt  ║ ventricular_shunt   ║ ductus     ▼
      └─ systemic_arteries ◀aortic─ LV ◀mitral─ LA ◀───────────── pulmonary_veins
              └ coronary ─▶ RA

The topology is data: `BRANCHES` names where each flow leaves and where it enters, and the same
flow is subtracted there and added here, so blood is conserved whatever the parameters.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from heartsim.circulation.components import Scalar

CHAMBERS: Final = ("LA", "LV", "RA", "RV")
VENTRICLES: Final = ("LV", "RV")
BEDS: Final = (
    "systemic_arteries",
    "systemic_veins",
    "pulmonary_arteries",
    "pulmonary_veins",
    "upper_veins",
    "coronary",
)
NODES: Final = CHAMBERS + BEDS
VALVES: Final = ("mitral", "aortic", "tricuspid", "pulmonary", "neoaortic")
HOLES: Final = ("atrial_shunt", "ventricular_shunt", "ductus", "fenestration")
CONDUITS: Final = ("cavopulmonary", "glenn", "upper_body", "coronary_arteries")
PUMPS: Final = ("left_pump", "right_pump", "ecmo")

BRANCHES: Final[Mapping[str, tuple[str, str]]] = {
    "mitral": ("LA", "LV"),
    "aortic": ("LV", "systemic_arteries"),
    "tricuspid": ("RA", "RV"),
    "pulmonary": ("RV", "pulmonary_arteries"),
    "neoaortic": ("RV", "systemic_arteries"),
    "systemic_arteries": ("systemic_arteries", "systemic_veins"),
    "systemic_veins": ("systemic_veins", "RA"),
    "pulmonary_arteries": ("pulmonary_arteries", "pulmonary_veins"),
    "pulmonary_veins": ("pulmonary_veins", "LA"),
    "upper_veins": ("upper_veins", "RA"),
    "coronary": ("coronary", "RA"),
    "atrial_shunt": ("LA", "RA"),
    "ventricular_shunt": ("LV", "RV"),
    "ductus": ("systemic_arteries", "pulmonary_arteries"),
    "fenestration": ("systemic_veins", "LA"),
    "left_pump": ("LV", "systemic_arteries"),
    "right_pump": ("RV", "pulmonary_arteries"),
    "ecmo": ("RA", "systemic_arteries"),
    "cavopulmonary": ("systemic_veins", "pulmonary_arteries"),
    "glenn": ("upper_veins", "pulmonary_arteries"),
    "upper_body": ("systemic_arteries", "upper_veins"),
    "coronary_arteries": ("systemic_arteries", "coronary"),
}
"""Flow name → (node it leaves, node it enters), in the order of the groups above."""


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

SECTIONS: Final = tuple(int(n) for n in np.cumsum([len(VALVES), len(BEDS), len(HOLES + PUMPS)]))
"""Where a group of `BRANCHES` ends: valves, beds, holes and pumps, conduits."""

FREE_WALL: Final = np.array([0.0, -1.0, 0.0, 1.0])
"""Share of the septal bulge in the free-wall volume of each of `CHAMBERS`."""


class State(NamedTuple):
    """Blood in every part of the loop at one time.

    Volumes [mm³], transmural pressures of the beds [kPa], bulge of the septum [mm³], flows with
    inertia [mm³/ms], open areas of the valves [mm²].
    """

    V_LA: Scalar
    V_LV: Scalar
    V_RA: Scalar
    V_RV: Scalar
    p_systemic_arteries: Scalar
    p_systemic_veins: Scalar
    p_pulmonary_arteries: Scalar
    p_pulmonary_veins: Scalar
    p_upper_veins: Scalar
    p_coronary: Scalar
    V_septum: Scalar
    Q_systemic_arteries: Scalar
    Q_systemic_veins: Scalar
    Q_pulmonary_arteries: Scalar
    Q_pulmonary_veins: Scalar
    Q_upper_veins: Scalar
    Q_coronary: Scalar
    Q_mitral: Scalar
    Q_aortic: Scalar
    Q_tricuspid: Scalar
    Q_pulmonary: Scalar
    Q_neoaortic: Scalar
    A_mitral: Scalar
    A_aortic: Scalar
    A_tricuspid: Scalar
    A_pulmonary: Scalar
    A_neoaortic: Scalar

    def volume(self, chamber: str) -> Scalar:
        """Volume of a chamber [mm³]."""
        return getattr(self, f"V_{chamber}")

    def pressure(self, bed: str) -> Scalar:
        """Transmural pressure of a vascular bed [kPa]."""
        return getattr(self, f"p_{bed}")

    def flow(self, branch: str) -> Scalar:
        """Flow out of a vascular bed or through a valve [mm³/ms]."""
        return getattr(self, f"Q_{branch}")

    def opening(self, valve: str) -> Scalar:
        """Open area of a valve [mm²]."""
        return getattr(self, f"A_{valve}")

    def group(self, kind: str, names: tuple[str, ...]) -> Float[Array, " names"]:
        """Entries of one kind (``"V"``, ``"p"``, ``"Q"``, ``"A"``) in the order of names."""
        return jnp.stack([getattr(self, f"{kind}_{name}") for name in names])


Nodes = Float[Array, " nodes"]
Branches = Float[Array, " branches"]
Beds = Float[Array, " beds"]
Gates = Float[Array, " valves"]


def pressure_drops(pressure: Nodes) -> Branches:
    """Pressure drop along each of `BRANCHES` [kPa]."""
    return -jnp.asarray(INCIDENCE, pressure.dtype).T @ pressure


def net_inflow(flow: Branches) -> Nodes:
    """Net flow into each of `NODES` [mm³/ms]; the entries sum to zero."""
    return jnp.asarray(INCIDENCE, flow.dtype) @ flow
