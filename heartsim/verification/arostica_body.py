"""Bodies of the elastodynamics benchmark [1]_: cases, tissue, supports, loads, points of reading.

The published curves hold on straight
facets with the normals of the facets: with smooth normals the same ventricle shortens a fifth more
under pressure, since a spring of 100 kPa/mm hardly lets it slide across the edges between facets.

References
----------
.. [1] Aróstica et al. (2025). A software benchmark for cardiac elastodynamics.
   doi:10.1016/j.cma.2024.117485.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.integrate import solve_ivp

from heartsim.fem.cavity import CavitySurface, cavity_surface
from heartsim.fem.elements import lagrange
from heartsim.fem.inertia import Inertia, inertia
from heartsim.fem.space import DEGREE, Nodes, function_space, number_nodes
from heartsim.fem.support import support
from heartsim.mesh.surfaces import make_cavity
from heartsim.tissue.passive import HolzapfelOgden
from heartsim.units import Pa, kPa, ms, s
from heartsim.verification.arostica_shapes import ALONE, PERICARDIUM, Filling, Shape
from heartsim.verification.bodies import WITHOUT_CONSTRAINT, compressible, heart_of, wall
from heartsim.verification.direct import Body, patch

DENSITY: Final = 1.0
"""[mg/mm³]"""

BULK: Final = 1000.0 * kPa
VISCOSITY: Final = 100.0 * Pa * s

EXPONENTS: Final = (8.023, 16.026, 11.120, 11.436)


@dataclass(frozen=True)
class Case:
    """One case: scales a, a_f, a_s, a_fs of the law [Pa], contractility [kPa], whether pressed."""

    scales: tuple[float, float, float, float] = (59.0, 18472.0, 2481.0, 216.0)
    contractility: float = 150.0
    pressed: bool = True


CASES: Final = {
    "0A": Case(pressed=False),
    "0B": Case(contractility=0.0),
    "1": Case(),
    "2A": Case((177.0, 55416.0, 7443.0, 648.0), 200.0),
    "2B": Case((295.0, 92360.0, 12405.0, 1080.0), 100.0),
    "2C": Case((19.0, 6157.0, 827.0, 72.0), 200.0),
}


class Ventricles(NamedTuple):
    """A body ready to move.

    Attributes
    ----------
    shape : Shape
    body : Body
    mass : Inertia
    nodes : Nodes
    cavities : tuple of CavitySurface
    chamber : (f,) int
        Chamber that each pressed facet belongs to.
    """

    shape: Shape
    body: Body
    mass: Inertia
    nodes: Nodes
    cavities: tuple[CavitySurface, ...]
    chamber: Int[np.ndarray, " f"]


def ventricles(shape: Shape, element: str, case: Case, *, quadrature: int = 4) -> Ventricles:
    """Build a body of the benchmark.

    Parameters
    ----------
    shape : Shape
    element : str
        ``"P2P1"`` or ``"P1P1"``.
    case : Case
    quadrature : int
        Exactness of the volume rule.
    """
    cells = len(shape.tets)
    nodes = number_nodes(shape.points, shape.tets, DEGREE[element])
    space = function_space(nodes, element, quadrature_degree=quadrature)
    frames = jnp.asarray(shape.frames(np.asarray(space.pressure_values)))
    a, a_f, a_s, a_fs = (scale * Pa for scale in case.scales)
    b, b_f, b_s, b_fs = EXPONENTS
    law = HolzapfelOgden(a, b, a_f, b_f, a_s, b_s, a_fs, b_fs, logistic=True)
    material = compressible(law, BULK, cells)
    solid = wall(space, material, frames, compressibility=WITHOUT_CONSTRAINT, stabilization=0.0)
    solid = eqx.tree_at(lambda x: x.viscosity, solid, jnp.full(cells, VISCOSITY))
    outside = support(
        nodes, shape.epicardium, smoothed=False,
        normal_stiffness=PERICARDIUM[0], normal_damping=PERICARDIUM[1],
    )  # fmt: skip
    spring, dashpot = shape.held
    base = support(
        nodes, shape.base, smoothed=False,
        normal_stiffness=spring, tangential_stiffness=spring,
        normal_damping=dashpot, tangential_damping=dashpot,
    )  # fmt: skip
    heart = eqx.tree_at(lambda h: h.supports, heart_of(solid), (outside, base))
    inside = [make_cavity(facets, name="cavity") for facets in shape.endocardia]
    cavities = tuple(cavity_surface(nodes, cavity.facets, cavity.rims) for cavity in inside)
    body = Body(heart, patch(nodes, np.concatenate(shape.endocardia)))
    chamber = np.repeat(np.arange(len(inside)), [len(facets) for facets in shape.endocardia])
    return Ventricles(shape, body, inertia(space, DENSITY), nodes, cavities, chamber)


class Drive(NamedTuple):
    """Tension and the pressure of each chamber [kPa] as functions of time [ms]."""

    tension: Callable[[float], float]
    pressures: Callable[[float], Float[np.ndarray, " k"]]


def drive(fillings: Sequence[Filling] = (ALONE,), until: float = 1000.0) -> Drive:
    """Tension of a contractility of 1 kPa, and pressures, by their equations of evolution."""
    before, during, low, high = np.array(fillings).T

    def step(t: float, sign: int) -> float:
        return (1 + sign * np.tanh(t / 5.0)) / 2

    def rate(t: float, start: float) -> float:
        on = step(t - start, 1) * step(t - 484.0, -1)
        return (5.0 * on - 30.0 * (1 - on)) / s

    def slopes(t: float, y: np.ndarray) -> np.ndarray:
        a, g = rate(t, 160.0), step(t - 484.0, -1)
        b = rate(t, 170.0) + before * g + during
        fed = high * np.maximum(b, 0.0) + low * max(g, 0.0) / s
        return np.append(-abs(a) * y[0] + max(a, 0.0), -np.abs(b) * y[1:] + fed)

    found = solve_ivp(
        slopes, (0.0, until), np.zeros(1 + len(fillings)), "Radau", dense_output=True,
        rtol=1e-9, atol=1e-10, max_step=5.0 * ms,
    )  # fmt: skip
    return Drive(lambda t: float(found.sol(t)[0]), lambda t: found.sol(t)[1:])


class Probe(NamedTuple):
    """A material point: displacement nodes of its cell, and their shares."""

    nodes: Int[np.ndarray, " a"]
    shares: Float[np.ndarray, " a"]

    def of(self, field: Float[Array, "n 3"]) -> Float[np.ndarray, " 3"]:
        """Value of a field of nodes there."""
        return self.shares @ np.asarray(field)[self.nodes]


def probe(nodes: Nodes, place: tuple[float, float, float]) -> Probe:
    """Find a place [mm] in the mesh; just outside it the nearest cell is continued."""
    corners = nodes.points[nodes.cells[:, :4]]
    edges = (corners[:, 1:] - corners[:, :1]).transpose(0, 2, 1)
    local = np.linalg.solve(edges, (np.array(place) - corners[:, 0])[..., None])[..., 0]
    barycentric = np.column_stack([1 - local.sum(axis=1), local])
    cell = int(np.argmax(barycentric.min(axis=1)))
    degree = 2 if len(nodes.edges) else 1
    values, _ = lagrange(degree, barycentric[cell : cell + 1])
    return Probe(nodes.cells[cell], values[0])
