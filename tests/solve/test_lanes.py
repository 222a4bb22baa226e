"""Loops and branches that lanes of a batch share."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from heartsim.solve.krylov import gmres
from heartsim.solve.lanes import anywhere, lane_by_lane, typical


def test_one_lane_is_asked_as_it_is():
    for flag in (True, False):
        assert bool(jax.jit(anywhere)(jnp.asarray(flag))) is flag


def test_lanes_share_one_condition():
    """A loop over batched lanes keeps a scalar condition, and a branch in it stays a branch."""

    def count(limit):
        def advance(now):
            at, value = now
            needed = at < limit
            value = jax.lax.cond(
                anywhere(needed), lambda v: jnp.where(needed, v + 1, v), abs, value
            )
            return at + 1, value

        return jax.lax.while_loop(lambda now: anywhere(now[0] < limit), advance, (0, 0 * limit))

    limits = jnp.array([3.0, 7.0, 0.0])
    steps, value = jax.jit(jax.vmap(count))(limits)
    assert_allclose(value, limits)
    assert steps.tolist() == [7, 7, 7]
    inner = str(jax.make_jaxpr(jax.vmap(count))(limits))
    assert "cond[" in inner


def test_lanes_share_the_mean_of_the_sound_ones():
    """One array for all lanes, whatever a broken one holds; alone it is the array itself."""
    lanes = jnp.array([[1.0, 2.0], [jnp.nan, 4.0], [3.0, -2.0], [jnp.inf, 0.0]])
    shared = jax.jit(jax.vmap(typical, out_axes=None))(lanes)
    assert_allclose(shared, [2.0, 0.0])
    assert_allclose(typical(lanes[0]), lanes[0])
    assert_allclose(jax.vmap(lambda x: x + typical(lanes[0]))(lanes[::2]), [[2.0, 4.0], [4.0, 0.0]])
    assert_allclose(jax.vmap(typical, out_axes=None)(jnp.full((2, 3), jnp.nan)), 0.0)


def test_lanes_of_gmres_reach_their_own_targets_and_a_broken_one_hurts_nobody():
    random = np.random.default_rng(0)
    matrix = np.eye(30) + 0.1 * random.standard_normal((4, 30, 30))
    rhs = random.standard_normal((4, 1, 30))
    matrix[2], rhs[3] = np.nan, 0.0
    aim = jnp.array([[1e-3], [1e-9], [1e-9], [1e-9]])

    def solve(a, b, tolerance):
        return gmres(lambda x: x @ a.T, lambda x, _: x, b, tolerance, dimension=30)

    found = jax.jit(jax.vmap(solve))(jnp.asarray(matrix), jnp.asarray(rhs), aim)
    alone = solve(jnp.asarray(matrix[1]), jnp.asarray(rhs[1]), aim[1])
    assert np.unique(found.iterations) == alone.iterations
    assert_allclose(found.x[1], alone.x, rtol=1e-12, atol=1e-12)
    for lane in (0, 1):
        left = rhs[lane] - np.asarray(found.x[lane]) @ matrix[lane].T
        assert np.linalg.norm(left) <= 2 * aim[lane, 0]
    assert np.isnan(found.x[2]).all()
    assert_allclose(found.x[3], 0.0)


def _force(stiffness, shift, *, power):
    return {"force": stiffness * jnp.sin(shift) ** power, "size": jnp.linalg.norm(shift)}


def test_lanes_in_turn_are_lanes_at_once():
    """One argument is of each lane, one common to all, one is no array."""
    stiffness, shift = jnp.arange(1.0, 4.0), jnp.linspace(0, 1, 5)
    always = jnp.array(True)
    found = jax.vmap(lambda k: lane_by_lane(_force, always)(k, shift, power=2))(stiffness)
    expected = jax.vmap(lambda k: _force(k, shift, power=2))(stiffness)
    assert_allclose(found["force"], expected["force"])
    assert_allclose(found["size"], expected["size"])


def test_lanes_that_are_done_are_not_computed():
    seen = []

    def noted(stiffness):
        jax.debug.callback(lambda k: seen.append(float(k)), stiffness)
        return 2.0 * stiffness

    needed, stiffness = jnp.array([True, False, True]), jnp.arange(1.0, 4.0)
    found = jax.jit(jax.vmap(lambda n, k: lane_by_lane(noted, n)(k)))(needed, stiffness)
    jax.effects_barrier()
    assert_allclose(found, [2.0, jnp.nan, 6.0])
    assert sorted(seen) == [1.0, 3.0]


def test_a_single_heart_has_nothing_to_leave_out():
    force = lane_by_lane(_force, jnp.array(False))(2.0, jnp.ones(2), power=1)["force"]
    assert_allclose(force, 2 * jnp.sin(jnp.ones(2)))
