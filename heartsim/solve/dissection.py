"""Nested dissection: in which order a direct factorisation eliminates a mesh.

Planes cut the points in two, again and again, until the parts are small; the points on a cut are
eliminated after both halves. A ventricle is a shell, so the cuts are small and the factors cheap.
Integer work on the host, done once for a mesh.
"""

from itertools import product
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse
from scipy.sparse import csgraph

CUTS: Final = (0.4, 0.45, 0.5, 0.55, 0.6)
"""Shares of the weight below a cut that are tried in each direction."""

DIRECTIONS: Final = np.array([v for v in product((-1.0, 0.0, 1.0), repeat=3) if v > (0, 0, 0)])
"""Normals of the planes that are tried, in principal axes: faces, edges, corners of a cube."""

FINALISTS: Final = 4
"""Planes that cross the fewest links, of which the best separator is kept."""


class Tree(NamedTuple):
    """Binary tree of cuts; the root is level 0.

    Attributes
    ----------
    level : (n,) int
        Level at which each point is eliminated.
    place : (n,) int
        Front of each point within its level.
    children : tuple of (f, 2) int
        For each level, the fronts of the next level below each front; -1 for none.
    """

    level: Int[np.ndarray, " n"]
    place: Int[np.ndarray, " n"]
    children: tuple[Int[np.ndarray, "f 2"], ...]


def dissect(
    points: Float[np.ndarray, "n 3"],
    pairs: Int[np.ndarray, "e 2"],
    weights: Float[np.ndarray, " n"],
    *,
    leaf: float,
) -> Tree:
    """Cut a graph of points until no part weighs more than a leaf.

    Parameters
    ----------
    points : (n, 3)
    pairs : (e, 2)
        Points that are coupled.
    weights : (n,)
        Unknowns of each point.
    leaf : float
        Largest weight that is not cut any more; a part that no plane can cut stays whole.
    """
    count = len(points)
    level, place, children = np.zeros(count, int), np.zeros(count, int), []
    parts = [(np.arange(count), pairs)]
    while parts:
        below = np.full((len(parts), 2), -1)
        following = []
        for front, (own, links) in enumerate(parts):
            level[own], place[own] = len(children), front
            if weights[own].sum() <= leaf:
                continue
            for side, half in enumerate(_halves(points[own], weights[own], links)):
                number = np.full(len(own), -1)
                number[half] = np.arange(len(half))
                below[front, side] = len(following)
                following.append((own[half], number[links[(number[links] >= 0).all(axis=1)]]))
        children.append(below)
        parts = following
    return Tree(level, place, tuple(children))


def _halves(
    points: Float[np.ndarray, "n 3"],
    weights: Float[np.ndarray, " n"],
    links: Int[np.ndarray, "e 2"],
) -> tuple[Int[np.ndarray, " m"], ...]:
    """Two uncoupled halves of a part, by the plane cut with the best separator; else none."""
    total = weights.sum()
    centred = points - points.mean(axis=0)
    planes = []
    for axis in DIRECTIONS @ np.linalg.eigh(centred.T @ centred)[1].T:
        order = np.argsort(points @ axis, kind="stable")
        share = np.cumsum(weights[order]) / total
        for cut in CUTS:
            above = np.zeros(len(points), bool)
            above[order[share > cut]] = True
            crossing = np.count_nonzero(above[links[:, 0]] != above[links[:, 1]])
            # elimination grows with the cube of the cut and of the heavier half
            planes.append((crossing * (0.5 + max(cut, 1 - cut)) ** 2, len(planes), above))
    best, halves = np.inf, ()
    for _, _, above in sorted(planes, key=lambda plane: plane[:2])[:FINALISTS]:
        between = np.zeros(len(points), bool)
        between[_separator(above, links)] = True
        sides = np.flatnonzero(above & ~between), np.flatnonzero(~above & ~between)
        heavy = max(weights[side].sum() for side in sides) / total
        cost = weights[between].sum() * (0.5 + heavy) ** 2
        if cost < best and all(map(len, sides)):
            best, halves = cost, sides
    return halves


def _separator(
    above: Bool[np.ndarray, " n"], links: Int[np.ndarray, "e 2"]
) -> Int[np.ndarray, " s"]:
    """Fewest points that touch all links across a cut: a least vertex cover, by a matching."""
    upper = above[links]
    crossing = upper[:, 0] != upper[:, 1]
    ends = np.where(upper[crossing, :1], links[crossing], links[crossing, ::-1])
    if not len(ends):
        return ends[:, 0]
    (top, row), (bottom, column) = (np.unique(end, return_inverse=True) for end in ends.T)
    graph = sparse.csr_matrix((np.ones(len(row)), (row, column)), (len(top), len(bottom)))
    partner = csgraph.maximum_bipartite_matching(graph, perm_type="column")
    # König: from points without partner, along a link, back along the matching
    reached, before = partner < 0, -1
    below = np.zeros(len(bottom), bool)
    while np.count_nonzero(reached) > before:
        before = np.count_nonzero(reached)
        below = graph.T @ reached > 0
        reached |= (partner >= 0) & below[partner]
    return np.concatenate([top[~reached], bottom[below]])
