"""Where in the ventricles a node is: through the wall, from side to side, apex to base, around."""

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_matrix

from heartsim.errors import MeshError
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.parts import Part, in_ventricles, ventricles
from heartsim.microstructure.laplace import shape_gradients, solve, stiffness, unit

_LEVELS: Final = 128
_PARALLEL: Final = 0.94


@dataclass(frozen=True)
class LongAxis:
    """Long axis of the left ventricle, with the direction of the septum.

    Attributes
    ----------
    apex : (3,) float
        Endocardial apex: the point of the endocardium farthest from the base center [mm].
    direction : (3,) float
        Unit vector from the apex to the base center: the center of the mitral rim, or of all
        rims of the left cavity where none has that name.
    septum : (3,) float
        Unit vector across the axis, towards the middle of the septum, between
        its attachments to the right free wall.
    anterior : (3,) float
        Unit vector across the axis, direction × septum: the anterior side of a heart that is
        not mirrored.
    length : float
        From the endocardial apex to the base center [mm].
    """

    apex: Float[np.ndarray, " 3"]
    direction: Float[np.ndarray, " 3"]
    septum: Float[np.ndarray, " 3"]
    anterior: Float[np.ndarray, " 3"]
    length: float

    def height(self, points: Float[np.ndarray, "k 3"]) -> Float[np.ndarray, " k"]:
        """Position along the axis, 0 at the endocardial apex, 1 at the base center."""
        return (points - self.apex) @ self.direction / self.length

    def angle(self, points: Float[np.ndarray, "k 3"]) -> Float[np.ndarray, " k"]:
        """Angle about the axis [rad] in [-π, π], 0 mid-septal, positive anterior."""
        arm = points - self.apex
        return np.arctan2(arm @ self.anterior, arm @ self.septum)


@dataclass(frozen=True)
class Coordinates:
    """Ventricular coordinates at the nodes.

    Beyond the ventricles, in atria and great vessels, `apicobasal` and `ascent` are 1 and all other
    fields 0.

    Attributes
    ----------
    left, right, outer : (n,) float
        Harmonic weights of the left endocardium, right endocardium and epicardium: each is 1 on
        its surface and 0 on the other two; they add up to 1. `right` is 0 without a right
        ventricle.
    transmural : (n,) float
        Depth. In the left wall with the septum 0 on the left endocardium and 1 on the epicardium
        and on the right side of the septum; in the right wall 0 on the right endocardium and 1
        on the epicardium (it jumps where the two walls meet).
    transventricular : (n,) float
        Harmonic, 0 on the left endocardium and 1 on the right one; 0 without a right ventricle.
    apicobasal : (n,) float
        0 at the apex, 1 on the base, proportional to the mean length along the wall.
    rotational : (n,) float
        Angle about the left long axis [rad], 0 mid-septal, positive anterior.
    apex : int
        Apex node: the epicardial node of the left wall farthest from the base center.
    axis : LongAxis
        Long axis of the left ventricle.
    ascent : (n,) float
        Harmonic, 0 at the apex, 1 on the base; its gradient is the longitudinal direction.
    """

    left: Float[np.ndarray, " nodes"]
    right: Float[np.ndarray, " nodes"]
    outer: Float[np.ndarray, " nodes"]
    transmural: Float[np.ndarray, " nodes"]
    transventricular: Float[np.ndarray, " nodes"]
    apicobasal: Float[np.ndarray, " nodes"]
    rotational: Float[np.ndarray, " nodes"]
    apex: int
    axis: LongAxis
    ascent: Float[np.ndarray, " nodes"]

    def on(self, part: Part) -> Self:
        """Coordinates of the ventricles, from those of the heart they are part of."""
        own = {name: getattr(self, name)[part.nodes] for name in _FIELDS}
        return replace(self, apex=int(np.searchsorted(part.nodes, self.apex)), **own)


_FIELDS: Final = (
    *("left", "right", "outer", "transmural", "transventricular", "apicobasal", "rotational"),
    "ascent",
)


