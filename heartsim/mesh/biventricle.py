"""Idealized human biventricle: an ellipsoidal left ventricle that carries a right one.

The left ventricle is a truncated ellipsoidal shell. The right free wall is a second sheet of
prisms over an ellipsoid that leaves the left epicardium at two insertion lines and at the floor;
wedges along them round the junction. All numbers below are millimeters.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from heartsim.errors import MeshError
from heartsim.mesh.ellipsoid import (
    HUMAN_BASE,
    HUMAN_ENDOCARDIUM,
    HUMAN_EPICARDIUM,
    ORIGIN,
    shell,
)
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.rows import orient, prisms_to_tets, zip_rings, zip_rows
from heartsim.mesh.surfaces import boundary, make_cavity, split_by_plane

INNER = np.array(HUMAN_ENDOCARDIUM)
OUTER = np.array(HUMAN_EPICARDIUM)
BASE = HUMAN_BASE
FLOOR = -48.0
RV_CENTER = np.array([17.0, 0.0, 4.0])
RV_AXES = np.array([44.0, 41.0, 58.0])


@dataclass(frozen=True)
class _Sheet:
    """The left epicardium unrolled: nodes on rings, and the sectors of each ring."""

    radius: Float[np.ndarray, " n"]
    angle: Float[np.ndarray, " n"]
    triangles: Int[np.ndarray, "t 3"]
    septal: Bool[np.ndarray, " t"]
    septal_rows: tuple[Int[np.ndarray, " row"], ...]


def biventricle(edge: float, *, rv_wall: float = 4.0, name: str = "biventricle") -> HeartMesh:
    """Human-sized idealized biventricle, apex at −z, right ventricle toward +x.

    Parameters
    ----------
    edge : float
        Edge length along the walls [mm], 4 to 12; 9 gives about 2 000 tetrahedra.
    rv_wall : float
        Thickness of the right free wall [mm], 2 to 8.
    name : str
        Name of the heart.

    Returns
    -------
    HeartMesh
        Regions ``"LV"``, ``"RV"``, ``"septum"``; surfaces ``"LV_endocardium"``,
        ``"RV_endocardium"``, ``"epicardium"``, ``"base"``; cavities ``"LV"`` and ``"RV"``, each
        with the rim ``"base"``.
    """
    if not (4 <= edge <= 12 and 2 <= rv_wall <= 8):
        raise MeshError(
            f"biventricle: edge = {edge} mm, rv_wall = {rv_wall} mm. "
            "Give an edge of 4 to 12 mm and a wall of 2 to 8 mm."
        )
    sheet = _left_sheet(edge)
    layers = max(1, round(float(OUTER[0] - INNER[0]) / edge))
    left = shell(sheet.radius, sheet.angle, INNER, OUTER, BASE, layers)
    points = left.reshape(-1, 3)
    levels = np.arange(len(points)).reshape(layers + 1, -1)
    left_tets = prisms_to_tets(sheet.triangles, levels)
    septal = np.tile(sheet.septal, layers * 3)
    points, right_tets, inside = _right_wall(sheet, points, levels[-1], edge, rv_wall)
    tets = orient(points, np.concatenate([left_tets, right_tets]))
    number = np.arange(len(tets))
    regions = {
        "LV": number[: len(left_tets)][~septal],
        "RV": number[len(left_tets) :],
        "septum": number[: len(left_tets)][septal],
    }
    septum_nodes = levels[-1][np.unique(sheet.triangles[sheet.septal])]
    return _assemble(name, points, tets, regions, levels[0], np.append(inside, septum_nodes))


def _left_sheet(edge: float) -> _Sheet:
    """Lay rings of nodes over the left ventricle, with columns along the insertion lines."""
    heights, first = _ring_heights(edge)
    insertions = [_insertion(height) for height in heights[first:]]
    turns = [_plain_ring(height, -insertions[0], edge) for height in heights[:first]]
    splits = [0] * first
    for height, insertion in zip(heights[first:], insertions, strict=True):
        turn, split = _sectored_ring(height, insertion, edge)
        turns.append(turn)
        splits.append(split)
    ends = 1 + np.cumsum([len(turn) for turn in turns])
    rings = [np.arange(end - len(turn), end) for end, turn in zip(ends, turns, strict=True)]
    around = zip_rings(np.zeros(1, int), np.zeros(1), rings[0], turns[0])
    for k in range(first):
        around += zip_rings(rings[k], turns[k], rings[k + 1], turns[k + 1])
    septal: list[tuple[int, int, int]] = []
    for k in range(first, len(rings) - 1):
        low, high, i, j = rings[k], rings[k + 1], splits[k], splits[k + 1]
        septal += _zip_arc(low[: i + 1], high[: j + 1])
        around += _zip_arc(np.append(low[i:], low[0]), np.append(high[j:], high[0]))
    return _Sheet(
        radius=np.concatenate([[0.0], np.repeat(heights, [len(turn) for turn in turns])]),
        angle=np.concatenate([[0.0], *turns]),
        triangles=np.array(septal + around),
        septal=np.arange(len(septal) + len(around)) < len(septal),
        septal_rows=tuple(rings[k][: splits[k] + 1] for k in range(first, len(rings))),
    )


def _plain_ring(height: float, start: float, edge: float) -> Float[np.ndarray, " ring"]:
    """Angles of evenly spaced nodes below the right ventricle [rad]."""
    nodes = max(6, 2 * round(_circumference(height) / (2 * edge)))
    return start + 2 * math.pi * np.arange(nodes) / nodes


def _sectored_ring(
    height: float, insertion: float, edge: float
) -> tuple[Float[np.ndarray, " ring"], int]:
    """Angles of nodes with one at each insertion [rad], and edges in the septal sector."""
    share = insertion / math.pi
    septal = max(2, round(_circumference(height) * share / edge))
    rest = max(3, round(_circumference(height) * (1 - share) / edge))
    sector = np.linspace(-insertion, insertion, septal + 1)
    turn = np.linspace(insertion, 2 * math.pi - insertion, rest + 1)
    return np.concatenate([sector, turn[1:-1]]), septal


def _circumference(height: float) -> float:
    """Length of a ring in the middle of the wall [mm]."""
    middle = (INNER + OUTER) / 2
    return 2 * math.pi * middle[0] * math.sin(_polar(height, middle))


def _zip_arc(
    inner: Int[np.ndarray, " m"], outer: Int[np.ndarray, " n"]
) -> list[tuple[int, int, int]]:
    """Triangles between two arcs, each with evenly spaced nodes."""
    return zip_rows(inner, np.linspace(0, 1, len(inner)), outer, np.linspace(0, 1, len(outer)))


def _polar(height: float, axes: Float[np.ndarray, " 2"]) -> float:
    """Polar angle from +z of a ring, given its place between apex (0) and base (1) [rad]."""
    return math.pi - height * (math.pi - math.acos(BASE / axes[1]))


def _ring_heights(edge: float) -> tuple[Float[np.ndarray, " rings"], int]:
    """Places of the rings, evenly spaced below and above the floor, and the floor's number."""
    middle = (INNER + OUTER) / 2
    place = np.linspace(0, 1, 2001)
    u = math.pi - place * (math.pi - math.acos(BASE / middle[1]))
    line = np.stack([middle[0] * np.sin(u), middle[1] * np.cos(u)])
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line), axis=0))])
    floor = (math.pi - math.acos(FLOOR / OUTER[1])) / (math.pi - math.acos(BASE / OUTER[1]))
    cut = float(np.interp(floor, place, arc))
    low = max(2, round(cut / edge))
    high = max(4, round((float(arc[-1]) - cut) / edge))
    stations = np.concatenate(
        [np.linspace(0, cut, low + 1)[1:], np.linspace(cut, arc[-1], high + 1)[1:]]
    )
    return np.interp(stations, arc, place), low - 1


