"""Regions and fields of a heart, carried over to another mesh of the same heart."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from heartsim.errors import MeshError
from heartsim.mesh.heartmesh import ATRIA, HeartMesh
from heartsim.mesh.parts import cells_of, in_ventricles, shares
from heartsim.mesh.surfaces import TET_FACES, boundary, group_rows, match_facets

ROUNDS: Final = 20
"""Rounds in which islands are joined to what surrounds them, one layer of cells each."""

_Linings = Mapping[str, tuple[Int[np.ndarray, " k"], Bool[np.ndarray, " old"]]]


def regions_on(
    mesh: HeartMesh,
    points: Float[np.ndarray, "nodes 3"],
    tets: Int[np.ndarray, "cells 4"],
    surfaces: Mapping[str, Int[np.ndarray, "facets 3"]],
) -> dict[str, Int[np.ndarray, " k"]]:
    """Regions of the old cells nearest to the new ones.

    Ventricles and atria line their own cavities, and no cells lie apart from the rest of theirs.

    Parameters
    ----------
    mesh : HeartMesh
        The heart as it was.
    points, tets, surfaces
        Its new nodes [mm], cells and named facets.

    Raises
    ------
    MeshError
        If a region is left without cells, or a cavity is lined by cells of another chamber.
    """
    nearest = _nearest_cells(mesh, points, tets)
    if len(shares(mesh)) > 1:
        linings = _linings(mesh, tets, surfaces)
        nearest = _at_home(mesh, points, tets, linings, nearest)
        nearest = _without_islands(mesh, tets, linings, nearest)
        for chamber, (lining, home) in linings.items():
            foreign = int(np.sum(~home[nearest[lining]]))
            if foreign:
                raise MeshError(
                    f"{mesh.name}: {foreign} cells at the lining of {chamber!r} belong to another "
                    "chamber, since single cells reach from one to the other. Use a shorter edge."
                )
    regions = {}
    for name, cells in mesh.regions.items():
        inside = np.zeros(len(mesh.tets), bool)
        inside[cells] = True
        regions[name] = np.flatnonzero(inside[nearest])
        if len(cells) and not len(regions[name]):
            raise MeshError(f"{mesh.name}: region {name!r} is too small. Use a shorter edge.")
    return regions


def fields_on(
    mesh: HeartMesh, points: Float[np.ndarray, "nodes 3"], tets: Int[np.ndarray, "cells 4"]
) -> dict[str, np.ndarray]:
    """Cell and node fields of the nearest old cell or node."""
    from scipy.spatial import KDTree

    if not mesh.fields:
        return {}
    cells = _nearest_cells(mesh, points, tets)
    nodes = KDTree(mesh.points).query(points)[1]
    return {
        name: array[cells] if len(array) == len(mesh.tets) else array[nodes]
        for name, array in mesh.fields.items()
    }


def _nearest_cells(
    mesh: HeartMesh, points: Float[np.ndarray, "nodes 3"], tets: Int[np.ndarray, "cells 4"]
) -> Int[np.ndarray, " cells"]:
    """Old cell whose center is nearest to the center of each new one."""
    from scipy.spatial import KDTree

    tree = KDTree(mesh.points[mesh.tets].mean(axis=1))
    return np.asarray(tree.query(points[tets].mean(axis=1))[1])


def _at_home(
    mesh: HeartMesh,
    points: Float[np.ndarray, "nodes 3"],
    tets: Int[np.ndarray, "cells 4"],
    linings: _Linings,
    nearest: Int[np.ndarray, " cells"],
) -> Int[np.ndarray, " cells"]:
    """Old cells for new ones, such that the ventricles and each atrium line their own cavities.

    Around an annulus the nearest old cell may lie on the other side of it.
    """
    from scipy.spatial import KDTree

    nearest, centers = nearest.copy(), mesh.points[mesh.tets].mean(axis=1)
    for lining, home in linings.values():
        astray = lining[~home[nearest[lining]]]
        if len(astray):
            found = KDTree(centers[home]).query(points[tets[astray]].mean(axis=1))[1]
            nearest[astray] = np.flatnonzero(home)[found]
    return nearest


def _linings(
    mesh: HeartMesh,
    tets: Int[np.ndarray, "cells 4"],
    surfaces: Mapping[str, Int[np.ndarray, "facets 3"]],
) -> _Linings:
    """Of each cavity the new cells at its lining, and the old cells that may lie there."""
    facets, owner = boundary(tets)
    found = {}
    for chamber in mesh.cavities:
        home = cells_of(mesh, [chamber]) if chamber in ATRIA else in_ventricles(mesh)
        found[chamber] = owner[match_facets(surfaces[f"{chamber}_endocardium"], facets)], home
    return found


def _without_islands(
    mesh: HeartMesh,
    tets: Int[np.ndarray, "cells 4"],
    linings: _Linings,
    nearest: Int[np.ndarray, " cells"],
) -> Int[np.ndarray, " cells"]:
    """Old cells for new ones, such that each share of the heart hangs together by faces.

    An island joins what surrounds it; one that lines a cavity grows to the rest of its chamber.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    share = np.empty(len(mesh.tets), int)
    for number, cells in enumerate(shares(mesh).values()):
        share[cells] = number
    nearest, count = nearest.copy(), len(tets)
    pairs, lines = _face_neighbors(tets), np.zeros(count, bool)
    for lining, _ in linings.values():
        lines[lining] = True
    for _ in range(ROUNDS):
        own = share[nearest]
        same = pairs[own[pairs[:, 0]] == own[pairs[:, 1]]]
        graph = coo_array((np.ones(len(same)), (same[:, 0], same[:, 1])), shape=(count, count))
        _, part = connected_components(graph, directed=False)
        size = np.bincount(part)
        mainland = np.zeros(len(size), bool)
        for number in np.unique(own):
            pieces = np.unique(part[own == number])
            mainland[pieces[np.argmax(size[pieces])]] = True
        island = ~mainland[part]
        shore = pairs[island[pairs[:, 0]] & ~island[pairs[:, 1]]]
        if not len(shore):
            break
        bound = (np.bincount(part, lines) > 0)[part[shore[:, 0]]]
        inner, outer = shore[bound & ~lines[shore[:, 1]]].T
        nearest[outer] = nearest[inner]
        inner, outer = shore[~bound].T
        nearest[inner] = nearest[outer]
    return nearest


def _face_neighbors(tets: Int[np.ndarray, "cells 4"]) -> Int[np.ndarray, "pairs 2"]:
    """Cells that share a face, each pair in both orders."""
    faces = np.sort(tets[:, TET_FACES].reshape(-1, 3), axis=1)
    group, _, count = group_rows(faces)
    inner = np.flatnonzero(count[group] == 2)
    pairs = inner[np.argsort(group[inner], kind="stable")].reshape(-1, 2) // 4
    return np.concatenate([pairs, pairs[:, ::-1]])