def coordinates(
    mesh: HeartMesh, *, septum: tuple[float, float, float] | None = None
) -> Coordinates:
    """Ventricular coordinates from Laplace problems with linear elements.

    Parameters
    ----------
    mesh : HeartMesh
        Surfaces ``"LV_endocardium"``, ``"epicardium"``, ``"base"``; with a right ventricle also
        ``"RV_endocardium"`` and the region ``"RV"``. Atria and great vessels are left aside.
    septum : (3,) float, optional
        Where the septum lies, seen from the long axis; only used without a right ventricle. By
        default +x, or +y if the long axis is within 20° of x.

    Returns
    -------
    Coordinates
        Node fields, the apex and the long axis.

    Raises
    ------
    SurfaceNotFound, RegionNotFound
        If the mesh lacks a surface or region named above.
    MeshError
        If a cell is inverted, or `septum` is parallel to the long axis.

    Notes
    -----
    A rigid motion of the mesh changes nothing but, without a right ventricle, the septum.
    """
    part = ventricles(mesh)
    inside = _of_ventricles(part.heart, septum)
    if part.heart is mesh:
        return inside
    spread = {}
    for name in _FIELDS:
        values = np.full(len(mesh.points), 1.0 if name in ("apicobasal", "ascent") else 0.0)
        values[part.nodes] = getattr(inside, name)
        spread[name] = values
    return replace(inside, apex=int(part.nodes[inside.apex]), **spread)


def _of_ventricles(mesh: HeartMesh, septum: tuple[float, float, float] | None) -> Coordinates:
    """Coordinates of a heart without atria."""
    gradients, volumes = shape_gradients(mesh.points, mesh.tets)
    matrix = stiffness(gradients, volumes, mesh.tets)
    left_nodes = np.unique(mesh.surface("LV_endocardium"))
    outer_nodes = np.unique(mesh.surface("epicardium"))
    base_nodes = np.unique(mesh.surface("base"))
    biventricular = "RV_endocardium" in mesh.surfaces
    none = np.zeros(0, dtype=left_nodes.dtype)
    right_nodes = np.unique(mesh.surface("RV_endocardium")) if biventricular else none

    left = _harmonic(matrix, left_nodes, [outer_nodes, right_nodes])
    right = _harmonic(matrix, right_nodes, [outer_nodes, left_nodes])
    across = _harmonic(matrix, right_nodes, [left_nodes])
    outer = np.clip(1 - left - right, 0, 1)
    wall = left_wall(mesh)
    apex = _apex(mesh, wall)
    ascent = _harmonic(matrix, base_nodes, [np.array([apex])])
    axis = _long_axis(mesh, right - outer, wall, volumes, septum)

    transmural = outer.copy()
    inside = np.unique(mesh.tets[wall])
    transmural[inside] = 1 - left[inside]
    return Coordinates(
        left=left,
        right=right,
        outer=outer,
        transmural=transmural,
        transventricular=across,
        apicobasal=_arc_length(ascent, gradients, volumes, mesh.tets),
        rotational=axis.angle(mesh.points),
        apex=apex,
        axis=axis,
        ascent=ascent,
    )


def left_wall(mesh: HeartMesh) -> Bool[np.ndarray, " cells"]:
    """Cells of the left ventricle with the septum: those of the ventricles not in ``"RV"``."""
    wall = in_ventricles(mesh)
    if "RV_endocardium" in mesh.surfaces:
        wall[mesh.region("RV")] = False
    return wall


def _harmonic(
    matrix: csr_matrix, one: Int[np.ndarray, " k"], zero: list[np.ndarray]
) -> Float[np.ndarray, " nodes"]:
    """Harmonic function, 1 at some nodes and 0 at others (which win where both meet)."""
    zeros = np.unique(np.concatenate(zero))
    ones = np.setdiff1d(one, zeros)
    if not len(ones):
        return np.zeros_like(matrix.diagonal())
    fixed = np.concatenate([zeros, ones])
    values = np.concatenate([np.zeros(len(zeros)), np.ones(len(ones))])
    return np.clip(solve(matrix, fixed, values), 0, 1)


def _apex(mesh: HeartMesh, wall: Bool[np.ndarray, " cells"]) -> int:
    """Epicardial node of the left wall farthest from the base center."""
    candidates = np.intersect1d(mesh.surface("epicardium"), mesh.tets[wall])
    return int(candidates[_farthest(mesh.points[candidates], _base_center(mesh))])


def _farthest(points: Float[np.ndarray, "k 3"], center: Float[np.ndarray, " 3"]) -> int:
    """Position of the point farthest from a center."""
    return int(np.argmax(np.linalg.norm(points - center, axis=1)))


