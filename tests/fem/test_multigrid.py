"""Multigrid for large hearts: its levels are those of the wall, it solves, and it is renewed."""

from dataclasses import fields as dataclass_fields
from dataclasses import replace
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from heartsim import equilibrium, runtime
from heartsim.build import anatomy, heart_on
from heartsim.coupling import KRYLOV_DIMENSION
from heartsim.fem.cable import Cable
from heartsim.fem.factorized import Factorized
from heartsim.fem.linear import Wear
from heartsim.fem.preconditioner import (
    LONG,
    MOST_SMOOTHING,
    PATIENCE,
    SMOOTHING,
    Multigrid,
    Preconditioner,
    VertexBlocks,
    vertex_blocks,
    vertex_level,
    vertex_matrix,
)
from heartsim.heart import cable_ends, linearize
from heartsim.mesh.ellipsoid import human_left_ventricle
from heartsim.scenario import Scenario
from heartsim.solve.krylov import gmres
from heartsim.units import N, kPa, mm
from tests.solve.tiny import ventricle

MOST_ITERATIONS = 30
TENSION = 50.0 * kPa


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Multigrid whatever the size."""
    monkeypatch.setattr(equilibrium, "LARGEST_FACTORIZED", {"P1P1": 0, "P2P1": 0})


@pytest.fixture(params=["P1P1", "P2P1"])
def model(request):
    """Heart of two algebraic levels and its numbering."""
    runtime.use_float64()
    patient = {"mesh": "human ellipsoid", "element": request.param, "imaged_at": "unloaded"}
    scenario = Scenario.from_dict({"title": "How many iterations?", "patient": patient})
    mesh = human_left_ventricle(9.0, layers=2)
    built = anatomy(mesh, scenario)
    heart = heart_on(built, mesh.points, scenario)
    return heart, built.nodes


def _held(heart):
    """The same heart with its highest nodes held, and others in one direction."""
    points, free = np.asarray(heart.solid.space.points), np.asarray(heart.solid.space.free).copy()
    free[points[:, 2] > points[:, 2].max() - 4.0] = 0.0
    free[points[:, 0] < points[:, 0].min() + 4.0, 1] = 0.0
    return eqx.tree_at(lambda h: h.solid.space.free, heart, jnp.asarray(free))


def _purse(heart, stiffness):
    """The same heart with a taut purse string around it, across edges, of so many mN/mm."""
    points = np.asarray(heart.solid.space.points)[: heart.solid.space.vertices]
    below = points[:, 2].max() - points[:, 2]
    ring = np.flatnonzero((below > 2.0) & (below < 20.0))
    ring = ring[np.argsort(np.arctan2(*points[ring, :2].T))]
    ends = np.stack([ring, np.roll(ring, 1)], axis=1).astype(np.int32)
    length = jnp.asarray(np.linalg.norm(points[ends[:, 1]] - points[ends[:, 0]], axis=1))
    string = Cable(jnp.asarray(ends), length, 0.9 * length, jnp.full_like(length, stiffness))
    return replace(heart, cables={"purse": string})


def _at_rest(heart, dtype):
    """Operator of the passive wall at rest."""
    wall, load = equilibrium.rest(heart), equilibrium.passive_load(heart)
    return linearize(heart, wall.u, wall.p, wall.pressure, load, dtype=dtype)


@eqx.filter_jit
def _solved(heart, kept, wall, load):
    """Iterations to a ten-thousandth of a random right-hand side, and what is left of it."""
    operator = linearize(heart, wall.u, wall.p, wall.pressure, load, dtype=equilibrium.PRECISION)
    inverse, _ = kept.prepare(operator)
    wanted = np.random.default_rng(0).standard_normal((1, heart.solid.space.dofs))
    rhs = operator.apply(jnp.asarray(wanted, equilibrium.PRECISION))
    size = jnp.linalg.norm(rhs)
    found = gmres(operator.apply, inverse.apply, rhs, 1e-4 * size[None], dimension=60)
    return found.iterations, jnp.linalg.norm(operator.apply(found.x) - rhs) / size


@pytest.mark.parametrize("tension", [0.0, TENSION])
def test_a_wall_at_rest_and_one_that_pulls_take_few_iterations(model, tension):
    """Early filling and peak contraction; levels are those of the state."""
    heart, nodes = model
    work = equilibrium.workspace(heart, nodes)
    load = equilibrium.passive_load(heart)
    load = eqx.tree_at(lambda one: one.tension, load, jnp.full_like(load.tension, tension))
    wall = equilibrium.rest(heart)
    assert len(work.kept.hierarchy.levels) == 1
    kept = equilibrium.refresh(work, heart, wall, load).kept
    iterations, left = _solved(heart, kept, wall, load)
    assert left < 1.1e-4
    assert iterations <= MOST_ITERATIONS


def test_a_taut_purse_string_costs_few_iterations(model):
    """As stiff as a suture: the coarse levels know it."""
    heart, nodes = _purse(model[0], 1.0 * N / mm), model[1]
    wall, load = equilibrium.rest(heart), equilibrium.passive_load(heart)
    kept = equilibrium.workspace(heart, nodes).kept
    iterations, left = _solved(heart, kept, wall, load)
    assert left < 1.1e-4
    assert iterations <= MOST_ITERATIONS
    blind = equilibrium.workspace(model[0], nodes).kept
    assert iterations < _solved(heart, blind, wall, load)[0]


def test_the_vertex_level_is_the_wall_restricted_to_its_vertices(model):
    """Against the operator itself, on fields that are linear along edges."""
    heart, nodes = _purse(_held(model[0]), 50.0), model[1]
    operator = eqx.filter_jit(_at_rest)(heart, jnp.float64)
    (tied,) = operator.tied
    assert float(abs(tied.blocks).max()) > 1.0
    blocks = VertexBlocks(vertex_blocks(operator.tangent.K), tied.blocks)
    matrix = vertex_matrix(nodes, np.asarray(operator.free), blocks, cable_ends(heart))
    operator = eqx.tree_at(lambda o: o.free, operator, jnp.ones_like(operator.free))
    space, rng = heart.solid.space, np.random.default_rng(1)
    held = 1.0 - np.asarray(space.free)[: space.vertices]
    assert 0 < (held.sum(axis=1) == 1).sum() < (held.sum(axis=1) == 3).sum() < len(held)
    coarse = rng.standard_normal((space.vertices, 3))
    moved = coarse * (1.0 - held)
    fine = np.concatenate([moved, moved[nodes.edges].mean(axis=1)])
    forces = np.asarray(operator.stiffness(jnp.asarray(fine)[None])[0])
    # the transpose of the interpolation: half of an edge's force at each of its ends
    expected = forces[: space.vertices].copy()
    np.add.at(expected, nodes.edges, 0.5 * forces[space.vertices :, None])
    found = (matrix @ moved.ravel()).reshape(-1, 3)
    assert_allclose(found * (1.0 - held), expected * (1.0 - held), atol=1e-4 * abs(expected).max())
    identity = (matrix @ (coarse * held).ravel()).reshape(-1, 3)
    assert_allclose(identity, coarse * held, atol=1e-12)


def test_the_constraint_of_single_cells_bounds_that_of_the_wall(model):
    """On the vertex level: never softer than the wall with its constraint weighed."""
    heart, nodes = _held(model[0]), model[1]
    operator = eqx.filter_jit(_at_rest)(heart, jnp.float64)
    rng, start = np.random.default_rng(2), jnp.ones_like(operator.free)
    blocks, _ = vertex_level(operator, start, steps=1)
    free, none = np.asarray(operator.free), cable_ends(heart)
    matrix = vertex_matrix(nodes, free, blocks, none)
    kept = equilibrium.workspace(heart, nodes).kept
    weight = kept.prepare(operator)[0].weight
    bare = blocks._replace(cells=vertex_blocks(operator.tangent.K))
    plain = vertex_matrix(nodes, free, bare, none)
    held = 1.0 - np.asarray(operator.free)[: operator.vertices]
    assert held.any()
    for _ in range(5):
        coarse = rng.standard_normal((operator.vertices, 3)) * (1.0 - held)
        fine = np.concatenate([coarse, coarse[nodes.edges].mean(axis=1)])[None]
        forces = operator.stiffness(jnp.asarray(fine), weight)
        stiffness, of_level = np.sum(fine * forces), coarse.ravel() @ matrix @ coarse.ravel()
        without = coarse.ravel() @ plain @ coarse.ravel()
        assert without < stiffness < of_level < 5.0 * stiffness


def test_a_cycle_lessens_the_energy_of_any_error(model):
    """Also where nodes are held, and those of them that ends of free edges share."""
    heart, nodes = _held(model[0]), model[1]
    kept = equilibrium.workspace(heart, nodes).kept
    operator = eqx.filter_jit(_at_rest)(heart, equilibrium.PRECISION)
    inverse, _ = kept.prepare(operator)

    @jax.jit
    def cycled(error, below):
        forces = operator.stiffness(error, inverse.weight)
        left = error - inverse.displacement(forces, jnp.asarray(SMOOTHING), below)
        return left, jnp.sum(error * forces)

    rng = np.random.default_rng(3)
    first = jnp.asarray(rng.standard_normal((1, *operator.free.shape)), equilibrium.PRECISION)
    for below in (SMOOTHING, MOST_SMOOTHING):
        error, energies = first, []
        for _ in range(8):
            error, energy = cycled(error * operator.free[None], jnp.asarray(below))
            energies.append(float(energy))
        assert max(after / before for before, after in pairwise(energies)) < 0.9


def _as(kind, inverse):
    """The same preconditioner with methods of another class."""
    return kind(**{one.name: getattr(inverse, one.name) for one in dataclass_fields(inverse)})


def test_a_solve_that_takes_long_smooths_more(model):
    heart, nodes = model
    kept = equilibrium.workspace(heart, nodes).kept
    operator = eqx.filter_jit(_at_rest)(heart, equilibrium.PRECISION)
    inverse, _ = kept.prepare(operator)
    shape = 1, heart.solid.space.dofs
    rhs = jnp.asarray(np.random.default_rng(6).standard_normal(shape), equilibrium.PRECISION)
    rhs = operator.apply(rhs)

    @jax.jit
    def left(iteration):
        return jnp.linalg.norm(operator.apply(inverse.apply(rhs, iteration)) - rhs)

    early, same, late = (float(left(jnp.asarray(count))) for count in (0, PATIENCE - 1, LONG))
    assert early == same
    assert late < early
    moves = []

    class Counting(Preconditioner):
        def displacement(self, rhs, finest, below):
            moves.append((int(finest), int(below)))
            return rhs

    for count in (0, PATIENCE, LONG, LONG + 4, KRYLOV_DIMENSION - 1):
        _as(Counting, inverse).apply(rhs, jnp.asarray(count))
    assert moves == [
        (SMOOTHING, SMOOTHING),
        (SMOOTHING + 1, SMOOTHING),
        (SMOOTHING + 2, SMOOTHING),
        (SMOOTHING + 4, SMOOTHING + 2),
        (MOST_SMOOTHING, MOST_SMOOTHING),
    ]


def test_the_weight_of_the_constraint_changes_no_solution(model):
    """The system that multigrid sees has the solutions of the wall's."""
    heart, nodes = model
    operator = eqx.filter_jit(_at_rest)(heart, jnp.float64)
    assert bool(jnp.any(operator.tangent.Q != 0.0)) == (not len(nodes.edges))
    inverse, _ = equilibrium.workspace(heart, nodes).kept.prepare(operator)
    seen = []

    class Watched(Preconditioner):
        def displacement(self, rhs, finest, below):
            seen.append(rhs)
            return jnp.zeros_like(rhs)

    rng = np.random.default_rng(4)
    u = jnp.asarray(rng.standard_normal((1, *operator.free.shape)))
    p = jnp.asarray(rng.standard_normal((1, operator.vertices)))
    # with the pressure that the stand-in finds from the volumes, forces follow from u alone
    volumes = -p / inverse.bulk[None]
    lost = operator.constraint(u, p) - volumes
    forces = operator.stiffness(u) + operator.coupling(p, u)
    found = _as(Watched, inverse).apply(operator.join(forces, volumes), 0)
    assert_allclose(operator.split(found)[1], p, rtol=1e-10)
    weighed = operator.stiffness(u, inverse.weight)
    expected = weighed - operator.coupling(inverse.weight[None] * lost, u)
    assert_allclose(seen[0], expected, atol=1e-10 * float(abs(expected).max()))


