"""Derivatives by the stress-free shape are those of the residual there."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from heartsim.fem import lots
from heartsim.fem.residual import residual
from heartsim.fem.shape import shape_tangent


def test_shape_tangent_is_the_derivative_of_the_residual_by_the_shape(wall):
    space, nodes = wall.solid.space, wall.nodes
    still, none = jnp.zeros_like(wall.tension), jnp.zeros(())
    way = np.random.default_rng(3).standard_normal((nodes.vertices, 3))

    def forces(step):
        moved = wall.solid.moved_to(space.points + step * jnp.asarray(nodes.interpolate(way)))
        return residual(moved, wall.u, wall.p, still, wall.u, none)

    _, slope = jax.jvp(forces, (jnp.zeros(()),), (jnp.ones(()),))
    blocks = np.asarray(shape_tangent(wall.solid, wall.u, wall.p, dtype=jnp.float64))
    found = np.zeros(wall.u.shape), np.zeros(wall.p.shape)
    for cell, block in zip(np.asarray(space.cells), blocks, strict=True):
        column = block @ way[cell[:4]].ravel()
        np.add.at(found[0], cell, column[:-4].reshape(-1, 3))
        np.add.at(found[1], cell[:4], column[-4:])
    for ours, exact in zip(found, slope, strict=True):
        assert_allclose(ours, exact, atol=1e-9 * np.abs(exact).max())


def test_shape_tangents_do_not_depend_on_lots(wall, monkeypatch):
    """They are linearized through the loop over lots."""
    whole = shape_tangent(wall.solid, wall.u, wall.p, dtype=jnp.float64)
    monkeypatch.setattr(lots, "LOT", len(whole) // 3 - 1)
    monkeypatch.setattr(lots, "WORTH_LOTS", 1)
    parts = shape_tangent(wall.solid, wall.u, wall.p, dtype=jnp.float64)
    assert_allclose(parts, whole, atol=1e-13 * float(jnp.abs(whole).max()))
