"""Muscle whose fibers are interpolated vectors, several in a cell."""

import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from heartsim.tissue.passive import HolzapfelOgden
from heartsim.units import Pa, kPa
from heartsim.verification import arostica_nodal
from heartsim.verification.arostica_body import CASES, EXPONENTS
from heartsim.verification.arostica_nodal import InterpolatedFibers

SCALES = jnp.array(CASES["1"].scales) * Pa
KAPPA, TENSION = 1000 * kPa, 50.0
F = np.array([[1.1, 0.05, -0.02], [0.03, 0.95, 0.04], [-0.01, 0.02, 1.02]])


def muscle_of(fiber, sheet, shares):
    return InterpolatedFibers(SCALES, KAPPA, *(jnp.asarray(x) for x in (fiber, sheet, shares)))


def test_axes_of_length_one_are_the_benchmarks_law():
    a, a_f, a_s, a_fs = SCALES
    b, b_f, b_s, b_fs = EXPONENTS
    law = HolzapfelOgden(a, b, a_f, b_f, a_s, b_s, a_fs, b_fs, logistic=True)
    axes = np.eye(3)
    ours = muscle_of(axes[[0, 0]], axes[[1, 1]], [0.3, 0.7])
    C = jnp.asarray(F.T @ F)
    volume = KAPPA / 4 * (np.linalg.det(F) ** 2 - 1 - 2 * np.log(np.linalg.det(F)))
    expected = law.energy(C) + TENSION / 2 * (C[0, 0] - 1) + volume
    assert_allclose(ours.energy(C, TENSION), expected, rtol=1e-12)


def test_energy_is_the_mean_over_the_points_of_a_cell():
    random = np.random.default_rng(0)
    fiber, sheet, shares = random.random((3, 3)), random.random((3, 3)), np.array([0.2, 0.3, 0.5])
    C = jnp.asarray(F.T @ F)
    alone = [
        muscle_of(fiber[k : k + 1], sheet[k : k + 1], [1.0]).energy(C, TENSION) for k in range(3)
    ]
    mean = muscle_of(fiber, sheet, shares).energy(C, TENSION)
    assert_allclose(mean, shares @ np.array(alone), rtol=1e-12)


def test_interpolated_fibers_are_no_longer_than_one():
    fiber, sheet, shares = arostica_nodal._read_at_points()
    lengths = np.linalg.norm(np.stack([fiber, sheet]), axis=-1)
    assert lengths.max() < 1 + 1e-12
    assert np.quantile(lengths, 0.01) > 0.95
    assert_allclose(shares.sum(), 1.0)
