"""Laws of 0D chambers: activation, filling, collapse, monotone relations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.circulation.adult import one_fiber_chamber
from heartsim.circulation.chambers import Elastance, activation, exponential
from heartsim.units import mL, mmHg, ms, s


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


def test_relaxed_chamber_stiffens_exponentially():
    """p = E (exp(k x) - 1)/k at x = V - V0; its slope is E exp(k x)."""
    chamber = Elastance(active=0.0, passive=0.05 * mmHg / mL, unstressed=20 * mL, onset=0.0,
                        contraction=300.0, relaxation=150.0, stiffening=0.02 / mL)  # fmt: skip
    relation = chamber.at(jnp.asarray(0.0), jnp.asarray(800.0))
    value, slope = jax.value_and_grad(relation)(jnp.asarray(120 * mL))
    assert_allclose(value / mmHg, 0.05 * (np.exp(2.0) - 1) / 0.02, rtol=1e-12)
    assert_allclose(slope / (mmHg / mL), 0.05 * np.exp(2.0), rtol=1e-12)


@pytest.mark.parametrize("rate", [0.0, 1e-9, 0.5])
def test_exponential_grows_straight_to_both_ends_and_is_smooth(rate):
    x = jnp.linspace(-3.0, 40.0, 2001)
    value, slope = jax.vmap(jax.value_and_grad(exponential), in_axes=(0, None))(
        x, jnp.asarray(rate)
    )
    assert np.all(slope > 0)
    middle = (slope[1:] + slope[:-1]) / 2
    assert_allclose(np.diff(value) / np.diff(x), middle, rtol=2e-3, atol=1e-9)
    if rate < 1e-6:
        assert_allclose(value, x, rtol=1e-6)


def test_chamber_resists_being_emptied_by_the_tube_law():
    """Below V0: p = 2/3 E V0 (1 - (V/V0)^(-3/2)), without bound at V = 0, C1 at V0."""
    chamber = Elastance(active=0.3, passive=0.01, unstressed=1e4, onset=0.0, contraction=300.0,
                        relaxation=150.0)  # fmt: skip
    relation = chamber.at(jnp.asarray(0.0), jnp.asarray(800.0))
    assert_allclose(relation(jnp.asarray(2.5e3)), 2 / 3 * 0.01 * 1e4 * (1 - 8), rtol=1e-12)
    assert relation(jnp.asarray(1.0)) < -1e7 * 0.01
    slope = jax.grad(relation)
    assert_allclose(slope(jnp.asarray(1e4 - 1)), slope(jnp.asarray(1e4 + 1)), rtol=1e-3)


ALL = pytest.mark.parametrize("name", ["LV", "RV", "LA", "RA"])


@ALL
def test_one_fiber_pressure_grows_with_volume_at_every_activation(name):
    chamber = one_fiber_chamber(name)
    at = jnp.linspace(0.02, 4.0, 400) * chamber.unstressed
    for pull in (0.0, 0.5, 1.0):
        law = chamber.at(chamber.contraction * pull, jnp.asarray(1e4))
        slope = jax.jit(jax.vmap(jax.grad(law)))(at)
        assert np.all(slope > 0), pull


def test_work_of_the_blood_is_work_of_the_fibers():
    """The integral of p dV equals V_w times that of σ dλ/λ, above slack and below."""
    chamber = one_fiber_chamber("LV")
    volume = jnp.linspace(60 * mL, 130 * mL, 4001)
    law = chamber.at(jnp.asarray(200.0), jnp.asarray(1e4))
    pressure, stretch = jax.vmap(law)(volume), jax.vmap(chamber.stretch)(volume)
    pull = law.tension * (stretch - chamber.slack) / (1 - chamber.slack)
    rest = chamber.stiffness * jnp.expm1(chamber.exponent * (stretch - 1)) / chamber.exponent
    stress = stretch * (pull + rest)
    fibers = chamber.wall * np.trapezoid(stress / stretch, stretch)
    assert_allclose(np.trapezoid(pressure, volume), fibers, rtol=1e-6)


def test_unloaded_fiber_chamber_has_no_pressure_and_no_stretch():
    chamber = one_fiber_chamber("RV")
    assert_allclose(chamber.stretch(chamber.unstressed), 1.0)
    assert_allclose(chamber.volume(chamber.stretch(jnp.asarray(9e4))), 9e4)
    relaxed = chamber.at(jnp.asarray(0.0), jnp.asarray(1e4))
    assert_allclose(relaxed(chamber.unstressed), 0.0, atol=1e-12)


@pytest.mark.parametrize("kind", ["elastance", "one-fiber"])
def test_chambers_get_stronger_and_slower(kind):
    fiber = one_fiber_chamber("LV")
    plain = Elastance(active=0.4, passive=0.01, unstressed=1e4, onset=0.0, contraction=300.0,
                      relaxation=150.0)  # fmt: skip
    chamber = fiber if kind == "one-fiber" else plain
    volume, period = jnp.asarray(9e4), jnp.asarray(1000.0)
    rest = chamber.at(jnp.asarray(0.0), period)(volume)

    def pull(law, time):
        return law.at(jnp.asarray(time), period)(volume) - rest

    assert_allclose(pull(chamber.stronger(1.3), 250.0), 1.3 * pull(chamber, 250.0), rtol=1e-12)
    rise = float(chamber.contraction)
    slow = chamber.timed(rise=1.2, fall=1.5)
    assert_allclose(pull(slow, 1.2 * 200), pull(chamber, 200.0), rtol=1e-12)
    assert_allclose(pull(slow, 1.2 * rise + 1.5 * 60), pull(chamber, rise + 60), rtol=1e-12)