def _insertion(height: float) -> float:
    """Angle at which the right ventricle leaves the left epicardium [rad]."""
    u = _polar(height, OUTER)
    ring, z = OUTER[0] * math.sin(u), OUTER[1] * math.cos(u)
    theta = np.linspace(0, math.pi, 3601)
    circle = np.stack([ring * np.cos(theta), ring * np.sin(theta), np.full(theta.shape, z)], axis=1)
    level = (((circle - RV_CENTER) / RV_AXES) ** 2).sum(axis=1) - 1
    outside = int(np.argmax(level > 0))
    part = level[outside - 1] / (level[outside - 1] - level[outside])
    return float(theta[outside - 1] + part * (theta[1] - theta[0]))


def _right_meridian(share: float) -> Float[np.ndarray, " 3"]:
    """Point of the right endocardium in the plane y = 0, from the floor (0) to the base (1)."""
    top = math.asin((BASE - RV_CENTER[2]) / RV_AXES[2])
    phi = np.linspace(-math.pi, top, 4001)
    line = np.stack(
        [RV_CENTER[0] + RV_AXES[0] * np.cos(phi), RV_CENTER[2] + RV_AXES[2] * np.sin(phi)]
    )
    start = np.array([OUTER[0] * math.sqrt(1 - (FLOOR / OUTER[1]) ** 2), FLOOR])
    line = line[:, np.argmin(np.linalg.norm(line - start[:, None], axis=0)) :]
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line), axis=0))])
    at = share * arc[-1]
    return np.array([np.interp(at, arc, line[0]), 0.0, np.interp(at, arc, line[1])])


