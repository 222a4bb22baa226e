"""Cells of other kinds as tetrahedra and triangles.

Quadratic cells keep their corners. Every other cell is a cone from its node of lowest number over
the faces without that node, and a quadrilateral face is cut from its own node of lowest number, so
that neighbors cut the face between them alike and nothing has to be matched [1]_.

References
----------
.. [1] Dompierre et al. (1999). How to subdivide pyramids, prisms, and hexahedra into tetrahedra.
   Proc. 8th Int. Meshing Roundtable, 195.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

TRIANGLES = ("triangle", "quad")
CORNERS = {"triangle": 3, "quad": 4, "tetra": 4, "pyramid": 5, "wedge": 6, "hexahedron": 8}
FACES = {
    "pyramid": ((0, 1, 2, 3), (0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)),
    "wedge": ((0, 1, 2), (3, 4, 5), (0, 1, 4, 3), (1, 2, 5, 4), (2, 0, 3, 5)),
    "hexahedron": (
        *((0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4)),
        *((1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)),
    ),
}
"""Nodes of the faces, in the order of VTK and meshio."""


def simplices(
    kind: str, cells: Int[np.ndarray, "n k"]
) -> tuple[Int[np.ndarray, "m s"], Int[np.ndarray, " m"]]:
    """Tetrahedra or triangles of cells of one kind, and the cell that each is from.

    Parameters
    ----------
    kind : str
        A name in `CORNERS`.
    cells : (n, k)
        Nodes, corners first.
    """
    cells = np.asarray(cells, np.int64)[:, : CORNERS[kind]]
    every = np.arange(len(cells))
    if kind in ("triangle", "tetra"):
        return cells, every
    if kind == "quad":
        return _fans(cells, every)
    lowest = np.argmin(cells, axis=1)
    made, source = [np.zeros((0, 4), np.int64)], [every[:0]]
    for corner in range(CORNERS[kind]):
        which = np.flatnonzero(lowest == corner)
        for face in FACES[kind]:
            if corner in face:
                continue
            sides, origin = cells[which][:, face], which
            if len(face) == 4:
                sides, origin = _fans(sides, which)
            made.append(np.column_stack([cells[origin, corner], sides]))
            source.append(origin)
    order = np.argsort(np.concatenate(source), kind="stable")
    return np.concatenate(made)[order], np.concatenate(source)[order]


def _fans(
    quads: Int[np.ndarray, "n 4"], source: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, "m 3"], Int[np.ndarray, " m"]]:
    """Two triangles for each quadrilateral, cut from its node of lowest number."""
    turn = (np.argmin(quads, axis=1)[:, None] + np.arange(4)) % 4
    q = np.take_along_axis(quads, turn, axis=1)
    return np.concatenate([q[:, [0, 1, 2]], q[:, [0, 2, 3]]]), np.concatenate([source, source])


@dataclass(frozen=True)
class Gathered:
    """Cells of a file as tetrahedra and triangles.

    Attributes
    ----------
    tets, triangles : (c, 4), (f, 3) int
        In the order of the file.
    tets_from, triangles_from : (c,), (f,) int
        The cell of the file that each comes from.
    """

    tets: Int[np.ndarray, "cells 4"]
    tets_from: Int[np.ndarray, " cells"]
    triangles: Int[np.ndarray, "facets 3"]
    triangles_from: Int[np.ndarray, " facets"]

    @property
    def split(self) -> int:
        """Number of solid cells that were not tetrahedra."""
        _, count = np.unique(self.tets_from, return_counts=True)
        return int(np.count_nonzero(count > 1))


def gathered(
    blocks: Iterable[tuple[str, Int[np.ndarray, "n k"], Int[np.ndarray, " n"]]],
) -> Gathered:
    """Tetrahedra and triangles of blocks of cells.

    Parameters
    ----------
    blocks : of (kind, nodes, number)
        Kind in `CORNERS`, nodes of each cell, and its number in the file.
    """
    tets, triangles = [(np.zeros((0, 4), np.int64), [])], [(np.zeros((0, 3), np.int64), [])]
    for kind, nodes, number in blocks:
        cells, source = simplices(kind, nodes)
        (triangles if kind in TRIANGLES else tets).append((cells, np.asarray(number)[source]))

    def in_order(parts: list) -> tuple[np.ndarray, np.ndarray]:
        number = np.concatenate([np.asarray(n, np.int64) for _, n in parts])
        order = np.argsort(number, kind="stable")
        return np.concatenate([cells for cells, _ in parts])[order], number[order]

    return Gathered(*in_order(tets), *in_order(triangles))
