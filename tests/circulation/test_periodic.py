"""Limit cycles: published loop, textbook adult, valve disease, gradient of the periodic state."""

import dataclasses
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.circulation import (
    blood_volume,
    healthy_adult,
    limit_cycle,
    periodic_state,
    regazzoni_2022,
)
from heartsim.circulation.adult import END_DIASTOLIC
from heartsim.circulation.closed_loop import stored_volumes
from heartsim.circulation.components import Valve
from heartsim.circulation.graph import VENTRICLES
from heartsim.circulation.periodic import TOLERANCE
from heartsim.units import L, cm, minute, mL, mmHg

STEPS = 1000

REGAZZONI = {
    "LV max": 137.00457,
    "LV min": 49.02468,
    "RV max": 166.28545,
    "RV min": 78.30634,
    "LA max": 117.06255,
    "LA min": 74.55566,
    "p LV max": 127.89464,
    "p LV min": 4.45166,
    "p RV max": 43.25639,
    "p aorta max": 126.90203,
    "p aorta min": 72.90398,
    "p aorta mean": 100.10862,
    "p pulmonary_artery max": 40.88012,
    "p pulmonary_artery min": 34.05397,
    "output": 5.27852,
}
"""Limit cycle of the equations of `circulation` 0.4.0, parameters of Regazzoni et al. (2022), by an
independent adaptive integrator (LSODA, relative tolerance 1e-9, 200 beats): mL, mmHg, L/min."""


@cache
def cycle(make):
    """Limit cycle of a parameter set."""
    circulation, state = make()
    found = limit_cycle(circulation, state, STEPS)
    assert found.change < TOLERANCE
    return circulation, found


def valve(name: str, **changes: float) -> Valve:
    """Valve of the healthy adult with another area or leak."""
    return dataclasses.replace(getattr(healthy_adult()[0], name), **changes)


def with_valves(**valves: Valve):
    """Limit cycle of the healthy adult with other valves."""
    circulation, state = healthy_adult()
    circulation = dataclasses.replace(circulation, **valves)
    return circulation, limit_cycle(circulation, state, STEPS)


def mean_gradient(traces, name: str, upstream: str, downstream: str) -> float:
    """Mean pressure drop while a valve lets blood through [mmHg]."""
    drop = np.asarray(traces.pressure[upstream] - traces.pressure[downstream])
    return float(drop[np.asarray(traces.flow[name]) > 5.0].mean() / mmHg)


def output(traces) -> float:
    """Cardiac output [L/min]."""
    return float(jnp.mean(traces.flow["aortic"]) / (L / minute))


def headline(traces) -> dict[str, float]:
    """Numbers of `REGAZZONI` from a beat."""
    found = {"output": output(traces)}
    for name, volume in traces.volume.items():
        found[f"{name} max"] = float(volume.max() / mL)
        found[f"{name} min"] = float(volume.min() / mL)
    for name, pressure in traces.pressure.items():
        found[f"p {name} max"] = float(pressure.max() / mmHg)
        found[f"p {name} min"] = float(pressure.min() / mmHg)
        found[f"p {name} mean"] = float(pressure.mean() / mmHg)
    return found


@pytest.mark.parametrize("quantity", REGAZZONI)
def test_published_loop_has_its_limit_cycle(quantity):
    _, found = cycle(regazzoni_2022)
    assert_allclose(headline(found.traces)[quantity], REGAZZONI[quantity], rtol=5e-3)


def test_limit_cycle_keeps_the_blood_it_was_given():
    circulation, state = healthy_adult()
    _, found = cycle(healthy_adult)
    expected = float(blood_volume(circulation, state))
    assert_allclose(blood_volume(circulation, found.state), expected, rtol=1e-10)
    assert_allclose(found.traces.blood_volume, expected, rtol=1e-10)
    assert found.beats < 30


@pytest.mark.parametrize(
    ("quantity", "low", "high"),
    [
        ("output", 4.5, 5.5),
        ("LV max", 100, 140),
        ("RV max", 110, 160),
        ("LA max", 40, 90),
        ("p aorta max", 112, 125),
        ("p aorta min", 65, 80),
        ("p aorta mean", 85, 95),
        ("p pulmonary_artery max", 15, 25),
        ("p pulmonary_artery min", 8, 12),
        ("p pulmonary_artery mean", 14, 18),
        ("p RV max", 15, 30),
        ("p LA mean", 5, 10),
        ("p RA mean", 2, 6),
        ("p systemic_veins mean", 4, 9),
    ],
)
def test_healthy_adult_is_a_textbook_adult(quantity, low, high):
    _, found = cycle(healthy_adult)
    assert low <= headline(found.traces)[quantity] <= high


