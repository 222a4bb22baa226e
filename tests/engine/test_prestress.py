"""Unloaded shapes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_ventricle import scenario_of

from heartsim import creep, equilibrium, prestress
from heartsim.build import anatomy, heart_on
from heartsim.heart import linearize
from heartsim.patient import load_mesh
from heartsim.prestress import reload, unload


@pytest.mark.slow
def test_unloaded_shape_reloads_to_the_image(scenario, patient):
    mesh = load_mesh(scenario)
    built = anatomy(mesh, scenario)

    def heart_at(points):
        return heart_on(built, points, scenario)

    work = equilibrium.workspace(heart_at(mesh.points), built.nodes)
    pressure = patient.moment.wall.pressure
    found, steps = unload(work, heart_at, mesh.points, pressure)
    assert steps <= 10
    reloaded, _ = reload(work, heart_at(found.points), found, mesh.points, pressure)
    assert reloaded.largest_error < 1e-3
    heart = heart_at(found.points)
    fresh = equilibrium.workspace(heart, built.nodes)
    loaded, _ = equilibrium.inflate(
        fresh, heart, equilibrium.rest(heart), patient.moment.wall.pressure
    )
    again = found.points + np.asarray(loaded.u)[: len(found.points)]
    assert np.linalg.norm(again - mesh.points, axis=1).max() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("element", ["P1P1", "P2P1"])
def test_inverse_factors_undo_the_derivative_by_the_shape(element, tmp_path):
    scenario = scenario_of(tmp_path, element)
    mesh = load_mesh(scenario)
    built = anatomy(mesh, scenario)
    heart = heart_on(built, mesh.points, scenario)
    work = equilibrium.workspace(heart, built.nodes)
    wall, work = equilibrium.inflate(work, heart, equilibrium.rest(heart), np.array([0.3]))
    load = creep.creeping_load(heart, wall, 0.5)
    kept = equilibrium.refresh(work, heart, wall, load).kept
    edges, points = jnp.asarray(built.nodes.edges, jnp.int32), heart.solid.space.points
    vertices, random = heart.solid.space.vertices, np.random.default_rng(1)

    @jax.jit
    def there_and_back(u, p):
        operator = linearize(heart, wall.u, wall.p, wall.pressure, load, dtype=kept.dtype)
        u = u * operator.free
        move = -prestress._spread(u[:vertices], edges), u, p

        def residual(points, u, p):
            return prestress._unbalanced(heart, points, u, p, wall.pressure, load)[0]

        _, pushed = jax.jvp(residual, (points, wall.u, wall.p), move)
        inverse = prestress._inverse(heart, kept, wall, operator)
        (back,), (pressure,) = operator.split(
            inverse.apply(pushed[None].astype(kept.dtype), jnp.asarray(0))
        )
        return u, back, pressure

    p = random.standard_normal(wall.p.shape)
    moved, back, pressure = there_and_back(random.standard_normal(wall.u.shape), p)
    assert np.linalg.norm(back - moved) < 1e-2 * np.linalg.norm(moved)
    assert np.linalg.norm(pressure - p) < 1e-2 * np.linalg.norm(p)
