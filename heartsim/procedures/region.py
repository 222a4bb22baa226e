"""Edits of anatomy that name a part of the wall, so that later edits can act on it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from heartsim.errors import ProcedureError, not_found
from heartsim.mesh.surfaces import cell_volumes
from heartsim.procedures.edit import AnatomyEdit, Receipt
from heartsim.units import mL

if TYPE_CHECKING:
    from heartsim.mesh.heartmesh import HeartMesh


def no_such_region(region: str, marked: Iterable[str]) -> ProcedureError:
    """Error for a region that a heart does not have: those it has, and what marks one."""
    missing = not_found(ProcedureError, "region", region, "this heart", marked)
    return ProcedureError(
        f"{missing} Conditions such as infarct mark their muscle, if given before this."
    )


@final
@dataclass(frozen=True)
class MarkRegion(AnatomyEdit):
    """Mark a transmural patch of the left ventricle, with a border that fades out.

    The core becomes the region ``region``, the border ``<region>_border``, and the cell field
    ``weight_<region>`` holds the share of each cell: 1 in the core, a ramp in the border, else 0.

    Attributes
    ----------
    region : str
        Name of the region.
    segment : int
        AHA segment (1 to 17) in whose middle the patch is centered.
    fraction : float
        Volume of the core over that of the left ventricular wall with the septum.
    border_zone : float
        Width of the border [mm].
    """

    region: str
    segment: int
    fraction: float
    border_zone: float

    @property
    def targets(self) -> tuple[str, ...]:
        """The name of the region."""
        return (f"region:{self.region}",)

    def apply_to_mesh(self, mesh: "HeartMesh") -> tuple["HeartMesh", Receipt]:
        """Return the heart with the regions and the weight marked.

        Raises
        ------
        RegionNotFound
            If the heart has no such segment.
        """
        # imported here: it brings in scipy, which the catalogue does without
        from heartsim.microstructure.segments import infarct

        patch = infarct(
            mesh,
            fraction=self.fraction,
            center_segment=self.segment,
            border=self.border_zone,
        )
        weight = np.zeros(len(mesh.tets))
        weight[patch.core] = 1.0
        weight[patch.border] = patch.weight
        marked = mesh.with_region(self.region, patch.core)
        marked = marked.with_region(f"{self.region}_border", patch.border)
        marked = marked.with_fields({f"weight_{self.region}": weight})
        volume = cell_volumes(mesh.points, mesh.tets)
        receipt = Receipt(
            action=f"marked region {self.region} around AHA segment {self.segment}",
            target=f"region:{self.region}",
            amounts={
                "core_mL": volume[patch.core].sum() / mL,
                "border_mL": volume[patch.border].sum() / mL,
            },
        )
        return marked, receipt


@final
@dataclass(frozen=True)
class MarkSegments(AnatomyEdit):
    """Mark whole AHA segments as a region, without a border.

    Attributes
    ----------
    region : str
        Name of the region.
    segments : tuple of int
        AHA segments, 1 to 17.
    """

    region: str
    segments: tuple[int, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """The name of the region."""
        return (f"region:{self.region}",)

    def apply_to_mesh(self, mesh: "HeartMesh") -> tuple["HeartMesh", Receipt]:
        """Return the heart with the region marked.

        Raises
        ------
        RegionNotFound
            If the heart has no such segment.
        """
        # imported here: it brings in scipy, which the catalogue does without
        from heartsim.microstructure.segments import aha_segments, by_segments

        cells = by_segments(mesh, aha_segments(mesh), self.segments)
        marked = mesh.with_region(self.region, cells)
        listing = ", ".join(map(str, self.segments))
        receipt = Receipt(
            action=f"marked region {self.region}: AHA segments {listing}",
            target=f"region:{self.region}",
            amounts={"core_mL": cell_volumes(mesh.points, mesh.tets)[cells].sum() / mL},
        )
        return marked, receipt
