"""Anatomy as data: one immutable tetrahedral heart with names for everything."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal, Self

import numpy as np
from jaxtyping import Float, Int

from heartsim.errors import RegionNotFound, SurfaceNotFound, not_found

CUT_RIM: Final = "cut"
"""First word of the rims of a chamber that are edges of a cut, not of a valve."""

VENTRICULAR: Final = ("LV", "RV", "septum")
ATRIA: Final = ("LA", "RA")
GREAT_VESSELS: Final = ("aorta", "pulmonary_artery")
TISSUE: Final = (*VENTRICULAR, *ATRIA, *GREAT_VESSELS)
"""Regions that share out the cells of a heart; others, such as an infarct, overlap them."""

VEINS: Final = {
    "LA": (
        "left_superior_pulmonary_vein",
        "left_inferior_pulmonary_vein",
        "right_superior_pulmonary_vein",
        "right_inferior_pulmonary_vein",
        "left_atrial_appendage",
    ),
    "RA": ("superior_vena_cava", "inferior_vena_cava"),
}
"""Rims of the atria without a valve: where veins come in, and where an appendage was cut off."""


def _nothing() -> MappingProxyType:
    return MappingProxyType({})


@dataclass(frozen=True)
class Cavity:
    """One blood chamber: its endocardium and the rims of the openings that close it.

    Attributes
    ----------
    facets : (f, 3) int
        Endocardial triangles (node indices), normals out of the blood, into the tissue.
    rims : mapping of name to (r,) int
        One closed node loop for each opening, in order around it, named by what sits there:
        ``"mitral"``, ``"aortic"``, ``"tricuspid"``, ``"pulmonary"`` or ``"base"``; in an atrium
        also those of `VEINS`. The two chambers beside an inlet valve have a rim of that name each.
        The lid of an opening is the fan of triangles (loop[i], loop[i+1], mean of the loop), and
        the loop runs so that the lid's normals point out of the blood.
    """

    facets: Int[np.ndarray, "facets 3"]
    rims: Mapping[str, Int[np.ndarray, " nodes"]]

    @property
    def valves(self) -> Mapping[str, Int[np.ndarray, " nodes"]]:
        """Rims with a valve: all but those of veins and the edges of cuts."""
        veins = {name for names in VEINS.values() for name in names}
        return {
            name: loop
            for name, loop in self.rims.items()
            if not name.startswith(CUT_RIM) and name not in veins
        }


@dataclass(frozen=True)
class Cut:
    """Cells that an operation takes out, and how the hole is closed.

    Attributes
    ----------
    cells : (k,) int
        Cells to remove.
    closure : {"seam", "patch"}
        Edges sewn to each other, or to the edge of a patch.
    """

    cells: Int[np.ndarray, " k"]
    closure: Literal["seam", "patch"]


@dataclass(frozen=True)
class HeartMesh:
    """A heart as tetrahedra with named regions, surfaces, cavities and fields.

    Attributes
    ----------
    name : str
        Short name used in messages and reports.
    points : (n, 3) float
        Node coordinates [mm].
    tets : (c, 4) int
        Positively oriented linear tetrahedra.
    regions : mapping of name to (k,) int
        Cells of each region. ``"LV"``, ``"RV"`` and ``"septum"``, with four chambers also
        ``"LA"``, ``"RA"``, ``"aorta"`` and ``"pulmonary_artery"`` (those present) partition the
        cells; further regions such as ``"infarct"`` may overlap them.
    surfaces : mapping of name to (f, 3) int
        Boundary triangles, normals out of the tissue: ``"LV_endocardium"``, ``"RV_endocardium"``,
        ``"LA_endocardium"``, ``"RA_endocardium"``, ``"epicardium"`` (the outer side, of great
        vessels too), ``"base"`` (where the heart was cut out of its surroundings). The lumen of
        great vessels and the annuli between an atrium and a ventricle have no name.
    cavities : mapping of name to Cavity
        ``"LV"``, ``"RV"``, ``"LA"``, ``"RA"``.
    fields : mapping of name to array
        Cell fields (c, …) and node fields (n, …), such as ``"fiber"`` (c, 3).
    cables : mapping of name to (k, 2) int
        Nodes that the strands of each device or seam join.
    cuts : mapping of name to Cut
        What operations take out, until `heartsim.mesh.surgery` has done so.
    origin : str
        Where the geometry comes from and its licence.
    """

    name: str
    points: Float[np.ndarray, "nodes 3"]
    tets: Int[np.ndarray, "cells 4"]
    regions: Mapping[str, Int[np.ndarray, " k"]]
    surfaces: Mapping[str, Int[np.ndarray, "facets 3"]]
    cavities: Mapping[str, Cavity]
    fields: Mapping[str, np.ndarray] = field(default_factory=_nothing)
    cables: Mapping[str, Int[np.ndarray, "k 2"]] = field(default_factory=_nothing)
    cuts: Mapping[str, Cut] = field(default_factory=_nothing)
    origin: str = ""

    def region(self, name: str) -> Int[np.ndarray, " k"]:
        """Cells of a region.

        Raises
        ------
        RegionNotFound
            If the mesh has no such region; the message lists those it has.
        """
        if name not in self.regions:
            raise not_found(RegionNotFound, "region", name, self.name, self.regions)
        return self.regions[name]

    def surface(self, name: str) -> Int[np.ndarray, "facets 3"]:
        """Triangles of a surface.

        Raises
        ------
        SurfaceNotFound
            If the mesh has no such surface; the message lists those it has.
        """
        if name not in self.surfaces:
            raise not_found(SurfaceNotFound, "surface", name, self.name, self.surfaces)
        return self.surfaces[name]

    def lining_center(self, chamber: str) -> Float[np.ndarray, " 3"]:
        """Middle of the endocardium of a chamber [mm]."""
        return self.points[self.cavities[chamber].facets].mean(axis=(0, 1))

    def with_points(self, points: Float[np.ndarray, "nodes 3"]) -> Self:
        """Return the same heart in another shape."""
        return replace(self, points=points)

    def with_region(self, name: str, cells: Int[np.ndarray, " k"]) -> Self:
        """Return the heart with one region added or replaced."""
        return replace(self, regions={**self.regions, name: np.asarray(cells)})

    def with_cable(self, name: str, ends: Int[np.ndarray, "k 2"]) -> Self:
        """Return the heart with one cable added or replaced."""
        return replace(self, cables={**self.cables, name: np.asarray(ends)})

    def with_cut(self, name: str, cut: Cut) -> Self:
        """Return the heart with one cut planned."""
        return replace(self, cuts={**self.cuts, name: cut})

    def with_fields(self, fields: Mapping[str, np.ndarray]) -> Self:
        """Return the heart with fields added or replaced."""
        return replace(self, fields={**self.fields, **fields})
