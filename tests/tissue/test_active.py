"""Active tension: the published conventions, Frank–Starling, smoothness."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.tissue.active import ROUNDING, InvariantTension, active_tension

F_POINT = np.array([[1.10, 0.05, -0.02], [0.03, 0.95, 0.04], [-0.01, 0.02, 1.02]])
FRAME = np.array([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])


@jax.jit
def derivatives(active, C, tension):
    """Energy, its slope and curvature in C, and its slope in the parameters."""
    return (
        active.energy(C, tension),
        jax.grad(active.energy)(C, tension),
        jax.hessian(active.energy)(C, tension),
        jax.grad(lambda one: one.energy(C, tension))(active),
    )


def fiber_stress(active, stretch, tension=1.0):
    C = jnp.diag(jnp.array([stretch**2, 1 / stretch, 1 / stretch]))
    return 2 * derivatives(active, C, tension)[1][0, 0]


def test_the_benchmark_tension_is_that_of_land_2015():
    """Ta/2 (I4f − 1) with Ta = 60 kPa, values of an independent code."""
    active = InvariantTension()
    C = jnp.asarray(FRAME @ F_POINT.T @ F_POINT @ FRAME.T)
    energy, slope, *_ = derivatives(active, C, 60.0)
    assert_allclose(energy, 5.42856, rtol=1e-12)
    P = F_POINT @ FRAME.T @ (2 * np.asarray(slope)) @ FRAME
    expected = [[43.68, 32.76, 0.0], [28.512, 21.384, 0.0], [0.192, 0.144, 0.0]]
    assert_allclose(P, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("stretch", [0.4, 0.56, 0.7, 0.9, 1.0, 1.1, 1.19, 1.21, 1.3])
def test_force_on_the_unloaded_section_is_the_tension_times_the_length_factor(stretch):
    active = active_tension()
    expected = 50 * active.length_factor(jnp.asarray(stretch))
    assert_allclose(stretch * fiber_stress(active, stretch, 50.0), expected, atol=1e-11)


def test_muscle_pulls_across_its_fibers_in_the_plane_of_the_wall_only():
    active = active_tension(cross=0.3)
    for C in (jnp.eye(3), jnp.diag(jnp.array([1.3, 0.8, 0.9]))):
        stretch = jnp.sqrt(C[0, 0])
        along = 50 * active.length_factor(stretch) / stretch
        stress = 2 * derivatives(active, C, 50.0)[1]
        assert_allclose(stress, np.diag([along, 0.0, 0.3 * 50]), atol=1e-11)


def test_tension_grows_with_filling_then_stays():
    active = active_tension()
    h = active.length_factor
    assert_allclose(h(1.0), 1.0, rtol=1e-15)
    assert_allclose(h(1.1) - h(1.0), 0.1 * active.beta, rtol=1e-12)
    assert_allclose(h(1.2 + ROUNDING), 1 + 0.2 * active.beta, rtol=1e-12)
    assert_allclose(h(1.5), h(1.2 + ROUNDING), rtol=1e-12)
    assert_allclose(h(0.5), 0.0, atol=1e-12)


def test_length_factor_and_its_slope_are_continuous():
    active = active_tension()
    stretch = jnp.linspace(0.3, 1.5, 12001)
    slope = jax.vmap(jax.grad(active.length_factor))(stretch)
    assert_allclose(jnp.gradient(active.length_factor(stretch), stretch), slope, atol=0.01)
    assert float(jnp.max(jnp.abs(jnp.diff(slope)))) < 0.005


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.3, 4.0])
def test_energy_is_zero_at_the_reference_and_finite_everywhere(beta):
    active = active_tension(beta)
    assert_allclose(derivatives(active, jnp.eye(3), 60.0)[0], 0.0, atol=1e-12)
    for C in (jnp.eye(3), 1e-4 * jnp.eye(3), 16 * jnp.eye(3)):
        for leaf in jax.tree.leaves(derivatives(active, C, 60.0)):
            assert bool(jnp.all(jnp.isfinite(leaf)))
