"""Sides of a great vessel: its lumen, its outside, and the end where it was cut."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from heartsim.errors import MeshError
from heartsim.mesh.surfaces import (
    area_vectors,
    components,
    facet_areas,
    facet_normals,
    unit_vectors,
)
from heartsim.units import deg, mm

SEEDS: Final = 400
"""Facets that are tried as part of the end."""

ALIGNED: Final = 0.8
"""Least cosine between the normals of facets of one end."""

SLAB: Final = 2.5 * mm
"""How far facets of one end may lie from its plane; imaged walls are about as thick."""

HOLE: Final = 5.0 * mm
"""Least distance from the middle of an end to its facets: an end is a ring, a side is not."""

GAP: Final = 45 * deg
"""Largest angle about the middle of an end without a facet."""


def tube_sides(
    points: Float[np.ndarray, "nodes 3"],
    facets: Int[np.ndarray, "f 3"],
    start: Float[np.ndarray, " 3"],
    *,
    name: str,
) -> tuple[Bool[np.ndarray, " f"], Bool[np.ndarray, " f"]]:
    """Tell the outside and the cut end of a vessel wall from its lumen.

    The end is the flat ring of largest area. Of the other facets those face the lumen whose
    normals point to the line from the valve to the middle of that ring.

    Parameters
    ----------
    points : (n, 3) float
        Nodes [mm].
    facets : (f, 3) int
        Surface of the wall, normals out of the tissue.
    start : (3,) float
        Middle of the valve where the vessel begins [mm].
    name : str
        Used in messages.

    Returns
    -------
    outside, end : (f,) bool

    Raises
    ------
    MeshError
        If no flat ring is found.
    """
    center, normal = points[facets].mean(axis=1), facet_normals(points, facets)
    area = facet_areas(points, facets)
    best, largest = None, 0.0
    for seed in range(0, len(facets), max(len(facets) // SEEDS, 1)):
        ring = _ring(center, normal, center[seed], normal[seed])
        if ring is not None and area[ring].sum() > largest:
            best, largest = ring, float(area[ring].sum())
    if best is None:
        raise MeshError(
            f"{name}: its wall has no flat ring-shaped end. Cut the vessel off across, or read the "
            "ventricles alone."
        )
    facing = unit_vectors(area_vectors(points, facets)[best].sum(axis=0))
    middle = np.average(center[best], axis=0, weights=area[best])
    end = _ring(center, normal, middle, facing)
    end = _largest_part(facets, best if end is None else end, len(points))
    along = unit_vectors(middle - start)
    arm = center - start
    arm = arm - (arm @ along)[:, None] * along
    inside = (normal * arm).sum(axis=1) < 0
    return ~inside & ~end, end


def _ring(
    center: Float[np.ndarray, "f 3"],
    normal: Float[np.ndarray, "f 3"],
    place: Float[np.ndarray, " 3"],
    facing: Float[np.ndarray, " 3"],
) -> Bool[np.ndarray, " f"] | None:
    """Facets near a plane that face as it does, if they lie all around a hole."""
    flat = (normal @ facing > ALIGNED) & (np.abs((center - place) @ facing) < SLAB)
    arm = center[flat] - center[flat].mean(axis=0)
    if np.linalg.norm(arm, axis=1).min() < HOLE:
        return None
    first = unit_vectors(arm[0] - (arm[0] @ facing) * facing)
    turn = np.sort(np.arctan2(arm @ np.cross(facing, first), arm @ first))
    gap = np.diff(np.append(turn, turn[0] + 2 * np.pi)).max()
    return flat if gap < GAP else None


def _largest_part(
    facets: Int[np.ndarray, "f 3"], marked: Bool[np.ndarray, " f"], nodes: int
) -> Bool[np.ndarray, " f"]:
    """Those of the marked facets that hang together, where most do."""
    part = components(facets[marked], nodes)
    kept = marked.copy()
    kept[marked] = part == np.argmax(np.bincount(part))
    return kept
