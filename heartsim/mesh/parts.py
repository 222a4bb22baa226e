"""A part of a heart, such as its ventricles, cut out as a heart of its own."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from heartsim.errors import RegionNotFound, not_found
from heartsim.mesh.heartmesh import ATRIA, GREAT_VESSELS, VENTRICULAR, Cavity, HeartMesh
from heartsim.mesh.surfaces import boundary, match_facets


@dataclass(frozen=True)
class Part:
    """Some regions of a heart, and where its nodes and cells are in the whole.

    Attributes
    ----------
    heart : HeartMesh
        The part; its ``"base"`` is all of its surface that is neither endocardium nor epicardium,
        so also where it was cut off from the rest.
    nodes : (n,) int
        Number of each of its nodes in the whole heart.
    cells : (c,) int
        Number of each of its cells in the whole heart.
    """

    heart: HeartMesh
    nodes: Int[np.ndarray, " n"]
    cells: Int[np.ndarray, " c"]


def has_atria(mesh: HeartMesh) -> bool:
    """Whether the heart has four chambers of tissue."""
    return all(name in mesh.cavities and name in mesh.regions for name in ATRIA)


def cells_of(mesh: HeartMesh, regions: Iterable[str]) -> Bool[np.ndarray, " cells"]:
    """Whether each cell lies in one of the regions; those a mesh lacks hold none."""
    inside = np.zeros(len(mesh.tets), bool)
    for name in regions:
        inside[mesh.regions.get(name, [])] = True
    return inside


def in_ventricles(mesh: HeartMesh) -> Bool[np.ndarray, " cells"]:
    """Cells of ventricles and septum: all but those of atria and great vessels."""
    return ~cells_of(mesh, (*ATRIA, *GREAT_VESSELS))


def shares(mesh: HeartMesh) -> dict[str, Int[np.ndarray, " k"]]:
    """Cells of the ventricles, of each atrium and of each great vessel: all cells, each once."""
    found = {"ventricles": np.flatnonzero(in_ventricles(mesh))}
    for name in (*ATRIA, *GREAT_VESSELS):
        if name in mesh.regions:
            found[name] = mesh.regions[name]
    return found


def ventricles(mesh: HeartMesh) -> Part:
    """Ventricles with the septum; the same heart if there is nothing else.

    Raises
    ------
    RegionNotFound
        If all cells belong to atria or great vessels.
    """
    inside = in_ventricles(mesh)
    if inside.all():
        return Part(mesh, np.arange(len(mesh.points)), np.arange(len(mesh.tets)))
    return _cut_out(mesh, inside, VENTRICULAR)


def part_of(mesh: HeartMesh, regions: Iterable[str]) -> Part:
    """Cut regions out of a heart.

    Fields, other regions and the endocardia and cavities of their chambers come along; a chamber
    is kept if its whole lining belongs to the part.

    Raises
    ------
    RegionNotFound
        If the mesh lacks one of the regions.
    """
    names = tuple(regions)
    for name in names:
        mesh.region(name)
    return _cut_out(mesh, cells_of(mesh, names), names)


def _cut_out(mesh: HeartMesh, inside: Bool[np.ndarray, " cells"], regions: Iterable[str]) -> Part:
    """Cells of a heart as a heart."""
    if not inside.any():
        raise not_found(RegionNotFound, "region", " + ".join(regions), mesh.name, mesh.regions)
    cells = np.flatnonzero(inside)
    nodes, tets = np.unique(mesh.tets[cells], return_inverse=True)
    tets = tets.reshape(-1, 4)
    place = np.full(len(mesh.points), -1)
    place[nodes] = np.arange(len(nodes))
    facets, _ = boundary(tets)
    chambers = {
        name: Cavity(place[c.facets], {rim: place[loop] for rim, loop in c.rims.items()})
        for name, c in mesh.cavities.items()
        if (match_facets(place[c.facets], facets) >= 0).all()
    }
    surfaces, rest = {}, np.ones(len(facets), bool)
    for name, triangles in mesh.surfaces.items():
        chamber = name.removesuffix("_endocardium")
        at = match_facets(facets, place[triangles])
        if name != "base" and (chamber == name or chamber in chambers) and (at >= 0).any():
            surfaces[name] = facets[at >= 0]
            rest &= at < 0
    surfaces["base"] = facets[rest]
    renumbered = np.cumsum(inside) - 1
    heart = HeartMesh(
        name=mesh.name,
        points=mesh.points[nodes],
        tets=tets,
        regions={
            name: renumbered[members[inside[members]]]
            for name, members in mesh.regions.items()
            if inside[members].any()
        },
        surfaces=surfaces,
        cavities=chambers,
        fields={
            name: array[cells] if len(array) == len(mesh.tets) else array[nodes]
            for name, array in mesh.fields.items()
        },
        origin=mesh.origin,
    )
    return Part(heart, nodes, cells)
