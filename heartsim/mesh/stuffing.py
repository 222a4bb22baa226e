"""Tetrahedra that fill a region given by a function: isosurface stuffing of a cubic lattice [1]_.

References
----------
.. [1] Labelle, Shewchuk (2007). Isosurface stuffing: fast tetrahedral meshes with good dihedral
   angles. ACM Trans. Graphics 26:57. doi:10.1145/1276377.1276448
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

from heartsim.mesh.rows import orient
from heartsim.mesh.surfaces import TET_EDGES, compacted, group_rows

SNAP_LONG, SNAP_SHORT = 0.25, 0.4
"""Shares of an edge of the lattice within which a node moves onto the surface."""

Level = Callable[[Float[np.ndarray, "n 3"]], Float[np.ndarray, " n"]]


def stuff(
    level: Level,
    low: Float[np.ndarray, " 3"],
    high: Float[np.ndarray, " 3"],
    spacing: float,
) -> tuple[Float[np.ndarray, "nodes 3"], Int[np.ndarray, "cells 4"]]:
    """Fill the region where a function is negative.

    Parameters
    ----------
    level : function
        Value at points, continuous, negative inside; about a distance near 0.
    low, high : (3,)
        Corners of a box around the region.
    spacing : float
        Edge of the cubes of the body-centered lattice.

    Returns
    -------
    points, tets : (n, 3), (c, 4)
        Positively oriented cells whose outer surface lies on the zero of the function.
    """
    points, tets = _lattice(low, high, spacing, level)
    value = level(points)
    points, value = _snapped(points, tets, value, spacing)
    sign = np.sign(value).astype(int)
    touched = (sign[tets] < 0).any(axis=1)
    points, tets = _clipped(points, tets[touched], value, sign)
    points, tets = compacted(points, tets)
    return points, orient(points, tets)


def _lattice(
    low: np.ndarray, high: np.ndarray, spacing: float, level: Level
) -> tuple[np.ndarray, np.ndarray]:
    """Cells of the lattice near and inside the region: two centers and an edge between them."""
    count = np.ceil((high - low) / spacing).astype(int) + 2
    start = (low + high) / 2 - spacing * count / 2
    shape = tuple(count + 1)
    corner = np.stack(np.unravel_index(np.arange(np.prod(shape)), shape), axis=1)
    middle = np.stack(np.unravel_index(np.arange(np.prod(count)), tuple(count)), axis=1)
    points = start + spacing * np.concatenate([corner, middle + 0.5])
    near = level(points[len(corner) :]) < spacing
    first = len(corner)
    cells = []
    for axis in range(3):
        one = middle[(middle[:, axis] + 1 < count[axis])]
        other = one + np.eye(3, dtype=int)[axis]
        ends = (np.ravel_multi_index(tuple(m.T), tuple(count)) for m in (one, other))
        a, b = (first + np.atleast_1d(end) for end in ends)
        keep = near[a - first] | near[b - first]
        a, b, face = a[keep], b[keep], other[keep]
        u, v = np.delete(np.eye(3, dtype=int), axis, axis=0)
        ring = [face, face + u, face + u + v, face + v]
        at = [np.ravel_multi_index(tuple(m.T), shape) for m in ring]
        cells += [np.stack([a, b, at[k], at[(k + 1) % 4]], axis=1) for k in range(4)]
    return compacted(points, np.concatenate(cells))


def _snapped(
    points: np.ndarray, tets: np.ndarray, value: np.ndarray, spacing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Move nodes to a crossing of the surface that is very near, so that no sliver is cut off."""
    edges = np.sort(tets[:, TET_EDGES].reshape(-1, 2))
    edges = edges[group_rows(edges)[1]]
    edges = edges[value[edges[:, 0]] * value[edges[:, 1]] < 0]
    both = np.concatenate([edges, edges[:, ::-1]])
    share = value[both[:, 0]] / (value[both[:, 0]] - value[both[:, 1]])
    length = np.linalg.norm(points[both[:, 1]] - points[both[:, 0]], axis=1)
    limit = np.where(length > 0.95 * spacing, SNAP_LONG, SNAP_SHORT)
    close = share < limit
    both, share, length = both[close], share[close], length[close]
    order = np.argsort(-share * length, kind="stable")  # the nearest is written last
    both, share = both[order], share[order]
    moved, level = points.copy(), value.copy()
    moved[both[:, 0]] = points[both[:, 0]] + share[:, None] * (
        points[both[:, 1]] - points[both[:, 0]]
    )
    level[both[:, 0]] = 0
    return moved, level


def _clipped(
    points: np.ndarray,
    tets: Int[np.ndarray, "cells 4"],
    value: np.ndarray,
    sign: Int[np.ndarray, " nodes"],
) -> tuple[np.ndarray, np.ndarray]:
    """Cut cells at the surface; sides of neighbors are cut from their lower-numbered node."""
    order = np.lexsort((tets, sign[tets]), axis=1)  # inside first, each group by number
    tets = np.take_along_axis(tets, order, axis=1)
    inside, on = (sign[tets] < 0).sum(axis=1), (sign[tets] == 0).sum(axis=1)
    cut = _Cuts(points, value)
    whole = inside + on == 4
    kept = [tets[whole]]
    for n, z in ((1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (3, 0)):
        chosen: Bool[np.ndarray, " cells"] = (inside == n) & (on == z) & ~whole
        kept += _pieces(tets[chosen], n, z, cut)
    return np.concatenate([points, *cut.points]), np.concatenate(kept)


class _Cuts:
    """Crossings of edges, numbered once each."""

    def __init__(self, points: np.ndarray, value: np.ndarray):
        self.start, self.value, self.count = points, value, len(points)
        self.known: dict[tuple[int, int], int] = {}
        self.points: list[np.ndarray] = []

    def __call__(self, a: np.ndarray, b: np.ndarray) -> Int[np.ndarray, " n"]:
        """Nodes where the edges from a (inside) to b (outside) cross the surface."""
        result = np.empty(len(a), np.int64)
        for k, edge in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
            if edge not in self.known:
                p, q = edge
                share = self.value[p] / (self.value[p] - self.value[q])
                self.points.append((self.start[p] + share * (self.start[q] - self.start[p]))[None])
                self.known[edge] = self.count
                self.count += 1
            result[k] = self.known[edge]
        return result


def _pieces(tets: np.ndarray, n: int, z: int, cut: _Cuts) -> list[np.ndarray]:
    """Inner part of cells with n nodes inside and z on the surface, in that order."""
    if len(tets) == 0:
        return []
    a, b, c, d = tets.T

    def cells(*rows: tuple[np.ndarray, ...]) -> list[np.ndarray]:
        return [np.stack(row, axis=1) for row in rows]

    if (n, z) == (1, 0):
        return cells((a, cut(a, b), cut(a, c), cut(a, d)))
    if (n, z) == (1, 1):
        return cells((a, b, cut(a, c), cut(a, d)))
    if (n, z) == (1, 2):
        return cells((a, b, c, cut(a, d)))
    if (n, z) == (2, 1):
        ad, bd = cut(a, d), cut(b, d)
        return cells((a, b, bd, c), (a, bd, ad, c))
    if (n, z) == (2, 0):
        ac, ad, bc, bd = cut(a, c), cut(a, d), cut(b, c), cut(b, d)
        return cells((a, b, bc, bd), (a, ac, bc, bd), (a, ac, ad, bd))
    ad, bd, cd = cut(a, d), cut(b, d), cut(c, d)
    return cells((a, ad, bd, cd), (a, b, bd, cd), (a, b, c, cd))
