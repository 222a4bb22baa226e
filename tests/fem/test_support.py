"""Springs and dashpots on surfaces."""

import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from heartsim.fem.space import number_nodes
from heartsim.fem.support import support, support_energy, support_force, support_power
from heartsim.mesh.box import box
from heartsim.mesh.ellipsoid import left_ventricle


def _top(degree):
    mesh = box((4.0, 3.0, 2.0), (4, 3, 2))
    nodes = number_nodes(mesh.points, mesh.tets, degree)
    held = support(
        nodes, mesh.surface("z1"), normal_stiffness=0.5, tangential_stiffness=0.2,
        normal_damping=4.0, tangential_damping=1.0,
    )  # fmt: skip
    return nodes, held


def test_uniform_displacement_meets_stiffness_times_area():
    for degree in (1, 2):
        nodes, held = _top(degree)
        u = jnp.broadcast_to(jnp.array([0.3, 0.0, 0.7]), nodes.points.shape)
        force = support_force(held, u, u, jnp.zeros(())).sum(axis=0)
        area = 4.0 * 3.0
        assert_allclose(force, [0.2 * 0.3 * area, 0.0, 0.5 * 0.7 * area], rtol=1e-12)
        energy = 0.5 * area * (0.5 * 0.7**2 + 0.2 * 0.3**2)
        assert_allclose(support_energy(held, u), energy, rtol=1e-12)


def test_dashpots_see_the_velocity_and_lose_power():
    nodes, held = _top(2)
    u = jnp.broadcast_to(jnp.array([0.0, 0.1, -0.2]), nodes.points.shape)
    rate = jnp.asarray(0.5)
    moving = support_force(held, u, jnp.zeros_like(u), rate)
    resting = support_force(held, u, u, rate)
    area = 12.0
    assert_allclose(
        (moving - resting).sum(axis=0), [0.0, 1.0 * 0.05 * area, -4.0 * 0.1 * area], atol=1e-12
    )
    power = area * (1.0 * 0.05**2 + 4.0 * 0.1**2)
    assert_allclose(support_power(held, u * rate), power, rtol=1e-12)
    assert np.isfinite(float(power))


def test_facet_normals_are_those_of_the_facets():
    mesh = left_ventricle(6.0, layers=1)
    nodes = number_nodes(mesh.points, mesh.tets, 1)
    triangles = mesh.surface("epicardium")
    corners = mesh.points[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normal, axis=1) / 2
    normal /= 2 * area[:, None]
    flat = support(nodes, triangles, normal_stiffness=1.0, smoothed=False)
    smooth = support(nodes, triangles, normal_stiffness=1.0)
    expected = normal[:, :, None] * normal[:, None]
    assert_allclose(flat.projector, expected, atol=1e-12)
    assert_allclose(flat.area, area, rtol=1e-12)
    assert_allclose(smooth.area, area, rtol=1e-12)
    assert np.abs(np.asarray(smooth.projector) - expected).max() > 0.01
