"""Factors as approximate inverse of a loaded wall."""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from heartsim import equilibrium
from heartsim.fem.factorized import plan_factors
from heartsim.fem.linear import Wear
from heartsim.heart import linearize


@pytest.mark.slow
def test_factors_invert_a_loaded_wall_wherever_its_origin_lies(patient):
    """Scanners put the origin far away, where open surfaces alone carry large spurious tangents."""
    heart, wall = patient.heart, patient.moment.wall
    points = np.asarray(heart.solid.space.points) + np.array([300.0, -200.0, 100.0])
    moved = heart.solid.space.moved_to(jnp.asarray(points))
    heart = eqx.tree_at(lambda h: h.solid.space, heart, moved)
    kept = plan_factors(patient.work.nodes, np.dtype(np.float32))
    rhs = np.random.default_rng(0).standard_normal((1, moved.dofs)).astype(np.float32)
    rest = _left_over(heart, wall, kept, jnp.asarray(rhs))
    assert jnp.linalg.norm(rest) < 0.2 * np.linalg.norm(rhs)


@eqx.filter_jit
def _left_over(heart, wall, kept, rhs):
    load = equilibrium.passive_load(heart)
    operator = linearize(heart, wall.u, wall.p, wall.pressure, load, dtype=jnp.float32)
    inverse, _ = kept.prepare(operator)
    return operator.apply(inverse.apply(rhs, jnp.asarray(0))) - rhs


def test_factors_are_replaced_when_a_use_costs_more_than_it_did_on_average(patient):
    """The cheapest age: before it new factors cost too much, after it the iterations do."""
    kept = plan_factors(patient.work.nodes, np.dtype(np.float32))
    price, fine = float(kept.wear.price), jnp.zeros((), bool)
    kept = replace(kept, wear=Wear.new(kept.wear.price))
    worn, spent = [], price
    for use in range(1, 200):
        kept = kept.used(jnp.asarray(5 + use), fine)
        spent += 5 + use
        worn.append(bool(kept.renews))
        assert worn[-1] == (5 + use > spent / use)
        if worn[-1]:
            break
    assert len(worn) > 2
    # growing by one a use, the average is least after about the root of twice the price
    assert abs(len(worn) - np.sqrt(2 * price)) < 2
    fresh = replace(kept, wear=Wear.new(kept.wear.price))
    assert not bool(fresh.renews)
    assert bool(fresh.used(jnp.asarray(1), jnp.ones((), bool)).renews)
    assert bool(fresh.stale().renews)
