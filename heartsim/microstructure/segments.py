"""AHA segments and the regions of disease: segments, spheres, infarcts of a given size.

Segments follow the American Heart Association [1]_. Along the long axis of the left ventricle,
from the endocardial apex to the center of the mitral rim, the thirds are apical (13-16), mid (7-12)
and basal (1-6); the apical cap (17) reaches from the epicardium to 5 % inside the cavity. Around
the axis the basal and mid thirds have six sectors of 60°, anterior (1, 7), anteroseptal (2, 8),
inferoseptal (3, 9), inferior (4, 10), inferolateral (5, 11), anterolateral (6, 12), and the
apical third four of 90°, anterior (13), septal (14), inferior (15), lateral (16). The middle of
the septum, midway between the attachments of the right wall, lies between 2 and 3.

References
----------
.. [1] Cerqueira et al. (2002). Standardized myocardial segmentation and nomenclature for
   tomographic imaging of the heart. Circulation 105:539. doi:10.1161/hc0402.102975
"""

import heapq
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import diags_array

from heartsim.errors import InputError, RegionNotFound
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.parts import in_ventricles
from heartsim.microstructure.coordinates import Coordinates, coordinates, left_wall
from heartsim.microstructure.laplace import shape_gradients, solve, stiffness, unit

SEGMENT_NAMES: Final = (
    "right ventricle",
    "basal anterior",
    "basal anteroseptal",
    "basal inferoseptal",
    "basal inferior",
    "basal inferolateral",
    "basal anterolateral",
    "mid anterior",
    "mid anteroseptal",
    "mid inferoseptal",
    "mid inferior",
    "mid inferolateral",
    "mid anterolateral",
    "apical anterior",
    "apical septal",
    "apical inferior",
    "apical lateral",
    "apex",
)
"""Names of the segments 0 … 17."""

NO_SEGMENT: Final = -1
"""In place of a segment in atria and great vessels."""

_RING: Final = np.array([2, 1, 6, 5, 4, 3])
_APICAL_RING: Final = np.array([14, 13, 16, 15])
_REACH: Final = 4.0
_CAP: Final = 0.05


class Infarct(NamedTuple):
    """Cells of an infarct.

    Attributes
    ----------
    core : (k,) int
        Cells of the core, sorted.
    border : (b,) int
        Cells of the border zone, sorted; none is in the core.
    weight : (b,) float
        Share of the infarct in each border cell, from 1 at the core to 0 at the outer edge.
    """

    core: Int[np.ndarray, " core"]
    border: Int[np.ndarray, " border"]
    weight: Float[np.ndarray, " border"]


def aha_segments(
    mesh: HeartMesh, *, position: Coordinates | None = None
) -> Int[np.ndarray, " cells"]:
    """AHA segment of each cell, 1 … 17; 0 in the right ventricle, -1 beyond the ventricles.

    Parameters
    ----------
    mesh : HeartMesh
        Heart with the surfaces that `coordinates` needs. Without a right ventricle the septum
        lies where `coordinates` puts it (towards +x by default).
    position : Coordinates, optional
        Coordinates of this mesh, if at hand.

    Returns
    -------
    (c,) int
        Segments; `SEGMENT_NAMES` names them, `NO_SEGMENT` stands in atria and great vessels.
    """
    axis = (coordinates(mesh) if position is None else position).axis
    centers = mesh.points[mesh.tets].mean(1)
    height, angle = axis.height(centers), axis.angle(centers)
    turn = angle / (2 * np.pi)
    level = np.digitize(height, [_CAP, 1 / 3, 2 / 3])
    six = _RING[np.floor(turn * 6).astype(int) % 6]
    four = _APICAL_RING[np.floor(turn * 4 + 0.5).astype(int) % 4]
    segment = np.choose(level, [np.full_like(six, 17), four, six + 6, six])
    segment[~left_wall(mesh)] = 0
    segment[~in_ventricles(mesh)] = NO_SEGMENT
    return segment


