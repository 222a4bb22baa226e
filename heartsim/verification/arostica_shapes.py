"""The two bodies of the elastodynamics benchmark [1]_: cells, surfaces, fibers, blood, base.

Their meshes ship in ``meshes/`` (see the README there). The left ventricle has fibers by the
benchmark's rule; those of the biventricle come with its mesh.

References
----------
.. [1] Aróstica et al. (2025). A software benchmark for cardiac elastodynamics.
   doi:10.1016/j.cma.2024.117485.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from heartsim.mesh.library import shipped_folder
from heartsim.mesh.rows import orient
from heartsim.mesh.surfaces import boundary
from heartsim.microstructure import laplace
from heartsim.units import Pa, deg, kPa, m, s

DASHPOT: Final = 5e3 * Pa * s / m
PERICARDIUM: Final = (1e8 * Pa / m, DASHPOT)
"""Spring and dashpot along the normal on the epicardium."""

SHORT: Final = (25.0, 35.0)
LONG: Final = (90.0, 97.0)
"""Semi-axes inside and outside [mm]; the long axis is x, the apex at −x."""

HELIX: Final = 60.0 * deg
ENDOCARDIUM, EPICARDIUM, LID, RIGHT_ENDOCARDIUM = 1, 2, 3, 4
STORED: Final = 32767
"""Length of a vector in the file of the biventricle."""


class Filling(NamedTuple):
    """Numbers of the equation of a chamber's pressure: rates [1/ms] and pressures [kPa]."""

    before: float
    during: float
    low: float
    high: float


class Shape(NamedTuple):
    """A body of the benchmark.

    Attributes
    ----------
    points : (n, 3)
        [mm].
    tets : (c, 4) int
    endocardia : tuple of (f, 3) int
        Outward triangles of each chamber.
    epicardium, base : (f, 3) int
    frames : function
        Rows f, s, n at places of all cells, given by their barycentric coordinates.
    fillings : tuple of Filling
        One for each chamber.
    held : (spring, dashpot)
        At the base, in all directions [kPa/mm, kPa ms/mm].
    places : dict
        Where the displacement is published [mm].
    """

    points: Float[np.ndarray, "n 3"]
    tets: Int[np.ndarray, "c 4"]
    endocardia: tuple[Int[np.ndarray, "f 3"], ...]
    epicardium: Int[np.ndarray, "f 3"]
    base: Int[np.ndarray, "f 3"]
    frames: Callable[[Float[np.ndarray, "q 4"]], Float[np.ndarray, "c q 3 3"]]
    fillings: tuple[Filling, ...]
    held: tuple[float, float]
    places: dict[str, tuple[float, float, float]]


PLACES: Final = {"p0": (25.0, 30.0, 0.0), "p1": (0.0, 30.0, 0.0)}
ALONE: Final = Filling(5.0 / s, 1.0 / s, 7.0 * kPa, 16.0 * kPa)
LEFT: Final = Filling(5.0 / s, 15.0 / s, 12.0 * kPa, 16.0 * kPa)
RIGHT: Final = Filling(1.0 / s, 10.0 / s, 3.0 * kPa, 4.0 * kPa)
"""The rate before contraction is 1/s in a participant's code, 5/s in the text beside it."""


def left_ventricle(mesh: str) -> Shape:
    """Ellipsoidal ventricle on ``"arostica_872"`` or ``"arostica_5mm"``."""
    points, tets, triangles = read_mesh(mesh)
    depth = harmonic_depth(points, tets, triangles)

    def frames(at: Float[np.ndarray, "q 4"]) -> Float[np.ndarray, "c q 3 3"]:
        where = np.einsum("qb,cbi->cqi", at, points[tets])
        return fibers(where, np.einsum("qb,cb->cq", at, depth[tets]))

    return Shape(
        points, tets, (triangles[ENDOCARDIUM],), triangles[EPICARDIUM], triangles[LID], frames,
        (ALONE,), (1e5 * Pa / m, DASHPOT), PLACES,
    )  # fmt: skip


def both_ventricles() -> Shape:
    """Biventricle on the benchmark's coarse mesh, LV before RV; the apex lies at +x."""
    points, tets, triangles = read_mesh("arostica_biventricle")
    with np.load(shipped_folder() / "arostica_biventricle.npz") as data:
        fiber, sheet = (data[key][tets] / STORED for key in ("fiber", "sheet"))

    def frames(at: Float[np.ndarray, "q 4"]) -> Float[np.ndarray, "c q 3 3"]:
        # as given, never turned to agree with a neighbor: through the thin right wall fibers turn
        # by 120° in one cell, and the shorter way round would be the wrong one
        f, s = (np.einsum("qb,cbi->cqi", at, nodal) for nodal in (fiber, sheet))
        f = _unit(f)
        s = _unit(s - np.sum(s * f, axis=-1, keepdims=True) * f)
        return np.stack([f, s, np.cross(f, s)], axis=-2)

    return Shape(
        points, tets, (triangles[ENDOCARDIUM], triangles[RIGHT_ENDOCARDIUM]),
        triangles[EPICARDIUM], triangles[LID], frames,
        (LEFT, RIGHT), (1e6 * Pa / m, DASHPOT), PLACES | {"p2": (25.0, 0.0, 72.0)},
    )  # fmt: skip


def _unit(vectors: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3"]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def read_mesh(name: str) -> tuple[np.ndarray, np.ndarray, dict[int, np.ndarray]]:
    """Points [mm], upright tetrahedra, and outward triangles of each surface."""
    with np.load(shipped_folder() / f"{name}.npz") as data:
        points, tets, tris, tags = (data[key] for key in ("points", "tets", "triangles", "tags"))
    points, tets = points.astype(float), orient(points, tets.astype(int))
    outer, _ = boundary(tets)
    number = {tuple(sorted(t)): k for t, k in zip(tris.tolist(), tags.tolist(), strict=True)}
    of = np.array([number[tuple(sorted(t))] for t in outer.tolist()])
    return points, tets, {tag: outer[of == tag] for tag in np.unique(tags).tolist()}


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
    return np.stack([fiber, np.cross(normal, fiber), normal], axis=-2)
