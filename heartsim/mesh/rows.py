"""Structured meshing: triangles between rows of nodes, prisms over triangles, tetrahedra."""

import itertools

import numpy as np
from jaxtyping import Float, Int

from heartsim.mesh.surfaces import cell_volumes


def zip_rows(
    inner: Int[np.ndarray, " m"],
    inner_place: Float[np.ndarray, " m"],
    outer: Int[np.ndarray, " n"],
    outer_place: Float[np.ndarray, " n"],
) -> list[tuple[int, int, int]]:
    """Triangles between two open rows of nodes, always taking the shorter diagonal.

    Parameters
    ----------
    inner, outer : (m,), (n,) int
        Nodes of the rows; one of them may be a single node.
    inner_place, outer_place : (m,), (n,) float
        Increasing position of the nodes along a common coordinate.
    """
    i, j, m, n = 0, 0, len(inner) - 1, len(outer) - 1
    triangles = []
    while i < m or j < n:
        if i == m:
            along_outer = True
        elif j == n:
            along_outer = False
        else:
            outward = abs(outer_place[j + 1] - inner_place[i])
            along_outer = bool(outward <= abs(inner_place[i + 1] - outer_place[j]))
        if along_outer:
            triangles.append((int(inner[i]), int(outer[j]), int(outer[j + 1])))
            j += 1
        else:
            triangles.append((int(inner[i]), int(outer[j]), int(inner[i + 1])))
            i += 1
    return triangles


def zip_rings(
    inner: Int[np.ndarray, " m"],
    inner_angle: Float[np.ndarray, " m"],
    outer: Int[np.ndarray, " n"],
    outer_angle: Float[np.ndarray, " n"],
) -> list[tuple[int, int, int]]:
    """Triangles between two closed rings of nodes; the inner one may be a single node.

    Angles [rad] increase and span less than one turn.
    """
    if len(inner) > 1:
        inner = np.append(inner, inner[0])
        inner_angle = np.append(inner_angle, inner_angle[0] + 2 * np.pi)
    outer = np.append(outer, outer[0])
    outer_angle = np.append(outer_angle, outer_angle[0] + 2 * np.pi)
    return zip_rows(inner, inner_angle, outer, outer_angle)


def prisms_to_tets(
    triangles: Int[np.ndarray, "t 3"], levels: Int[np.ndarray, "levels n"]
) -> Int[np.ndarray, "cells 4"]:
    """Stack triangles into prisms and cut each into three tetrahedra.

    Each side of a prism is cut from its lower-numbered corner below to the other one above, so
    that neighbors agree. Where levels share a node the prism is a wedge of fewer tetrahedra.

    Parameters
    ----------
    triangles : (t, 3) int
        Corners, as columns of `levels`.
    levels : (levels, n) int
        Mesh node over each corner at each level.
    """
    a, b, c = np.sort(triangles, axis=1).T
    cells = []
    for low, high in itertools.pairwise(levels):
        cells += [
            np.stack([low[a], low[b], low[c], high[c]], axis=1),
            np.stack([low[a], low[b], high[b], high[c]], axis=1),
            np.stack([low[a], high[a], high[b], high[c]], axis=1),
        ]
    tets = np.concatenate(cells)
    ordered = np.sort(tets, axis=1)
    return tets[(np.diff(ordered, axis=1) > 0).all(axis=1)]


def orient(
    points: Float[np.ndarray, "nodes 3"], tets: Int[np.ndarray, "cells 4"]
) -> Int[np.ndarray, "cells 4"]:
    """Swap two nodes of each inverted tetrahedron, so that all volumes are positive."""
    tets = tets.copy()
    inverted = cell_volumes(points, tets) < 0
    tets[inverted, 2:] = tets[inverted, :1:-1]
    return tets