def test_levels_are_renewed_when_they_are_worn():
    """By the host after a step that converged, and their age begins again."""
    _, work, task = ventricle()
    assert isinstance(work.kept, Multigrid)
    price = float(work.kept.wear.price)
    given = task.heart, task.guess, task.blood, task.load
    _, _, info, fresh = equilibrium.step(work, *given)
    assert bool(info.converged)
    assert fresh.effort.refreshes == 0
    assert float(fresh.kept.wear.spent) == price + int(info.krylov)
    assert int(fresh.kept.wear.uses) == int(info.newton)
    old = replace(work, kept=replace(work.kept, wear=Wear.new(work.kept.wear.price).stale()))
    *_, renewed = equilibrium.step(old, *given)
    assert renewed.effort.refreshes == 1
    assert not bool(renewed.kept.wear.worn)
    assert float(renewed.kept.wear.spent) == price


def test_a_refresh_forgets_the_way_to_its_state():
    """So that a resumed run, whose solver is new, repeats an undisturbed one to the last bit."""
    _, work, task = ventricle()
    wall, _, _, used = equilibrium.step(work, task.heart, task.guess, task.blood, task.load)
    assert jnp.any(used.kept.direction != work.kept.direction)
    kept = [equilibrium.refresh(one, task.heart, wall, task.load).kept for one in (used, work)]
    for one, other in zip(*map(jax.tree.leaves, kept), strict=True):
        assert_array_equal(one, other)


