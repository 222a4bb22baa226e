"""Laws of physiology on 0D hearts: filling, contractility, arteries, phases, work, interaction."""

import dataclasses
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.circulation import blood_volume, healthy_adult, limit_cycle, with_blood_volume
from heartsim.circulation.graph import BRANCHES, CHAMBERS
from heartsim.circulation.surroundings import Septum
from heartsim.units import cm, mL, mmHg, s

STEPS = 400
VOLUMES = np.array([0.45, 0.6, 0.8, 1.0, 1.2, 1.45, 1.7, 2.0, 2.3])
"""Stressed blood volumes, as multiples of that of the healthy adult."""


def scaled(part: str, field: str, factor: float):
    """Healthy loop with one number multiplied."""
    circulation, _ = healthy_adult()
    old = getattr(circulation, part)
    new = dataclasses.replace(old, **{field: getattr(old, field) * factor})
    return dataclasses.replace(circulation, **{part: new})


@jax.jit
def settled(circulation, volumes):
    """Periodic beats of one loop at several blood volumes."""
    _, state = healthy_adult()
    total = blood_volume(circulation, state)

    def one(factor):
        return limit_cycle(
            circulation, with_blood_volume(circulation, state, factor * total), STEPS
        )

    return jax.vmap(one)(volumes)


@cache
def sweep(part: str = "LV", field: str = "active", factor: float = 1.0):
    """Traces of the volume sweep of a loop with one number multiplied."""
    found = settled(scaled(part, field, factor), jnp.asarray(VOLUMES))
    assert float(found.change.max()) < 0.01 * mL
    return jax.tree.map(np.asarray, found.traces)


def end_diastole(traces) -> tuple[np.ndarray, np.ndarray]:
    """Pressure [mmHg] and volume [mL] of the left ventricle at its trigger, for each beat."""
    trigger = np.abs(traces.time[0] - 150.0).argmin()
    return traces.pressure["LV"][:, trigger] / mmHg, traces.volume["LV"][:, trigger] / mL


def stroke(traces) -> np.ndarray:
    """Stroke volumes [mL]."""
    return np.ptp(traces.volume["LV"], axis=1) / mL


def stroke_work(traces, chamber: str = "LV") -> np.ndarray:
    """Work of a chamber on the blood in each beat [µJ]."""
    p, v = traces.pressure[chamber], traces.volume[chamber]
    p, v = np.c_[p[:, -1], p], np.c_[v[:, -1], v]
    return -np.trapezoid(p, v, axis=1)


def end_systolic_line(traces) -> tuple[float, float]:
    """Slope Ees [mmHg/mL] and R² of the line through the points of largest P/(V - V0)."""
    pressure, volume = traces.pressure["LV"] / mmHg, traces.volume["LV"] / mL
    slope, intercept, points = 1.0, 0.0, (np.zeros(2), np.zeros(2))
    for _ in range(20):
        at = np.argmax(pressure / (volume - intercept), axis=1)
        rows = np.arange(len(at))
        points = volume[rows, at], pressure[rows, at]
        slope, offset = np.polyfit(*points, 1)
        intercept = min(-offset / slope, 0.9 * volume.min())
    return slope, float(np.corrcoef(*points)[0, 1] ** 2)


def test_frank_starling_more_filling_more_stroke():
    pressure, _ = end_diastole(sweep())
    assert pressure[0] < 4
    assert pressure[-1] > 16
    assert np.all(np.diff(pressure) > 0)
    assert np.all(np.diff(stroke(sweep())) > 0)


def test_stroke_work_is_recruited_linearly_by_filling():
    """Preload recruitable stroke work: R² ≥ 0.97 where caval occlusion takes it, to 12 mmHg."""
    pressure, volume = end_diastole(sweep())
    usual = pressure <= 12
    assert usual.sum() >= 4
    assert np.corrcoef(volume[usual], stroke_work(sweep())[usual])[0, 1] ** 2 >= 0.97


def test_end_systolic_relation_is_a_line():
    slope, fit = end_systolic_line(sweep())
    assert fit >= 0.97
    assert 2.0 < slope < 3.2


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_afterload_does_not_move_the_end_systolic_line(factor):
    slope, _ = end_systolic_line(sweep())
    moved, _ = end_systolic_line(sweep("systemic_arteries", "resistance", factor))
    assert abs(moved / slope - 1) <= 0.10


def test_contractility_raises_the_end_systolic_line_and_empties_the_ventricle():
    slope, _ = end_systolic_line(sweep())
    stronger = sweep("LV", "active", 1.2)
    raised, _ = end_systolic_line(stronger)
    assert 1.15 <= raised / slope <= 1.25
    assert np.all(stronger.volume["LV"].min(axis=1) < sweep().volume["LV"].min(axis=1))
    rise = [np.gradient(t.pressure["LV"], axis=1).max(axis=1) for t in (sweep(), stronger)]
    assert np.all(rise[1] > rise[0])


def rest(traces):
    """The beat at the healthy blood volume."""
    beat = int(np.abs(VOLUMES - 1).argmin())
    return jax.tree.map(lambda values: values[beat], traces)


