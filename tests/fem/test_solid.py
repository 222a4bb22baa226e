"""The wall's residual is the slope of its energy, its tangent the slope of its residual."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.fem import lots
from heartsim.fem import solid as fem
from heartsim.fem.exchange import drag_loss, tension_work
from heartsim.fem.residual import residual
from heartsim.fem.tangent import tangent
from heartsim.tissue.active import InvariantTension


def residual_of(wall, u, p, solid=None):
    return residual(solid or wall.solid, u, p, wall.tension, wall.before, wall.rate)


def direction(wall, seed=2):
    random = np.random.default_rng(seed)
    return jnp.asarray(random.standard_normal(wall.u.shape)), jnp.asarray(
        random.standard_normal(wall.p.shape)
    )


def blocks_times(wall, parts, du, dp):
    """Assemble the action of element tangents by plain loops over numpy blocks."""
    cells = np.asarray(wall.solid.space.cells)
    forces, constraint = np.zeros_like(wall.u), np.zeros_like(wall.p)
    for cell, K, G, Q in zip(cells, parts.K, parts.G, parts.Q, strict=True):
        local, pressure = np.asarray(du)[cell].ravel(), np.asarray(dp)[cell[:4]]
        np.add.at(forces, cell, (K @ local + G.T @ pressure).reshape(-1, 3))
        np.add.at(constraint, cell[:4], G @ local - Q @ pressure)
    return forces, constraint


def test_tangent_is_the_derivative_of_the_residual(wall):
    du, dp = direction(wall)
    _, slope = jax.jvp(lambda u, p: residual_of(wall, u, p), (wall.u, wall.p), (du, dp))
    parts = tangent(
        wall.solid, wall.u, wall.p, wall.tension, wall.before, wall.rate, dtype=jnp.float64
    )
    forces, constraint = blocks_times(wall, jax.tree.map(np.asarray, parts), du, dp)
    assert_allclose(forces, slope[0], atol=1e-9 * np.abs(slope[0]).max())
    assert_allclose(constraint, slope[1], atol=1e-9 * np.abs(slope[1]).max())


@pytest.mark.parametrize("varies", [False, True])
def test_neither_forces_nor_tangents_depend_on_lots(wall, monkeypatch, varies):
    """The last lot repeats cells; numbers of each cell are cut, those of all are not."""
    cells = len(wall.tension)
    random = np.random.default_rng(4)
    solid = wall.solid
    if varies:
        each = jnp.asarray(random.uniform(0.9, 1.1, (2, cells)))
        solid = dataclasses.replace(solid, augmentation=20 * each[0], swelling=each[1])
    tension = wall.tension * jnp.asarray(random.uniform(0.5, 1.5, cells))
    given = solid, wall.u, wall.p, tension, wall.before, wall.rate
    whole = *residual(*given), *tangent(*given, dtype=jnp.float64)
    monkeypatch.setattr(lots, "LOT", cells // 3 - 1)
    monkeypatch.setattr(lots, "WORTH_LOTS", 1)
    parts = *residual(*given), *tangent(*given, dtype=jnp.float64)
    for one, other in zip(parts, whole, strict=True):
        assert_allclose(one, other, rtol=1e-13, atol=1e-13 * float(jnp.abs(other).max()))


def test_residual_matches_finite_differences_of_the_stored_energy(wall):
    du, _ = direction(wall)
    no_pull, no_pressure = jnp.zeros_like(wall.tension), jnp.zeros_like(wall.p)
    forces, _ = residual(wall.solid, wall.u, no_pressure, no_pull, wall.u, jnp.zeros(()))
    step = 1e-5
    rise = fem.stored_energy(wall.solid, wall.u + step * du, no_pressure)
    fall = fem.stored_energy(wall.solid, wall.u - step * du, no_pressure)
    assert_allclose(jnp.sum(forces * du), (rise - fall) / (2 * step), rtol=1e-5)


def test_stored_energy_takes_up_the_power_of_all_inner_forces(wall):
    """d stored = forces . du - p . d constraint: nothing is lost while the constraint holds."""
    du, dp = direction(wall)
    no_pull = jnp.zeros_like(wall.tension)

    def inner(u, p):
        return residual(wall.solid, u, p, no_pull, wall.u, jnp.zeros(()))

    (forces, _), (_, growth) = jax.jvp(inner, (wall.u, wall.p), (du, dp))
    here, along = (wall.u, wall.p), (du, dp)
    _, stored = jax.jvp(lambda u, p: fem.stored_energy(wall.solid, u, p), here, along)
    assert_allclose(stored, jnp.sum(forces * du) - wall.p @ growth, rtol=1e-10)


def test_rigid_motion_costs_no_energy_and_no_force(wall):
    angle = 0.7
    turn = jnp.array(
        [
            [jnp.cos(angle), -jnp.sin(angle), 0.0],
            [jnp.sin(angle), jnp.cos(angle), 0.0],
            [0.0, 0.0, 1.0],
        ]
    )
    points = wall.solid.space.points
    u = points @ turn.T + jnp.array([[3.0, -2.0, 5.0]]) - points
    still = jnp.zeros_like(wall.tension)
    forces, constraint = residual(wall.solid, u, jnp.zeros_like(wall.p), still, u, jnp.zeros(()))
    assert_allclose(forces, 0.0, atol=1e-9)
    assert_allclose(constraint, 0.0, atol=1e-9)
    assert abs(float(fem.stored_energy(wall.solid, u, jnp.zeros_like(wall.p)))) < 1e-9


def test_inner_forces_balance(wall):
    forces, _ = residual_of(wall, wall.u, wall.p)
    assert_allclose(forces.sum(axis=0), 0.0, atol=1e-10 * np.abs(forces).max() * len(forces))
    moment = jnp.cross(wall.solid.space.points + wall.u, forces).sum(axis=0)
    assert_allclose(moment, 0.0, atol=1e-9 * np.abs(forces).max() * len(forces))


def test_every_term_moves_the_residual_and_its_tangent(wall):
    """A term that Newton cannot see is inert: each parameter must move both."""
    changes = {
        "stiffness": lambda s: s.material.stiffness,
        "contractility": None,
        "augmentation": lambda s: s.augmentation,
        "compressibility": lambda s: s.compressibility,
        "viscosity": lambda s: s.viscosity,
    }
    du, dp = direction(wall)

    def slope_of(solid, tension):
        def at(u, p):
            return residual(solid, u, p, tension, wall.before, wall.rate)

        return jax.jvp(at, (wall.u, wall.p), (du, dp))

    base = slope_of(wall.solid, wall.tension)
    for name, where in changes.items():
        if where is None:
            moved = slope_of(wall.solid, 1.3 * wall.tension)
        else:
            moved = slope_of(
                eqx.tree_at(where, wall.solid, replace_fn=lambda x: 1.3 * x), wall.tension
            )
        for before, after in zip(jax.tree.leaves(base), jax.tree.leaves(moved), strict=True):
            if name == "compressibility" and before.ndim == 2:
                continue  # acts in the constraint rows only
            if (
                name in ("stiffness", "contractility", "augmentation", "viscosity")
                and before.ndim == 1
            ):
                continue  # act in the force rows only
            assert float(jnp.abs(after - before).max()) > 1e-8, name


def test_augmentation_may_differ_by_cell(wall):
    """Equal in all cells it is the number; different in halves it is the sum of both halves."""

    def with_(gamma):
        solid = eqx.tree_at(lambda s: s.augmentation, wall.solid, jnp.asarray(gamma))
        state = (solid, wall.u, wall.p, wall.tension, wall.before, wall.rate)
        return residual(*state)[0], tangent(*state, dtype=jnp.float64).K

    cells = len(wall.mesh.tets)
    first = np.arange(cells) < cells // 2
    none, both = with_(0.0), with_(7.0)
    halves = [with_(np.where(side, 7.0, 0.0)) for side in (first, ~first)]
    for bare, whole, left, right in zip(none, both, *halves, strict=True):
        assert_allclose(left + right - bare, whole, rtol=0, atol=1e-12 * np.abs(whole).max())
    same = with_(np.full(cells, 7.0))
    assert_allclose(same[0], both[0], rtol=0, atol=1e-13 * np.abs(both[0]).max())
    assert float(np.abs(halves[0][0] - halves[1][0]).max()) > 1e-3 * float(np.abs(both[0]).max())


def test_wall_volume_of_a_stretch_is_its_determinant(wall):
    points = wall.solid.space.points
    stretch = jnp.array([1.1, 0.9, 1.05])
    reference = float(fem.current_volume(wall.solid, jnp.zeros_like(points)))
    stretched = float(fem.current_volume(wall.solid, points * (stretch - 1.0)[None]))
    assert_allclose(stretched / reference, float(jnp.prod(stretch)), rtol=1e-12)


def test_fiber_stress_of_pure_tension_is_the_tension(wall):
    """At rest, with J = 1 and no passive stress, sigma_ff = Ta h(1) exactly."""
    still = jnp.zeros_like(wall.u)
    h = wall.solid.material.active.length_factor(jnp.ones(()))
    stress, stretch = fem.fiber_state(
        wall.solid, still, jnp.zeros_like(wall.p), wall.tension, still, jnp.zeros(())
    )
    assert_allclose(stretch, 1.0, rtol=1e-12)
    assert_allclose(stress, wall.tension * h, rtol=1e-10)


def test_tension_work_is_minus_tension_times_shortening(wall):
    """Where the active energy is Ta/2 (I4 - 1), its work is exact by the trapezoid."""
    flat = eqx.tree_at(lambda s: s.material.active, wall.solid, InvariantTension())
    constant = jnp.full_like(wall.tension, 10.0)

    def energy(u):
        F = fem.deformation(flat, u)
        squared = jnp.sum(F[..., 0] ** 2, axis=-1)
        return 5.0 * jnp.sum(fem.quadrature_volume(flat.space) * (squared - 1.0))

    work = tension_work(flat, wall.u, wall.before, constant, constant)
    assert_allclose(work, energy(wall.u) - energy(wall.before), rtol=1e-10)


def test_drag_loss_is_the_work_of_the_forces_that_speed_takes(wall):
    """Of a short step after rest: half its force times its displacement, by the trapezoid."""
    du, _ = direction(wall)
    before, rate = wall.u - 1e-6 * du, jnp.asarray(1e4)
    quick = eqx.tree_at(lambda s: s.material.active.slowness, wall.solid, replace_fn=jnp.zeros_like)

    def forces(solid):
        return residual(solid, wall.u, wall.p, wall.tension, before, rate)[0]

    power = float(jnp.sum((forces(wall.solid) - forces(quick)) * (wall.u - before)))
    ends = (wall.tension, before, rate), (wall.tension, before, jnp.zeros(()))
    assert power > 0
    assert_allclose(drag_loss(wall.solid, wall.u, before, *ends), power / 2, rtol=1e-4)
    assert float(drag_loss(quick, wall.u, before, *ends)) == 0


def swollen(wall):
    """The same wall with gel in it, more in some cells than in others."""
    gel = jnp.linspace(1.0, 1.3, len(wall.tension))
    return eqx.tree_at(lambda s: s.swelling, wall.solid, gel)


def test_a_swollen_wall_has_the_tangent_of_its_residual(wall):
    solid, (du, dp) = swollen(wall), direction(wall)
    _, slope = jax.jvp(lambda u, p: residual_of(wall, u, p, solid), (wall.u, wall.p), (du, dp))
    parts = tangent(solid, wall.u, wall.p, wall.tension, wall.before, wall.rate, dtype=jnp.float64)
    forces, constraint = blocks_times(wall, jax.tree.map(np.asarray, parts), du, dp)
    assert_allclose(forces, slope[0], atol=1e-9 * np.abs(slope[0]).max())
    assert_allclose(constraint, slope[1], atol=1e-9 * np.abs(slope[1]).max())


def test_swelling_moves_forces_and_constraint(wall):
    before, after = (
        residual_of(wall, wall.u, wall.p),
        residual_of(wall, wall.u, wall.p, swollen(wall)),
    )
    for one, other in zip(before, after, strict=True):
        assert float(jnp.abs(one - other).max()) > 1e-3


def test_a_thickened_wall_is_at_rest_where_its_sheets_part(wall):
    """With one frame for all, stretching sheets by s everywhere is the new stress-free state."""
    s, frame = 1.2, wall.solid.frames[:1, :1]
    solid = eqx.tree_at(
        lambda x: (x.swelling, x.frames),
        wall.solid,
        (jnp.full_like(wall.tension, s), jnp.broadcast_to(frame, wall.solid.frames.shape)),
    )
    sheet = frame[0, 0, 1]
    u = (s - 1) * jnp.outer(solid.space.points @ sheet, sheet)
    still = jnp.zeros_like(wall.tension)
    forces, constraint = residual(solid, u, jnp.zeros_like(wall.p), still, u, jnp.zeros(()))
    assert_allclose(forces, 0.0, atol=1e-9)
    assert_allclose(constraint, 0.0, atol=1e-9)
