"""Fibers of the atria from Laplace problems and of the great vessels around their axis.

Each atrium is divided into bundles by harmonic functions between its openings, and in each bundle
the fibers run along the wall across the gradient of one of these functions [1]_: around the
atrioventricular ring, around the veins, along the crista terminalis, over the rest of the wall
from one vein to the other. Sheets lie across the wall, as in the ventricles; there is no twist
through a wall of 2 mm.

Thresholds are those of the paper for its idealized atria (table 4), as the settings of
PyAnsys-Heart quote them: with the two of the pulmonary veins and the two of the right septum
exchanged, because in the order printed no cell would be left between them. Ours are the order in
which the bundles of the right atrium are chosen, and how surfaces are found in an image that does
not name them: openings by distance, the tip of the right appendage as the place farthest along
the wall from all openings, and the roof line and the two halves of the tricuspid ring by the plane
through the centers of the tricuspid ring and of both venae cavae.

References
----------
.. [1] Piersanti et al. (2021). Modeling cardiac muscle fibers in ventricular and atrial
   electrophysiology simulations. Comput. Methods Appl. Mech. Eng. 373:113468.
   doi:10.1016/j.cma.2020.113468
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array, csr_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from heartsim.errors import MeshError
from heartsim.mesh.heartmesh import VEINS, HeartMesh
from heartsim.mesh.surfaces import edges_of
from heartsim.microstructure.fibers import CENTROID, Field, across, first_defined
from heartsim.microstructure.laplace import shape_gradients, solve, stiffness, unit
from heartsim.units import mm

MITRAL_RING: Final = 0.65
LEFT_VEINS: Final = 0.10
RIGHT_VEINS: Final = 0.65
TRICUSPID_RING: Final = 0.90
LATERAL_WALL: Final = 0.55
CRISTA_TERMINALIS: Final = (-0.18, -0.10)
INFERIOR_CAVA: Final = 0.90
SUPERIOR_CAVA: Final = 0.10
INTERCAVAL_BUNDLE: Final = 0.135
RIGHT_SEPTUM: Final = 0.35

REACH: Final = 4.0 * mm
"""Distance from a rim within which the cut edge of the wall belongs to that opening."""

TIP: Final = 6.0 * mm
"""Size of the tip of the right appendage."""

_Nodes = Int[np.ndarray, " k"]
_Scalar = Float[np.ndarray, " nodes"]
_Frames = Float[np.ndarray, "cells quad 3 3"]


def left_atrium(heart: HeartMesh, points: Float[np.ndarray, "quad 4"]) -> _Frames:
    """Fiber frames of a left atrium.

    Parameters
    ----------
    heart : HeartMesh
        The atrium alone, with its cavity ``"LA"`` and the rims of its veins.
    points : (q, 4) float
        Barycentric points of each cell.

    Returns
    -------
    (c, q, 3, 3) float
        Rows f, s, n: orthonormal, right-handed; s points out of the cavity.

    Raises
    ------
    MeshError
        If a rim is missing.
    """
    openings = _openings(heart, "LA")
    upper, lower, upper_right, lower_right, appendage = (openings[vein] for vein in VEINS["LA"])
    left, right = np.concatenate([upper, lower]), np.concatenate([upper_right, lower_right])
    ring, wall = openings["mitral"], _Wall(heart, "LA", openings, points)
    along = wall.harmonic([(ring, 1), (right, 2), (left, 0), (appendage, -1)])
    veins = wall.harmonic([(right, 1), (left, 0)])
    height = wall.harmonic([(ring, 1), (left, 0), (right, 0), (appendage, 0)])
    v, r = wall.middle(veins), wall.middle(height)
    around_ring = r >= MITRAL_RING
    around_vein = ~around_ring & ((v >= RIGHT_VEINS) | (v <= LEFT_VEINS))
    rest = ~around_ring & ~around_vein
    return wall.frames([(around_ring, height), (around_vein, veins), (rest, along)])


def right_atrium(
    heart: HeartMesh, points: Float[np.ndarray, "quad 4"], septal: Float[np.ndarray, " 3"]
) -> _Frames:
    """Fiber frames of a right atrium.

    Parameters
    ----------
    heart : HeartMesh
        The atrium alone, with its cavity ``"RA"`` and the rims of its veins.
    points : (q, 4) float
        Barycentric points of each cell.
    septal : (3,) float
        A point on the side of the septum, such as the middle of the left atrium [mm].

    Returns
    -------
    (c, q, 3, 3) float
        Rows f, s, n: orthonormal, right-handed; s points out of the cavity.

    Raises
    ------
    MeshError
        If a rim is missing.
    """
    openings = _openings(heart, "RA")
    ring = openings["tricuspid"]
    upper, lower = (openings[vein] for vein in VEINS["RA"])
    side, beyond = _roof_plane(heart, septal)
    tip = _appendage_tip(heart, np.concatenate([ring, upper, lower]), side)
    wall = _Wall(heart, "RA", openings, points)
    along = wall.harmonic([(ring, 1), (lower, 2), (upper, 0), (tip, -1)])
    veins = wall.harmonic([(lower, 1), (upper, 0)])
    height = wall.harmonic([(ring, 1), (_roof(heart, side, beyond), 0)])
    sides = wall.harmonic([(ring[side[ring] > 0], 1), (ring[side[ring] <= 0], -1)])
    v, r, w = wall.middle(veins), wall.middle(height), wall.middle(sides)
    left: Bool[np.ndarray, " cells"] = np.ones(len(heart.tets), bool)
    bundles = []
    for chosen, function in (
        (r >= TRICUSPID_RING, height),
        (
            (r < LATERAL_WALL) & (w >= CRISTA_TERMINALIS[0]) & (w <= CRISTA_TERMINALIS[1]),
            sides,
        ),
        ((v >= INFERIOR_CAVA) | (v <= SUPERIOR_CAVA), veins),
        (w < CRISTA_TERMINALIS[1], along),
        ((r < LATERAL_WALL) & (w < INTERCAVAL_BUNDLE), veins),
        ((r < LATERAL_WALL) & (w < RIGHT_SEPTUM), sides),
        (left, height),
    ):
        bundles.append((left & chosen, function))
        left = left & ~chosen
    return wall.frames(bundles)


def vessel(
    heart: HeartMesh,
    cells: _Nodes,
    points: Float[np.ndarray, "quad 4"],
    ends: tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]],
) -> _Frames:
    """Fiber frames around a great vessel.

    Parameters
    ----------
    heart : HeartMesh
        Heart with the vessel.
    cells : (c,) int
        Cells of its wall.
    points : (q, 4) float
        Barycentric points of each cell.
    ends : pair of (3,) float
        Middle of its valve and of its cut end [mm].

    Returns
    -------
    (c, q, 3, 3) float
        Rows f, s, n: f around the line between both ends, s away from it.
    """
    along = unit(ends[1] - ends[0])
    arm = np.einsum("qa,cai->cqi", points, heart.points[heart.tets[cells]]) - ends[0]
    sheet = unit(arm - (arm @ along)[..., None] * along)
    fiber = np.cross(along, sheet)
    return np.stack([fiber, sheet, np.cross(fiber, sheet)], axis=-2)


class _Wall:
    """Harmonic functions on the wall of one atrium, and frames along it."""

    def __init__(
        self,
        heart: HeartMesh,
        chamber: str,
        openings: Mapping[str, _Nodes],
        points: Float[np.ndarray, "quad 4"],
    ):
        self._heart = heart
        gradients, volumes = shape_gradients(heart.points, heart.tets)
        self._matrix: csr_matrix = stiffness(gradients, volumes, heart.tets)
        self._field, self._center = Field(heart, points), Field(heart, CENTROID)
        inner = np.unique(heart.surface(f"{chamber}_endocardium"))
        others = [f for name, f in heart.surfaces.items() if name != f"{chamber}_endocardium"]
        outer = np.unique(np.concatenate(others))
        rims = np.concatenate([*openings.values()])
        self._depth = self.harmonic([(inner, 0), (np.setdiff1d(outer, rims), 1)])

    def harmonic(self, fixed: list[tuple[_Nodes, float]]) -> _Scalar:
        """Harmonic function with given values; the first holds where two sets meet."""
        nodes = np.concatenate([where for where, _ in fixed])
        values = np.repeat([float(value) for _, value in fixed], [len(k) for k, _ in fixed])
        nodes, first = np.unique(nodes, return_index=True)
        return solve(self._matrix, nodes, values[first])

    def middle(self, function: _Scalar) -> Float[np.ndarray, " cells"]:
        """Values in the middle of the cells."""
        return self._center.value(function)[:, 0]

    def frames(self, bundles: list[tuple[Bool[np.ndarray, " cells"], _Scalar]]) -> _Frames:
        """Frames whose fibers run along the wall, across the gradient of each bundle's function."""
        outward = self._field.gradient(self._depth)
        sheet = first_defined([outward, np.broadcast_to([0.0, 0.0, 1.0], outward.shape)])
        climb = np.zeros_like(sheet)
        for cells, function in bundles:
            climb[cells] = self._field.gradient(function)[cells]
        spare = [np.broadcast_to(axis, sheet.shape) for axis in np.eye(3)]
        up = first_defined([across(vectors, sheet) for vectors in (climb, *spare)])
        fiber = np.cross(up, sheet)
        return np.stack([fiber, sheet, np.cross(fiber, sheet)], axis=-2)


