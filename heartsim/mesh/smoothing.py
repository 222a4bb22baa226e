"""Better shapes for the worst cells, by moving nodes that are free to move."""

import numpy as np
from jaxtyping import Float, Int

from heartsim.mesh.exposure import neighbors
from heartsim.mesh.quality import dihedral_angles, radius_ratios
from heartsim.mesh.surfaces import cell_volumes

COMBINGS, COMBED = 12, 0.3
POOR = 0.25
ROUNDS = 8
DIRECTIONS = 24


def comb(
    points: Float[np.ndarray, "nodes 3"],
    tets: Int[np.ndarray, "cells 4"],
    facets: Int[np.ndarray, "facets 3"],
    label: Int[np.ndarray, " facets"],
) -> Float[np.ndarray, "nodes 3"]:
    """Straighten the lines in which differently named parts of the surface meet.

    Each node of such a line moves toward its two neighbors on it, as long as no cell around it
    becomes worse than `COMBED`.
    """
    pairs = neighbors(facets)
    edges = pairs[label[pairs[:, 0]] != label[pairs[:, 1]], 2:]
    ends = np.concatenate([edges, edges[:, ::-1]])
    degree = np.bincount(ends[:, 0], minlength=len(points))
    line = np.flatnonzero(degree == 2)
    touching = tets[np.isin(tets, line).any(axis=1)]
    least = np.minimum(rating(points, touching), COMBED)
    points = points.copy()
    for _ in range(COMBINGS):
        total = np.zeros_like(points)
        np.add.at(total, ends[:, 0], points[ends[:, 1]])
        moved = points.copy()
        moved[line] = 0.4 * points[line] + 0.3 * total[line]
        for _ in range(ROUNDS):
            squeezed = rating(moved, touching) < least
            if not squeezed.any():
                break
            back = np.unique(touching[squeezed])
            moved[back] = points[back]
        points = moved
    return points


def improve(
    points: Float[np.ndarray, "nodes 3"],
    tets: Int[np.ndarray, "cells 4"],
    fixed: Int[np.ndarray, " k"],
    *,
    poor: float = POOR,
) -> Float[np.ndarray, "nodes 3"]:
    """Move free nodes of poor cells where that lifts the worst cell around the node.

    Candidates are a fixed set of places around each node, so that the result is the same every
    time.

    Parameters
    ----------
    points : (n, 3) float
        Nodes [mm].
    tets : (c, 4) int
        Cells with positive volumes.
    fixed : (k,) int
        Nodes that must stay.
    poor : float
        Radius ratio, or smallest angle [rad], below which a cell is worked on.
    """
    free = np.ones(len(points), bool)
    free[fixed] = False
    order = np.argsort(tets, axis=None, kind="stable")
    starts = np.searchsorted(tets.ravel()[order], np.arange(len(points) + 1))
    points = points.copy()
    places = _places()
    for _ in range(ROUNDS):
        bad = tets[rating(points, tets) < poor]
        nodes = np.unique(bad[free[bad]])
        moved = False
        for node in nodes:
            star = tets[order[starts[node] : starts[node + 1]] // 4]
            moved |= _move(points, star, int(node), places)
        if not moved:
            break
    return points


def rating(
    points: Float[np.ndarray, "nodes 3"], tets: Int[np.ndarray, "cells 4"]
) -> Float[np.ndarray, " cells"]:
    """Rate cells by radius ratio or smallest angle [rad], whichever is less; −1 if inverted."""
    angle = dihedral_angles(points, tets).min(axis=1)
    rating = np.minimum(radius_ratios(points, tets), angle)
    return np.where(cell_volumes(points, tets) > 0, rating, -1.0)


def _places() -> Float[np.ndarray, "places 3"]:
    """Directions spread evenly over the sphere, at four distances up to 1."""
    k = np.arange(DIRECTIONS) + 0.5
    height, turn = 1 - 2 * k / DIRECTIONS, np.pi * (1 + np.sqrt(5)) * k
    ring = np.sqrt(1 - height**2)
    sphere = np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
    return np.concatenate([sphere * distance for distance in (0.05, 0.15, 0.4, 1.0)])


def _move(
    points: Float[np.ndarray, "nodes 3"],
    star: Int[np.ndarray, "cells 4"],
    node: int,
    places: Float[np.ndarray, "places 3"],
) -> bool:
    """Move one node to the best of its candidate places; tell whether it moved."""
    around = points[star]
    own = star == node
    reach = np.linalg.norm(around - points[node], axis=2).max() / 2
    candidates = np.concatenate([points[node][None], points[node] + reach * places])
    corner = np.repeat(around[None], len(candidates), axis=0)
    corner[:, own] = candidates[:, None]
    flat = corner.reshape(-1, 3)
    cells = np.arange(len(flat)).reshape(-1, 4)
    worst = rating(flat, cells).reshape(len(candidates), -1).min(axis=1)
    best = int(np.argmax(worst))
    if worst[best] <= worst[0] + 1e-3:
        return False
    points[node] = candidates[best]
    return True
