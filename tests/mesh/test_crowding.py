"""Inner nodes that crowd are merged; the space they filled stays filled."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from heartsim.mesh.box import box
from heartsim.mesh.crowding import without_crowds
from heartsim.mesh.smoothing import rating
from heartsim.mesh.surfaces import boundary, cell_volumes


def crowded(cells: list[int]):
    """A block of 4 mm edges with a node amid some of its cells, and its surface nodes."""
    block = box((16.0, 16.0, 16.0), (4, 4, 4))
    points, tets = block.points, block.tets
    for cell in cells:
        corners, middle = tets[cell], len(points)
        points = np.vstack([points, points[corners].mean(axis=0)])
        split = np.repeat(corners[None], 4, axis=0)
        split[np.arange(4), np.arange(4)] = middle
        tets = np.vstack([np.delete(tets, cell, axis=0), split])
    return points, tets, np.unique(boundary(tets)[0])


def test_nodes_that_crowd_are_merged_and_space_stays_filled():
    points, tets, surface = crowded([150, 190, 230])
    merged = without_crowds(points, tets, surface, shortest=2.7)
    assert len(np.setdiff1d(tets, merged)) >= 3
    assert cell_volumes(points, merged).min() > 0
    assert_allclose(cell_volumes(points, merged).sum(), 16.0**3)
    assert rating(points, merged).min() >= rating(points, tets).min()
    before, after = (np.unique(np.sort(boundary(t)[0], axis=1), axis=0) for t in (tets, merged))
    assert_array_equal(after, before)


@pytest.mark.parametrize("shortest", [0.0, 1.0])
def test_nodes_far_enough_apart_stay(shortest):
    points, tets, surface = crowded([150])
    assert_array_equal(without_crowds(points, tets, surface, shortest), tets)


def test_nodes_of_the_surface_stay_however_near():
    points, tets, _ = crowded([150])
    everything = np.arange(len(points))
    assert_array_equal(without_crowds(points, tets, everything, shortest=100.0), tets)