@pytest.mark.parametrize(("resistance", "compliance"), [(1.0, 1.0), (1.3, 1.0), (1.0, 0.6)])
def test_arteries_empty_with_their_time_constant(resistance, compliance):
    """Behind the closed valve p - p_veins decays with R C."""
    base = scaled("systemic_arteries", "resistance", resistance)
    old = base.systemic_arteries
    arteries = dataclasses.replace(old, compliance=old.compliance * compliance)
    found = settled(dataclasses.replace(base, systemic_arteries=arteries), jnp.ones(len(VOLUMES)))
    beat = rest(jax.tree.map(np.asarray, found.traces))
    late = slice(int(0.75 * STEPS), None)
    drop = (beat.pressure["aorta"] - beat.pressure["systemic_veins"])[late]
    rate = np.polyfit(beat.time[late], np.log(drop), 1)[0]
    expected = float(arteries.resistance * arteries.compliance)
    assert_allclose(-1 / rate, expected, rtol=0.05)


def isovolumic(traces) -> tuple[float, float]:
    """Change of LV volume [mL] from inlet closure to outlet opening, and back."""
    left, atrium = traces.pressure["LV"], traces.pressure["LA"]
    above = left > atrium
    systole = np.flatnonzero(above)
    ejecting = np.flatnonzero(traces.flow["aortic"] > 0.02 * traces.flow["aortic"].max())
    volume = traces.volume["LV"] / mL
    return (
        abs(volume[systole[0]] - volume[ejecting[0] - 1]),
        abs(volume[ejecting[-1] + 1] - volume[systole[-1]]),
    )


def test_phases_between_closed_valves_are_isovolumic():
    beat = rest(sweep())
    assert max(isovolumic(beat)) < 1.0
    circulation, _ = healthy_adult()
    leaky = dataclasses.replace(circulation.mitral, regurgitant_area=jnp.asarray(0.4 * cm**2))
    loop = dataclasses.replace(circulation, mitral=leaky)
    found = settled(loop, jnp.ones(len(VOLUMES)))
    assert min(isovolumic(rest(jax.tree.map(np.asarray, found.traces)))) > 1.0


def test_blood_receives_the_work_that_the_chambers_do():
    """Over a periodic beat the sum of ∮ P dV is what all branches dissipate, within 0.5 %."""
    beat, (loop, _) = rest(sweep()), healthy_adult()
    node = dict(beat.pressure)
    node["systemic_arteries"] = (
        node["aorta"] - float(loop.systemic_arteries.impedance) * beat.flow["aortic"]
    )
    node["pulmonary_arteries"] = (
        node["pulmonary_artery"] - float(loop.pulmonary_arteries.impedance) * beat.flow["pulmonary"]
    )
    node["coronary"] = np.zeros_like(beat.time)
    power = sum((node[a] - node[b]) * beat.flow[name] for name, (a, b) in BRANCHES.items())
    lost = float(np.sum(power) * (beat.time[1] - beat.time[0]))
    done = sum(stroke_work(sweep(), name)[int(np.abs(VOLUMES - 1).argmin())] for name in CHAMBERS)
    assert done > 0
    assert_allclose(done, lost, rtol=5e-3)


def test_mean_flow_follows_mean_pressure():
    """MAP - CVP = Q R and mPAP - LAP = Q R within 1 %; both sides pump the same."""
    beat, (loop, _) = rest(sweep()), healthy_adult()
    mean = {name: float(values.mean()) for name, values in beat.pressure.items()}
    flow = {name: float(values.mean()) for name, values in beat.flow.items()}
    systemic = loop.systemic_arteries
    expected = flow["systemic_arteries"] * float(systemic.resistance + systemic.impedance)
    assert_allclose(mean["aorta"] - mean["systemic_veins"], expected, rtol=0.01)
    lungs = loop.pulmonary_arteries
    expected = flow["pulmonary_arteries"] * float(lungs.resistance + lungs.impedance)
    assert_allclose(mean["pulmonary_artery"] - mean["pulmonary_veins"], expected, rtol=0.01)
    assert_allclose(flow["aortic"], flow["pulmonary"], rtol=5e-3)


def test_pulmonary_resistance_fills_the_right_and_empties_the_left_ventricle():
    """PVR × 3: LVEDV falls by at least 5 %, RVEDV grows, the septum moves to the left."""
    pair = []
    for factor in (1.0, 3.0):
        loop = scaled("pulmonary_arteries", "resistance", factor)
        septum = Septum(compliance=1.0 * mL / mmHg, stiffening=50.0)
        found = settled(dataclasses.replace(loop, septum=septum), jnp.ones(len(VOLUMES)))
        pair.append(jax.tree.map(np.asarray, found))
    before, after = (rest(found.traces).volume for found in pair)
    assert after["LV"].max() < 0.95 * before["LV"].max()
    assert after["RV"].max() > before["RV"].max()
    bulge = [float(found.state.V_septum[0]) for found in pair]
    assert bulge[1] < bulge[0]


def test_stiffer_arteries_widen_the_pulse():
    """Half the compliance: pulse pressure × 1.6 to 2.0."""
    pulse = [
        np.ptp(rest(sweep("systemic_arteries", "compliance", c)).pressure["aorta"])
        for c in (1.0, 0.5)
    ]
    assert 1.5 <= pulse[1] / pulse[0] <= 2.0


def test_healthy_time_constant_of_the_arteries_is_a_second():
    loop, _ = healthy_adult()
    assert (
        0.8 * s
        < float(loop.systemic_arteries.resistance * loop.systemic_arteries.compliance)
        < 2 * s
    )
