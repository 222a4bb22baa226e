"""Laws of the components: inverse of the orifice formula, monotone, C1, finite gradients."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.circulation.adult import PLAIN
from heartsim.circulation.components import BLEND, Orifice, Valve, Vessel, smooth_positive
from heartsim.units import BLOOD_DENSITY, cm, mL, mmHg, s

RESISTANCE = 0.001 * mmHg * s / mL
AREAS = {"healthy": 4 * cm**2, "stenosed": 0.7 * cm**2, "plain": PLAIN, "shut": 0.0}


flow = jax.jit(lambda part, drop: part.flow(drop))
slopes = jax.jit(lambda part, drop: jax.vmap(jax.grad(part.flow))(drop))
gradients = jax.jit(jax.grad(lambda part, drop: part.flow(drop), argnums=(0, 1)))


def valve(area: float, regurgitant: float = 0.0) -> Valve:
    return Valve(area=area, regurgitant_area=regurgitant, resistance=RESISTANCE)


@pytest.mark.parametrize("area", [0.5 * cm**2, 4 * cm**2])
@pytest.mark.parametrize("series", [0.0, 0.03 * mmHg * s / mL])
def test_open_valve_inverts_the_orifice_formula(area, series):
    drop = jnp.linspace(2 * BLEND, 100 * mmHg, 50)
    through = valve(area).flow(drop, series)
    loss = BLOOD_DENSITY / (2 * area**2)
    assert_allclose((RESISTANCE + series) * through + loss * through**2, drop, rtol=1e-7)


def test_regurgitant_side_inverts_the_orifice_formula():
    drop = -jnp.linspace(2 * BLEND, 100 * mmHg, 50)
    through = flow(valve(4 * cm**2, 0.4 * cm**2), drop)
    loss = BLOOD_DENSITY / (2 * (0.4 * cm**2) ** 2)
    assert_allclose(RESISTANCE * through + loss * through * jnp.abs(through), drop, rtol=1e-7)


def test_plain_valve_is_its_resistance():
    drop = jnp.linspace(2 * BLEND, 5 * mmHg, 20)
    assert_allclose(valve(PLAIN).flow(drop), drop / RESISTANCE, rtol=1e-4)


def test_competent_valve_does_not_leak():
    assert np.all(np.asarray(valve(4 * cm**2).flow(-jnp.linspace(0.0, 200 * mmHg, 50))) == 0)


@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS)
@pytest.mark.parametrize("regurgitant", [0.0, 0.4 * cm**2])
def test_valve_is_monotone_and_passive(area, regurgitant):
    drop = jnp.concatenate(
        [
            jnp.linspace(-100 * mmHg, 100 * mmHg, 2001),
            jnp.linspace(-2 * BLEND, 2 * BLEND, 2001),
        ]
    )
    part = valve(area, regurgitant)
    assert np.all(slopes(part, drop) >= 0)
    assert np.all(flow(part, drop) * drop >= 0)


@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS)
def test_valve_slope_is_continuous(area):
    part = valve(area, area / 10)
    for joint in (-BLEND, 0.0, BLEND):
        either = slopes(part, joint + jnp.array([-1e-9, 1e-9]))
        assert_allclose(either[0], either[1], rtol=1e-4, atol=1e-6 * float(jnp.max(either)) + 1e-3)


@pytest.mark.parametrize("drop", [-10.0, -1e-3, 0.0, 1e-3, 10.0])
@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS)
def test_valve_gradients_are_finite(area, drop):
    leaves = jax.tree.leaves(gradients(valve(area), jnp.asarray(drop)))
    assert np.all(np.isfinite(leaves))


def test_positive_part_matches_outside_its_blend():
    x = jnp.array([-5.0, -BLEND, 0.0, BLEND, 5.0])
    assert_allclose(smooth_positive(x), [0, 0, 0, BLEND, 5.0], atol=1e-15)


def test_absent_orifice_has_no_flow_but_a_gradient():
    hole = Orifice(area=0.0, resistance=RESISTANCE)
    for drop in (-3.0, 0.0, 3.0):
        assert flow(hole, jnp.asarray(drop)) == 0
        slope = gradients(hole, jnp.asarray(drop))[0].area
        assert np.isfinite(slope)
    assert slope > 0


def test_orifice_is_odd_and_monotone():
    hole = Orifice(area=0.5 * cm**2, resistance=RESISTANCE)
    drop = jnp.linspace(-20 * mmHg, 20 * mmHg, 401)
    through = flow(hole, drop)
    assert np.all(np.diff(through) > 0)
    assert_allclose(through, -through[::-1], rtol=1e-12, atol=1e-12)


def test_leaflets_follow_their_target_with_their_time_constant():
    """τ A' = A_open - A from closed: implicit Euler gives A = A_open (1 - (1 + dt/τ)^-n)."""
    part = dataclasses.replace(valve(4 * cm**2), opening_time=20.0, closing_time=10.0)
    opening = jnp.zeros(())
    for _ in range(10):
        settled, _ = part.within_step(jnp.zeros(()), opening, jnp.asarray(2.0))
        opening = settled.area
    assert_allclose(opening, 4 * cm**2 * (1 - 1.1**-10), rtol=1e-12)
    settled, _ = part.within_step(jnp.zeros(()), opening, jnp.asarray(2.0))
    assert_allclose(settled.regurgitant_area, opening / 1.2, rtol=1e-12)


