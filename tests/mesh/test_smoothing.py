import numpy as np
import pytest

from heartsim.mesh.box import box
from heartsim.mesh.quality import radius_ratios
from heartsim.mesh.smoothing import improve
from heartsim.mesh.surfaces import cell_volumes


@pytest.fixture
def dented():
    """A block whose middle node almost touches a wall."""
    block = box((2, 2, 2), (2, 2, 2))
    middle = int(np.argmin(np.linalg.norm(block.points - 1, axis=1)))
    points = block.points.copy()
    points[middle] = [0.02, 0.9, 1.1]
    return points, block.tets, middle


def test_worst_cell_gets_better(dented):
    points, tets, middle = dented
    fixed = np.setdiff1d(np.arange(len(points)), middle)
    better = improve(points, tets, fixed)
    assert radius_ratios(better, tets).min() > 5 * radius_ratios(points, tets).min()
    assert cell_volumes(better, tets).min() > 0
    assert np.array_equal(better[fixed], points[fixed])
    assert np.array_equal(better, improve(points, tets, fixed))


def test_fixed_nodes_and_good_cells_stay(dented):
    points, tets, _ = dented
    assert np.array_equal(improve(points, tets, np.arange(len(points))), points)
    assert np.array_equal(improve(points, tets, np.arange(0), poor=0.0), points)