def _openings(heart: HeartMesh, chamber: str) -> dict[str, _Nodes]:
    """Nodes of the cut edge of the wall around each opening."""
    rims = heart.cavities[chamber].rims
    needed = (*VEINS[chamber], {"LA": "mitral", "RA": "tricuspid"}[chamber])
    missing = [name for name in needed if name not in rims]
    if missing:
        raise MeshError(
            f"{heart.name}: fibers of its {chamber} need openings called {', '.join(missing)}; it "
            f"has {', '.join(rims)}. Name them."
        )
    nodes = np.concatenate([rims[name] for name in needed])
    owner = np.repeat(np.arange(len(needed)), [len(rims[name]) for name in needed])
    edge = np.setdiff1d(heart.surface("base"), nodes)
    distance, nearest = KDTree(heart.points[nodes]).query(heart.points[edge])
    return {
        name: np.union1d(rims[name], edge[(distance < REACH) & (owner[nearest] == number)])
        for number, name in enumerate(needed)
    }


def _roof_plane(
    heart: HeartMesh, septal: Float[np.ndarray, " 3"]
) -> tuple[_Scalar, Bool[np.ndarray, " nodes"]]:
    """Distance of the nodes from the plane of the roof line, positive on the septal side [mm].

    Also tells which nodes lie beyond the venae cavae, seen from the tricuspid ring.
    """
    rims = heart.cavities["RA"].rims
    middle = {name: heart.points[loop].mean(axis=0) for name, loop in rims.items()}
    ring, upper, lower = (middle[name] for name in ("tricuspid", *VEINS["RA"]))
    normal = unit(np.cross(upper - ring, lower - ring))
    normal = normal * np.sign((septal - ring) @ normal)
    line = unit(lower - upper)
    back = upper - ring
    back = unit(back - (back @ line) * line)
    arm = heart.points - upper
    between = (arm @ line > 0) & (arm @ line < np.linalg.norm(lower - upper))
    return (heart.points - ring) @ normal, (arm @ back > 0) & between


def _roof(heart: HeartMesh, side: _Scalar, beyond: Bool[np.ndarray, " nodes"]) -> _Nodes:
    """Nodes of the cells that the roof line passes."""
    crossed = (side[heart.tets].min(axis=1) <= 0) & (side[heart.tets].max(axis=1) > 0)
    nodes = np.unique(heart.tets[crossed])
    return nodes[beyond[nodes]]


def _appendage_tip(heart: HeartMesh, openings: _Nodes, side: _Scalar) -> _Nodes:
    """Nodes around the place of the lateral wall that is farthest along it from all openings."""
    edges = edges_of(heart.tets)
    length = np.linalg.norm(heart.points[edges[:, 0]] - heart.points[edges[:, 1]], axis=1)
    count = len(heart.points)
    graph = coo_array((length, (edges[:, 0], edges[:, 1])), shape=(count, count))
    far = dijkstra(graph.tocsr(), directed=False, indices=openings, min_only=True)
    tip = heart.points[np.argmax(np.where((side < 0) & np.isfinite(far), far, -1))]
    return np.flatnonzero(np.linalg.norm(heart.points - tip, axis=1) < TIP)