def by_segments(
    mesh: HeartMesh, aha: Int[np.ndarray, " cells"], segments: Iterable[int]
) -> Int[np.ndarray, " k"]:
    """Cells of some AHA segments.

    Parameters
    ----------
    mesh : HeartMesh
        The heart, for messages.
    aha : (c,) int
        Segment of each cell, from `aha_segments`.
    segments : iterable of int
        Segments to take.

    Returns
    -------
    (k,) int
        Cells, sorted.

    Raises
    ------
    RegionNotFound
        If one of the segments has no cell.
    """
    wanted = list(segments)
    missing = sorted(set(wanted) - set(aha.tolist()))
    if missing or not wanted:
        raise RegionNotFound(
            f"AHA segments {missing or wanted} are not in {mesh.name}. "
            f"It has {sorted(set(aha.tolist()) - {0, NO_SEGMENT})}. Name at least one of these."
        )
    return np.flatnonzero(np.isin(aha, wanted))


def sphere(
    mesh: HeartMesh, center: tuple[float, float, float], radius: float
) -> Int[np.ndarray, " k"]:
    """Cells of the ventricles whose centroid lies in a ball.

    Parameters
    ----------
    mesh : HeartMesh
        The heart.
    center : (3,) float
        Center of the ball [mm].
    radius : float
        Its radius [mm].

    Returns
    -------
    (k,) int
        Cells, sorted.

    Raises
    ------
    RegionNotFound
        If the ball holds no cell; the message says how far the nearest one is.
    """
    distance = np.linalg.norm(mesh.points[mesh.tets].mean(1) - np.asarray(center, float), axis=1)
    distance[~in_ventricles(mesh)] = np.inf
    cells = np.flatnonzero(distance <= radius)
    if not len(cells):
        raise RegionNotFound(
            f"The sphere of radius {radius} mm about {tuple(center)} mm holds no tissue of the "
            f"ventricles of {mesh.name}: the nearest cell is {distance.min():.1f} mm from its "
            "center. "
            "Move the center or enlarge the radius."
        )
    return cells


def infarct(
    mesh: HeartMesh,
    *,
    fraction: float = 0.20,
    center_segment: int = 13,
    border: float = 10.0,
    position: Coordinates | None = None,
) -> Infarct:
    """Contiguous transmural patch with a given share of the left wall and the septum.

    Cells join the patch in the order of their distance along the wall from the middle of a
    segment, each next to one that has joined, until the volume is reached. The default center is
    apical anterior, where an occluded left anterior descending artery leaves its mark.

    Parameters
    ----------
    mesh : HeartMesh
        Heart with the surfaces that `coordinates` needs.
    fraction : float
        Share of the volume of the left wall with the septum that the core takes, met to within
        one cell.
    center_segment : int
        AHA segment 1 … 17 in whose middle the patch is centered.
    border : float
        Width of the border zone along the wall [mm]; 0 for none.
    position : Coordinates, optional
        Coordinates of this mesh, if at hand.

    Returns
    -------
    Infarct
        Core cells, border cells and their weights.

    Raises
    ------
    InputError
        If `fraction` is not between 0 and 1 or `border` is negative.
    RegionNotFound
        If the segment has no cell.
    """
    if not (0 < fraction < 1 and border >= 0):
        raise InputError(
            f"Infarct of {mesh.name}: fraction = {fraction}, border = {border} mm. "
            "Give a fraction of the wall between 0 and 1 and a border of 0 mm or more."
        )
    where = coordinates(mesh) if position is None else position
    wall = np.flatnonzero(left_wall(mesh))
    inside = by_segments(mesh, aha_segments(mesh, position=where), [center_segment])
    seed = _middle(mesh, inside)
    distance = wall_distance(mesh, seed, position=where)
    volumes = shape_gradients(mesh.points, mesh.tets[wall])[1]
    core = wall[_grow(mesh.tets[wall], distance[wall], volumes, fraction * volumes.sum())]
    rest = np.setdiff1d(wall, core)
    beyond = np.maximum(distance[rest] - distance[core].max(), 0)
    near = beyond < border
    return Infarct(np.sort(core), rest[near], 1 - beyond[near] / max(border, 1e-12))


