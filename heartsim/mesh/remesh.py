"""Other cell sizes for a heart: its names survive, its shape stays within a fraction of an edge.

The work is done by MMG [1]_, through mmgpy (MIT), which bundles the MMG library (LGPL-3).

References
----------
.. [1] Dapogny, Dobrzynski, Frey (2014). Three-dimensional adaptive domain remeshing, implicit
   domain meshing, and applications to free and moving boundary problems. J. Comput. Phys. 262.
   doi:10.1016/j.jcp.2014.01.005
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from heartsim.errors import MeshError
from heartsim.mesh.crowding import without_crowds
from heartsim.mesh.ears import without_ears
from heartsim.mesh.heartmesh import GREAT_VESSELS, Cavity, HeartMesh
from heartsim.mesh.hinges import without_hinges
from heartsim.mesh.parts import has_atria, shares
from heartsim.mesh.smoothing import improve
from heartsim.mesh.surfaces import (
    boundary,
    cavity_volume,
    cell_volumes,
    facet_areas,
    make_cavity,
    match_facets,
    vertex_normals,
    wall_volume,
)
from heartsim.mesh.transfer import fields_on, regions_on

VERSION = 5
"""Raised when the same input gives another mesh, so that kept ones are made again."""

SMALLEST_EDGE = 0.3
"""Shortest edge that may be asked for [mm]: a wall would have tens of millions of cells."""

SHORTEST, LONGEST, OFF = 0.62, 1.15, 0.25
"""Bounds of an edge, and how far the new surface may lie from the old one, as shares of the wanted
edge; with these rodero-01 at 5 mm has a mean edge of 4.9 mm (our choice)."""

GROWTH = 2.0
"""Largest ratio of neighboring edges: the sharp rims of a wall need no layer of small cells."""

CROWDED = 0.4
"""Share of the wanted edge below which an inner node is too near to another (our choice)."""

LARGEST_CHANGE = 0.02
"""Change of a volume beyond which the result is another heart."""

PASSES = 2
"""Rounds of remeshing: the second starts from cells that are nearly good."""

RESTORING_PASSES = 4
"""Rounds in which surfaces are shifted back to their volumes."""

HOPELESS = 0.12
"""Quality (1 the regular cell) below which surface nodes may move too."""


def remeshed(mesh: HeartMesh, edge: float | Float[np.ndarray, " nodes"]) -> HeartMesh:
    """Return the heart remeshed to other edge lengths.

    Surfaces and the rims between them are followed; regions and cell fields are taken from the
    nearest old cell, node fields from the nearest old node. The surface ``"base"``, where an
    imaged heart was cut out of its surroundings, is smoothed more than the others. Cavities and
    wall keep their volumes.

    Parameters
    ----------
    mesh : HeartMesh
        Heart in mm.
    edge : float or (n,) float
        Wanted edge length [mm], everywhere or at each node; it may also be finer than the present
        one. Between short and long edges lie some of lengths between (`GROWTH`).

    Returns
    -------
    HeartMesh
        Same names; fields named ``"fiber"`` and other directions should be generated again.

    Raises
    ------
    MeshError
        If the edge makes no sense, remeshing fails, or a volume changes by more than 2 %.
    """
    sizes = np.broadcast_to(np.asarray(edge, float), len(mesh.points))
    longest = float(np.ptp(mesh.points, axis=0).max()) / 4
    if not (sizes.min() >= SMALLEST_EDGE and sizes.max() <= longest):
        raise MeshError(
            f"{mesh.name}: cannot remesh to an edge of {_told(sizes)}. Give a length between "
            f"{SMALLEST_EDGE:g} mm and a quarter of the heart's size."
        )
    names = list(mesh.surfaces)
    facets, _ = boundary(mesh.tets)
    label = np.full(len(facets), len(names))
    for number, triangles in enumerate(mesh.surfaces.values()):
        label[match_facets(triangles, facets)] = number
    loose = names.index("base") if "base" in names else -1
    points, tets = mesh.points, mesh.tets
    for _ in range(PASSES):
        keep, facets, label = without_ears(tets, facets, label, loose)
        tets, wanted = tets[keep], _nearest(mesh.points, sizes, points)
        points, tets, facets, label = _remesh(mesh.name, points, tets, facets, label, wanted, loose)
    points = improve(points, tets, np.unique(facets))
    wanted = _nearest(mesh.points, sizes, points)
    tets = without_crowds(points, tets, np.unique(facets), CROWDED * wanted)
    keep, facets, label = without_ears(tets, facets, label, loose)
    tets = tets[keep]
    used = np.unique(tets)
    points, tets, facets = points[used], *(np.searchsorted(used, x) for x in (tets, facets))
    points = improve(points, tets, np.unique(facets[label != loose]), poor=HOPELESS)
    surfaces = {name: facets[label == number] for number, name in enumerate(names)}
    cavities = {
        name: _transfer_cavity(mesh, name, cavity, points, surfaces)
        for name, cavity in mesh.cavities.items()
    }
    flat = HeartMesh(
        name=mesh.name,
        points=points,
        tets=tets,
        regions=regions_on(mesh, points, tets, surfaces),
        surfaces=surfaces,
        cavities=cavities,
        fields=fields_on(mesh, points, tets),
        origin=mesh.origin,
    )
    result = _restore_volumes(mesh, flat)
    _check_volumes(mesh, result, _told(sizes))
    return result


def _told(sizes: Float[np.ndarray, " nodes"]) -> str:
    """Edge lengths in words."""
    low, high = float(sizes.min()), float(sizes.max())
    return f"{low:g} mm" if low == high else f"{low:g} to {high:g} mm"


def _nearest(
    old: Float[np.ndarray, "old 3"],
    values: Float[np.ndarray, " old"],
    points: Float[np.ndarray, "nodes 3"],
) -> Float[np.ndarray, " nodes"]:
    """Values of the old nodes nearest to new ones."""
    from scipy.spatial import KDTree

    return values[KDTree(old).query(points)[1]]


def volume_changes(before: HeartMesh, after: HeartMesh) -> dict[str, float]:
    """Relative change of the wall, of its share in ventricles and atria, and of each cavity."""
    old, new = (cell_volumes(heart.points, heart.tets) for heart in (before, after))
    changes = {"wall": float(new.sum() / old.sum() - 1)}
    if has_atria(before):
        parts = shares(after)
        for name, cells in _muscle(before).items():
            changes[f"{name} wall"] = float(new[parts[name]].sum() / old[cells].sum() - 1)
    for name, cavity in before.cavities.items():
        volume = cavity_volume(before.points, cavity)
        changes[name] = cavity_volume(after.points, after.cavities[name]) / volume - 1
    return changes


def _restore_volumes(before: HeartMesh, after: HeartMesh) -> HeartMesh:
    """Shift endocardium and epicardium along their normals to regain the old volumes.

    Flat facets between nodes on a curved surface cut off a little of it, which grows with the
    square of the edge; a shift by some hundredths of the edge makes up for it.
    """
    old = {name: cavity_volume(before.points, before.cavities[name]) for name in after.cavities}
    if not len(after.surfaces.get("epicardium", ())):
        return with_volumes(after, old, {})
    volume = cell_volumes(before.points, before.tets)
    walls = {name: float(volume[cells].sum()) for name, cells in _muscle(before).items()}
    return with_volumes(after, old, walls)


def _muscle(heart: HeartMesh) -> dict[str, Int[np.ndarray, " k"]]:
    """Cells of ventricles and atria: the walls of vessels are too thin to be shifted further."""
    return {name: cells for name, cells in shares(heart).items() if name not in GREAT_VESSELS}


def with_volumes(
    heart: HeartMesh,
    volumes: Mapping[str, float],
    walls: Mapping[str, float],
    *,
    passes: int = RESTORING_PASSES,
) -> HeartMesh:
    """Shift the surfaces so that cavities and, with an epicardium, the wall hold given volumes.

    Parameters
    ----------
    heart : HeartMesh
        Returned as it is if a cell would turn inside out.
    volumes : mapping of chamber to float
        [mm³]
    walls : mapping of str to float
        Tissue of each of the `heartsim.mesh.parts.shares` of the heart [mm³]; the epicardium of
        the others stays.
    passes : int
        Rounds over all surfaces: each disturbs the others a little.
    """
    points = heart.points
    outer = _outsides(heart) if walls else {}
    for _ in range(passes):
        for name, cavity in heart.cavities.items():
            missing = volumes[name] - cavity_volume(points, cavity)
            points = _inflated(points, cavity.facets, missing)
        for name, volume in walls.items():
            cells, facets = outer[name]
            missing = volume - wall_volume(points, heart.tets[cells])
            points = _inflated(points, facets, missing)
    if cell_volumes(points, heart.tets).min() <= 0:
        return heart
    return heart.with_points(points)


def _outsides(heart: HeartMesh) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Cells of each share of a heart, and its part of the epicardium."""
    facets, owner = boundary(heart.tets)
    outside = heart.surfaces["epicardium"]
    cell = owner[match_facets(outside, facets)]
    return {name: (cells, outside[np.isin(cell, cells)]) for name, cells in shares(heart).items()}


