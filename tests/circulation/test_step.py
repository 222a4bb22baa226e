"""The implicit step: tangent, coupling to 3D cavities, convergence on random loops, gradients."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export
from numpy.testing import assert_allclose

from heartsim.circulation import (
    Cavities,
    advance,
    advance_coupled,
    flows,
    healthy_adult,
    regazzoni_2022,
)
from heartsim.circulation import step as implicit
from heartsim.circulation.closed_loop import chamber_relation, stored_volumes
from heartsim.circulation.graph import NODES, net_inflow
from heartsim.circulation.newton import MAX_ITERATIONS, solve
from heartsim.circulation.surroundings import Pericardium, Septum
from heartsim.units import cm, mL, ms


def at(value: float) -> jax.Array:
    return jnp.asarray(value, float)


def tangent_line(circulation, names, volumes, t) -> Cavities:
    """Cavities that are the tangent of the loop's own chambers."""
    pairs = [
        jax.value_and_grad(chamber_relation(circulation, name, t))(volume)
        for name, volume in zip(names, volumes, strict=True)
    ]
    pressure, stiffness = map(jnp.stack, zip(*pairs, strict=True))
    return Cavities(tuple(names), pressure, jnp.stack(volumes), jnp.diag(1 / stiffness))


def test_solution_of_a_dominant_system():
    matrix, right = np.split(np.random.default_rng(1).normal(size=(8, 9)), [8], axis=1)
    matrix += 20 * np.eye(8)
    found = solve(jnp.asarray(matrix), jnp.asarray(right[:, 0]))
    assert_allclose(found, np.linalg.solve(matrix, right[:, 0]), rtol=1e-13)


@eqx.filter_jit
def tangent_and_derivative(*arguments):
    """Tangent of a step at the unknowns given last, by its formula and by differentiation."""
    problem = implicit.step_problem(*arguments[:-1])
    return problem.tangent(arguments[-1]), jax.jacfwd(problem.balance)(arguments[-1])


