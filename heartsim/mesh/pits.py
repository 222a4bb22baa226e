"""Single tetrahedra that are missing from a wall: bubbles inside it and pits in its surface."""

import numpy as np
from jaxtyping import Bool, Float, Int

from heartsim.mesh.exposure import neighbors
from heartsim.mesh.rows import orient
from heartsim.mesh.surfaces import (
    TET_FACES,
    boundary,
    cell_edges,
    cell_volumes,
    edges_of,
    facet_normals,
    group_rows,
)

PASSES = 4
FLAT = 0.004
"""Volume over the cube of the longest edge below which a dent is shallow, and stays."""


def missing_cells(
    points: Float[np.ndarray, "nodes 3"], tets: Int[np.ndarray, "cells 4"]
) -> tuple[Int[np.ndarray, "k 4"], Int[np.ndarray, " k"]]:
    """Tetrahedra that a mesh lacks, and a cell beside each.

    Parameters
    ----------
    points, tets : (n, 3), (c, 4)
        Positively oriented tetrahedra.

    Returns
    -------
    tets, beside : (k, 4), (k,)
        Cells on nodes of the mesh that close a bubble, a pit of three faces, or a groove of two
        faces whose other two nodes already share an edge.
    """
    added, beside = tets[:0], np.zeros(0, np.int64)
    for _ in range(PASSES):
        facets, owner = boundary(np.concatenate([tets, added]))
        found, at = _around_nodes(facets)
        more, there = _along_edges(facets, np.concatenate([tets, added]))
        found, at = np.concatenate([found, more]), np.concatenate([at, there])
        good = _hollow(points, found, facets[at])
        found, at = found[good], at[good]
        first = np.sort(group_rows(np.sort(found, axis=1))[1]) if len(found) else at[:0]
        found, at = orient(points, found[first]), at[first]
        fits = _fitting(np.concatenate([tets, added]), found)
        found, at = found[fits], at[fits]
        if len(found) == 0:
            break
        nearest = owner[at]
        inner = nearest < len(tets)
        nearest[~inner] = beside[nearest[~inner] - len(tets)]
        added, beside = np.concatenate([added, found]), np.concatenate([beside, nearest])
    return added, beside


def _around_nodes(facets: np.ndarray) -> tuple[Int[np.ndarray, "k 4"], Int[np.ndarray, " k"]]:
    """Four nodes of three facets that meet in a node and in no other facet; one of the facets."""
    count = np.bincount(facets.ravel())
    corner = np.flatnonzero(count[facets.ravel()] == 3)
    corner = corner[np.argsort(facets.ravel()[corner], kind="stable")].reshape(-1, 3)
    three = facets[corner // 3].reshape(-1, 9)
    ordered = np.sort(three, axis=1)
    new = np.ones(ordered.shape, bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    four = new.sum(axis=1) == 4
    return ordered[four][new[four]].reshape(-1, 4), corner[four, 0] // 3


def _along_edges(
    facets: np.ndarray, tets: np.ndarray
) -> tuple[Int[np.ndarray, "k 4"], Int[np.ndarray, " k"]]:
    """Four nodes of two facets at an edge, whose far nodes share an edge of the mesh."""
    pairs = neighbors(facets)
    edge = pairs[:, 2:]
    far = [facets[pairs[:, k]].sum(axis=1) - edge.sum(axis=1) for k in (0, 1)]
    across = np.sort(np.stack(far, axis=1), axis=1)
    known = edges_of(tets)
    group, _, _ = group_rows(np.concatenate([known, across]))
    joined = np.isin(group[len(known) :], group[: len(known)]) & (across[:, 0] != across[:, 1])
    return np.concatenate([edge, across], axis=1)[joined], pairs[joined, 0]


def _hollow(
    points: np.ndarray, cells: Int[np.ndarray, "k 4"], facets: Int[np.ndarray, "k 3"]
) -> Bool[np.ndarray, " k"]:
    """Whether a cell lies before its facet, outside the tissue, and is not flat."""
    before = points[cells].mean(axis=1) - points[facets].mean(axis=1)
    outside = np.einsum("ki,ki->k", before, facet_normals(points, facets)) > 0
    length = np.linalg.norm(cell_edges(points, cells), axis=1).max(axis=1, initial=0)
    return outside & (np.abs(cell_volumes(points, cells)) > FLAT * length**3)


def _fitting(
    tets: Int[np.ndarray, "cells 4"], found: Int[np.ndarray, "k 4"]
) -> Bool[np.ndarray, " k"]:
    """Whether no face of a new cell would belong to more than two cells."""
    faces = np.sort(np.concatenate([tets, found])[:, TET_FACES].reshape(-1, 3), axis=1)
    group, _, count = group_rows(faces)
    return np.atleast_1d((count[group].reshape(-1, 4)[len(tets) :] <= 2).all(axis=1))
