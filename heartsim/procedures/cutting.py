"""Edits of anatomy that take tissue away: pieces of the wall, or a slice off its inside.

Each only plans, on the whole unloaded wall; `heartsim.mesh.surgery` carries all plans out together.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, final

import numpy as np

from heartsim.errors import ProcedureError
from heartsim.mesh.heartmesh import Cut
from heartsim.mesh.surfaces import boundary as outer_facets
from heartsim.mesh.surfaces import cell_volumes, facet_areas, match_facets
from heartsim.mesh.surgery import PARED, clean_cut
from heartsim.procedures.edit import AnatomyEdit, Receipt
from heartsim.units import cm, mL, mm

if TYPE_CHECKING:
    from heartsim.mesh.heartmesh import HeartMesh
    from heartsim.microstructure.coordinates import Coordinates

LATERAL = np.pi
"""Angle of the middle of the free wall about the long axis [rad]; 0 is the middle of the septum."""

OUTFLOW = np.pi / 6
"""Angle of the septum below the aortic valve, on its anterior side [rad]."""


def landmarks(mesh: "HeartMesh") -> "Coordinates":
    """Ventricular coordinates of a mesh."""
    # imported here: it brings in scipy, which the catalogue does without
    from heartsim.microstructure.coordinates import coordinates

    return coordinates(mesh)


def _planned(
    mesh: "HeartMesh", name: str, cells: np.ndarray, closure: Literal["seam", "patch"]
) -> tuple["HeartMesh", Receipt]:
    """Heart with a cut planned, and what will be taken out."""
    cells = clean_cut(mesh, cells)
    facets, behind = outer_facets(mesh.tets)
    inside = match_facets(mesh.surface("LV_endocardium"), facets)
    gone = np.isin(behind[inside], cells)
    receipt = Receipt(
        action=f"cut {name.replace('_', ' ')} out of the left ventricle",
        target=f"cut:{name}",
        amounts={
            "removed_mL": cell_volumes(mesh.points, mesh.tets)[cells].sum() / mL,
            "endocardium_removed_cm2": facet_areas(
                mesh.points, mesh.surface("LV_endocardium")[gone]
            ).sum()
            / cm**2,
        },
    )
    return mesh.with_cut(name, Cut(cells, closure)), receipt


@final
@dataclass(frozen=True)
class CutOutPatch(AnatomyEdit):
    """Cut a transmural piece out of the left ventricle, around the middle of a segment.

    Attributes
    ----------
    name : str
        Name of the cut and of the strands that close it.
    segment : int
        AHA segment (1 to 17) in whose middle the piece is centered.
    fraction : float
        Its volume over that of the left ventricular wall with the septum.
    closure : {"seam", "patch"}
        Edges sewn to each other, or to the edge of a patch.
    """

    name: str
    segment: int
    fraction: float
    closure: Literal["seam", "patch"]

    @property
    def targets(self) -> tuple[str, ...]:
        """The cut."""
        return (f"cut:{self.name}",)

    def apply_to_mesh(self, mesh: "HeartMesh") -> tuple["HeartMesh", Receipt]:
        """Return the heart with the cut planned.

        Raises
        ------
        RegionNotFound
            If the heart has no such segment.
        """
        from heartsim.microstructure.segments import infarct

        piece = infarct(mesh, fraction=self.fraction, center_segment=self.segment, border=0.0)
        return _planned(mesh, self.name, piece.core, self.closure)


@final
@dataclass(frozen=True)
class CutOutWedge(AnatomyEdit):
    """Cut a wedge out of the free wall, pointed towards apex and base, to be sewn shut.

    Attributes
    ----------
    name : str
        Name of the cut and of the seam.
    width : float
        Greatest width, measured round the middle of the wall [mm].
    lowest, highest : float
        Where it ends, 0 at the endocardial apex, 1 at the base.
    """

    name: str
    width: float
    lowest: float = 0.1
    highest: float = 0.7

    @property
    def targets(self) -> tuple[str, ...]:
        """The cut."""
        return (f"cut:{self.name}",)

    def apply_to_mesh(self, mesh: "HeartMesh") -> tuple["HeartMesh", Receipt]:
        """Return the heart with the cut planned.

        Raises
        ------
        ProcedureError
            If the mesh is too coarse for a wedge of this width.
        """
        from heartsim.microstructure.coordinates import left_wall

        axis = landmarks(mesh).axis
        centers = mesh.points[mesh.tets].mean(axis=1)
        height = axis.height(centers)
        arm = centers - axis.apex
        radius = np.linalg.norm(arm - (arm @ axis.direction)[:, None] * axis.direction, axis=1)
        off = np.abs(np.angle(np.exp(1j * (axis.angle(centers) - LATERAL))))
        along = (height - self.lowest) / (self.highest - self.lowest)
        half = self.width / 2 * np.sin(np.pi * np.clip(along, 0, 1))
        within = (along > 0) & (along < 1) & (off < np.pi / 2) & (off * radius < half)
        cells = np.flatnonzero(left_wall(mesh) & within)
        if not len(cells):
            raise ProcedureError(
                f"{self.name}: a wedge of {self.width / mm:.0f} mm holds no cell of {mesh.name}. "
                "Make it wider or use a finer mesh."
            )
        return _planned(mesh, self.name, cells, "seam")


@final
@dataclass(frozen=True)
class PareSeptum(AnatomyEdit):
    """Pare muscle from the left side of the basal septum, deepest in the middle.

    Nodes of the endocardium move into the septum and those behind follow, less and less up to the
    right side: no cell is lost, the wall gets thinner. Rims of valves stay.

    Attributes
    ----------
    depth : float
        Greatest depth [mm]; 0 changes nothing.
    length : float
        From the base towards the apex [mm].
    width : float
        Round the septum [mm].
    """

    depth: float
    length: float
    width: float

    @property
    def targets(self) -> tuple[str, ...]:
        """The septum's shape."""
        return ("shape:septum",)

    def apply_to_mesh(self, mesh: "HeartMesh") -> tuple["HeartMesh", Receipt]:
        """Return the heart with the slice planned.

        Raises
        ------
        ProcedureError
            If less than a third of a cell would be left.
        """
        from heartsim.microstructure.coordinates import left_wall

        where = landmarks(mesh)
        axis, own = where.axis, np.zeros(len(mesh.points), bool)
        own[np.unique(mesh.tets[left_wall(mesh)])] = True
        rims = [loop for cavity in mesh.cavities.values() for loop in cavity.rims.values()]
        own[np.concatenate(rims)] = False
        below = (1 - axis.height(mesh.points)) * axis.length / self.length
        arm = mesh.points - axis.apex
        out = arm - (arm @ axis.direction)[:, None] * axis.direction
        radius = np.linalg.norm(out, axis=1)
        aside = np.angle(np.exp(1j * (axis.angle(mesh.points) - OUTFLOW)))
        across = aside * radius / (self.width / 2)
        inside = own & (below > 0) & (below < 1) & (np.abs(across) < 1)
        bump = np.sin(np.pi * np.clip(below, 0, 1)) * np.cos(np.pi / 2 * np.clip(across, -1, 1))
        depth = self.depth * np.where(inside, bump * (1 - where.transmural), 0.0)
        move = depth[:, None] * out / np.maximum(radius, 1e-9)[:, None]
        before = cell_volumes(mesh.points, mesh.tets)
        after = cell_volumes(mesh.points + move, mesh.tets)
        if (after / before).min() < 1 / 3:
            raise ProcedureError(
                f"{self.depth / mm:.0f} mm off the septum would leave "
                f"{100 * max((after / before).min(), 0):.0f} % of its thinnest cell. Pare less."
            )
        pared = move + mesh.fields.get(PARED, 0.0)
        receipt = Receipt(
            action="pared the septum below the aortic valve",
            target="shape:septum",
            amounts={
                "removed_mL": (before - after).sum() / mL,
                "greatest_depth_mm": np.linalg.norm(move, axis=1).max() / mm,
            },
        )
        return mesh.with_fields({PARED: pared}), receipt
