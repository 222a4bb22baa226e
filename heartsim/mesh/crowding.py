"""Inner nodes that crowd around the surface are merged into their neighbors."""

from typing import Final

import numpy as np
from jaxtyping import Float, Int

from heartsim.mesh.smoothing import POOR, rating
from heartsim.mesh.surfaces import edges_of

HARDLY_A_CELL: Final = 0.02
"""Rating below which no cell may be left, however poor its surroundings were."""


def without_crowds(
    points: Float[np.ndarray, "nodes 3"],
    tets: Int[np.ndarray, "cells 4"],
    surface: Int[np.ndarray, " k"],
    shortest: float | Float[np.ndarray, " nodes"],
) -> Int[np.ndarray, "d 4"]:
    """Merge inner nodes into neighbors nearer than a length, shortest edges first.

    The cells around an inner node are replaced by those that fill the same space from one of its
    neighbors, unless one of them would turn over, or be poor and worse than all before.

    Parameters
    ----------
    points : (n, 3) float
        Nodes [mm].
    tets : (c, 4) int
    surface : (k,) int
        Nodes that stay.
    shortest : float or (n,) float
        Shortest wanted edge [mm], everywhere or at each node.

    Returns
    -------
    (d, 4) int
        Cells that are left; merged nodes belong to none of them.
    """
    inner = np.ones(len(points), bool)
    inner[surface] = False
    tets, left = tets.copy(), np.ones(len(tets), bool)
    around: list[set[int]] = [set() for _ in points]
    for cell, corners in enumerate(tets.tolist()):
        for node in corners:
            around[node].add(cell)
    edges = edges_of(tets)
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    bound = np.broadcast_to(shortest, len(points))[edges].min(axis=1)
    short = np.flatnonzero(length < bound)
    for edge in short[np.argsort(length[short], kind="stable")]:
        for node, neighbor in (edges[edge], edges[edge][::-1]):
            if not inner[node] or not around[node] & around[neighbor]:
                continue
            merged = _merge(points, tets, around, int(node), int(neighbor))
            if merged:
                left[merged], inner[node] = False, False
                break
    return tets[left]


def _merge(
    points: Float[np.ndarray, "nodes 3"],
    tets: Int[np.ndarray, "c 4"],
    around: list[set[int]],
    node: int,
    neighbor: int,
) -> list[int]:
    """Fill the space around a node from its neighbor if that is well done; cells that are lost."""
    star = np.array(sorted(around[node]))
    lost = (tets[star] == neighbor).any(axis=1)
    filled = np.where(tets[star] == node, neighbor, tets[star])[~lost]
    wanted = min(POOR, rating(points, tets[star]).min())
    if rating(points, filled).min() < max(wanted, HARDLY_A_CELL):
        return []
    for cell in star[lost].tolist():
        for corner in tets[cell]:
            around[corner].discard(cell)
    tets[star[~lost]] = filled
    around[neighbor].update(star[~lost].tolist())
    around[node] = set()
    return star[lost].tolist()
