"""The left ventricle of the elastodynamics benchmark [1]_: mesh, fibers, tissue, supports, loads.

Two of its meshes ship in ``meshes/`` (see the README there). The published curves hold on straight
facets with the normals of the facets: with smooth normals the same ventricle shortens a fifth more
under pressure, since a spring of 100 kPa/mm hardly lets it slide across the edges between facets.

References
----------
.. [1] Aróstica et al. (2025). A software benchmark for cardiac elastodynamics.
   doi:10.1016/j.cma.2024.117485.
"""

from collections.abc import Callable
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
from heartsim.mesh.library import shipped_folder
from heartsim.mesh.rows import orient
from heartsim.mesh.surfaces import boundary, make_cavity
from heartsim.microstructure import laplace
from heartsim.tissue.passive import HolzapfelOgden
from heartsim.units import Pa, deg, kPa, m, ms, s
from heartsim.verification.bodies import WITHOUT_CONSTRAINT, compressible, heart_of, wall
from heartsim.verification.direct import Body, patch

DENSITY: Final = 1.0
"""[mg/mm³]"""

BULK: Final = 1000.0 * kPa
VISCOSITY: Final = 100.0 * Pa * s

PERICARDIUM: Final = (1e8 * Pa / m, 5e3 * Pa * s / m)
BASE: Final = (1e5 * Pa / m, 5e3 * Pa * s / m)
"""Spring and dashpot, along the normal on the epicardium, in all directions at the base."""

SHORT: Final = (25.0, 35.0)
LONG: Final = (90.0, 97.0)
"""Semi-axes inside and outside [mm]; the long axis is x, the apex at −x."""

HELIX: Final = 60.0 * deg
ENDOCARDIUM, EPICARDIUM, LID = 1, 2, 3

EXPONENTS: Final = (8.023, 16.026, 11.120, 11.436)
PLACES: Final = {"p0": (25.0, 30.0, 0.0), "p1": (0.0, 30.0, 0.0)}
"""Where the displacement is published [mm]."""


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


class Ventricle(NamedTuple):
    """A ventricle ready to move."""

    body: Body
    mass: Inertia
    nodes: Nodes
    cavity: CavitySurface


def ventricle(mesh: str, element: str, case: Case, *, quadrature: int = 4) -> Ventricle:
    """Build the ventricle on a shipped mesh.

    Parameters
    ----------
    mesh : str
        ``"arostica_872"`` or ``"arostica_5mm"``.
    element : str
        ``"P2P1"`` or ``"P1P1"``.
    case : Case
    quadrature : int
        Exactness of the volume rule.
    """
    points, tets, triangles = read_mesh(mesh)
    cells = len(tets)
    nodes = number_nodes(points, tets, DEGREE[element])
    space = function_space(nodes, element, quadrature_degree=quadrature)
    corners = points[tets]
    depth = harmonic_depth(points, tets, triangles)
    table = np.asarray(space.pressure_values)
    at = np.einsum("qb,cbi->cqi", table, corners)
    frames = jnp.asarray(fibers(at, np.einsum("qb,cb->cq", table, depth[tets])))
    a, a_f, a_s, a_fs = (scale * Pa for scale in case.scales)
    b, b_f, b_s, b_fs = EXPONENTS
    law = HolzapfelOgden(a, b, a_f, b_f, a_s, b_s, a_fs, b_fs, logistic=True)
    material = compressible(law, BULK, cells)
    solid = wall(space, material, frames, compressibility=WITHOUT_CONSTRAINT, stabilization=0.0)
    solid = eqx.tree_at(lambda x: x.viscosity, solid, jnp.full(cells, VISCOSITY))
    outside = support(
        nodes, triangles[EPICARDIUM], smoothed=False,
        normal_stiffness=PERICARDIUM[0], normal_damping=PERICARDIUM[1],
    )  # fmt: skip
    base = support(
        nodes, triangles[LID], smoothed=False,
        normal_stiffness=BASE[0], tangential_stiffness=BASE[0],
        normal_damping=BASE[1], tangential_damping=BASE[1],
    )  # fmt: skip
    heart = eqx.tree_at(lambda h: h.supports, heart_of(solid), (outside, base))
    inside = make_cavity(triangles[ENDOCARDIUM], name="LV cavity")
    cavity = cavity_surface(nodes, inside.facets, inside.rims)
    body = Body(heart, patch(nodes, triangles[ENDOCARDIUM]))
    return Ventricle(body, inertia(space, DENSITY), nodes, cavity)


