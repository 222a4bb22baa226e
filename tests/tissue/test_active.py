"""Active tension: the published conventions, Frank–Starling, smoothness."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.tissue.active import (
    HILL_SLOWNESS,
    LENGTHENING,
    ROUNDING,
    TWITCH_BETA,
    InvariantTension,
    active_tension,
)

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


@pytest.mark.parametrize(("beta", "most"), [(2.3, 0.005), (TWITCH_BETA, 0.0085)])
def test_length_factor_and_its_slope_are_continuous(beta, most):
    """The slope turns by beta / (2 `ROUNDING`) over a stretch; the grid has steps of 1e-4."""
    active = active_tension(beta)
    stretch = jnp.linspace(0.3, 1.5, 12001)
    slope = jax.vmap(jax.grad(active.length_factor))(stretch)
    assert_allclose(jnp.gradient(active.length_factor(stretch), stretch), slope, atol=0.01)
    assert float(jnp.max(jnp.abs(jnp.diff(slope)))) < most


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.3, 4.0])
def test_energy_is_zero_at_the_reference_and_finite_everywhere(beta):
    active = active_tension(beta)
    assert_allclose(derivatives(active, jnp.eye(3), 60.0)[0], 0.0, atol=1e-12)
    for C in (jnp.eye(3), 1e-4 * jnp.eye(3), 16 * jnp.eye(3)):
        for leaf in jax.tree.leaves(derivatives(active, C, 60.0)):
            assert bool(jnp.all(jnp.isfinite(leaf)))


def diagonal(along, across=1.0):
    return jnp.diag(jnp.array([along**2, 1.0, across**2]))


@jax.jit
def lost(active, C, before, rate):
    """Force on the unloaded section that motion costs, along and across, and its curvature."""
    slope, curvature = (
        d(lambda x: active.drag(x, before, 1.0, rate)) for d in (jax.grad, jax.hessian)
    )
    stretch = jnp.sqrt(jnp.array([C[0, 0], C[2, 2]]))
    S = 2 * slope(C)
    return stretch * jnp.array([S[0, 0], S[2, 2]]), curvature(C)


RATE = 1 / 8.0


def factor(speed):
    """Tension over its isometric value, at a speed of shortening over the largest."""
    change = -speed / (HILL_SLOWNESS * RATE)
    force, _ = lost(active_tension(), diagonal(1 + change), diagonal(1.0), RATE)
    return 1 + float(force[0])


def test_muscle_that_shortens_pulls_less_by_hills_hyperbola():
    """(F + a)(v + b) = (F0 + a) b: a constant, and no force at the largest speed."""
    a = 0.25
    for speed in (0.1, 0.3, 0.6, 1.0):
        assert_allclose((factor(speed) + a) * (speed + a), (1 + a) * a, rtol=1e-9)
    assert_allclose(factor(0.0), 1.0, atol=1e-12)
    assert_allclose(factor(1.0), 0.0, atol=1e-12)


def test_a_third_of_the_tension_is_left_at_the_speed_of_ejection():
    """1.6 /s at a third of the largest stress, PMC3568939."""
    assert_allclose(factor(1.6e-3 * HILL_SLOWNESS), 1 / 3, atol=0.05)


def test_muscle_that_is_drawn_out_pulls_more_up_to_its_limit():
    pulls = [factor(speed) for speed in (-0.01, -0.1, -1.0, -1e4)]
    assert np.all(np.diff(pulls) > 0)
    assert_allclose(pulls[-1], LENGTHENING, atol=1e-3)


def test_tension_has_one_slope_in_the_speed_at_rest():
    step = 1e-6
    faster, slower = factor(step) - factor(0.0), factor(0.0) - factor(-step)
    assert_allclose(faster, slower, rtol=1e-4)
    assert_allclose(faster / step, -(1 + 1 / 0.25), rtol=1e-4)


def test_drag_across_the_fibers_is_that_of_the_tension_across():
    active = active_tension(cross=0.3)
    force, _ = lost(active, diagonal(1.0, 1.06), diagonal(1.0, 1.1), RATE)
    expected = 0.3 * 1.1 * (factor(0.04 * HILL_SLOWNESS * RATE) - 1)
    assert_allclose(force, [0.0, expected], atol=1e-12)


@pytest.mark.parametrize("change", [-0.2, -0.01, 0.0, 0.01, 0.2])
def test_drag_takes_work_and_stiffens_every_step(change):
    before = diagonal(1.05)
    force, curvature = lost(active_tension(), diagonal(1.05 + change), before, RATE)
    assert float(force[0]) * change >= 0
    assert (float(force[0]) != 0) == (change != 0)
    along = 4 * (1.05 + change) ** 2 * curvature[0, 0, 0, 0]
    assert float(along + force[0] / (1.05 + change)) > 0  # by the stretch


@pytest.mark.parametrize(("rate", "slowness"), [(0.0, 200.0), (RATE, 0.0)])
def test_without_time_or_slowness_there_is_no_drag(rate, slowness):
    active = active_tension(cross=0.3, slowness=slowness)
    force, curvature = lost(active, diagonal(0.9, 0.9), diagonal(1.1), rate)
    assert_allclose(force, 0.0, atol=0)
    assert_allclose(curvature, 0.0, atol=0)
    slopes = jax.grad(lambda one: one.drag(diagonal(0.9), diagonal(1.1), 1.0, rate))(active)
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(slopes))
