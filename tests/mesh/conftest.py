"""Hearts shared by the tests of this folder."""

from pathlib import Path

import meshio
import numpy as np
import pytest

from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.ellipsoid import human_left_ventricle
from heartsim.mesh.fourchamber import read_four_chamber
from heartsim.mesh.heartmesh import HeartMesh
from tests.mesh.block_heart import write_block_heart


@pytest.fixture(scope="session")
def two_ventricles() -> HeartMesh:
    return biventricle(10)


@pytest.fixture(scope="session")
def human_left() -> HeartMesh:
    return human_left_ventricle(10)


@pytest.fixture(scope="session")
def block_file(tmp_path_factory) -> Path:
    return write_block_heart(tmp_path_factory.mktemp("blocks"))


@pytest.fixture(scope="session")
def four_chambers(block_file) -> HeartMesh:
    return read_four_chamber(block_file, chambers="all")


@pytest.fixture(scope="session")
def surface_file():
    """Write a surface, with the nodes that it uses, into a file."""

    def write(path, points, facets):
        used, facets = np.unique(facets, return_inverse=True)
        meshio.Mesh(points[used], [("triangle", facets.reshape(-1, 3))]).write(path)
        return path

    return write