def read_mesh(name: str) -> tuple[np.ndarray, np.ndarray, dict[int, np.ndarray]]:
    """Points [mm], upright tetrahedra, and outward triangles of each surface."""
    with np.load(shipped_folder() / f"{name}.npz") as data:
        points, tets, tris, tags = (data[key] for key in ("points", "tets", "triangles", "tags"))
    tets = orient(points, tets.astype(int))
    outer, _ = boundary(tets)
    number = {tuple(sorted(t)): k for t, k in zip(tris.tolist(), tags.tolist(), strict=True)}
    of = np.array([number[tuple(sorted(t))] for t in outer.tolist()])
    return points, tets, {tag: outer[of == tag] for tag in (ENDOCARDIUM, EPICARDIUM, LID)}


def harmonic_depth(
    points: np.ndarray, tets: np.ndarray, triangles: dict[int, np.ndarray]
) -> Float[np.ndarray, " n"]:
    """Harmonic depth, 0 on the endocardium and 1 on the epicardium."""
    gradients, volumes = laplace.shape_gradients(points, tets)
    matrix = laplace.stiffness(gradients, volumes, tets)
    inside, outside = (np.unique(triangles[tag]) for tag in (ENDOCARDIUM, EPICARDIUM))
    fixed = np.concatenate([inside, outside])
    return laplace.solve(matrix, fixed, np.repeat([0.0, 1.0], [len(inside), len(outside)]))


def fibers(
    points: Float[np.ndarray, "... 3"], depth: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "... 3 3"]:
    """Fiber frames of the benchmark: rows f, s, n with s in the wall, across the fiber."""
    x, y, z = np.moveaxis(points, -1, 0)
    short = SHORT[0] + depth * (SHORT[1] - SHORT[0])
    long = LONG[0] + depth * (LONG[1] - LONG[0])
    mu, theta = np.arctan2(np.hypot(y, z) / short, x / long), np.arctan2(z, y)
    down = np.stack(
        [
            -long * np.sin(mu),
            short * np.cos(mu) * np.cos(theta),
            short * np.cos(mu) * np.sin(theta),
        ],
        axis=-1,
    )
    down /= np.linalg.norm(down, axis=-1, keepdims=True)
    around = np.stack([0 * theta, -np.sin(theta), np.cos(theta)], axis=-1)
    angle = (-HELIX + 2 * HELIX * depth)[..., None]
    fiber = np.sin(angle) * down + np.cos(angle) * around
    normal = np.cross(down, around)
    return np.stack([fiber, np.cross(fiber, normal), normal], axis=-2)


class Drive(NamedTuple):
    """Tension and pressure [kPa] as functions of time [ms]."""

    tension: Callable[[float], float]
    pressure: Callable[[float], float]


def drive(until: float = 1000.0) -> Drive:
    """Tension of a contractility of 1 kPa, and pressure, by their equations of evolution."""

    def step(t: float, sign: int) -> float:
        return (1 + sign * np.tanh(t / 5.0)) / 2

    def rate(t: float, start: float) -> float:
        on = step(t - start, 1) * step(t - 484.0, -1)
        return (5.0 * on - 30.0 * (1 - on)) / s

    def slopes(t: float, y: np.ndarray) -> list[float]:
        a, g = rate(t, 160.0), step(t - 484.0, -1)
        b = rate(t, 170.0) + (5.0 * g + 1.0) / s
        fed = 16.0 * max(b, 0.0) + 7.0 * max(g, 0.0) / s
        return [-abs(a) * y[0] + max(a, 0.0), -abs(b) * y[1] + fed]

    found = solve_ivp(
        slopes, (0.0, until), [0.0, 0.0], "Radau", dense_output=True, rtol=1e-9, atol=1e-10,
        max_step=5.0 * ms,
    )  # fmt: skip
    return Drive(lambda t: float(found.sol(t)[0]), lambda t: float(found.sol(t)[1]))


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
