"""Hearts shared by the tests of this folder, each built once."""

from dataclasses import replace

import numpy as np
import pytest

from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.mesh.fourchamber import read_four_chamber
from heartsim.mesh.heartmesh import Cavity, HeartMesh
from heartsim.microstructure.coordinates import Coordinates, coordinates
from tests.mesh.block_heart import write_block_heart

ROTATION = np.linalg.qr(np.array([[0.3, -1.2, 0.5], [0.9, 0.4, 1.1], [-0.7, 0.2, 0.8]]))[0]
ROTATION = ROTATION * np.sign(np.linalg.det(ROTATION))


@pytest.fixture(scope="session")
def left() -> HeartMesh:
    return left_ventricle(1.5)


@pytest.fixture(scope="session")
def left_position(left: HeartMesh) -> Coordinates:
    return coordinates(left)


@pytest.fixture(scope="session")
def human() -> HeartMesh:
    """Left ventricle of human size."""
    return left_ventricle(5.0, endocardium=(23.0, 70.0), epicardium=(33.0, 80.0), base=20.0)


@pytest.fixture(scope="session")
def pair() -> HeartMesh:
    """Both ventricles."""
    return biventricle(6.0)


@pytest.fixture(scope="session")
def pair_position(pair: HeartMesh) -> Coordinates:
    return coordinates(pair)


@pytest.fixture(scope="session")
def four_chambers(tmp_path_factory) -> HeartMesh:
    """Four chambers of blocks."""
    path = write_block_heart(tmp_path_factory.mktemp("blocks"))
    return read_four_chamber(path, chambers="all")


def moved(mesh: HeartMesh) -> HeartMesh:
    """The heart after a rigid motion."""
    return mesh.with_points(mesh.points @ ROTATION.T + np.array([12.0, -40.0, 7.0]))


def mirrored(mesh: HeartMesh) -> HeartMesh:
    """The heart in a mirror across x = 0, oriented anew."""
    cavities = {
        name: Cavity(c.facets[:, ::-1], {rim: loop[::-1] for rim, loop in c.rims.items()})
        for name, c in mesh.cavities.items()
    }
    return replace(
        mesh,
        points=mesh.points * [-1, 1, 1],
        tets=mesh.tets[:, [0, 1, 3, 2]],
        surfaces={name: f[:, ::-1] for name, f in mesh.surfaces.items()},
        cavities=cavities,
    )


def renumbered(mesh: HeartMesh) -> HeartMesh:
    """The heart with its nodes in another order and the cells as they were."""
    place = np.random.default_rng(3).permutation(len(mesh.points))
    points = np.empty_like(mesh.points)
    points[place] = mesh.points
    cavities = {
        name: Cavity(place[c.facets], {rim: place[loop] for rim, loop in c.rims.items()})
        for name, c in mesh.cavities.items()
    }
    surfaces = {name: place[f] for name, f in mesh.surfaces.items()}
    return replace(mesh, points=points, tets=place[mesh.tets], surfaces=surfaces, cavities=cavities)
