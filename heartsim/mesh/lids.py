"""Where blood on a grid ends without muscle: the openings of the chambers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from heartsim.errors import MeshError
from heartsim.mesh.surfaces import unit_vectors
from heartsim.mesh.voxels import Voxels

LEAST_LID = 40.0
"""Area below which a gap of the muscle is no opening [mm²]."""
LEAST_SHARE = 0.12
"""Share of the largest opening of a chamber below which a gap is no opening."""
BARE = 0.4
"""Share of the border of the right blood without muscle above which no free wall was drawn."""
STEEP = 0.7
REACH = 30.0
"""Farthest from an opening that the base goes [mm]."""
NEIGHBORS = 16


@dataclass(frozen=True)
class Lids:
    """Openings of the chambers, as faces between blood and outside.

    Attributes
    ----------
    places, normals : (n, 3) float
        Centers of the faces [mm, frame of the cubes] and smoothed normals, out of the blood.
    lining : (m, 3) float
        Centers of all other faces of the blood.
    edge : float
        Edge of a cube [mm].
    area, count : mapping of chamber to number
        Area [mm²] and number of the openings.
    bare : tuple of str
        Chambers whose free wall was not drawn.
    """

    places: Float[np.ndarray, "n 3"]
    normals: Float[np.ndarray, "n 3"]
    lining: Float[np.ndarray, "m 3"]
    edge: float
    area: Mapping[str, float]
    count: Mapping[str, int]
    bare: tuple[str, ...]

    def height(self, points: Float[np.ndarray, "k 3"]) -> tuple[np.ndarray, np.ndarray]:
        """Height above the nearest opening, continued sideways, and distance from it [mm]."""
        from scipy.spatial import KDTree

        count = min(NEIGHBORS, len(self.places))
        distance, near = KDTree(self.places).query(points, k=count)
        near, distance = near.reshape(len(points), -1), distance.reshape(len(points), -1)
        offset = points[:, None] - self.places[near]
        return np.einsum("kni,kni->k", offset, self.normals[near]) / count, distance[:, 0]

    def cut(self, near: Bool[np.ndarray, "i j k"], reach: float) -> Float[np.ndarray, "i j k"]:
        """Positive above the openings, on the cubes near the blood [mm]."""
        from scipy.spatial import KDTree

        field = np.full(near.shape, -reach)
        points = np.argwhere(near) * self.edge
        height, off = self.height(points)
        beside = KDTree(self.lining).query(points)[0]
        field[near] = np.minimum.reduce([height, reach - off, beside - off + self.edge])
        return np.maximum(field, -reach)

    def flatness(
        self, points: Float[np.ndarray, "k 3"], normals: Float[np.ndarray, "k 3"]
    ) -> Float[np.ndarray, " k"]:
        """How much facets look like the base: positive if level with an opening and parallel."""
        from scipy.spatial import KDTree

        height, off = self.height(points)
        nearest = self.normals[KDTree(self.places).query(points)[1]]
        parallel = np.einsum("ki,ki->k", normals, nearest) - STEEP
        level = np.abs(height) < 2.5 * self.edge + 0.1 * off
        return np.where(level & (off < REACH), parallel, -1.0)


def find_lids(name: str, voxels: Voxels) -> Lids:
    """Find the openings of every chamber.

    Raises
    ------
    MeshError
        If muscle closes a chamber all round.
    """
    body = voxels.body
    places, normals, lining, area, count, bare = [], [], [], {}, {}, []
    up = None
    for chamber, mask in voxels.blood.items():
        index, toward, open_ = _faces(mask, body)
        smooth = _smoothed(index, toward, mask, voxels.edge)
        missing = chamber == "RV" and open_.mean() > BARE
        if missing:
            bare.append(chamber)
            open_ = open_ & (smooth @ up > STEEP)
        lid = _openings(index, open_, voxels.edge)
        if not lid.any():
            raise MeshError(
                f"{name}: muscle closes the {chamber} all round, and where its valves are cannot "
                "be told. Cut the segmentation or the surfaces open at the base."
            )
        if up is None:
            up = unit_vectors(toward[lid].sum(axis=0))
        area[chamber] = float(np.abs(smooth[lid] * toward[lid]).sum() * voxels.edge**2)
        count[chamber] = int(_components(index[lid]).max()) + 1
        places.append((index + toward / 2)[lid] * voxels.edge)
        normals.append(smooth[lid])
        lining.append((index + toward / 2)[~lid] * voxels.edge)
    return Lids(
        np.concatenate(places),
        np.concatenate(normals),
        np.concatenate(lining),
        voxels.edge,
        area,
        count,
        tuple(bare),
    )


def _faces(mask: np.ndarray, body: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cubes at the border of a mask, which way out, and whether the outside lies there."""
    index, toward, open_ = [], [], []
    for axis in range(3):
        for step in (-1, 1):
            beyond = np.roll(mask, -step, axis)
            found = np.argwhere(mask & ~beyond)
            way = step * np.eye(3, dtype=int)[axis]
            there = found + way
            index.append(found)
            toward.append(np.broadcast_to(way, found.shape))
            open_.append(~body[tuple(there.T)])
    return np.concatenate(index), np.concatenate(toward), np.concatenate(open_)


def _smoothed(index: np.ndarray, toward: np.ndarray, mask: np.ndarray, edge: float) -> np.ndarray:
    """Outward normals of a mask at its faces, over a few millimeters."""
    from scipy.ndimage import gaussian_filter

    blurred = gaussian_filter(mask.astype(float), 2.0 / edge)
    slope = np.stack([np.gradient(blurred, axis=axis) for axis in range(3)], axis=-1)
    return -unit_vectors(slope[tuple(index.T)] + slope[tuple((index + toward).T)])


def _openings(index: np.ndarray, open_: np.ndarray, edge: float) -> Bool[np.ndarray, " n"]:
    """Faces of gaps that are large enough to be an opening."""
    lid = np.zeros(len(index), bool)
    at = np.flatnonzero(open_)
    if len(at) == 0:
        return lid
    part = _components(index[at])
    size = np.bincount(part) * edge**2
    large = (size > LEAST_LID) & (size > LEAST_SHARE * size.max())
    lid[at[large[part]]] = True
    return lid


def _components(index: np.ndarray) -> np.ndarray:
    """Number of the connected piece of each cube, corners count as touching."""
    from scipy.ndimage import label

    low = index.min(axis=0)
    grid = np.zeros(index.max(axis=0) - low + 1, bool)
    grid[tuple((index - low).T)] = True
    part = np.zeros(grid.shape, np.int32)
    label(grid, structure=np.ones((3, 3, 3)), output=part)
    return part[tuple((index - low).T)] - 1
