"""GMRES against dense solves."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from heartsim.solve.krylov import gmres


def _system(n=40, k=3):
    random = np.random.default_rng(0)
    matrix = np.diag(np.linspace(1, 20, n)) + 0.3 * random.standard_normal((n, n))
    return jnp.asarray(matrix), jnp.asarray(random.standard_normal((k, n)))


def test_all_right_hand_sides_reach_their_tolerance():
    matrix, rhs = _system()
    found = gmres(lambda x: x @ matrix.T, lambda x, _: x, rhs, jnp.full(3, 1e-9), dimension=40)
    left = jnp.linalg.norm(rhs - found.x @ matrix.T, axis=1)
    assert float(left.max()) < 1e-8
    assert_allclose(found.residual, left, atol=1e-8)


def test_exact_preconditioner_needs_one_iteration():
    matrix, rhs = _system()
    inverse = jnp.linalg.inv(matrix)
    found = gmres(
        lambda x: x @ matrix.T, lambda x, _: x @ inverse.T, rhs, jnp.full(3, 1e-8), dimension=10
    )
    assert int(found.iterations) == 1


def test_nothing_to_do_costs_nothing():
    matrix, rhs = _system()
    found = gmres(
        lambda x: x @ matrix.T, lambda x, _: x, 0.0 * rhs, jnp.full(3, 1e-8), dimension=10
    )
    assert int(found.iterations) == 0
    assert_allclose(found.x, 0.0)


def test_residual_never_grows_with_the_space():
    matrix, rhs = _system(k=1)
    sizes = [
        float(
            gmres(lambda x: x @ matrix.T, lambda x, _: x, rhs, jnp.zeros(1), dimension=m).residual[
                0
            ]
        )
        for m in (1, 4, 8, 16)
    ]
    assert all(b <= a * (1 + 1e-12) for a, b in pairwise(sizes))
