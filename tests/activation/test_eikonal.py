"""Eikonal times against the closed form of a constant metric in a convex box."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.activation.eikonal import arrival_times, cell_times
from heartsim.errors import InputError

SIZE = np.array([20.0, 7.0, 3.0])
SPEED = {"fiber_speed": 0.6, "transverse_speed": 0.4}


def box(h, size=SIZE):
    """Six tetrahedra in each cube of a grid, all with the same long diagonal."""
    counts = np.rint(size / h).astype(int)
    axes = [np.linspace(0, length, n + 1) for length, n in zip(size, counts, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    number = np.arange(len(points)).reshape(counts + 1)
    corner = {
        (i, j, k): number[i : i + counts[0], j : j + counts[1], k : k + counts[2]].ravel()
        for i in (0, 1)
        for j in (0, 1)
        for k in (0, 1)
    }
    tets = []
    for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        path = [(0, 0, 0)]
        for axis in order:
            step = list(path[-1])
            step[axis] = 1
            path.append(tuple(step))
        tets.append(np.stack([corner[p] for p in path], axis=-1))
    tets = np.concatenate(tets)
    return points, tets, np.tile([1.0, 0.0, 0.0], (len(tets), 1))


def exact(points, source):
    """Distance in the metric to the nearest point of the cube [0, source]³."""
    gap = np.maximum(points - source, 0)
    return np.sqrt((gap[:, 0] / 0.6) ** 2 + (gap[:, 1] ** 2 + gap[:, 2] ** 2) / 0.4**2)


def error(h, source):
    points, tets, fiber = box(h)
    sites = np.flatnonzero((points <= source + 1e-9).all(axis=1))
    times = arrival_times(points, tets, fiber, sites, **SPEED)
    return np.abs(times - exact(points, source)).max()


def test_first_order_up_to_a_logarithm_from_a_source_cube():
    """Source cube of 1.5 mm in a 20 × 7 × 3 mm slab; the far corner is reached at 33.97 ms.

    Behind a source a first-order scheme errs by O(h log 1/h): over 10–20 mm, halving h from
    0.5 mm divides the error by 1.62–1.68.
    """
    coarse, fine = error(0.5, 1.5), error(0.25, 1.5)
    assert coarse < 0.5 / SPEED["transverse_speed"]
    assert 1.5 < coarse / fine < 2.0


def test_no_arrival_is_early():
    points, tets, fiber = box(0.5)
    sites = np.flatnonzero((points <= 1.5 + 1e-9).all(axis=1))
    late = arrival_times(points, tets, fiber, sites, **SPEED) - exact(points, 1.5)
    assert late.min() > -1e-9


def test_plane_wave_is_exact():
    points, tets, fiber = box(0.5)
    sites = np.flatnonzero(points[:, 0] == 0)
    times = arrival_times(points, tets, fiber, sites, **SPEED)
    assert_allclose(times, points[:, 0] / 0.6, atol=1e-9)


def test_rotating_the_slab_changes_nothing():
    points, tets, fiber = box(1.0)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))
    sites = np.array([0, 5])
    start = np.array([0.0, 2.0])
    plain = arrival_times(points, tets, fiber, sites, start=start, **SPEED)
    turned = arrival_times(
        points @ rotation.T, tets, -fiber @ rotation.T, sites, start=start, **SPEED
    )
    assert_allclose(turned, plain, atol=1e-9)


def test_wave_goes_round_a_block_and_not_through_it():
    points, tets, fiber = box(1.0)
    centre = points[tets].mean(axis=1)
    wall = (np.abs(centre[:, 0] - 10) < 1) & (centre[:, 1] < 6)
    sites = np.flatnonzero(points[:, 0] == 0)
    free = arrival_times(points, tets, fiber, sites)
    blocked = arrival_times(points, tets, fiber, sites, conducting=~wall)
    behind = (points[:, 0] > 12) & (points[:, 1] < 3)
    assert np.all(blocked[behind] > free[behind] + 1)
    whole = np.abs(centre[:, 0] - 10) < 1
    cut = arrival_times(points, tets, fiber, sites, conducting=~whole)
    assert np.all(np.isinf(cut[points[:, 0] > 11.5]))


def test_endocardial_activation_crosses_the_wall_at_transverse_speed():
    points, tets, fiber = box(1.0, np.array([10.0, 10.0, 12.0]))
    n = np.flatnonzero(points[:, 2] == 0)
    times = arrival_times(points, tets, fiber, n)
    assert_allclose(times, points[:, 2] / 0.3, atol=1e-9)
    assert 40.0 <= times.max() <= 60.0
    assert_allclose(cell_times(times, tets), points[tets].mean(axis=1)[:, 2] / 0.3, atol=1e-9)


def test_useless_input_is_refused():
    points, tets, fiber = box(1.0)
    with pytest.raises(InputError, match="must be positive"):
        arrival_times(points, tets, fiber, np.array([0]), fiber_speed=0.0)
    with pytest.raises(InputError, match="no pacing site"):
        arrival_times(points, tets, fiber, np.array([], dtype=int))