def _long_axis(
    mesh: HeartMesh,
    sidedness: Float[np.ndarray, " nodes"],
    wall: Bool[np.ndarray, " cells"],
    volumes: Float[np.ndarray, " cells"],
    septum: tuple[float, float, float] | None,
) -> LongAxis:
    """Long axis; `sidedness` is positive nearer the right cavity than the epicardium."""
    inside = mesh.points[np.unique(mesh.surface("LV_endocardium"))]
    base = _base_center(mesh)
    tip = inside[_farthest(inside, base)]
    length = float(np.linalg.norm(base - tip))
    direction = (base - tip) / length
    if "RV_endocardium" not in mesh.surfaces:
        towards = _free_septum(direction, septum)
        return _frame(tip, direction, towards, length)
    right = mesh.points[np.unique(mesh.surface("RV_endocardium"))].mean(0)
    rough = _frame(tip, direction, right - (base + tip) / 2, length)
    centers = mesh.points[mesh.tets].mean(1)
    height = rough.height(centers)
    septal = wall & (sidedness[mesh.tets].mean(1) > 0) & (height > 1 / 3) & (height < 0.9)
    middle = np.average(np.exp(1j * rough.angle(centers[septal])), weights=volumes[septal])
    towards = middle.real * rough.septum + middle.imag * rough.anterior
    return _frame(tip, direction, towards, length)


def _frame(tip: np.ndarray, direction: np.ndarray, towards: np.ndarray, length: float) -> LongAxis:
    """Axis whose septum direction is `towards`, made perpendicular to it."""
    septum = unit(towards - (towards @ direction) * direction)
    return LongAxis(tip, direction, septum, np.cross(direction, septum), length)


def _free_septum(
    direction: Float[np.ndarray, " 3"], septum: tuple[float, float, float] | None
) -> Float[np.ndarray, " 3"]:
    """Direction of the septum when no right ventricle shows it."""
    if septum is None:
        return np.array([1.0, 0, 0] if abs(direction[0]) < _PARALLEL else [0, 1.0, 0])
    towards = unit(np.asarray(septum, float))
    if not abs(towards @ direction) < 0.99:
        raise MeshError(
            f"septum = {septum} is zero or along the long axis {direction.round(2)}. "
            "Give a direction across it, towards the septum."
        )
    return towards


def _base_center(mesh: HeartMesh) -> Float[np.ndarray, " 3"]:
    """Center of the mitral rim, or of all rims of the left cavity, weighted by length."""
    rims = mesh.cavities["LV"].valves
    loops = [rims["mitral"]] if "mitral" in rims else list(rims.values())
    ends = np.concatenate([np.stack([loop, np.roll(loop, -1)], 1) for loop in loops])
    lengths = np.linalg.norm(mesh.points[ends[:, 1]] - mesh.points[ends[:, 0]], axis=1)
    return np.average(mesh.points[ends].mean(1), axis=0, weights=lengths)


def _arc_length(
    ascent: Float[np.ndarray, " nodes"],
    gradients: Float[np.ndarray, "cells 4 3"],
    volumes: Float[np.ndarray, " cells"],
    tets: Int[np.ndarray, "cells 4"],
) -> Float[np.ndarray, " nodes"]:
    """Map a harmonic ascent to the mean length climbed, 0 … 1.

    On a level set one unit of ascent takes 1/|grad| of length; |grad| is averaged over bins of
    volume that shrink towards the apex, where it grows without bound.
    """
    level = ascent[tets].mean(1)
    slope = np.linalg.norm(np.einsum("cai,ca->ci", gradients, ascent[tets]), axis=1)
    order = np.argsort(level)
    share = np.cumsum(volumes[order]) / volumes.sum()
    edges = np.interp(np.linspace(0, 1, _LEVELS + 1)[1:-1] ** 3, share, level[order])
    edges = np.unique(np.concatenate([[0.0], edges, [1.0]]))
    bins = np.searchsorted(edges[1:-1], level)
    volume = np.bincount(bins, volumes, len(edges) - 1)
    climb = np.bincount(bins, volumes * slope, len(edges) - 1)
    steps = np.diff(edges) * volume / np.where(climb > 0, climb, 1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    return np.interp(ascent, edges, length / length[-1])
