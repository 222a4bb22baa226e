"""Fibers of a whole heart: each chamber by its own rule, great vessels around their axis."""

import numpy as np
from jaxtyping import Float

from heartsim.mesh.heartmesh import ATRIA, GREAT_VESSELS, HeartMesh
from heartsim.mesh.parts import part_of, ventricles
from heartsim.microstructure.angles import OUTFLOW, HelixAngles
from heartsim.microstructure.atria import left_atrium, right_atrium, vessel
from heartsim.microstructure.coordinates import Coordinates, coordinates
from heartsim.microstructure.fibers import CENTROID, rule_based


def whole_heart(
    mesh: HeartMesh,
    *,
    angles: HelixAngles | None = None,
    points: Float[np.ndarray, "quad 4"] | None = None,
    position: Coordinates | None = None,
) -> Float[np.ndarray, "cells quad 3 3"]:
    """Fiber frames of all parts of a heart; those of `rule_based` for ventricles alone.

    Parameters
    ----------
    mesh : HeartMesh
        Two or four chambers.
    angles : HelixAngles, optional
        Helix angles of the ventricles.
    points : (q, 4) float, optional
        Barycentric points of each cell; the centroid by default.
    position : Coordinates, optional
        Coordinates of this mesh, if at hand.

    Returns
    -------
    (c, q, 3, 3) float
        Rows f, s, n: orthonormal, right-handed; s across the wall.

    Raises
    ------
    MeshError
        If an opening of an atrium has no name.
    """
    at = CENTROID if points is None else np.asarray(points, float)
    where = coordinates(mesh) if position is None else position
    part = ventricles(mesh)
    inside = rule_based(part.heart, angles=angles, points=at, position=where.on(part))
    frames = np.empty((len(mesh.tets), *inside.shape[1:]))
    frames[part.cells] = inside
    for name in (atrium for atrium in ATRIA if atrium in mesh.regions):
        part = part_of(mesh, [name])
        if name == "LA":
            frames[part.cells] = left_atrium(part.heart, at)
        else:
            frames[part.cells] = right_atrium(part.heart, at, mesh.lining_center("LA"))
    for name, chamber in zip(GREAT_VESSELS, ("LV", "RV"), strict=True):
        if name in mesh.regions:
            valve = mesh.points[mesh.cavities[chamber].rims[OUTFLOW[chamber]]].mean(axis=0)
            cells = mesh.region(name)
            frames[cells] = vessel(mesh, cells, at, (valve, _cut_end(mesh, name)))
    return frames


def _cut_end(mesh: HeartMesh, name: str) -> Float[np.ndarray, " 3"]:
    """Middle of the facets where a great vessel was cut off [mm]."""
    base = mesh.surface("base")
    own = np.isin(base, np.unique(mesh.tets[mesh.region(name)])).all(axis=1)
    return mesh.points[base[own]].mean(axis=(0, 1))