def _right_row(
    corner: Float[np.ndarray, " 3"], middle: Float[np.ndarray, " 3"], edge: float
) -> Float[np.ndarray, "row 3"]:
    """Evenly spaced points of a plane cut of the right ellipsoid, from y < 0 to y > 0.

    The plane contains the insertion point `corner`, its mirror image and `middle`.
    """
    origin = np.array([corner[0], 0.0, corner[2]])
    along = middle - origin
    scaled, offset = along / RV_AXES, (origin - RV_CENTER) / RV_AXES
    a, b = scaled @ scaled, 2 * scaled @ offset
    center = -b / (2 * a)
    width = RV_AXES[1] * math.sqrt(1 - offset @ offset + b * b / (4 * a))
    end = math.atan2(abs(corner[1]) / width, -center / (1 - center))
    psi = np.linspace(-end, end, 801)
    curve = origin + np.outer(center + (1 - center) * np.cos(psi), along)
    curve[:, 1] = width * np.sin(psi)
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    stations = np.linspace(0, arc[-1], max(2, round(float(arc[-1]) / edge)) + 1)
    return np.stack([np.interp(stations, arc, curve[:, k]) for k in range(3)], axis=1)


def _right_wall(
    sheet: _Sheet,
    points: Float[np.ndarray, "nodes 3"],
    epicardium: Int[np.ndarray, " n"],
    edge: float,
    wall: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points with those of the right wall, its tetrahedra, and the nodes on its inside."""
    low, free_wall = _right_endocardium(sheet, points[epicardium], edge)
    left, count = len(epicardium), len(low)
    lift = _lift(sheet, free_wall, count, max(1, round(1.5 * wall / edge)))
    high = low + wall * lift[:, None] * _outward(low, left, np.unique(free_wall))
    band = sheet.triangles[~sheet.septal & (lift[sheet.triangles] > 0).any(axis=1)]
    steps = max(1, round(wall / edge))
    first = len(points)
    lowest = np.concatenate([epicardium, first + np.arange(count - left)])
    levels, fresh = [lowest], [points, low[left:]]
    first += count - left
    raised = np.flatnonzero(lift > 0)
    for step in range(1, steps + 1):
        level = lowest.copy()
        level[raised] = first + np.arange(len(raised))
        fresh.append((low + (high - low) * (step / steps))[raised])
        levels.append(level)
        first += len(raised)
    tets = prisms_to_tets(np.concatenate([free_wall, band]), np.stack(levels))
    return np.concatenate(fresh), tets, lowest[np.unique(free_wall)]


def _right_endocardium(
    sheet: _Sheet, epicardium: Float[np.ndarray, "n 3"], edge: float
) -> tuple[Float[np.ndarray, "m 3"], Int[np.ndarray, "t 3"]]:
    """Points of the left epicardium and then of the right free wall; triangles of that wall."""
    places = sheet.radius[[nodes[0] for nodes in sheet.septal_rows]]
    shares = (places - places[0]) / (places[-1] - places[0])
    points, count, row = [epicardium], len(epicardium), sheet.septal_rows[0]
    triangles: list[tuple[int, int, int]] = []
    for nodes, share in zip(sheet.septal_rows[1:], shares[1:], strict=True):
        line = _right_row(epicardium[nodes[0]], _right_meridian(float(share)), edge)[1:-1]
        new = np.concatenate([nodes[:1], np.arange(count, count + len(line)), nodes[-1:]])
        triangles += _zip_arc(row, new)
        points.append(line)
        count, row = count + len(line), new
    return np.concatenate(points), np.array(triangles)


def _lift(sheet: _Sheet, free_wall: np.ndarray, count: int, reach: int) -> Float[np.ndarray, " n"]:
    """Share of the wall thickness over each node: 1 on the free wall, fading over `reach` rows."""
    distance = np.full(count, reach)
    distance[np.unique(free_wall)] = 0
    outside = sheet.triangles[~sheet.septal]
    for step in range(1, reach):
        touched = np.unique(outside[(distance[outside] == step - 1).any(axis=1)])
        distance[touched] = np.minimum(distance[touched], step)
    lift = 1 - distance / reach
    septal = np.unique(sheet.triangles[sheet.septal])
    lift[np.setdiff1d(septal, free_wall)] = 0
    return lift


def _outward(
    low: Float[np.ndarray, "n 3"],
    left: int,
    free_wall: Int[np.ndarray, " w"],
) -> Float[np.ndarray, "n 3"]:
    """Direction and relative length in which the outer surface lies from the inner one."""
    right_normal = _flat_at_base(low, (low - RV_CENTER) / RV_AXES**2)
    left_normal = _flat_at_base(low, low / np.array([OUTER[0], OUTER[0], OUTER[1]]) ** 2)
    result = right_normal.copy()
    result[:left] = left_normal[:left]
    edge = free_wall[free_wall < left]
    between = np.einsum("ni,ni->n", left_normal[edge], right_normal[edge])
    total = left_normal[edge] + right_normal[edge]
    result[edge] = total / np.maximum(1 + between, 0.6)[:, None]
    return result


def _flat_at_base(
    points: Float[np.ndarray, "n 3"], normals: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 3"]:
    """Make vectors unit ones, without a vertical part at points of the base plane."""
    normals = normals.copy()
    normals[points[:, 2] > BASE - 1e-9, 2] = 0
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def _assemble(
    name: str,
    points: np.ndarray,
    tets: np.ndarray,
    regions: dict[str, np.ndarray],
    left_inside: np.ndarray,
    right_inside: np.ndarray,
) -> HeartMesh:
    """Name the surfaces and cavities."""
    facets, _ = boundary(tets)
    on_base = split_by_plane(points, facets, BASE)
    left = ~on_base & np.isin(facets, left_inside).all(axis=1)
    right = ~on_base & np.isin(facets, right_inside).all(axis=1)
    return HeartMesh(
        name=name,
        points=points,
        tets=tets,
        regions=regions,
        surfaces={
            "LV_endocardium": facets[left],
            "RV_endocardium": facets[right],
            "epicardium": facets[~on_base & ~left & ~right],
            "base": facets[on_base],
        },
        cavities={
            "LV": make_cavity(facets[left], name="LV cavity"),
            "RV": make_cavity(facets[right], name="RV cavity"),
        },
        origin=ORIGIN,
    )