def wall_distance(
    mesh: HeartMesh, seed: int, *, position: Coordinates | None = None
) -> Float[np.ndarray, " cells"]:
    """Length along the left wall from a cell, the same at all depths.

    The heat method [1]_: heat spreads from the cell, its normalized gradient is the direction of
    increasing distance, and a Poisson problem integrates it. The part of the direction across the
    wall is dropped, so that the distance belongs to the place on the wall, whatever the depth.

    Parameters
    ----------
    mesh : HeartMesh
        The heart.
    seed : int
        Cell of the left wall or the septum where the distance is zero.
    position : Coordinates, optional
        Coordinates of this mesh, if at hand.

    Returns
    -------
    (c,) float
        Distance at the centroids [mm]; infinite in the right wall.

    References
    ----------
    .. [1] Crane et al. (2013). Geodesics in heat. ACM Trans. Graphics 32:152.
       doi:10.1145/2516971.2516977
    """
    where = coordinates(mesh) if position is None else position
    wall = np.flatnonzero(left_wall(mesh))
    nodes, tets = np.unique(mesh.tets[wall], return_inverse=True)
    tets = tets.reshape(-1, 4)
    gradients, volumes = shape_gradients(mesh.points[nodes], tets)
    across = unit(np.einsum("cai,ca->ci", gradients, where.left[nodes][tets]))
    matrix = stiffness(gradients, volumes, tets)
    source = tets[np.searchsorted(wall, seed)]
    mass = np.bincount(tets.ravel(), np.repeat(volumes / 4, 4))
    reach = where.axis.length / _REACH
    heat = solve(diags_array(mass) + reach**2 * matrix, source, np.ones(4))
    away = -np.einsum("cai,ca->ci", gradients, heat[tets])
    away = unit(away - (away * across).sum(1, keepdims=True) * across)
    flux = np.einsum("cai,ci,c->ca", gradients, away, volumes)
    load = np.bincount(tets.ravel(), flux.ravel())
    distance = solve(matrix, source[:1], np.zeros(1), source=load)
    result = np.full(len(mesh.tets), np.inf)
    result[wall] = (distance - distance.min())[tets].mean(1)
    return result


def _middle(mesh: HeartMesh, cells: Int[np.ndarray, " k"]) -> int:
    """Cell nearest to the mean of some cells."""
    centers = mesh.points[mesh.tets[cells]].mean(1)
    return int(cells[np.argmin(np.linalg.norm(centers - centers.mean(0), axis=1))])


def _neighbors(tets: Int[np.ndarray, "cells 4"]) -> Int[np.ndarray, "cells 4"]:
    """Cell across each face (opposite the first … fourth corner); -1 on the boundary."""
    faces = np.sort(tets[:, [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]].reshape(-1, 3), axis=1)
    order = np.lexsort(faces.T)
    same = np.flatnonzero((np.diff(faces[order], axis=0) == 0).all(1))
    first, second = order[same], order[same + 1]
    across = np.full(len(faces), -1)
    across[first], across[second] = second // 4, first // 4
    return across.reshape(-1, 4)


def _grow(
    tets: Int[np.ndarray, "cells 4"],
    distance: Float[np.ndarray, " cells"],
    volumes: Float[np.ndarray, " cells"],
    target: float,
) -> Int[np.ndarray, " k"]:
    """Cells joined face to face in the order of distance, up to the target volume."""
    neighbors = _neighbors(tets)
    start = int(np.argmin(distance))
    queue = [(distance[start], start)]
    known = {start}
    taken: list[int] = []
    total = 0.0
    while queue and total < target:
        _, cell = heapq.heappop(queue)
        if total + volumes[cell] / 2 > target:
            break
        taken.append(cell)
        total += volumes[cell]
        for other in neighbors[cell].tolist():
            if other >= 0 and other not in known:
                known.add(other)
                heapq.heappush(queue, (distance[other], other))
    return np.array(taken or [start])
