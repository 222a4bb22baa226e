"""Cells that stick out of a cut surface are taken off.

Where an imaged heart was cut out of its surroundings cell by cell, single cells stand out like
teeth. One that lies in the cut with two or three of its faces is held by so little that it folds
under the first load, and remeshing keeps it, because it keeps the surface.
"""

from typing import Final

import numpy as np
from jaxtyping import Int

from heartsim.mesh.surfaces import TET_EDGES, boundary, facet_edges, match_facets

MOST_PASSES: Final = 100
"""One cell bares the next: rounds until none is left, in practice some twenty."""


def without_ears(
    tets: Int[np.ndarray, "c 4"],
    facets: Int[np.ndarray, "f 3"],
    label: Int[np.ndarray, " f"],
    cut: int,
) -> tuple[Int[np.ndarray, "d 4"], Int[np.ndarray, "g 3"], Int[np.ndarray, " g"]]:
    """Take off cells that lie in a cut surface with two or three faces, and in no other.

    Parameters
    ----------
    tets : (c, 4) int
    facets, label
        Faces of the outer surface, and which part of it each belongs to.
    cut : int
        The part that may lose cells; what they lay bare belongs to it too.

    Returns
    -------
    tets, facets, label
        Cells that are left and their outer surface; nodes keep their numbers.
    """
    for _ in range(MOST_PASSES):
        outer, owner = boundary(tets)
        at = match_facets(outer, facets)
        label = np.where(at < 0, cut, label[at])
        facets = outer
        ears = _ears(tets, facets, owner, label == cut)
        if not len(ears):
            break
        tets = np.delete(tets, ears, axis=0)
    return tets, facets, label


def _ears(
    tets: Int[np.ndarray, "c 4"],
    facets: Int[np.ndarray, "f 3"],
    owner: Int[np.ndarray, " f"],
    cut: np.ndarray,
) -> Int[np.ndarray, " k"]:
    """Cells that can go at once: no two of them share a node."""
    bare = np.bincount(owner, minlength=len(tets))
    own = np.bincount(owner[cut], minlength=len(tets))
    on_surface = {tuple(edge) for edge in facet_edges(facets).tolist()}
    taken, ears = set(), []
    for cell in np.flatnonzero((bare == own) & (own >= 2) & (own < 4)):
        corners = tets[cell].tolist()
        if taken.isdisjoint(corners) and (own[cell] == 3 or _opens(tets[cell], on_surface)):
            taken.update(corners)
            ears.append(cell)
    return np.array(ears, int)


def _opens(corners: Int[np.ndarray, " 4"], on_surface: set[tuple[int, int]]) -> bool:
    """Whether the edge that a cell with two bare faces would lay bare lies inside so far."""
    edges = np.sort(corners[TET_EDGES], axis=1).tolist()
    return sum(tuple(edge) not in on_surface for edge in edges) == 1