def test_healthy_ventricle_fills_and_ejects_normally():
    circulation, found = cycle(healthy_adult)
    traces = found.traces
    volume = traces.volume["LV"]
    assert 0.55 <= float(1 - volume.min() / volume.max()) <= 0.65
    end_diastole = int(STEPS * circulation.av_delay / circulation.period) - 1
    assert 7 <= float(traces.pressure["LV"][end_diastole] / mmHg) <= 10
    early = traces.flow["mitral"][STEPS // 2 :].max()
    late = traces.flow["mitral"][: STEPS // 4].max()
    assert 1.0 < float(early / late) < 2.5


@pytest.mark.parametrize(
    ("name", "upstream", "downstream", "most"),
    [
        ("mitral", "LA", "LV", 2.0),
        ("aortic", "LV", "aorta", 5.0),
        ("tricuspid", "RA", "RV", 2.0),
        ("pulmonary", "RV", "pulmonary_artery", 5.0),
    ],
)
def test_healthy_valves_have_small_gradients_and_no_leak(name, upstream, downstream, most):
    circulation, found = cycle(healthy_adult)
    assert 0 < mean_gradient(found.traces, name, upstream, downstream) < most
    leak = -jnp.mean(jnp.minimum(found.traces.flow[name], 0.0)) * circulation.period
    assert leak < 0.1 * mL


def test_severe_aortic_stenosis_has_its_gradient():
    _, found = with_valves(aortic=valve("aortic", area=0.7 * cm**2))
    assert 4 <= output(found.traces) <= 6
    assert 30 <= mean_gradient(found.traces, "aortic", "LV", "aorta") <= 60
    assert found.traces.pressure["LV"].max() > 140 * mmHg


def test_severe_mitral_regurgitation_has_its_volume():
    circulation, found = with_valves(mitral=valve("mitral", regurgitant_area=0.4 * cm**2))
    flow = found.traces.flow
    volume = -jnp.mean(jnp.minimum(flow["mitral"], 0.0)) * circulation.period
    forward = jnp.mean(flow["aortic"]) * circulation.period
    assert 40 * mL <= float(volume) <= 90 * mL
    stroke = found.traces.volume["LV"].max() - found.traces.volume["LV"].min()
    assert_allclose(volume + forward, stroke, rtol=0.02)
    _, healthy = cycle(healthy_adult)
    assert found.traces.pressure["LA"].mean() > healthy.traces.pressure["LA"].mean()
    assert output(found.traces) < output(healthy.traces)


@pytest.mark.slow
def test_gradient_of_the_periodic_state_matches_differences():
    circulation, state = healthy_adult()
    tight = 1e-9 * mL

    def moved(amount: jax.Array):
        arteries = circulation.systemic_arteries
        stiffer = dataclasses.replace(arteries, resistance=arteries.resistance * (1 + amount))
        leaky = dataclasses.replace(circulation.mitral, regurgitant_area=20.0 + 30.0 * amount)
        return dataclasses.replace(circulation, systemic_arteries=stiffer, mitral=leaky)

    def solved(amount: float):
        found = limit_cycle(moved(jnp.asarray(amount)), state, STEPS, tolerance=tight)
        return found.state

    here, h = solved(0.0), 1e-4
    refined = jax.jit(jax.jacfwd(lambda amount: periodic_state(moved(amount), here, STEPS)))
    derivative = refined(jnp.asarray(0.0))
    for name, slope, high, low in zip(here._fields, derivative, solved(h), solved(-h), strict=True):
        assert_allclose(slope, (high - low) / (2 * h), rtol=2e-3, err_msg=name)


def test_what_a_stand_in_misses_is_added_to_its_beats():
    """A beat in long steps is a stand-in; one beat in short steps tells what it misses."""
    loop, start = healthy_adult()
    true = cycle(healthy_adult)[1].state
    other = start._replace(V_LV=true.V_LV + 1 * mL, V_RV=true.V_RV - 1 * mL)
    short, long = (limit_cycle(loop, other, n, most_beats=1).state for n in (STEPS, 100))
    miss = jax.tree.map(jnp.subtract, short, long)
    plain = limit_cycle(loop, other, 100)
    better = limit_cycle(loop, other, 100, miss=miss)

    def off(found) -> float:
        volumes = [np.asarray(stored_volumes(loop, x)) for x in (found.state, true)]
        return float(np.abs(volumes[0] - volumes[1]).max())

    assert_allclose(float(blood_volume(loop, better.state)), float(blood_volume(loop, other)))
    assert off(better) < 0.2 * off(plain)


def test_end_diastolic_volumes_are_those_of_the_limit_cycle():
    """They decide how much blood a 3D patient starts with; the bound is their rounding."""
    traces = cycle(healthy_adult)[1].traces
    for name, volume in END_DIASTOLIC.items():
        seen = traces.volume[name]
        seen = seen.max() if name in VENTRICLES else seen.min()
        assert_allclose(float(seen), volume, rtol=0, atol=0.05 * mL)