def _inflated(
    points: Float[np.ndarray, "nodes 3"], facets: Int[np.ndarray, "facets 3"], volume: float
) -> Float[np.ndarray, "nodes 3"]:
    """Move a surface along its normals so that it sweeps a volume [mm³]."""
    area = float(facet_areas(points, facets).sum())
    return points + vertex_normals(points, facets) * (volume / area)


def _check_volumes(before: HeartMesh, after: HeartMesh, edge: str) -> None:
    """Refuse a result that has lost the shape."""
    for name, change in volume_changes(before, after).items():
        if abs(change) > LARGEST_CHANGE:
            raise MeshError(
                f"{before.name}: at {edge} the volume of {name} changes by {change:+.1%}, at "
                f"most {LARGEST_CHANGE:.0%} are allowed. Use a shorter edge."
            )


def _remesh(
    name: str,
    points: Float[np.ndarray, "nodes 3"],
    tets: Int[np.ndarray, "cells 4"],
    facets: Int[np.ndarray, "facets 3"],
    label: Int[np.ndarray, " facets"],
    sizes: Float[np.ndarray, " nodes"],
    loose: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One pass of MMG; triangles keep their labels."""
    from mmgpy import MmgMesh3D

    mesh = MmgMesh3D()
    mesh.set_mesh_size(vertices=len(points), tetrahedra=len(tets), triangles=len(facets))
    mesh.set_vertices(np.ascontiguousarray(points, float))
    mesh.set_tetrahedra(np.ascontiguousarray(tets, np.int32))
    mesh.set_triangles(np.ascontiguousarray(facets, np.int32), (label + 1).astype(np.int64))
    fine, coarse = float(sizes.min()), float(sizes.max())
    shortest, longest, off = SHORTEST * fine, LONGEST * coarse, OFF * coarse
    if fine < coarse:
        mesh.set_field("metric", np.ascontiguousarray(sizes[:, None]))
    if loose >= 0:
        mesh.set_local_parameters(
            [
                {
                    "type": "triangle",
                    "ref": loose + 1,
                    "hmin": shortest,
                    "hmax": longest,
                    "hausd": coarse,
                }
            ]
        )
    try:
        mesh.remesh(hmin=shortest, hmax=longest, hausd=off, hgrad=GROWTH, angle=0, verbose=-1)
    except RuntimeError as error:
        raise MeshError(
            f"{name}: remeshing to {_told(sizes)} failed ({error}). Try another edge."
        ) from error
    new_points = np.asarray(mesh.get_vertices(), float)
    new_tets = np.asarray(mesh.get_tetrahedra(), np.int64)
    triangles, references = mesh.get_triangles_with_refs()
    whole = without_hinges(new_tets)
    used, new_tets = np.unique(new_tets[whole], return_inverse=True)
    place = np.full(len(new_points), -1)
    place[used] = np.arange(len(used))
    new_tets = new_tets.reshape(-1, 4)
    outer, _ = boundary(new_tets)
    at = match_facets(outer, place[np.asarray(triangles, np.int64)])
    lost = at < 0
    if lost.any() and whole.all():
        raise MeshError(
            f"{name}: remeshing to {_told(sizes)} lost surface names. Try another edge."
        )
    new_label = np.asarray(references, np.int64)[at] - 1
    centers = new_points[used][outer].mean(axis=1)
    new_label[lost] = _nearest(centers[~lost], new_label[~lost], centers[lost])
    return new_points[used], new_tets, outer, new_label


def _transfer_cavity(
    mesh: HeartMesh,
    name: str,
    cavity: Cavity,
    points: Float[np.ndarray, "nodes 3"],
    surfaces: Mapping[str, Int[np.ndarray, "facets 3"]],
) -> Cavity:
    """Cavity of the new endocardium; each opening is named like the nearest old one."""
    surface = f"{name}_endocardium"
    if surface not in surfaces:
        raise MeshError(f"{mesh.name}: cavity {name!r} has no surface {surface!r}. Name it.")
    centers = {rim: mesh.points[loop].mean(axis=0) for rim, loop in cavity.rims.items()}

    def name_rim(_number: int, loop: np.ndarray) -> str:
        middle = points[loop].mean(axis=0)
        return min(centers, key=lambda rim: float(np.linalg.norm(centers[rim] - middle)))

    return make_cavity(surfaces[surface], name=f"{mesh.name}, {name}", name_rim=name_rim)
