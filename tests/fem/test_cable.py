"""Strands pull along themselves when they are long, and on nothing else."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.fem.cable import (
    ROUNDING,
    cable,
    cable_blocks,
    cable_energy,
    cable_force,
    lengths,
    tensions,
)


def strands(rest=(3.0, 0.0, 8.0), stiffness=(5.0, 2.0, 7.0)):
    """Three strands on five points: taut, a suture, slack."""
    random = np.random.default_rng(3)
    x = jnp.asarray(4.0 * random.standard_normal((5, 3)))
    ends = np.array([[0, 1], [2, 3], [1, 4]])
    laid = cable(
        ends, np.linalg.norm(np.asarray(x)[ends[:, 1]] - np.asarray(x)[ends[:, 0]], axis=1)
    )
    return replace(laid, rest=jnp.asarray(rest), stiffness=jnp.asarray(stiffness)), x


def test_force_is_the_slope_of_the_energy_and_the_tangent_that_of_the_force():
    held, x = strands()
    way = jnp.asarray(np.random.default_rng(4).standard_normal(x.shape))
    h = 1e-5
    rise = (cable_energy(held, x + h * way) - cable_energy(held, x - h * way)) / (2 * h)
    assert_allclose(jnp.sum(cable_force(held, x) * way), rise, rtol=1e-7)
    bend = (cable_force(held, x + h * way) - cable_force(held, x - h * way)) / (2 * h)
    moved = jnp.einsum("sabij,sbj->sai", cable_blocks(held, x), way[held.ends])
    assert_allclose(jnp.zeros_like(x).at[held.ends].add(moved), bend, atol=1e-6)


@pytest.mark.parametrize("name", ["rest", "stiffness"])
def test_every_number_moves_the_force(name):
    held, x = strands(rest=(3.0, 1.0, 2.0))
    moved = replace(held, **{name: 1.2 * getattr(held, name)})
    change = jnp.abs(cable_force(moved, x) - cable_force(held, x)).sum(axis=1)
    assert np.all(np.asarray(change)[:4] > 1e-3)


def test_a_slack_strand_and_one_without_stiffness_do_nothing():
    held, x = strands(rest=(100.0, 100.0, 100.0))
    assert_allclose(cable_force(held, x), 0.0)
    assert_allclose(cable_blocks(held, x), 0.0)
    none, x = strands(stiffness=(0.0, 0.0, 0.0))
    assert_allclose(cable_force(none, x), 0.0)


def test_tension_is_stiffness_times_elongation_and_has_no_jump():
    held, x = strands(rest=(3.0, 0.0, 1.0))
    assert_allclose(tensions(held, x), held.stiffness * (lengths(held, x) - held.rest), rtol=1e-9)
    line = jnp.zeros((5, 3))
    near = jnp.linspace(1 - 2 * ROUNDING, 1 + 2 * ROUNDING, 400) * 3.0
    pull = np.array([float(tensions(held, line.at[1, 0].set(length))[0]) for length in near])
    assert np.all(np.diff(pull) >= 0)
    assert np.abs(np.diff(pull)).max() < 1.1 * 5.0 * float(near[1] - near[0])


def test_a_suture_is_smooth_where_its_ends_meet():
    held, x = strands(rest=(0.0, 0.0, 0.0))
    met = x.at[1].set(x[0])
    assert np.all(np.isfinite(cable_force(held, met)))
    block = cable_blocks(held, met)[0, 0, 0]
    assert_allclose(block, 5.0 * np.eye(3), atol=1e-6)


def test_strands_balance_and_turn_with_the_heart():
    held, x = strands()
    force = cable_force(held, x)
    assert_allclose(force.sum(axis=0), 0.0, atol=1e-12)
    assert_allclose(jnp.cross(x, force).sum(axis=0), 0.0, atol=1e-11)


def test_rest_length_and_stiffness_have_gradients():
    held, x = strands()

    def stored(rest, stiffness):
        return cable_energy(replace(held, rest=rest, stiffness=stiffness), x)

    by_rest, by_stiffness = jax.grad(stored, argnums=(0, 1))(held.rest, held.stiffness)
    assert_allclose(by_rest[:1], -tensions(held, x)[:1], rtol=0.02)
    assert np.all(np.isfinite(by_rest))
    assert_allclose(jnp.sum(by_stiffness * held.stiffness), stored(held.rest, held.stiffness))
