"""A beam: the domain of the first 2015 benchmark problem and of patch tests."""

import itertools

import numpy as np

from heartsim.errors import MeshError
from heartsim.mesh.ellipsoid import ORIGIN
from heartsim.mesh.heartmesh import HeartMesh
from heartsim.mesh.rows import orient
from heartsim.mesh.surfaces import boundary


def box(
    lengths: tuple[float, float, float],
    divisions: tuple[int, int, int],
    *,
    name: str = "box",
) -> HeartMesh:
    """Rectangular block [0, lengths] of tetrahedra, six to each brick, mirrored brick by brick.

    Parameters
    ----------
    lengths : (3,) float
        Side lengths [mm].
    divisions : (3,) int
        Bricks along each side.
    name : str
        Name of the mesh.

    Returns
    -------
    HeartMesh
        Region ``"LV"``; surfaces ``"x0"``, ``"x1"``, ``"y0"``, ``"y1"``, ``"z0"``, ``"z1"``;
        no cavities.
    """
    if min(lengths) <= 0 or min(divisions) < 1:
        raise MeshError(
            f"box: lengths {lengths} mm and divisions {divisions}. All must be positive."
        )
    grid = np.meshgrid(*(np.arange(n + 1) for n in divisions), indexing="ij")
    index = np.stack(grid, axis=-1).reshape(-1, 3)
    points = index * (np.array(lengths, float) / np.array(divisions))
    tets = orient(points, _bricks(divisions))
    facets, _ = boundary(tets)
    surfaces = {}
    for axis, letter in enumerate("xyz"):
        for end, number in enumerate((0, divisions[axis])):
            flat = (index[facets, axis] == number).all(axis=1)
            surfaces[f"{letter}{end}"] = facets[flat]
    return HeartMesh(
        name=name,
        points=points,
        tets=tets,
        regions={"LV": np.arange(len(tets))},
        surfaces=surfaces,
        cavities={},
        origin=ORIGIN,
    )


def _bricks(divisions: tuple[int, int, int]) -> np.ndarray:
    """Six tetrahedra a brick, along paths from its all-even to its all-odd corner."""
    low = np.stack(np.meshgrid(*(np.arange(n) for n in divisions), indexing="ij"), axis=-1)
    low = low.reshape(-1, 3)
    even, odd = low + low % 2, low + (low + 1) % 2
    strides = np.array([(divisions[1] + 1) * (divisions[2] + 1), divisions[2] + 1, 1])
    tets = []
    for order in itertools.permutations(range(3)):
        corner = even.copy()
        path = [corner @ strides]
        for axis in order:
            corner[:, axis] = odd[:, axis]
            path.append(corner @ strides)
        tets.append(np.stack(path, axis=1))
    return np.concatenate(tets)