def test_factors_take_its_place_where_they_are_shared(monkeypatch):
    """By lanes of a batch, or by right-hand sides of a gradient; the wall is the same."""
    _, work, task = ventricle()
    given = task.heart, task.guess, task.blood, task.load
    shared = equilibrium.sharable(work, task.heart)
    assert isinstance(shared.kept, Factorized)
    assert "multigrid" in work.linear_solver
    assert "shared" in shared.linear_solver
    assert equilibrium.sharable(shared, task.heart) is shared
    wall, _, info, _ = equilibrium.step(shared, *given)
    assert bool(info.converged)
    other, *_ = equilibrium.step(work, *given)
    assert_allclose(wall.u, other.u, atol=1e-4 * float(abs(other.u).max()))
    monkeypatch.setattr(equilibrium, "LARGEST_SHARED", {"P1P1": 0, "P2P1": 0})
    assert equilibrium.sharable(work, task.heart) is work


def test_both_linear_solvers_give_the_same_wall(monkeypatch):
    _, work, task = ventricle()
    given = task.heart, task.guess, task.blood, task.load
    wall, blood, info, _ = equilibrium.step(work, *given)
    monkeypatch.undo()
    exact, same_blood, _, factored = equilibrium.step(
        equilibrium.workspace(task.heart, work.nodes), *given
    )
    assert type(factored.kept) is not type(work.kept)
    assert bool(info.converged)
    assert_allclose(wall.u, exact.u, atol=1e-4 * float(abs(exact.u).max()))
    assert_allclose(blood.V_LV, same_blood.V_LV, rtol=1e-6)
