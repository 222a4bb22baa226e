"""Laws of the components: inverse of the orifice formula, monotone, C1, finite gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.circulation.adult import PLAIN
from heartsim.circulation.components import (
    BLEND,
    Elastance,
    Orifice,
    Pump,
    Valve,
    activation,
    smooth_positive,
)
from heartsim.units import BLOOD_DENSITY, cm, mL, mmHg, ms, s

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


def test_pump_stalls_at_its_head():
    pump = Pump(conductance=10.0, head=100 * mmHg)
    assert_allclose(pump.flow(jnp.asarray(-100 * mmHg)), 0.0, atol=1e-12)
    assert pump.flow(jnp.asarray(-60 * mmHg)) > 0


@pytest.mark.parametrize(
    ("time", "expected"),
    [(0, 0), (85, 0.5), (170, 1), (255, 0.5), (340, 0), (900, 0), (1085, 0.5), (-915, 0.5)],
)
def test_activation_follows_the_cosine_form(time, expected):
    """Values of (1 - cos(π a/TC))/2 and (1 + cos(π b/TR))/2 with TC = TR = 170 ms, T = 1 s."""
    value = activation(*map(jnp.asarray, (time * ms, 1 * s, 170 * ms, 170 * ms)))
    assert_allclose(value, expected, atol=1e-12)


@pytest.mark.parametrize("period", [300.0, 833.0])
def test_activation_is_periodic_and_c1(period):
    def at(time: jax.Array) -> jax.Array:
        return activation(time, jnp.asarray(period), jnp.asarray(320.0), jnp.asarray(140.0))

    time = jnp.linspace(0, period, 4001)
    value, slope = jax.jit(jax.vmap(jax.value_and_grad(at)))(time)
    assert value.min() >= 0
    assert value.max() <= 1
    assert np.abs(np.diff(slope)).max() < 1e-4
    assert_allclose(value[0], value[-1], atol=1e-12)


def test_elastance_pressure_grows_with_volume():
    chamber = Elastance(active=0.4, passive=0.01, unstressed=1e4, onset=0.0, contraction=300.0,
                        relaxation=150.0)  # fmt: skip
    for time in (0.0, 150.0, 300.0, 600.0):
        relation = chamber.at(jnp.asarray(time), jnp.asarray(800.0))
        assert_allclose(relation(jnp.asarray(1e4)), 0.0, atol=1e-12)
        assert relation(jnp.asarray(5e4)) >= 0.01 * 4e4