def test_leaflets_hang_between_shut_and_open_in_a_small_flow():
    """Shut at rest, open from 10 mL/s on, in between without a jump or a kink."""
    part = dataclasses.replace(valve(4 * cm**2), regurgitant_area=jnp.asarray(0.2 * cm**2))
    q = jnp.linspace(-5, 15, 2001) * mL / s
    area = np.asarray(part.opening(q)) / cm**2
    assert_allclose(area[q <= 0], 0.2, rtol=1e-12)
    assert_allclose(area[q >= 10 * mL / s], 4.0, rtol=1e-12)
    assert_allclose(np.interp(5 * mL / s, q, area), 2.1, rtol=1e-9)
    slope = np.diff(area) / np.diff(q / (mL / s))
    assert slope.min() > -1e-12
    assert np.abs(np.diff(slope)).max() < 0.01 * slope.max()


def test_blood_in_a_valve_has_inertia():
    """L q' + R q = dp in a plain valve; one step from q0 gives (dp dt + L q0)/(L + R dt)."""
    inertance, drop, dt, before = 2e-3 * mmHg * s**2 / mL, 3 * mmHg, 2.0, 80.0
    part = dataclasses.replace(valve(PLAIN), inertance=inertance)
    settled, push = part.within_step(jnp.asarray(before), jnp.asarray(PLAIN), jnp.asarray(dt))
    expected = (drop * dt + inertance * before) / (inertance + RESISTANCE * dt)
    assert_allclose(settled.flow(drop + push), expected, rtol=1e-6)


def test_band_behind_a_valve_is_an_orifice_in_series():
    """Losses of orifices in series add: 1/A² = 1/A1² + 1/A2²."""
    banded = dataclasses.replace(valve(3 * cm**2), narrowing=(0.5 * cm**2) ** -2)
    alone = valve((3.0**-2 + 0.5**-2) ** -0.5 * cm**2)
    drop = jnp.linspace(1 * mmHg, 80 * mmHg, 9)
    assert_allclose(banded.flow(drop), alone.flow(drop), rtol=1e-12)


def test_a_bed_collapses_before_it_is_empty():
    """Pressure is V/C above the unstressed volume, leaves it with that slope, and has no floor."""
    bed = Vessel(1.0, 2.0, 0.0, 0.0, unstressed=10.0)
    levels = jnp.array([3.0, 1e-4, -1e-4, -2.0, -4.9, -4.999])
    found = jax.vmap(bed.transmural)(levels)
    slopes = jax.vmap(jax.grad(bed.transmural))(levels)
    assert_allclose(found[:2], levels[:2], rtol=1e-12)
    assert_allclose(slopes[1], slopes[2], rtol=1e-3)
    assert np.all(np.asarray(found[3:]) < np.asarray(levels[3:]))
    # tube law with a fiftieth and a five-thousandth of the blood left
    left = np.array([0.02, 2e-4])
    assert_allclose(found[4:], 10 / (1.5 * 2) * (1 - left**-1.5), rtol=1e-9)
