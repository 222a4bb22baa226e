"""Cells that a misplaced node turned inside out, in contrast to cells that are numbered so."""

import numpy as np
from jaxtyping import Bool, Float, Int

from heartsim.mesh.surfaces import TET_FACES, cell_volumes, group_rows

ROUNDS = 10


def folded(tets: Int[np.ndarray, "cells 4"]) -> Bool[np.ndarray, " cells"]:
    """Cells that lie on the same side of a face as the sound neighbor there.

    Across a face two sound cells lie on opposite sides, and so do two folded ones. Of the groups of
    cells that agree so, the largest one in each part of the mesh is sound.

    Parameters
    ----------
    tets : (c, 4)
        Cells numbered so that all volumes are positive.
    """
    faces = tets[:, TET_FACES].reshape(-1, 3)
    group, _, count = group_rows(np.sort(faces, axis=1))
    a, b, c = faces.T
    odd = ((a > b).astype(int) + (b > c) + (a > c)) % 2
    order = np.argsort(group, kind="stable")
    pairs = order[(count == 2)[group[order]]].reshape(-1, 2)
    against = odd[pairs[:, 0]] == odd[pairs[:, 1]]
    if not against.any():
        return np.zeros(len(tets), bool)
    cells = pairs // 4
    part = _connected(cells, len(tets))
    agreeing = _connected(cells[~against], len(tets))
    size = np.bincount(agreeing)[agreeing]
    largest = np.zeros(part.max() + 1, np.int64)
    np.maximum.at(largest, part, size)
    return size < largest[part]


def _connected(pairs: Int[np.ndarray, "k 2"], count: int) -> Int[np.ndarray, " count"]:
    """Number of the connected part of each cell."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def unfolded(
    points: Float[np.ndarray, "nodes 3"],
    tets: Int[np.ndarray, "cells 4"],
    fixed: Int[np.ndarray, " k"],
) -> Float[np.ndarray, "nodes 3"]:
    """Move the free nodes of inverted cells to the middle of their neighbors, as long as it helps.

    Parameters
    ----------
    points, tets : (n, 3), (c, 4)
        Cells numbered alike, of which some have a negative volume.
    fixed : (k,)
        Nodes that stay.
    """
    free = np.ones(len(points), bool)
    free[fixed] = False
    points = points.copy()
    for _ in range(ROUNDS):
        wrong = tets[cell_volumes(points, tets) <= 0]
        nodes = np.unique(wrong[free[wrong]])
        if len(nodes) == 0:
            break
        for node in nodes:
            star = tets[(tets == node).any(axis=1)]
            points[node] = points[np.setdiff1d(star, node)].mean(axis=0)
    return points
