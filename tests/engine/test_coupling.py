"""Wall and blood in one step: conservation, equilibrium, and the way to a GPU."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim import coupling, equilibrium
from heartsim.beat import march, observed
from heartsim.bloodside import circulating, pressures_given
from heartsim.circulation.closed_loop import blood_volume
from heartsim.coupling import solve_step
from heartsim.heart import Load, cavity_volumes
from heartsim.units import mmHg
from heartsim.wallstate import balance_at

_balance = eqx.filter_jit(balance_at)


@pytest.fixture(scope="module")
def levels(patient):
    """First levels of a beat."""
    found = []
    for work, before, after in march(
        patient.work, patient.heart, patient.moment, step=10.0, until=830.0
    ):
        found.append((work, before, after))
        if len(found) == 4:
            return found
    return found


class _Dense(eqx.Module):
    """A matrix in place of a wall."""

    matrix: jax.Array
    free: jax.Array

    def apply(self, x):
        return x @ self.matrix.T


class _Rough(eqx.Module):
    """An inverse that does nothing."""

    in_turn: bool = eqx.field(static=True)

    def apply(self, z, iteration):
        return z


@pytest.mark.parametrize("in_turn", [True, False])
def test_lanes_that_are_solved_in_turn_do_not_wait_for_one_another(in_turn):
    """Each reaches its own target; idle ones get nothing, a broken one breaks alone."""
    random = np.random.default_rng(0)
    matrix = np.eye(20) + 0.1 * random.standard_normal((4, 20, 20))
    matrix[3] = np.nan
    rhs, target = random.standard_normal((4, 20)), np.array([1e-1, 1e-9, np.inf, 1e-9])

    def solved(matrix, rhs, target):
        wall = _Dense(matrix, jnp.ones(20))
        return coupling._System(wall, _Rough(in_turn), None).solve(rhs, target)

    x, iterations, exhausted = jax.jit(jax.vmap(solved))(matrix, rhs, target)
    left = np.linalg.norm(np.einsum("lij,lj->li", matrix, x) - rhs, axis=1)
    assert (left[:2] <= 1.01 * target[:2]).all()
    assert not in_turn or not x[2].any()
    assert not np.isfinite(x[3]).any()
    assert not exhausted.any()
    alone = [int(solved(*one)[1]) for one in zip(matrix[:2], rhs[:2], target[:2], strict=True)]
    assert alone[0] < alone[1]
    assert iterations[:2].tolist() == (alone if in_turn else [alone[1]] * 2)


def test_blood_is_neither_made_nor_lost(patient, levels):
    loop = patient.heart.circulation
    start = float(blood_volume(loop, patient.moment.blood))
    for _, _, after in levels:
        assert_allclose(float(blood_volume(loop, after.blood)), start, rtol=1e-10)


def test_wall_holds_the_blood_that_the_circulation_says(patient, levels):
    for work, _, after in levels:
        held = np.asarray(cavity_volumes(patient.heart, after.wall.u))
        said = [float(after.blood.volume(name)) for name in patient.heart.chambers]
        assert_allclose(held, said, rtol=work.tolerances.volume)


def test_muscle_volume_is_kept(patient, levels):
    _, before, after = levels[-1]
    seen = observed(patient.heart, before, after)
    reference = float(patient.heart.cell_volume.sum())
    assert_allclose(seen.wall_volume, reference, rtol=2e-3)


def test_a_relaxed_filling_heart_has_filling_pressures(patient, levels):
    _, _, after = levels[-1]
    for pressure in np.asarray(after.wall.pressure) / mmHg:
        assert 0.0 < pressure < 25.0


@pytest.mark.parametrize("count", [1, 2, 3])
def test_guesses_are_exact_on_polynomials(patient, count):
    """Through one, two or three levels at uneven places; the response is the newest one's."""
    still = patient.moment.wall
    places = [0.0, 0.4, 1.0][:count]

    def wall(at):
        powers = jnp.asarray([at**k for k in range(count)])
        shape = jnp.arange(1.0, still.u.size * count + 1).reshape(*still.u.shape, count)
        return still._replace(u=shape @ powers, response=still.response + at)

    ahead = equilibrium.extrapolate([(at, wall(at)) for at in places], 1.7)
    assert_allclose(ahead.u, wall(1.7).u, rtol=1e-12)
    assert_allclose(ahead.response, still.response + places[-1])


@pytest.mark.parametrize(
    ("leap", "share"), [(1.0, 1.0), (1.1, 1.0), (-1.0, 0.0), (100.0, 0.0)], ids=str
)
def test_a_guess_leads_no_further_from_equilibrium_than_staying(patient, leap, share):
    """From rest towards a filled wall: right, a little too far, backwards, beyond all bounds."""
    heart, full = patient.heart, patient.moment.wall
    start, load = equilibrium.rest(heart), equilibrium.passive_load(heart)
    ahead = jax.tree.map(lambda a, b: a + leap * (b - a), start, full)
    ahead = ahead._replace(pressure=full.pressure)
    guess = equilibrium._shortened(heart, start, ahead, load)
    assert_allclose(guess.u, share * ahead.u, rtol=1e-12)
    assert_allclose(guess.pressure, full.pressure)

    still = start._replace(pressure=full.pressure)
    assert _balance(heart, guess, load).norm <= _balance(heart, still, load).norm


def test_inflation_stays_near_equilibrium(patient):
    """Far from it, linear solves of large hearts ran out of iterations."""
    heart, work, far = patient.heart, patient.work, []
    solved = equilibrium.step

    def step(work, heart, guess, blood, load):
        balance = _balance(heart, guess, load)
        far.append(float(balance.norm / balance.scale))
        return solved(work, heart, guess, blood, load)

    load, full = equilibrium.passive_load(heart), jnp.asarray([15.0, 5.0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(equilibrium, "step", step)
        equilibrium.load_to(
            work,
            heart,
            equilibrium.rest(heart),
            lambda fraction: pressures_given(fraction * full),
            lambda _: load,
            first=0.1,
        )
    assert len(far) > 2
    assert max(far) <= 1.0


def test_coupled_step_lowers_for_cuda(patient):
    heart, moment = patient.heart, patient.moment
    blood = circulating(
        heart.circulation, moment.blood, jnp.asarray(0.0), jnp.asarray(5.0), heart.chambers
    )
    load = Load(moment.tension, moment.wall.u, jnp.asarray(0.2))
    arguments = (
        heart,
        patient.work.kept,
        moment.wall,
        blood,
        load,
        patient.work.tolerances,
    )
    arrays, fixed = eqx.partition(arguments, eqx.is_array)

    def step(arrays):
        return solve_step(*eqx.combine(arrays, fixed))

    exported = jax.export.export(jax.jit(step), platforms=["cuda"])(arrays)
    assert exported.platforms == ("cuda",)
    assert "callback" not in exported.mlir_module()
