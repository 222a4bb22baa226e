"""Laws of the coronary bed, and the AV delay."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.circulation import advance, healthy_adult, limit_cycle
from heartsim.circulation.chambers import activation
from heartsim.circulation.topology import CORONARY_COMPLIANCE, coronary_apart
from heartsim.units import L, minute, mL, mmHg

SINK = 1e12
SQUEEZE = 0.5


def test_bed_empties_to_the_divider_less_what_squeezes_it():
    """Held at p_a, 0 and p_LV: C p' = (p_a - p - s p_LV)/R_a - (p + s p_LV)/R_v.

    Implicit Euler: p_n = p* + (p_0 - p*) (1 + dt/tau)^-n with p* = p_a R_v/(R_a + R_v) - s p_LV and
    tau = C R_a R_v/(R_a + R_v).
    """
    loop, state = healthy_adult()
    loop = coronary_apart(loop, jnp.asarray(0.05), jnp.asarray(SQUEEZE))
    stiff = dataclasses.replace(loop.systemic_arteries, compliance=jnp.asarray(SINK))
    loop = dataclasses.replace(loop, systemic_arteries=stiff)
    p_a, p_lv, p_0, dt = 90 * mmHg, 40 * mmHg, 30 * mmHg, 5.0
    now = state._replace(p_systemic_arteries=jnp.asarray(p_a), p_coronary=jnp.asarray(p_0))
    given = {"LV": jnp.asarray(p_lv), "RA": jnp.asarray(0.0)}
    step = jax.jit(lambda now: advance(loop, now, jnp.asarray(0.0), jnp.asarray(dt), given))
    for _ in range(20):
        now = step(now)
    before, behind = 1 / float(loop.coronary_arteries.conductance), float(loop.coronary.resistance)
    tau = CORONARY_COMPLIANCE * before * behind / (before + behind)
    rest = p_a * behind / (before + behind) - SQUEEZE * p_lv
    expected = rest + (p_0 - rest) * (1 + dt / tau) ** -20
    assert_allclose(float(now.p_coronary), expected, rtol=1e-5)


@pytest.fixture(scope="module")
def beat():
    loop, state = healthy_adult()
    apart = coronary_apart(loop, jnp.asarray(0.05), jnp.asarray(SQUEEZE))
    found = limit_cycle(apart, state, 400)
    return apart, jax.tree.map(np.asarray, found.traces)


def test_muscle_gets_its_share_mostly_in_diastole(beat):
    _, traces = beat
    inflow = traces.flow["coronary_arteries"]
    assert_allclose(inflow.mean(), traces.flow["coronary"].mean(), rtol=0.01)
    assert 0.15 < inflow.mean() / (L / minute) < 0.35
    systole = traces.pressure["LV"] > 50 * mmHg
    assert inflow[~systole].mean() > 1.5 * inflow[systole].mean()
    assert traces.pressure["aorta"].mean() / mmHg == pytest.approx(93, abs=5)
    assert traces.blood_volume.std() < 1e-6 * mL


def test_ventricles_follow_the_atria_by_the_av_delay(beat):
    loop, traces = beat
    start = float(loop.av_delay)
    before = traces.time < start
    pull = [
        float(
            activation(jnp.asarray(t - start), loop.period, loop.LV.contraction, loop.LV.relaxation)
        )
        for t in (start - 5.0, start + 5.0)
    ]
    assert pull[0] == 0
    assert pull[1] > 0
    assert traces.pressure["LV"][before].max() < 20 * mmHg
    assert traces.pressure["LV"].argmax() > before.sum()