@pytest.mark.parametrize("chambers", [(), ("LV", "RV")])
@pytest.mark.parametrize("time", [50.0, 250.0, 420.0, 650.0])
def test_tangent_is_the_derivative_of_the_balance(chambers, time):
    circulation, state = healthy_adult()
    leaky = dataclasses.replace(circulation.mitral, regurgitant_area=at(0.3 * cm**2))
    hole = dataclasses.replace(circulation.atrial_shunt, area=at(0.5 * cm**2))
    circulation = dataclasses.replace(circulation, mitral=leaky, atrial_shunt=hole)
    sac = Pericardium(pressure=0.3, stiffening=2e-5, unstressed=2.5e5)
    septum = Septum(compliance=1e4, stiffening=30.0)
    squeezed = {"muscle_squeeze": at(0.5), "pericardium": sac, "septum": septum}
    circulation = dataclasses.replace(circulation, **squeezed)
    count = len(chambers)
    spd = 5e3 * jnp.eye(count) - 5e2 * (1 - jnp.eye(count))
    cavities = Cavities(chambers, jnp.full(count, 5.0), jnp.full(count, 1e5), spd)
    given = {} if "RV" in chambers else {"RV": at(2.0)}
    unknown = jnp.append(jnp.stack(state)[: len(NODES)], 3e3)
    for i, name in enumerate(chambers):
        unknown = unknown.at[NODES.index(name)].set(5.0 + i)
    tangent, expected = tangent_and_derivative(
        circulation, state, at(time), at(2.0), given, cavities, unknown
    )
    assert_allclose(tangent, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("names", [("RV", "LV")])
def test_coupled_step_equals_plain_step_with_the_chambers_own_compliance(names):
    circulation, state = healthy_adult()
    dt = at(4.0)

    def both(carry, t):
        plain, other = carry
        lines = tangent_line(circulation, names, [other.volume(n) for n in names], t + dt)
        result = advance_coupled(circulation, other, t, dt, lines)
        held = jnp.stack([result.state.volume(n) for n in names]) - lines.at(result.pressure)
        given = dict(zip(names, result.pressure, strict=True))
        flow = jnp.stack(list(flows(circulation, result.state, t + dt, given).values()))
        gained = stored_volumes(circulation, result.state) - stored_volumes(circulation, other)
        error = gained - dt * net_inflow(flow)
        plain = advance(circulation, plain, t, dt, {})
        mismatch = jnp.concatenate([held, error])
        return (plain, result.state), (result.converged, mismatch, result.iterations)

    times = dt * jnp.arange(210, dtype=float)
    (plain, other), (converged, mismatch, iterations) = jax.jit(
        lambda now: jax.lax.scan(both, (now, now), times)
    )(state)
    assert np.all(converged)
    assert iterations.max() <= 12
    assert_allclose(mismatch, 0.0, atol=1e-9 * mL)
    assert_allclose(other, plain, rtol=1e-8)


def random_loops(count: int):
    """Loops, states, steps and cavities with every number drawn over one to two decades."""
    circulation, state = healthy_adult()
    leaves, tree = jax.tree.flatten(circulation)
    rng = np.random.default_rng(7)

    def spread(decades: float) -> np.ndarray:
        return 10 ** rng.uniform(-decades, decades, count)

    many = jax.tree.unflatten(tree, [jnp.asarray(float(leaf) * spread(1.0)) for leaf in leaves])
    holes = {
        name: dataclasses.replace(
            getattr(many, name), area=jnp.asarray(rng.uniform(0, 2, count) * cm**2)
        )
        for name in ("atrial_shunt", "ventricular_shunt", "ductus", "fenestration")
    }
    valves = {
        name: dataclasses.replace(
            getattr(many, name), regurgitant_area=jnp.asarray(rng.uniform(0, 1, count) * cm**2)
        )
        for name in ("mitral", "aortic", "tricuspid", "pulmonary")
    }
    beds = {
        name: dataclasses.replace(getattr(many, name), tied=jnp.asarray(rng.uniform(0, 1, count)))
        for name in ("upper_veins", "coronary")
    }
    many = dataclasses.replace(many, **holes, **valves, **beds)
    states = type(state)(*(jnp.asarray(float(value) * spread(0.7)) for value in state))
    factor = rng.normal(size=(count, 2, 2)) * 1e3
    compliance = factor @ np.swapaxes(factor, 1, 2) + 50 * np.eye(2)
    pressure = rng.uniform(-1, 20, (count, 2))
    volume = rng.uniform(0.2, 3, (count, 2)) * 1e5
    cavities = Cavities(("LV", "RV"), *map(jnp.asarray, (pressure, volume, compliance)))
    return many, states, jnp.asarray(spread(1.0) * 2.0), cavities


def test_random_loops_never_fail():
    loops, states, dts, _ = random_loops(200)

    def many_steps(circulation, state, dt):
        def one(now, t):
            result = implicit._step(circulation, now, t, dt, {}, implicit.no_cavities())
            return result.state, (result.converged, result.iterations)

        return jax.lax.scan(one, state, dt * jnp.arange(40, dtype=float))[1]

    converged, iterations = jax.jit(jax.vmap(many_steps))(loops, states, dts)
    assert np.all(converged)
    assert iterations.max() < MAX_ITERATIONS / 2


def test_random_coupled_steps_never_fail_and_broken_ones_are_reported():
    loops, states, dts, cavities = random_loops(200)
    broken = eqx.tree_at(lambda c: c.volume, cavities, cavities.volume.at[0, 0].set(jnp.nan))
    batched = jax.jit(jax.vmap(advance_coupled, in_axes=(0, 0, None, 0, 0)))
    result = batched(loops, states, at(200.0), dts, cavities)
    held = jax.vmap(Cavities.at)(cavities, result.pressure)
    volume = jnp.stack([result.state.V_LV, result.state.V_RV], 1)
    assert np.all(result.converged)
    assert_allclose(volume, held, rtol=1e-9, atol=1e-3)
    converged = batched(loops, states, at(200.0), dts, broken).converged
    assert not converged[0]
    assert np.all(converged[1:])


def outcome(amount: jax.Array, time: jax.Array) -> jax.Array:
    """State and cavity pressures after three steps; all numbers move by random relative amounts."""
    circulation, state = healthy_adult()
    cavities = tangent_line(circulation, ("LV", "RV"), [state.V_LV, state.V_RV], at(150.0))
    leaves, tree = jax.tree.flatten((circulation, state, cavities))
    amounts = amount * np.random.default_rng(3).normal(size=len(leaves))
    moved = [leaf * (1 + d) for leaf, d in zip(leaves, amounts, strict=True)]
    loop, state, lines = jax.tree.unflatten(tree, moved)

    def one(carry, t):
        result = advance_coupled(loop, carry[0], t, at(2.0 * ms), lines)
        return (result.state, result.pressure), None

    times = time + 2.0 * ms * jnp.arange(3, dtype=float)
    (state, pressure), _ = jax.lax.scan(one, (state, lines.pressure), times)
    return jnp.concatenate([jnp.stack(state), pressure])


WEIGHTS = jnp.linspace(1.0, 2.0, 29)


@jax.jit
def derivatives(amount: jax.Array, time: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Outcome, its forward derivative, and its weighted sum's reverse derivative."""
    ones, zeros = jnp.ones_like(amount), jnp.zeros_like(time)
    value, forward = jax.jvp(outcome, (amount, time), (ones, zeros))
    return value, forward, jax.grad(lambda a: WEIGHTS @ outcome(a, time))(amount)


@pytest.mark.slow
@pytest.mark.parametrize("time", [60.0, 240.0, 400.0, 520.0])
def test_gradient_of_coupled_steps_matches_differences(time):
    h, t = 1e-6, at(time)
    high, low = (derivatives(at(a), t)[0] for a in (h, -h))
    differences = (high - low) / (2 * h)
    _, forward, reverse = derivatives(at(0.0), t)
    assert_allclose(forward, differences, rtol=1e-5, atol=1e-5)
    assert_allclose(reverse, WEIGHTS @ differences, rtol=1e-5)


def test_gradient_of_a_closed_shunt_is_that_of_opening_it():
    circulation, state = healthy_adult()

    @jax.jit
    @jax.value_and_grad
    def right_atrium(area: jax.Array) -> jax.Array:
        hole = dataclasses.replace(circulation.atrial_shunt, area=area)
        loop = dataclasses.replace(circulation, atrial_shunt=hole)
        return advance(loop, state, at(100.0), at(2.0), {}).V_RA

    (closed, slope), (open_, _) = right_atrium(at(0.0)), right_atrium(at(1e-3))
    assert slope > 0
    assert_allclose(slope, (open_ - closed) / 1e-3, rtol=1e-3)


def test_new_numbers_do_not_recompile():
    traces = []

    @eqx.filter_jit
    def counted(circulation, state):
        traces.append(1)
        return flows(circulation, state, at(0.0), {})

    circulation, state = healthy_adult()
    counted(circulation, state)
    counted(eqx.tree_at(lambda c: c.mitral.regurgitant_area, circulation, at(40.0)), state)
    counted(*regazzoni_2022())
    assert len(traces) == 1


def test_step_lowers_for_cuda():
    circulation, state = healthy_adult()
    cavities = tangent_line(circulation, ("LV", "RV"), [state.V_LV, state.V_RV], at(0.0))
    exported = export.export(jax.jit(advance_coupled), platforms=["cuda"])(
        circulation, state, at(0.0), at(1.0), cavities
    )
    assert exported.platforms == ("cuda",)
    assert "custom_call" not in exported.mlir_module()
