"""Fiber, sheet and sheet-normal directions from rules.

Frames are rows (f, s, n): f along the myocytes, **s (sheet) across the wall**, pointing away from
the cavity whose side it is on, and n = f × s (sheet normal) in the wall. With the Holzapfel–Ogden
law the term in I4s therefore acts across the wall. The signs of the rows carry no meaning.

The helix angle is measured in the wall from the circumference to the fiber, positive where the
fiber climbs towards the base counter-clockwise seen from the base: +60° inside and -60° outside
is the right-handed subendocardial and left-handed subepicardial helix of the literature.
"""

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_matrix

from heartsim.errors import MeshError
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.microstructure.angles import HelixAngles, local_angles
from heartsim.microstructure.coordinates import Coordinates, LongAxis, coordinates, left_wall
from heartsim.microstructure.laplace import shape_gradients, unit
from heartsim.units import deg

CENTROID = np.full((1, 4), 0.25)
"""Barycentric point in the middle of a cell."""

_VANISHING = 1e-3
_FLIPS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])


def rule_based(
    mesh: HeartMesh,
    *,
    angles: HelixAngles | None = None,
    points: Float[np.ndarray, "quad 4"] | None = None,
    position: Coordinates | None = None,
) -> Float[np.ndarray, "cells quad 3 3"]:
    """Fiber frames from Laplace–Dirichlet rules, for one or two ventricles [1]_.

    The helix angle goes linearly, in harmonic depth, from the endocardium to the epicardium of
    either wall, and through the septum once, from the left to the right endocardium. Angles may
    differ by place.

    Parameters
    ----------
    mesh : HeartMesh
        Heart with the surfaces that `coordinates` needs.
    angles : HelixAngles, optional
        Helix angles by place; +60° to −60° everywhere by default.
    points : (q, 4) float, optional
        Barycentric points of each cell; the centroid by default.
    position : Coordinates, optional
        Coordinates of this mesh, if at hand.

    Returns
    -------
    (c, q, 3, 3) float
        Rows f, s, n: orthonormal, right-handed.

    Notes
    -----
    Written from the idea of the paper, with two changes. The angles of the three local axes
    (left, right, outer) are one continuous function of the harmonic weights before the axes are
    blended, so the angle is linear in depth and no blend turns the long way round. The wall
    normal is kept exactly, and the apex-to-base direction projected on the wall.

    References
    ----------
    .. [1] Bayer et al. (2012). A novel rule-based algorithm for assigning myocardial fiber
       orientation to computational heart models. Ann. Biomed. Eng. 40:2243.
       doi:10.1007/s10439-012-0593-5
    """
    where = coordinates(mesh) if position is None else position
    field = Field(mesh, CENTROID if points is None else np.asarray(points, float))
    left, right, outer = (field.value(f) for f in (where.left, where.right, where.outer))
    upward = field.gradient(where.ascent)
    on_left, on_right, on_outer = local_angles(mesh, where, angles or HelixAngles(), field.value)
    angle = outer * on_outer + left * on_left + right * on_right
    from_outer = _frame(field.gradient(where.outer), upward, angle, where.axis)
    if not where.right.any():
        return from_outer
    # Seen from one endocardium, the helix of the other has the opposite sign.
    out_of_left, out_of_right = -field.gradient(where.left), -field.gradient(where.right)
    from_left = _frame(out_of_left, upward, angle - 2 * right * on_right, where.axis)
    from_right = _frame(out_of_right, upward, angle - 2 * left * on_left, where.axis)
    inner = left + right
    share = np.where(inner > 0, right / np.where(inner > 0, inner, 1), 0.5)
    return blend(blend(from_left, from_right, share), from_outer, outer)


class Field:
    """Values and recovered gradients of nodal fields at barycentric points of the cells.

    A gradient is averaged to the nodes by volume and interpolated from there: three times closer
    to the truth than the constant gradient of the cell, and defined in cells whose four nodes
    lie on one surface.
    """

    def __init__(self, mesh: HeartMesh, at: Float[np.ndarray, "quad 4"]):
        self._tets, self._at = mesh.tets, at
        self._gradients, self._volumes = shape_gradients(mesh.points, mesh.tets)
        nodes, cells = mesh.tets.ravel(), np.repeat(np.arange(len(mesh.tets)), 4)
        shape = (len(mesh.points), len(mesh.tets))
        self._gather = csr_matrix((self._volumes[cells], (nodes, cells)), shape=shape)

    def value(self, field: Float[np.ndarray, " nodes"]) -> Float[np.ndarray, "cells quad"]:
        """Interpolated values."""
        return field[self._tets] @ self._at.T

    def gradient(self, field: Float[np.ndarray, " nodes"]) -> Float[np.ndarray, "cells quad 3"]:
        """Recovered gradients, up to a positive factor at each node."""
        cell = np.einsum("cai,ca->ci", self._gradients, field[self._tets])
        volume = self._gather.sum(axis=1)
        node = (self._gather @ cell) / np.asarray(volume).reshape(-1, 1)
        return np.einsum("qa,cai->cqi", self._at, node[self._tets])


