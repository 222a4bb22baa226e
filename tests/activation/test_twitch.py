"""Tension transients: normalized, smooth, silent in diastole, periodic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.activation.twitch import LONGEST_SHARE, REFERENCE_PERIOD, Activation, Twitch

TIME = jnp.linspace(-50.0, 850.0, 90001)


def test_twitch_is_zero_outside_and_one_at_its_peak():
    twitch = Twitch()
    f = twitch.fraction(TIME)
    end = twitch.peak + twitch.relaxation
    assert np.all(np.asarray(f)[np.asarray((TIME <= 0) | (end <= TIME))] == 0)
    assert float(f.min()) == 0
    assert_allclose(f.max(), 1.0, rtol=1e-12)
    assert_allclose(TIME[jnp.argmax(f)], twitch.peak, atol=0.1)


def test_twitch_has_a_continuous_slope():
    slope = np.gradient(np.asarray(Twitch().fraction(TIME)), np.asarray(TIME))
    assert np.abs(np.diff(slope)).max() < 1e-5
    exact = jax.vmap(jax.grad(Twitch().fraction))(TIME[::100])
    assert_allclose(exact, slope[::100], atol=2e-6)


@pytest.mark.parametrize("rate", [50, 60, 80, 100, 130])
def test_systole_shortens_with_heart_rate_as_measured(rate):
    """Electromechanical systole of Weissler et al. 1968, 546 − 2.1 HR ms, relative to 70/min."""
    period = 60000 / rate
    twitch = Twitch().at_period(period)
    expected = (546 - 2.1 * rate) / (546 - 2.1 * 60000 / REFERENCE_PERIOD)
    assert_allclose(twitch.peak / Twitch().peak, expected, rtol=0.08)


def test_twitch_ends_before_the_next_at_any_rate():
    twitch = Twitch().at_period(250.0)
    assert_allclose(twitch.peak + twitch.relaxation, LONGEST_SHARE * 250, rtol=1e-12)


def test_activation_is_the_twitch_delayed_and_repeated():
    activation = Activation(jnp.array([100.0, 140.0, 900.0]), Twitch(), 800.0)
    fraction = activation.tension_fraction(300.0)
    twitch = Twitch()
    expected = [twitch.fraction(jnp.asarray(t)) for t in (200.0, 160.0, 200.0)]
    assert_allclose(fraction, expected, rtol=1e-12)
    assert_allclose(activation.tension_fraction(300.0 + 3 * 800.0), fraction, rtol=1e-9)


def test_gradient_reaches_every_parameter():
    activation = Activation(jnp.array([100.0, 140.0]), Twitch(130.0, 300.0, 220.0, 0.5), 800.0)

    @jax.jit
    @jax.grad
    def slope(one):
        times = jnp.linspace(850.0, 1650.0, 50)
        return jnp.sum(jax.vmap(one.tension_fraction)(times) ** 2)

    activation = jax.tree.map(jnp.asarray, activation)
    for leaf in jax.tree.leaves(slope(activation)):
        assert bool(jnp.all(jnp.isfinite(leaf)))
        assert bool(jnp.any(leaf != 0))
