"""Cavity volumes and follower loads."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.fem.cavity import (
    cavity_surface,
    facet_tangents,
    lid_tangent,
    rim_tangents,
    volume,
    volume_gradients,
)
from heartsim.fem.space import number_nodes
from heartsim.mesh.ellipsoid import left_ventricle
from heartsim.mesh.surfaces import cavity_volume


@pytest.fixture(scope="module", params=[1, 2])
def chamber(request):
    mesh = left_ventricle(4.0)
    nodes = number_nodes(mesh.points, mesh.tets, request.param)
    cavity = mesh.cavities["LV"]
    return mesh, nodes, cavity_surface(nodes, cavity.facets, cavity.rims)


def test_volume_agrees_with_the_faceted_surface(chamber):
    mesh, nodes, surface = chamber
    expected = cavity_volume(mesh.points, mesh.cavities["LV"])
    assert_allclose(volume(surface, jnp.asarray(nodes.points)), expected, rtol=1e-12)


def test_volume_is_invariant_under_rigid_motion(chamber):
    _, nodes, surface = chamber
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    rotation *= np.linalg.det(rotation)
    moved = jnp.asarray(nodes.points @ rotation.T + [4.0, -7.0, 2.0])
    assert_allclose(volume(surface, moved), volume(surface, jnp.asarray(nodes.points)), rtol=1e-12)


def test_pressure_load_has_no_resultant(chamber):
    """A closed cavity under pressure pushes nowhere: the lid carries its share."""
    _, nodes, surface = chamber
    x = jnp.asarray(nodes.points)
    (load,) = volume_gradients((surface,), x)
    assert_allclose(load.sum(axis=0), 0.0, atol=1e-9)
    assert_allclose(jnp.cross(x, load).sum(axis=0), 0.0, atol=1e-8)


def test_follower_tangent_is_exact_and_symmetric(chamber):
    """Facets and lids together are the derivative of the load."""
    _, nodes, surface = chamber
    x, random = jnp.asarray(nodes.points), np.random.default_rng(3)
    a, b = (jnp.asarray(random.standard_normal(x.shape)) for _ in range(2))
    pressure = jnp.array([2.0])

    def turned(direction):
        facets = jnp.einsum(
            "fabij,fbj->fai", facet_tangents(surface, x), direction[surface.facets.nodes]
        )
        lids = lid_tangent((surface,), x, pressure, direction)
        return lids.at[surface.facets.nodes].add(2.0 * facets)

    step = 1e-6
    up = volume_gradients((surface,), x + step * a)[0]
    down = volume_gradients((surface,), x - step * a)[0]
    exact = turned(a)
    assert_allclose(exact, 2.0 * (up - down) / (2 * step), atol=1e-6 * jnp.abs(exact).max())
    assert_allclose(jnp.sum(exact * b), jnp.sum(turned(b) * a), rtol=1e-10)


def test_rim_tangents_are_the_lids_with_their_centres_held(chamber):
    """Moves that keep every lid centre in place see the lids through rim edges alone."""
    mesh, nodes, surface = chamber
    random, x = np.random.default_rng(4), nodes.points + np.array([300.0, -200.0, 100.0])
    moves = random.standard_normal((2, *x.shape))
    for loop in mesh.cavities["LV"].rims.values():
        moves[:, loop] -= moves[:, loop].mean(axis=1, keepdims=True)
    a, b = jnp.asarray(moves)
    rim = surface.rim.nodes
    local = jnp.einsum("reaij,rei,raj->", rim_tangents(surface, jnp.asarray(x)), a[rim], b[rim])
    exact = jnp.sum(lid_tangent((surface,), jnp.asarray(x), jnp.ones(1), a) * b)
    assert_allclose(local, exact, rtol=1e-10)
