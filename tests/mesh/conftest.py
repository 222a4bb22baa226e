"""Hearts shared by the tests of this folder."""

import pytest

from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.mesh.heartmesh import HeartMesh


@pytest.fixture(scope="session")
def two_ventricles() -> HeartMesh:
    return biventricle(10)


@pytest.fixture(scope="session")
def human_left() -> HeartMesh:
    return left_ventricle(10, endocardium=(24, 65), epicardium=(34, 74), base=24)