def _frame(
    outward: Float[np.ndarray, "cells quad 3"],
    upward: Float[np.ndarray, "cells quad 3"],
    angle: Float[np.ndarray, "cells quad"],
    axis: LongAxis,
) -> Float[np.ndarray, "cells quad 3 3"]:
    """Frame in the wall with normal `outward`, fibers at `angle` from the circumference.

    Where the wall normal or, as at the apex, the way up along the wall is undefined, a direction
    of the long axis stands in.
    """
    sheet = first_defined([outward, axis.septum])
    up = first_defined([across(v, sheet) for v in (upward, axis.septum, axis.direction)])
    around = np.cross(up, sheet)
    fiber = np.cos(angle)[..., None] * around + np.sin(angle)[..., None] * up
    return np.stack([fiber, sheet, np.cross(fiber, sheet)], axis=-2)


def across(
    vectors: Float[np.ndarray, "... 3"], normal: Float[np.ndarray, "... 3"]
) -> Float[np.ndarray, "... 3"]:
    """Project unit vectors across `normal`; zero if nothing meaningful is left."""
    direction = unit(vectors)
    part = direction - (direction * normal).sum(-1, keepdims=True) * normal
    length = np.linalg.norm(part, axis=-1, keepdims=True)
    return np.where(length > _VANISHING, unit(part), 0)


def first_defined(candidates: list[np.ndarray]) -> Float[np.ndarray, "cells quad 3"]:
    """Take, point by point, the first candidate that is not zero, at unit length."""
    chosen = unit(candidates[0])
    for other in candidates[1:]:
        chosen = np.where((chosen != 0).any(-1, keepdims=True), chosen, unit(other))
    return chosen


def blend(
    start: Float[np.ndarray, "... 3 3"],
    end: Float[np.ndarray, "... 3 3"],
    share: Float[np.ndarray, "..."],
) -> Float[np.ndarray, "... 3 3"]:
    """Frames part of the way from `start` to `end`, turned by the least angle.

    The signs of a frame's rows carry no meaning, so of the four right-handed frames that differ
    from `start` by them the nearest to `end` is taken; it then turns steadily about one axis.

    Parameters
    ----------
    start, end : (..., 3, 3) float
        Right-handed orthonormal rows.
    share : (...) float
        0 gives `start`, 1 gives `end`, up to the signs of the rows.

    Returns
    -------
    (..., 3, 3) float
        Right-handed orthonormal rows.
    """
    overlap = np.einsum("...ai,...ai->...a", start, end)
    nearest = _FLIPS[np.argmax(overlap @ _FLIPS.T, axis=-1)]
    start = nearest[..., None] * start
    turn = np.einsum("...ai,...aj->...ij", end, start)
    twist = np.stack(
        [
            turn[..., 2, 1] - turn[..., 1, 2],
            turn[..., 0, 2] - turn[..., 2, 0],
            turn[..., 1, 0] - turn[..., 0, 1],
        ],
        axis=-1,
    )
    sine = np.linalg.norm(twist, axis=-1) / 2
    angle = share * np.arctan2(sine, (np.trace(turn, axis1=-2, axis2=-1) - 1) / 2)
    axis = unit(twist)[..., None, :]
    along = (axis * start).sum(-1, keepdims=True) * axis
    angle = angle[..., None, None]
    turned = np.cos(angle) * (start - along) + np.sin(angle) * np.cross(axis, start) + along
    fiber = unit(turned[..., 0, :])
    sheet = turned[..., 1, :]
    sheet = unit(sheet - (sheet * fiber).sum(-1, keepdims=True) * fiber)
    return np.stack([fiber, sheet, np.cross(fiber, sheet)], axis=-2)


