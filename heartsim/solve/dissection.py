"""Nested dissection: in which order a direct factorisation eliminates a mesh.

Planes cut the points in two, again and again, until the parts are small; the points on a cut are
eliminated after both halves. A ventricle is a shell, so the cuts are small and the factors cheap.
Integer work on the host, done once for a mesh.
"""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float, Int

CUTS: Final = (0.45, 0.5, 0.55)
"""Shares of the weight below a cut that are tried along each principal axis."""


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
            for side, half in enumerate(_halves(points, weights, own, links)):
                inside = np.zeros(count, bool)
                inside[half] = True
                below[front, side] = len(following)
                following.append((half, links[inside[links].all(axis=1)]))
        children.append(below)
        parts = following
    return Tree(level, place, tuple(children))


def _halves(
    points: Float[np.ndarray, "n 3"],
    weights: Float[np.ndarray, " n"],
    own: Int[np.ndarray, " m"],
    links: Int[np.ndarray, "e 2"],
) -> tuple[Int[np.ndarray, " m"], ...]:
    """Two uncoupled halves of a part, by the plane cut with the best separator; else none."""
    total, best, halves = weights[own].sum(), np.inf, ()
    centred = points[own] - points[own].mean(axis=0)
    above = np.zeros(len(points), bool)
    for axis in np.linalg.eigh(centred.T @ centred)[1].T:
        order = own[np.argsort(points[own] @ axis, kind="stable")]
        share = np.cumsum(weights[order]) / total
        for cut in CUTS:
            above[own] = False
            above[order[share > cut]] = True
            upper = above[links]
            crossing = upper[:, 0] != upper[:, 1]
            for side in (True, False):
                separator = np.zeros(len(points), bool)
                separator[links[crossing][upper[crossing] == side]] = True
                first = own[above[own] & ~separator[own]]
                second = own[~above[own] & ~separator[own]]
                heavy = max(weights[first].sum(), weights[second].sum()) / total
                # elimination grows with the cube of the cut and of the heavier half
                cost = weights[separator].sum() * (0.5 + heavy) ** 2
                if cost < best and len(first) and len(second):
                    best, halves = cost, (first, second)
    return halves
