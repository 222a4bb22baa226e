"""Repair of cut-out tissue that hangs together by a bare edge."""

import numpy as np
from jaxtyping import Bool, Int

from heartsim.mesh.surfaces import boundary, facet_edges, group_rows

PASSES = 20


def hinges(tets: Int[np.ndarray, "cells 4"]) -> Int[np.ndarray, "edges 2"]:
    """Find edges of the outer surface that join more than two of its triangles."""
    facets, _ = boundary(tets)
    edges = facet_edges(facets)
    _, first, count = group_rows(edges)
    return edges[first[count > 2]]


def without_hinges(tets: Int[np.ndarray, "cells 4"]) -> Bool[np.ndarray, " cells"]:
    """Mark the cells to keep so that no two parts touch in an edge only.

    Around each such edge the fan with most cells stays and the others go: a handful of cells
    where an atrium or a vessel was cut off.
    """
    keep = np.ones(len(tets), bool)
    for _ in range(PASSES):
        edges = hinges(tets[keep])
        if len(edges) == 0:
            break
        for a, b in edges:
            around = np.flatnonzero(keep & (tets == a).any(axis=1) & (tets == b).any(axis=1))
            fans = _fans(tets[around], int(a), int(b))
            for fan in sorted(fans, key=len, reverse=True)[1:]:
                keep[around[fan]] = False
    return keep


def _fans(tets: Int[np.ndarray, "cells 4"], a: int, b: int) -> list[list[int]]:
    """Group the cells around an edge into fans that share faces."""
    rest = [set(cell.tolist()) - {a, b} for cell in tets]
    fans: list[list[int]] = []
    free = set(range(len(tets)))
    while free:
        fan = [free.pop()]
        for cell in fan:
            joined = {other for other in free if rest[cell] & rest[other]}
            free -= joined
            fan += joined
        fans.append(fan)
    return fans
