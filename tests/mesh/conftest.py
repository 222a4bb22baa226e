"""Hearts shared by the tests of this folder."""

import pytest

from heartsim.mesh.biventricle import biventricle
from heartsim.mesh.ellipsoid import human_left_ventricle
from heartsim.mesh.heartmesh import HeartMesh


@pytest.fixture(scope="session")
def two_ventricles() -> HeartMesh:
    return biventricle(10)


@pytest.fixture(scope="session")
def human_left() -> HeartMesh:
    return human_left_ventricle(10)
