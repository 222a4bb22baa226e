"""Laws of pericardium and septum."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from heartsim.circulation.surroundings import Pericardium, Septum, contact
from heartsim.units import mL, mmHg


def test_pericardium_follows_its_exponential():
    """p = P (exp(k (V - V0)) - 1)."""
    sac = Pericardium(pressure=0.5 * mmHg, stiffening=0.03 / mL, unstressed=200 * mL)
    assert_allclose(sac.squeeze(jnp.asarray(300 * mL)) / mmHg, 0.5 * (np.exp(3) - 1), rtol=1e-12)
    assert_allclose(sac.squeeze(jnp.asarray(200 * mL)), 0.0, atol=1e-15)


def test_open_pericardium_does_not_press():
    sac = Pericardium(pressure=0.0, stiffening=0.03 / mL, unstressed=200 * mL)
    assert sac.squeeze(jnp.asarray(900 * mL)) == 0


def test_septum_bulges_to_the_lower_pressure_and_stiffens():
    septum = Septum(compliance=0.5 * mL / mmHg, stiffening=20.0)
    relaxed = septum.bulge(jnp.asarray(-6 * mmHg), jnp.asarray(0.0))
    assert_allclose(relaxed / mL, -3.0)
    assert_allclose(septum.bulge(jnp.asarray(-6 * mmHg), jnp.asarray(1.0)), relaxed / 21)


def test_walls_of_a_ventricle_touch_only_when_it_is_empty():
    assert contact(jnp.asarray(20 * mL)) == 0
    assert contact(jnp.asarray(0.1 * mL)) < -10 * mmHg
    assert np.isfinite(jax.grad(contact)(jnp.asarray(20 * mL)))
