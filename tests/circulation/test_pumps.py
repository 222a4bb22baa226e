"""Laws of pumps: head-flow curve, counterpulsation."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.circulation.pumps import Balloon, Pump
from heartsim.units import BLOOD_DENSITY, L, cm, minute, mL, mmHg, ms, s

RESISTANCE = 0.1 * mmHg * s / mL


def test_pump_runs_on_its_head_flow_curve():
    """H - load = R q + rho/(2 A²) q²."""
    area, head, flow = 0.5 * cm**2, 120 * mmHg, 5 * L / minute
    load = head - RESISTANCE * flow - BLOOD_DENSITY / (2 * area**2) * flow**2
    pump = Pump(area=area, resistance=RESISTANCE, head=head)
    assert 0 < load < head
    assert_allclose(pump.flow(jnp.asarray(-load)), flow, rtol=1e-4)


def test_pump_stalls_at_its_head_and_leaks_back_above_it():
    pump = Pump(area=0.5 * cm**2, resistance=RESISTANCE, head=100 * mmHg)
    assert_allclose(pump.flow(jnp.asarray(-100 * mmHg)), 0.0, atol=1e-12)
    assert pump.flow(jnp.asarray(-120 * mmHg)) < 0
    assert np.all(np.diff(pump.flow(-jnp.linspace(0, 20, 50))) < 0)


@pytest.mark.parametrize(
    ("time", "share"), [(340, 0), (390, 1), (700, 1), (20, 1), (90, 0), (200, 0)]
)
def test_balloon_is_full_in_diastole_only(time, share):
    """Inflated from 340 ms, deflated from 30 ms of the next beat, 48 ms each way at 800 ms."""
    balloon = Balloon(volume=40 * mL, inflated=340 * ms, deflated=30 * ms)
    gas = balloon.gas(jnp.asarray(float(time)), jnp.asarray(800.0))
    assert_allclose(gas / mL, 40 * share, atol=1e-9)
