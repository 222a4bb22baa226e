"""Edge lengths that are short near a place and as before elsewhere."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from heartsim.errors import MeshError
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.surfaces import edges_of
from heartsim.units import mm


@dataclass(frozen=True)
class Finer:
    """Where a mesh should be finer.

    Attributes
    ----------
    place : (k, 3) float
        Points of the place, in the coordinates of the heart [mm].
    edge : float
        Edge length there [mm].
    reach : float
        How far it holds beyond these points [mm].
    """

    place: Float[np.ndarray, "k 3"]
    edge: float
    reach: float


def edge_lengths(mesh: HeartMesh) -> Float[np.ndarray, " nodes"]:
    """Mean length of the edges at each node [mm]."""
    edges = edges_of(mesh.tets)
    length = np.linalg.norm(mesh.points[edges[:, 1]] - mesh.points[edges[:, 0]], axis=1)
    total = np.bincount(edges.ravel(), np.repeat(length, 2), len(mesh.points))
    return total / np.bincount(edges.ravel(), minlength=len(mesh.points))


def sizes(
    mesh: HeartMesh, edge: float | None, finer: Finer | None
) -> float | Float[np.ndarray, " nodes"]:
    """Edge length wanted at each node [mm], or everywhere.

    Parameters
    ----------
    mesh : HeartMesh
        The heart that will be remeshed.
    edge : float or None
        Edge length [mm]; None leaves it as it is.
    finer : Finer or None
        Where it is shorter; it is longer nowhere.

    Raises
    ------
    MeshError
        If the finer part is finer nowhere.
    """
    usual = edge_lengths(mesh) if edge is None else edge
    if finer is None:
        return usual
    # imported here: hearts are often loaded as they are
    from scipy.spatial import KDTree

    # points of the place are some edges apart, and no node may lie at one
    reach = np.maximum(finer.reach, np.multiply(0.5, usual))
    near = KDTree(finer.place).query(mesh.points)[0] <= reach
    if not np.any(near & (finer.edge < usual)):
        there = np.broadcast_to(usual, near.shape)[near] / mm
        raise MeshError(
            f"{mesh.name}: edges of {finer.edge / mm:g} mm are finer nowhere in the named place, "
            f"where they have {there.min():.1f} to {there.max():.1f} mm. Give a shorter edge."
        )
    return np.where(near, np.minimum(usual, finer.edge), usual)