def helix_angle(
    frames: Float[np.ndarray, "cells quad 3 3"],
    mesh: HeartMesh,
    *,
    points: Float[np.ndarray, "quad 4"] | None = None,
    position: Coordinates | None = None,
) -> Float[np.ndarray, "cells quad"]:
    """Helix angle of the fibers, as diffusion-tensor imaging measures it.

    Parameters
    ----------
    frames : (c, q, 3, 3) float
        Rows f, s, n; only f is used.
    mesh : HeartMesh
        The heart they belong to.
    points : (q, 4) float, optional
        Barycentric points of the frames; the centroid by default.
    position : Coordinates, optional
        Coordinates of this mesh, if at hand.

    Returns
    -------
    (c, q) float
        [rad] in [-π/2, π/2], from the circumference of the wall towards the base. The wall
        normal points out of the left cavity in the left wall with the septum, and out of the
        right cavity in the right wall; up is the left long axis, projected on the wall.
    """
    where = coordinates(mesh) if position is None else position
    field = Field(mesh, CENTROID if points is None else np.asarray(points, float))
    wall = left_wall(mesh)[:, None, None]
    outward = -np.where(wall, field.gradient(where.left), field.gradient(where.right))
    sheet = first_defined([outward, where.axis.septum])
    up = first_defined([across(v, sheet) for v in (where.axis.direction, where.axis.septum)])
    fiber = frames[..., 0, :]
    climb = (fiber * up).sum(-1)
    around = (fiber * np.cross(up, sheet)).sum(-1)
    return np.arctan2(np.where(around < 0, -climb, climb), np.abs(around))


def ellipsoid_rule(
    points: Float[np.ndarray, "... 3"],
    *,
    endocardium: float = 90 * deg,
    epicardium: float = -90 * deg,
    inner: tuple[float, float] = (7.0, 17.0),
    outer: tuple[float, float] = (10.0, 20.0),
) -> Float[np.ndarray, "... 3 3"]:
    """Analytic fiber frames of a truncated ellipsoid, long axis z, apex at -z [1]_.

    The depth t is that of the ellipsoid with semi-axes inner + t (outer - inner) through the
    point, and the helix angle goes linearly in t. The defaults are problem 3 of the benchmark.

    Parameters
    ----------
    points : (..., 3) float
        Any points in or near the wall [mm], such as quadrature points. On the z axis, where the
        field is singular, the meridian of azimuth 0 is taken.
    endocardium, epicardium : float
        Helix angles at t = 0 and t = 1 [rad].
    inner, outer : (short, long) float
        Semi-axes of the endocardium and the epicardium [mm].

    Returns
    -------
    (..., 3, 3) float
        Rows f, s, n: orthonormal, right-handed; s points outwards.

    References
    ----------
    .. [1] Land et al. (2015). Verification of cardiac mechanics software. Proc. R. Soc. A 471.
       doi:10.1098/rspa.2015.0641, problem 3.
    """
    x, y, z = np.moveaxis(np.asarray(points, float), -1, 0)
    radius = np.hypot(x, y)
    depth, short, long = _ellipsoid_depth(radius, z, np.array(inner), np.array(outer))
    azimuth = np.where(radius > 0, np.arctan2(y, x), 0)
    zero = np.zeros_like(azimuth)
    around = np.stack([-np.sin(azimuth), np.cos(azimuth), zero], axis=-1)
    # The gradient of rho²/short² + z²/long².
    steep = radius / short**2
    sheet = unit(np.stack([steep * np.cos(azimuth), steep * np.sin(azimuth), z / long**2], -1))
    angle = (endocardium + depth * (epicardium - endocardium))[..., None]
    fiber = np.cos(angle) * around + np.sin(angle) * np.cross(sheet, around)
    return np.stack([fiber, sheet, np.cross(fiber, sheet)], axis=-2)


def _ellipsoid_depth(
    radius: Float[np.ndarray, "..."],
    z: Float[np.ndarray, "..."],
    inner: Float[np.ndarray, " 2"],
    outer: Float[np.ndarray, " 2"],
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Depth t and semi-axes of the ellipsoid of the family through each point.

    The left side of rho²/short² + z²/long² = 1 is convex and falls with t, so Newton's method
    from where one term alone reaches 1 converges from the left without safeguards.
    """
    wall = outer - inner
    if not (np.all(inner > 0) and np.all(wall > 0)):
        raise MeshError(
            f"ellipsoid_rule: inner = {tuple(inner)}, outer = {tuple(outer)}. "
            "Give semi-axes with 0 < inner < outer [mm]."
        )
    depth = np.maximum((radius - inner[0]) / wall[0], (np.abs(z) - inner[1]) / wall[1])
    depth = np.maximum(depth, np.max(-0.9 * inner / wall))
    for _ in range(50):
        short, long = inner[0] + depth * wall[0], inner[1] + depth * wall[1]
        first, second = (radius / short) ** 2, (z / long) ** 2
        slope = 2 * (first * wall[0] / short + second * wall[1] / long)
        step = (first + second - 1) / np.where(slope > 0, slope, 1)
        depth = depth + step
        if np.max(np.abs(step), initial=0) < 1e-14:
            break
    return depth, inner[0] + depth * wall[0], inner[1] + depth * wall[1]
