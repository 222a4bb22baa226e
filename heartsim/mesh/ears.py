"""Cells that stick out of a cut surface are taken off.

Where an imaged heart was cut out of its surroundings cell by cell, single cells and thin fins stand
out like teeth. They are held by so little that they fold under the first load, and remeshing
keeps them, because it keeps the surface.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np
from jaxtyping import Bool, Int

from heartsim.mesh.surfaces import boundary, match_facets

MOST_PASSES: Final = 100
"""One cell bares the next: rounds until none is left, in practice some twenty."""

TIP: Final = 4
"""Cells around a node of the cut up to which it is the tip of a tooth (our choice)."""


def without_ears(
    tets: Int[np.ndarray, "c 4"],
    facets: Int[np.ndarray, "f 3"],
    label: Int[np.ndarray, " f"],
    cut: int,
    *,
    ridges: bool = True,
) -> tuple[Bool[np.ndarray, " c"], Int[np.ndarray, "g 3"], Int[np.ndarray, " g"]]:
    """Take off the teeth of a cut surface: tips, cells with three faces in it, and ridges.

    Only cells that touch no other part of the surface with a face go, and only where no handle
    opens and no two hollows meet.

    Parameters
    ----------
    tets : (c, 4) int
    facets, label
        Faces of the outer surface, and which part of it each belongs to.
    cut : int
        The part that may lose cells; what they lay bare belongs to it too.
    ridges : bool
        Whether cells with two faces in the cut go as well as tips: of an imaged heart that would
        be 3 % of a thin wall.

    Returns
    -------
    keep, facets, label
        Which cells are left, and their outer surface; nodes keep their numbers.
    """
    left = np.arange(len(tets))
    for _ in range(MOST_PASSES):
        outer, owner = boundary(tets[left])
        at = match_facets(outer, facets)
        facets, label = outer, np.where(at < 0, cut, label[at])
        gone = _teeth(tets[left], facets, owner, label == cut, 2 if ridges else 3)
        if not gone:
            break
        left = np.delete(left, gone)
    return np.isin(np.arange(len(tets)), left), facets, label


def _teeth(
    tets: Int[np.ndarray, "c 4"],
    facets: Int[np.ndarray, "f 3"],
    owner: Int[np.ndarray, " f"],
    in_cut: Bool[np.ndarray, " f"],
    least: int,
) -> list[int]:
    """Cells that can go at once: no two teeth share a node.

    A single cell is a tooth with at least so many faces in the cut.
    """
    nodes = np.unique(facets[in_cut])
    near = np.unique(tets[np.isin(tets, nodes).any(axis=1)])
    touching = np.flatnonzero(np.isin(tets, near).any(axis=1))
    around: dict[int, list[int]] = {}
    for cell, corners in zip(touching.tolist(), tets[touching].tolist(), strict=True):
        for node in corners:
            around.setdefault(node, []).append(cell)
    taken: set[int] = set()
    gone: list[int] = []
    own_nodes = np.setdiff1d(nodes, facets[~in_cut])
    for tooth in _candidates(tets, owner, in_cut, least, own_nodes, around):
        corners = set(tets[tooth].ravel().tolist())
        stars = (set(around[node]) - set(tooth) for node in corners)
        left = ((node, star) for node, star in zip(corners, stars, strict=True) if star)
        if taken.isdisjoint(corners) and all(_is_whole(tets[sorted(s)], n) for n, s in left):
            taken |= corners
            gone += tooth
    return gone


def _candidates(
    tets: Int[np.ndarray, "c 4"],
    owner: Int[np.ndarray, " f"],
    in_cut: Bool[np.ndarray, " f"],
    least: int,
    nodes: Int[np.ndarray, " k"],
    around: dict[int, list[int]],
) -> Iterator[list[int]]:
    """Single cells with enough faces in the cut; then all cells around a tip."""
    own = np.bincount(owner[in_cut], minlength=len(tets))
    loose = np.bincount(owner, minlength=len(tets)) == own
    for cell in np.flatnonzero(loose & (own >= least) & (own < 4)).tolist():
        yield [cell]
    for node in nodes.tolist():
        star = around[node]
        if 1 < len(star) <= TIP and loose[star].all():
            yield star


def _is_whole(star: Int[np.ndarray, "s 4"], node: int) -> bool:
    """Whether cells around a node of the surface are one piece with one outside there.

    The faces opposite the node then form a disc: one piece, bounded by one closed loop.
    """
    faces = [tuple(sorted(set(cell) - {node})) for cell in star.tolist()]
    sides = Counter(side for a, b, c in faces for side in ((a, b), (a, c), (b, c)))
    rim = [side for side, count in sides.items() if count == 1]
    inner = [side for side, count in sides.items() if count == 2]
    ends = Counter(end for side in rim for end in side)
    if not rim or any(count != 2 for count in ends.values()):
        return False
    corners = {corner for face in faces for corner in face}
    # Euler: a connected surface with 1 = V - E + F is a disc
    return _connected(rim) and len(corners) - len(rim) - len(inner) + len(faces) == 1


def _connected(sides: list[tuple[int, ...]]) -> bool:
    """Whether edges hang together."""
    reached, rest = set(sides[0]), sides[1:]
    while near := [side for side in rest if not reached.isdisjoint(side)]:
        reached.update(*near)
        rest = [side for side in rest if side not in near]
    return not rest
