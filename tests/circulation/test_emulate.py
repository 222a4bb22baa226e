"""Emulated chambers: exact on the recorded beat, close on others, monotone in volume."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.circulation import (
    emulate_chamber,
    healthy_adult,
    limit_cycle,
    with_blood_volume,
    with_chambers,
)
from heartsim.circulation.emulate import monotone_curve
from heartsim.errors import InputError
from heartsim.units import mL, mmHg

STEPS = 1000


@pytest.fixture(scope="module")
def recorded():
    """Healthy loop, its limit cycle, and its LV emulated from that beat."""
    circulation, state = healthy_adult()
    found = limit_cycle(circulation, state, STEPS)
    law = circulation.LV
    volume = np.linspace(5, 250, 30) * mL
    passive = np.asarray(law.passive) * (volume - np.asarray(law.unstressed))
    traces = found.traces
    beat = tuple(map(np.asarray, (traces.time, traces.volume["LV"], traces.pressure["LV"])))
    chamber = emulate_chamber(
        beat,
        (volume, passive),
        trigger=float(circulation.av_delay),
        period=float(circulation.period),
        dead_volume=float(law.unstressed),
    )
    return circulation, found, beat, chamber


def test_emulated_chamber_repeats_the_recorded_beat(recorded):
    circulation, _, (time, volume, pressure), chamber = recorded

    def at(t, v):
        return chamber.at(t - circulation.av_delay, circulation.period)(v)

    assert_allclose(jax.jit(jax.vmap(at))(time, volume), pressure, rtol=1e-9, atol=1e-9)
    assert np.all(chamber.activation >= 0)
    assert np.all(chamber.activation <= 1)
    assert np.abs(chamber.offset).max() < 1e-9


@pytest.mark.slow
def test_emulated_loop_finds_the_limit_cycle_of_other_conditions(recorded):
    """With the right passive curve and dead volume an elastance is emulated exactly."""
    circulation, found, _, chamber = recorded
    arteries = circulation.systemic_arteries
    stiffer = dataclasses.replace(arteries, resistance=1.2 * arteries.resistance)
    other = dataclasses.replace(circulation, systemic_arteries=stiffer)
    start = with_blood_volume(other, found.state, jnp.asarray(1180 * mL))
    truth = limit_cycle(other, start, STEPS)
    guess = limit_cycle(with_chambers(other, {"LV": chamber}), start, STEPS)
    assert_allclose(guess.traces.volume["LV"], truth.traces.volume["LV"], rtol=2e-3)
    assert_allclose(guess.traces.blood_volume[0], 1180 * mL, rtol=1e-10)


def test_stiffness_sets_the_dead_volume(recorded):
    circulation, _, beat, _ = recorded
    law = circulation.LV
    stiffness = np.full_like(beat[1], float(law.active + law.passive))
    grid = np.linspace(5, 250, 30) * mL
    passive = float(law.passive) * (grid - float(law.unstressed))
    chamber = emulate_chamber(
        beat, (grid, passive), trigger=0.0, period=beat[0][-1], stiffness=stiffness
    )
    assert_allclose(chamber.active.unstressed, law.unstressed, rtol=0.25)


def test_pressure_always_grows_with_volume(recorded):
    circulation, _, _, chamber = recorded
    times = jnp.linspace(0, circulation.period, 20)
    volumes = jnp.linspace(-50, 400, 40) * mL

    @jax.jit
    def slopes(t):
        return jax.vmap(jax.grad(chamber.at(t, circulation.period)))(volumes)

    assert np.all([slopes(t) > 0 for t in times])


def test_monotone_curve_goes_through_its_points_and_never_turns_back():
    x = np.array([0.0, 1.0, 2.0, 4.0, 5.0])
    y = np.array([-1.0, 0.0, 0.1, 5.0, 30.0])
    curve = monotone_curve(x, y)
    assert_allclose(jax.jit(jax.vmap(curve))(jnp.asarray(x)), y, atol=1e-12)
    at = jnp.linspace(-3, 8, 1101)
    value, slope = jax.jit(jax.vmap(jax.value_and_grad(curve)))(at)
    assert np.all(np.diff(value) > 0)
    steepest = 90 * (at[1] - at[0])  # second derivative of the last piece
    assert np.abs(np.diff(slope)).max() < steepest
    assert_allclose(slope[0], 1.0)
    assert_allclose(slope[-1], 25.0)


def test_emulated_chamber_gets_stronger_and_slower(recorded):
    """Tension and time scale as recorded.

    An end-systolic line that is steeper by f multiplies the passive share of the pressure too:
    (1 - e) P + e f (P + A) is the stronger elastance P + e f A and e (f - 1) P.
    """
    circulation, _, _, chamber = recorded
    law, period = circulation.LV, float(circulation.period)
    volume = jnp.asarray(100 * mL)
    peak, full = float(chamber.peak), 1.1

    def pressure(one, time, at=period):
        return float(one.at(jnp.asarray(time), jnp.asarray(at))(volume))

    rest = pressure(chamber, period - 1)
    for time in (100.0, 250.0, 380.0):
        stronger = pressure(chamber.stronger(full), time)
        e = float(chamber.strength(jnp.asarray(time), jnp.asarray(period)))
        passive = e * (full - 1.0) * float(chamber.passive(volume))
        assert_allclose(stronger, pressure(law.stronger(full), time) + passive, rtol=1e-9)
    slow = chamber.timed(rise=1.1, fall=1.4)
    for time in (50.0, 200.0):
        assert_allclose(pressure(slow, 1.1 * time), pressure(chamber, time), rtol=1e-9)
    later = pressure(slow, 1.1 * peak + 1.4 * 70)
    assert_allclose(later, pressure(chamber, peak + 70), rtol=1e-9)
    assert_allclose(pressure(chamber, 1190.0, at=1200.0), rest, rtol=1e-3)


def test_passive_curve_that_does_not_increase_is_refused(recorded):
    beat = recorded[2]
    with pytest.raises(InputError, match="increase strictly"):
        emulate_chamber(
            beat, ([0.0, 1.0, 1.0], [0.0, 1 * mmHg, 2 * mmHg]), trigger=0.0, period=800.0
        )
