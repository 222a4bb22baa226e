"""Mass of the wall: total, tangent, and what it does to a step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.fem.inertia import inertia, inertial_blocks, inertial_force
from heartsim.fem.space import DEGREE, function_space, number_nodes
from heartsim.mesh.box import box


def body(element):
    mesh = box((4.0, 3.0, 2.0), (2, 2, 1))
    return function_space(number_nodes(mesh.points, mesh.tets, DEGREE[element]), element)


def stepping(space, coasting, stiffening):
    mass = inertia(space, 1.5)
    return mass.__class__(mass.density, mass.overlap, coasting, jnp.asarray(stiffening))


@pytest.mark.parametrize("element", ["P2P1", "P1P1"])
def test_uniform_acceleration_takes_mass_times_it(element):
    space = body(element)
    mass = stepping(space, jnp.zeros_like(space.points), 0.2)
    u = jnp.broadcast_to(jnp.array([0.3, -0.1, 0.0]), space.points.shape)
    force = inertial_force(mass, space, u).sum(axis=0)
    assert_allclose(force, 1.5 * 24.0 * 0.2 * np.array([0.3, -0.1, 0.0]), atol=1e-12)


@pytest.mark.parametrize("element", ["P2P1", "P1P1"])
def test_linear_accelerations_have_the_exact_moment(element):
    """∫ rho x² over the box, which both elements represent."""
    space = body(element)
    mass = stepping(space, jnp.zeros_like(space.points), 1.0)
    u = space.points * jnp.array([[1.0, 0.0, 0.0]])
    work = float(jnp.sum(u * inertial_force(mass, space, u)))
    assert_allclose(work, 1.5 * 4.0**3 / 3 * 6.0, rtol=1e-12)


@pytest.mark.parametrize("element", ["P2P1", "P1P1"])
def test_blocks_are_the_derivative_of_the_force(element):
    space = body(element)
    random = np.random.default_rng(0)
    u, aside, v = (jnp.asarray(random.standard_normal(space.points.shape)) for _ in range(3))
    mass = stepping(space, aside, 0.7)
    slope = jax.jvp(lambda x: inertial_force(mass, space, x), (u,), (v,))[1]
    local = jnp.einsum(
        "cij,cj->ci", inertial_blocks(mass, space), v[space.cells].reshape(len(space.cells), -1)
    )
    summed = jnp.zeros_like(u).at[space.cells].add(local.reshape(*space.cells.shape, 3))
    assert_allclose(summed, slope, atol=1e-12)
    assert_allclose(inertial_force(mass, space, aside), 0, atol=1e-15)
